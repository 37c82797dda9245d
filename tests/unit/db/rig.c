#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"
#include "proxy.h"

const struct db_statement st_int = {"int", "SELECT $1 AS n", DB_READ, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_text = {"text", "SELECT $1 AS t", DB_READ, 1, {DB_TYPE_TEXT}, false};
const struct db_statement st_length = {"length", "SELECT length($1)", DB_READ, 1, {DB_TYPE_TEXT}, false};
const struct db_statement st_divide = {"divide", "SELECT 100 / $1", DB_READ, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_sleep = {"sleep", "SELECT $1 FROM pg_sleep($1 / 1000.0)", DB_READ, 1, {DB_TYPE_INT4},
                                      false};
const struct db_statement st_stamp = {"stamp", "SELECT transaction_timestamp()", DB_READ, 0, {0}, false};
const struct db_statement st_big = {"big", "SELECT repeat('x', $1)", DB_READ, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_pid = {"pid", "SELECT pg_backend_pid()", DB_READ, 0, {0}, false};
const struct db_statement st_suicide = {"suicide", "SELECT pg_terminate_backend(pg_backend_pid())", DB_READ, 0, {0},
                                        false};
const struct db_statement st_insert = {
    "insert", "INSERT INTO item (id, name) VALUES ($1, $2) RETURNING id", DB_WRITE, 2, {DB_TYPE_INT4, DB_TYPE_TEXT},
    false};
const struct db_statement st_insert_slow = {"insert_slow",
                                            "INSERT INTO item (id, name) SELECT $1, 'slow' FROM pg_sleep($2 / 1000.0)",
                                            DB_WRITE,
                                            2,
                                            {DB_TYPE_INT4, DB_TYPE_INT4},
                                            false};
const struct db_statement st_insert_gate = {
    "insert_gate", "INSERT INTO item (id, name) SELECT $1, 'slow' FROM gate($1)", DB_WRITE, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_insert_child = {
    "insert_child", "INSERT INTO child (item_id) VALUES ($1)", DB_WRITE, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_insert_late = {
    "insert_late", "INSERT INTO late (id) VALUES ($1)", DB_WRITE, 1, {DB_TYPE_INT4}, false};
const struct db_statement st_write_stamp = {"write_stamp", "SELECT transaction_timestamp()", DB_WRITE, 0, {0}, false};

const struct db_statement st_bytes = {"bytes", "SELECT $1::bytea", DB_READ_BINARY, 1, {DB_TYPE_TEXT}, false};
const struct db_statement st_int_binary = {"int_binary", "SELECT $1 AS n", DB_READ_BINARY, 1, {DB_TYPE_INT8}, false};

static const struct db_statement *const statements[] = {
    &st_bytes,       &st_int_binary,  &st_int,          &st_text,        &st_length,      &st_divide,
    &st_sleep,       &st_stamp,       &st_big,          &st_pid,         &st_suicide,     &st_insert,
    &st_insert_slow, &st_insert_gate, &st_insert_child, &st_insert_late, &st_write_stamp,
};

static const char schema_sql[] =
    "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL CONSTRAINT item_name_short CHECK (length(name) < 100));"
    "CREATE TABLE child (item_id int CONSTRAINT child_item REFERENCES item);"
    "CREATE TABLE late (id int CONSTRAINT late_once UNIQUE DEFERRABLE INITIALLY DEFERRED);"
    "CREATE FUNCTION gate(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN "
    "WHILE NOT pg_try_advisory_xact_lock_shared(hashtext(current_schema())) LOOP PERFORM pg_sleep(0.005); END LOOP; "
    "RETURN $1; END';";

static const char *url(void)
{
    return getenv("STRATSLAB_TEST_DATABASE_URL");
}

static bool run(PGconn *conn, const char *sql)
{
    PGresult *pg = PQexec(conn, sql);
    bool ok = PQresultStatus(pg) == PGRES_COMMAND_OK || PQresultStatus(pg) == PGRES_TUPLES_OK;

    if (!ok) fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
    PQclear(pg);
    return ok;
}

static bool with_schema(const char *fmt, const char *tables)
{
    PGconn *conn = PQconnectdb(url());
    char *sql = mem_printf(fmt, getpid(), getpid());
    bool ok = PQstatus(conn) == CONNECTION_OK && run(conn, "SET client_min_messages = warning") && run(conn, sql) &&
              (tables[0] == '\0' || run(conn, tables));

    if (PQstatus(conn) != CONNECTION_OK) fprintf(stderr, "%s: %s", url(), PQerrorMessage(conn));
    free(sql);
    PQfinish(conn);
    return ok;
}

bool rig_setup(void)
{
    if (url() == NULL || url()[0] == '\0') {
        fprintf(stderr, "STRATSLAB_TEST_DATABASE_URL is not set: these tests need a private PostgreSQL, and the "
                        "connection string of a superuser in it\n");
        return false;
    }
    return with_schema("CREATE SCHEMA db_test_%d; SET search_path = db_test_%d", schema_sql);
}

void rig_teardown(void)
{
    with_schema("SET search_path = db_test_%d; DROP SCHEMA db_test_%d CASCADE", "");
}

static void quoted(struct buf *b, const char *keyword, const char *value)
{
    buf_printf(b, "%s='", keyword);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\') buf_add_char(b, '\\');
        buf_add_char(b, *value);
    }
    buf_add_str(b, "' ");
}

char *rig_conninfo(const char *host, const char *port, const char *user, const char *dbname)
{
    const struct {
        const char *keyword;
        const char *value;
    } parts[] = {{"host", host}, {"port", port}, {"user", user}, {"dbname", dbname}};
    PQconninfoOption *info = PQconninfoParse(url(), NULL);
    struct buf b = {0};

    for (PQconninfoOption *o = info; o->keyword != NULL; o++) {
        const char *value = o->val;

        for (size_t i = 0; i < countof(parts); i++) {
            if (strcmp(parts[i].keyword, o->keyword) == 0 && parts[i].value != NULL) value = parts[i].value;
        }
        if (value != NULL && strcmp(o->keyword, "options") != 0) quoted(&b, o->keyword, value);
    }
    buf_printf(&b, "options='-c search_path=db_test_%d'", getpid());
    PQconninfoFree(info);
    return buf_steal(&b);
}

static void tick(int fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void rig_open(struct rig *rig)
{
    const struct timeval every = {.tv_usec = 5000};

    static unsigned count;

    memset(rig, 0, sizeof(*rig));
    snprintf(rig->name, sizeof(rig->name), "test_db %d.%u", getpid(), ++count);
    rig->base = event_base_new();
    rig->tick = event_new(rig->base, -1, EV_PERSIST, tick, NULL);
    event_add(rig->tick, &every);
    rig->conninfo = rig_conninfo(NULL, NULL, NULL, NULL);
    rig->control = PQconnectdb(rig->conninfo);
    CU_ASSERT_FATAL(PQstatus(rig->control) == CONNECTION_OK);
    rig_sql(rig, "SET client_min_messages = warning; TRUNCATE item, child, late");
    rig->options = (struct db_options){
        .application_name = rig->name,
        .limits.connect_timeout_ms = 10000,
        .limits.statement_timeout_ms = 20000,
        .limits.lock_timeout_ms = 10000,
        .limits.idle_in_transaction_timeout_ms = 10000,
        .client_check_interval_ms = 1000,
        .backoff_min_ms = 20,
        .backoff_max_ms = 100,
        .retry_window_ms = 10000,
        .limits.queue_max = 4096,
        .probe_interval_ms = 5000,
        .probe_timeout_ms = 5000,
        .statements = statements,
        .statement_count = countof(statements),
    };
}

static void state_changed(void *arg, enum db_state state, const char *reason)
{
    struct rig *rig = arg;

    rig->state = state;
    rig->states[state]++;
    snprintf(rig->reason, sizeof(rig->reason), "%s", reason);
    if (rig->on_state != NULL) rig->on_state(rig);
}

void rig_use_conninfo(struct rig *rig, char *conninfo)
{
    free(rig->conninfo);
    rig->conninfo = conninfo;
}

void rig_start(struct rig *rig)
{
    rig->options.conninfo = rig->conninfo;
    rig->db = db_new(rig->base, &rig->options, state_changed, rig);
}

bool rig_start_ready(struct rig *rig)
{
    rig_start(rig);
    if (!rig_until_state(rig, DB_STATE_READY)) return false;
    /* If the machine was slow meanwhile, one query at a time would go. */
    if (rig->db->window < DB_FLIGHT_FIRST) rig->db->window = DB_FLIGHT_FIRST;
    return true;
}

void rig_close(struct rig *rig)
{
    db_free(rig->db);
    proxy_free(rig->proxy);
    PQfinish(rig->control);
    event_free(rig->tick);
    event_base_free(rig->base);
    free(rig->conninfo);
}

bool rig_until(struct rig *rig, bool (*done)(void *arg), void *arg)
{
    uint64_t deadline = clock_monotonic_ms() + RIG_PATIENCE_MS;

    while (!done(arg)) {
        if (clock_monotonic_ms() > deadline) return false;
        event_base_loop(rig->base, EVLOOP_ONCE);
    }
    return true;
}

struct state_wait {
    struct rig *rig;
    enum db_state state;
};

static bool state_is(void *arg)
{
    struct state_wait *w = arg;

    return w->rig->state == w->state && w->rig->states[w->state] > 0;
}

bool rig_until_state(struct rig *rig, enum db_state state)
{
    struct state_wait w = {rig, state};
    bool ok = rig_until(rig, state_is, &w);

    if (!ok) fprintf(stderr, "waited for state %d in vain: %d \"%s\"\n", (int)state, (int)rig->state, rig->reason);
    return ok;
}

struct answer_wait {
    struct answer *answers;
    size_t count;
};

static bool answered(void *arg)
{
    struct answer_wait *w = arg;

    for (size_t i = 0; i < w->count; i++) {
        if (w->answers[i].calls == 0) return false;
    }
    return true;
}

bool rig_until_answered(struct rig *rig, struct answer *answers, size_t count)
{
    struct answer_wait w = {answers, count};

    return rig_until(rig, answered, &w);
}

static bool passed(void *arg)
{
    return clock_monotonic_ms() >= *(uint64_t *)arg;
}

void rig_turn(struct rig *rig, unsigned ms)
{
    uint64_t until = clock_monotonic_ms() + ms;

    rig_until(rig, passed, &until);
}

struct sql_wait {
    struct rig *rig;
    const char *sql;
    const char *expected;
};

static bool sql_is(void *arg)
{
    struct sql_wait *w = arg;

    return strcmp(rig_sql(w->rig, w->sql), w->expected) == 0;
}

bool rig_until_sql(struct rig *rig, const char *sql, const char *expected)
{
    struct sql_wait w = {rig, sql, expected};

    return rig_until(rig, sql_is, &w);
}

bool rig_until_sleeping(struct rig *rig)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = '%s'",
             rig->name);
    return rig_until_sql(rig, sql, "1");
}

void rig_shut_gate(struct rig *rig)
{
    rig_sql(rig, "SELECT pg_advisory_lock(hashtext(current_schema()))");
}

void rig_open_gate(struct rig *rig)
{
    UNIT_STR(rig_sql(rig, "SELECT pg_advisory_unlock(hashtext(current_schema()))"), "t");
}

static void answer_done(void *arg, const struct db_result *r)
{
    struct answer *a = arg;
    struct slice value = db_result_value(r, 0, 0);

    a->calls++;
    a->outcome = db_result_outcome(r);
    a->rows = db_result_rows(r);
    a->value_len = value.len;
    if (value.data != NULL) memcpy(a->bytes, value.data, value.len < sizeof(a->bytes) ? value.len : sizeof(a->bytes));
    snprintf(a->value, sizeof(a->value), "%s", value.data == NULL ? "(null)" : value.data);
    value = db_result_value(r, 0, 1);
    snprintf(a->second, sizeof(a->second), "%s", value.data == NULL ? "(null)" : value.data);
    snprintf(a->sqlstate, sizeof(a->sqlstate), "%s", db_result_sqlstate(r));
    snprintf(a->message, sizeof(a->message), "%s", db_result_message(r));
    snprintf(a->constraint, sizeof(a->constraint), "%s", db_result_constraint(r));
    if (a->then != NULL) a->then(a);
}

enum db_outcome rig_submit(struct rig *rig, struct answer *a, const struct db_statement *s, const char *p1,
                           const char *p2)
{
    return rig_submit_for(rig, 0, a, s, p1, p2);
}

enum db_outcome rig_submit_for(struct rig *rig, unsigned client, struct answer *a, const struct db_statement *s,
                               const char *p1, const char *p2)
{
    const struct slice values[2] = {slice_of(p1), slice_of(p2)};
    enum db_outcome refused = DB_OK;

    a->calls = 0;
    a->query = db_submit_for(rig->db, (struct client_id){0, client}, s, values, answer_done, a, &refused);
    CU_ASSERT((a->query == NULL) == (refused != DB_OK));
    return refused;
}

bool rig_ask(struct rig *rig, struct answer *a, const struct db_statement *s, const char *p1, const char *p2)
{
    return rig_submit(rig, a, s, p1, p2) == DB_OK && rig_until_answered(rig, a, 1);
}

void rig_check_outcomes(const struct answer *answers, const enum db_outcome *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        UNIT_INT(answers[i].calls, 1);
        UNIT_INT(answers[i].outcome, expected[i]);
    }
}

struct rig_told rig_told;

void rig_note_commit(void *arg, const struct db_commit *commit)
{
    (void)arg;
    rig_told.commits += commit->happened;
    rig_told.rolled_back += !commit->happened;
    if (commit->happened) rig_told.writes += commit->writes;
    rig_told.again += commit->again;
}

const char rig_items[] = "SELECT string_agg(id::text, ',' ORDER BY id) FROM item";

const char *rig_sql(struct rig *rig, const char *sql)
{
    static char value[RIG_TEXT_BYTES];
    PGresult *pg = PQexec(rig->control, sql);

    value[0] = '\0';
    if (PQresultStatus(pg) == PGRES_TUPLES_OK && PQntuples(pg) > 0) {
        snprintf(value, sizeof(value), "%s", PQgetvalue(pg, 0, 0));
    } else if (PQresultStatus(pg) == PGRES_FATAL_ERROR) {
        snprintf(value, sizeof(value), "%s", PQerrorMessage(rig->control));
    }
    PQclear(pg);
    return value;
}

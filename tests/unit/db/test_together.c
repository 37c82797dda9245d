/* Writes of a statement that takes many: those of one batch go as one, and each has what it would have had alone. And
 * the wait for company after a slow commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/internal.h"
#include "rig.h"

/* Of each body its text, and how many came together. */
#define EACH_SQL                                                        \
    "SELECT a.body ->> 'v' AS v, jsonb_array_length($1) AS many\n"      \
    "FROM jsonb_array_elements($1) WITH ORDINALITY AS a(body, place)\n" \
    "ORDER BY a.place"

static const struct db_statement st_each = {.name = "each",
                                            .sql = EACH_SQL,
                                            .access = DB_WRITE,
                                            .param_count = 1,
                                            .params = {DB_TYPE_JSONB},
                                            .takes_many = true};
static const struct db_statement st_other = {.name = "other",
                                             .sql = EACH_SQL,
                                             .access = DB_WRITE,
                                             .param_count = 1,
                                             .params = {DB_TYPE_JSONB},
                                             .takes_many = true};
static const struct db_statement st_each_alone = {.name = "each_alone",
                                                  .sql = EACH_SQL,
                                                  .access = DB_WRITE_ALONE,
                                                  .param_count = 1,
                                                  .params = {DB_TYPE_JSONB},
                                                  .takes_many = true};
static const struct db_statement st_create = {.name = "create",
                                              .sql = "INSERT INTO item (id, name)\n"
                                                     "SELECT (a.body ->> 'id')::integer, a.body ->> 'name'\n"
                                                     "FROM jsonb_array_elements($1) WITH ORDINALITY AS a(body, place)\n"
                                                     "ORDER BY a.place\n"
                                                     "RETURNING name, jsonb_array_length($1) AS many",
                                              .access = DB_WRITE,
                                              .param_count = 1,
                                              .params = {DB_TYPE_JSONB},
                                              .takes_many = true};
/* The same, behind the gate. */
static const struct db_statement st_create_gate = {
    .name = "create_gate",
    .sql = "INSERT INTO item (id, name)\n"
           "SELECT (a.body ->> 'id')::integer, a.body ->> 'name'\n"
           "FROM gate(0), jsonb_array_elements($1) WITH ORDINALITY AS a(body, place)\n"
           "ORDER BY a.place\n"
           "RETURNING name, jsonb_array_length($1) AS many",
    .access = DB_WRITE,
    .param_count = 1,
    .params = {DB_TYPE_JSONB},
    .takes_many = true};
/* So many rows for each as its body says. */
static const struct db_statement st_rows = {.name = "rows",
                                            .sql = "WITH given AS (\n"
                                                   "    SELECT e.body\n"
                                                   "    FROM jsonb_array_elements($1) AS e(body)),\n"
                                                   "made AS (\n"
                                                   "    INSERT INTO item (id, name)\n"
                                                   "    SELECT (g.body ->> 'id')::integer, ''\n"
                                                   "    FROM given AS g)\n"
                                                   "SELECT 'row', jsonb_array_length($1)\n"
                                                   "FROM given AS g, generate_series(1, (g.body ->> 'rows')::integer)",
                                            .access = DB_WRITE,
                                            .param_count = 1,
                                            .params = {DB_TYPE_JSONB},
                                            .takes_many = true};
static const struct db_statement st_large = {
    .name = "large",
    .sql = "SELECT repeat('x', (e.body ->> 'n')::integer), jsonb_array_length($1)\n"
           "FROM jsonb_array_elements($1) AS e(body)",
    .access = DB_WRITE,
    .param_count = 1,
    .params = {DB_TYPE_JSONB},
    .takes_many = true};
static const struct db_statement st_bounds = {
    .name = "bounds", .sql = "SELECT current_setting('statement_timeout')", .access = DB_WRITE};
static const struct db_statement st_long = {
    .name = "long", .sql = "SELECT repeat('x', $1)", .access = DB_WRITE, .param_count = 1, .params = {DB_TYPE_INT4}};
static const struct db_statement st_forget = {.name = "forget", .sql = "DEALLOCATE ALL", .access = DB_READ};

static const struct db_statement *const all[] = {
    &st_each,        &st_other, &st_each_alone,  &st_create, &st_rows,        &st_large,       &st_bounds, &st_forget,
    &st_create_gate, &st_long,  &st_insert_gate, &st_insert, &st_insert_late, &st_write_stamp, &st_int};

/* Every statement is known to be quick, and a batch may take as long as the test does. */
static void make_quick(struct rig *rig)
{
    for (size_t i = 0; i <= countof(all); i++) rig->db->fits[i].quick = true;
    rig->db->mates_max = DB_MATES_MAX;
    rig->db->mates_ms = 120000;
    rig->db->window = DB_FLIGHT_MAX;
}

static void open_quick(struct rig *rig)
{
    rig_open(rig);
    rig->options.statements = all;
    rig->options.statement_count = countof(all);
    rig->options.committed = rig_note_commit;
    rig->options.limits.statement_timeout_ms = rig->options.limits.lock_timeout_ms = 120000;
    /* What is forgotten is not found by chance. */
    rig->options.probe_interval_ms = rig->options.probe_timeout_ms = 600000;
    CU_ASSERT_FATAL(rig_start_ready(rig));
    make_quick(rig);
    memset(&rig_told, 0, sizeof(rig_told));
}

static void submit_each(struct rig *rig, struct answer *a, size_t count, const struct db_statement *s,
                        const char *const *bodies)
{
    for (size_t i = 0; i < count; i++) UNIT_INT(rig_submit(rig, &a[i], s, bodies[i], NULL), DB_OK);
}

/* Creates of so many rows, with the ids from `first` on, of two clients and of nobody. */
static void submit_creates(struct rig *rig, struct answer *a, unsigned count, const struct db_statement *s,
                           char (*bodies)[64], unsigned first)
{
    for (unsigned i = 0; i < count; i++) {
        snprintf(bodies[i], sizeof(bodies[i]), "{\"id\":%u,\"name\":\"n%u\"}", first + i, first + i);
        UNIT_INT(rig_submit_for(rig, i % 3, &a[i], s, bodies[i], NULL), DB_OK);
    }
}

static void check_idle(const struct rig *rig)
{
    UNIT_INT(rig->db->commits, 0);
    UNIT_INT(rig->db->flight_count, 0);
    UNIT_INT(rig->db->writes_waiting, 0);
    UNIT_INT(db_queue_depth(rig->db), 0);
    UNIT_INT(rig->db->kept_bytes, 0);
    UNIT_INT(db_memory(rig->db), rig->db->input_bytes);
}

/* ---- each has its own ---- */

/* Whoever asks; and what is NULL, or empty, or has what an array is made of. */
static void test_each_has_its_row(void)
{
    static const struct {
        const char *body, *value;
    } rows[] = {{"{\"v\":\"one\"}", "one"}, {"{\"v\":null}", "(null)"},
                {"{\"v\":\"\"}", ""},       {"{\"v\":\"],[\\\",\"}", "],[\","},
                {"{}", "(null)"},           {" { \"v\" : \"\xc3\xa9\" } ", "\xc3\xa9"},
                {"null", "(null)"},         {"[{\"v\":\"within\"}]", "(null)"},
                {"{\"v\":[1,2]}", "[1, 2]"}};
    struct answer a[countof(rows)] = {0};
    struct rig rig;

    open_quick(&rig);
    for (unsigned i = 0; i < countof(rows); i++)
        UNIT_INT(rig_submit_for(&rig, i % 4, &a[i], &st_each, rows[i].body, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, DB_OK);
        UNIT_INT(a[i].rows, 1);
        UNIT_STR(a[i].value, rows[i].value);
        UNIT_STR(a[i].second, "9");
    }
    UNIT_INT(rig_told.commits, 1);
    UNIT_INT(rig_told.writes, countof(a));
    check_idle(&rig);
    rig_close(&rig);
}

/* They happen in the order in which they came. */
static void test_in_their_order(void)
{
    static const char *const bodies[] = {"{\"id\":5,\"name\":\"a\"}", "{\"id\":9,\"name\":\"b\"}",
                                         "{\"id\":1,\"name\":\"c\"}", "{\"id\":7,\"name\":\"d\"}"};
    struct answer a[countof(bodies)] = {0};
    struct rig rig;

    open_quick(&rig);
    submit_each(&rig, a, countof(a), &st_create, bodies);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].value[0], 'a' + i);
        UNIT_STR(a[i].second, "4");
    }
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(id::text, ',' ORDER BY ctid) FROM item"), "5,9,1,7");
    rig_close(&rig);
}

/* One by itself is an array of one. */
static void test_a_single_one(void)
{
    struct answer a = {0};
    struct rig rig;

    open_quick(&rig);
    CU_ASSERT(rig_ask(&rig, &a, &st_create, "{\"id\":1,\"name\":\"one\"}", NULL));
    UNIT_INT(a.outcome, DB_OK);
    UNIT_STR(a.value, "one");
    UNIT_STR(a.second, "1");
    UNIT_STR(rig_sql(&rig, rig_items), "1");
    rig_close(&rig);
}

/* With others in one batch: those of one statement go together wherever they stood, and each together has one part of
 * what a batch may take. */
static void test_beside_others(void)
{
    struct answer each[3] = {0}, other[2] = {0}, create[2] = {0}, stamp[2] = {0}, bounds = {0}, insert = {0};
    struct rig rig;

    open_quick(&rig);
    UNIT_INT(rig_submit(&rig, &each[0], &st_each, "{\"v\":\"0\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &stamp[0], &st_write_stamp, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &other[0], &st_other, "{\"v\":\"0\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &each[1], &st_each, "{\"v\":\"1\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &create[0], &st_create, "{\"id\":1,\"name\":\"one\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &bounds, &st_bounds, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &insert, &st_insert, "2", "two"), DB_OK);
    UNIT_INT(rig_submit(&rig, &other[1], &st_other, "{\"v\":\"1\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &create[1], &st_create, "{\"id\":3,\"name\":\"three\"}", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &stamp[1], &st_write_stamp, NULL, NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &each[2], &st_each, "{\"v\":\"2\"}", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, each, countof(each)));
    for (size_t i = 0; i < countof(each); i++) {
        UNIT_INT(each[i].value[0], '0' + i);
        UNIT_STR(each[i].second, "3");
    }
    for (size_t i = 0; i < countof(other); i++) {
        UNIT_INT(other[i].value[0], '0' + i);
        UNIT_STR(other[i].second, "2");
    }
    UNIT_STR(create[0].value, "one");
    UNIT_STR(create[1].value, "three");
    UNIT_STR(create[1].second, "2");
    UNIT_STR(insert.value, "2");
    UNIT_STR(bounds.value, "17142ms"); /* 120 s / 7 */
    UNIT_STR(stamp[0].value, stamp[1].value);
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,3");
    UNIT_INT(rig_told.commits, 1);
    check_idle(&rig);
    rig_close(&rig);
}

/* A write that must be alone is; so is one of a client of which nothing succeeds. */
static void test_not_with_them(void)
{
    struct answer alone[3] = {0}, a[3] = {0}, unlucky = {0};
    struct rig rig;

    open_quick(&rig);
    for (size_t i = 0; i < countof(alone); i++)
        UNIT_INT(rig_submit(&rig, &alone[i], &st_each_alone, "{\"v\":\"x\"}", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, alone, countof(alone)));
    for (size_t i = 0; i < countof(alone); i++) UNIT_STR(alone[i].second, "1");

    rig_sql(&rig, "INSERT INTO item VALUES (1, 'there')");
    for (int i = 0; i < 4; i++) {
        UNIT_INT(rig_submit_for(&rig, 1, &unlucky, &st_create, "{\"id\":1,\"name\":\"\"}", NULL), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, &unlucky, 1));
        UNIT_INT(unlucky.outcome, DB_UNIQUE);
    }
    make_quick(&rig);
    UNIT_INT(rig_submit_for(&rig, 2, &a[0], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, 1, &unlucky, &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, 3, &a[1], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    UNIT_INT(rig_submit_for(&rig, 2, &a[2], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(rig_until_answered(&rig, &unlucky, 1));
    for (size_t i = 0; i < countof(a); i++) UNIT_STR(a[i].second, "3");
    UNIT_STR(unlucky.second, "1");
    rig_close(&rig);
}

/* ---- how many ---- */

/* Of one client as many as a batch may have; of those that go one by one fewer. What they hold is bounded too. */
static void test_how_many(void)
{
    static struct answer a[DB_MATES_MAX + 6];
    static char body[20001];
    unsigned first;
    struct rig rig;

    open_quick(&rig);
    for (size_t i = 0; i < countof(a); i++)
        UNIT_INT(rig_submit_for(&rig, 1, &a[i], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_STR(a[i].second, i < DB_MATES_MAX ? "64" : "6");

    for (unsigned client = 0; client < 2; client++) {
        make_quick(&rig);
        for (size_t i = 0; i < countof(a); i++)
            UNIT_INT(rig_submit_for(&rig, client, &a[i], &st_write_stamp, NULL, NULL), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        for (first = 0; first < countof(a) && strcmp(a[first].value, a[0].value) == 0;) first++;
        UNIT_INT(first, 32);
    }

    make_quick(&rig);
    memset(body, ' ', sizeof(body) - 1);
    memcpy(body, "{}", 2);
    for (size_t i = 0; i < 10; i++) UNIT_INT(rig_submit(&rig, &a[i], &st_each, body, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, a, 10));
    for (size_t i = 0; i < 10; i++) UNIT_STR(a[i].second, i < 8 ? "4" : "2"); /* the fourth passes 64 KiB */
    rig_close(&rig);
}

/* ---- one fails ---- */

/* Nobody knows which: so each goes by itself, in one batch as before; then the one that fails is alone, and the others
 * share a commit. */
static void test_one_fails(void)
{
    static const char *const bodies[] = {"{\"id\":1,\"name\":\"one\"}", "{\"id\":2,\"name\":\"two\"}",
                                         "{\"id\":1,\"name\":\"again\"}", "{\"id\":3,\"name\":\"three\"}",
                                         "{\"id\":4,\"name\":\"four\"}"};
    static const enum db_outcome expected[] = {DB_OK, DB_OK, DB_UNIQUE, DB_OK, DB_OK};
    struct answer a[countof(bodies)] = {0};
    struct rig rig;

    open_quick(&rig);
    submit_each(&rig, a, countof(a), &st_create, bodies);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(a[2].sqlstate, "23505");
    UNIT_STR(a[2].constraint, "item_pkey");
    UNIT_STR(a[1].value, "two");
    UNIT_STR(a[1].second, "1");
    UNIT_STR(rig_sql(&rig, "SELECT string_agg(name, ',' ORDER BY id) FROM item"), "one,two,three,four");
    UNIT_INT(rig_told.rolled_back, 2);
    UNIT_INT(rig_told.again, 10);
    UNIT_INT(rig_told.commits, 1);
    UNIT_INT(rig_told.writes, 4);
    check_idle(&rig);
    rig_close(&rig);
}

/* As one of many it may be another's fault; by itself nothing was before it. */
static void test_the_first_fails(void)
{
    static const char *const bodies[] = {"{\"id\":7,\"name\":\"again\"}", "{\"id\":1,\"name\":\"one\"}",
                                         "{\"id\":2,\"name\":\"two\"}"};
    static const enum db_outcome expected[] = {DB_UNIQUE, DB_OK, DB_OK};
    struct answer a[countof(bodies)] = {0};
    struct rig rig;

    open_quick(&rig);
    rig_sql(&rig, "INSERT INTO item VALUES (7, 'there')");
    submit_each(&rig, a, countof(a), &st_create, bodies);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_STR(a[0].constraint, "item_pkey");
    UNIT_STR(rig_sql(&rig, rig_items), "1,2,7");
    UNIT_INT(rig_told.rolled_back, 2);
    UNIT_INT(rig_told.commits, 1);
    rig_close(&rig);
}

static void test_all_fail(void)
{
    static const char *const bodies[] = {"{\"id\":7,\"name\":\"a\"}", "{\"id\":7,\"name\":\"b\"}",
                                         "{\"id\":7,\"name\":\"c\"}"};
    static const enum db_outcome expected[] = {DB_UNIQUE, DB_UNIQUE, DB_UNIQUE};
    struct answer a[countof(bodies)] = {0};
    struct rig rig;

    open_quick(&rig);
    rig_sql(&rig, "INSERT INTO item VALUES (7, 'there')");
    submit_each(&rig, a, countof(a), &st_create, bodies);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    rig_check_outcomes(a, expected, countof(a));
    UNIT_INT(rig_told.commits, 0);
    UNIT_STR(rig_sql(&rig, rig_items), "7");
    check_idle(&rig);
    rig_close(&rig);
}

/* It fails for itself alone, also beside what is of another statement. */
static void test_a_value_that_is_not_json(void)
{
    static const char *const bodies[] = {"{\"id\":1,\"name\":\"one\"}", "{\"id\":", "{\"id\":3,\"name\":\"three\"}"};
    struct answer a[countof(bodies)] = {0}, beside = {0};
    struct rig rig;

    open_quick(&rig);
    UNIT_INT(rig_submit(&rig, &beside, &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    submit_each(&rig, a, countof(a), &st_create, bodies);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    CU_ASSERT(rig_until_answered(&rig, &beside, 1));
    UNIT_INT(a[0].outcome, DB_OK);
    UNIT_STR(a[1].sqlstate, "22P02");
    UNIT_INT(a[2].outcome, DB_OK);
    UNIT_STR(beside.value, "x");
    UNIT_STR(rig_sql(&rig, rig_items), "1,3");
    rig_close(&rig);
}

/* ---- what cannot be told ---- */

/* Rows that are not as many as the queries are nobody's: it has happened, and that is all that is known. What went
 * along is not in doubt. */
static void test_a_wrong_number_of_rows(void)
{
    static const struct {
        unsigned rows[3];
        enum db_outcome outcome;
    } each[] = {{{1, 1, 1}, DB_OK},      {{1, 1, 0}, DB_UNKNOWN}, {{0, 1, 0}, DB_UNKNOWN},
                {{0, 0, 0}, DB_UNKNOWN}, {{1, 2, 1}, DB_UNKNOWN}, {{9, 0, 0}, DB_UNKNOWN}};
    struct rig rig;

    open_quick(&rig);
    for (size_t i = 0; i < countof(each); i++) {
        struct answer a[3] = {0}, beside = {0};
        char bodies[3][64];

        rig_sql(&rig, "TRUNCATE item, child");
        make_quick(&rig);
        for (unsigned n = 0; n < 3; n++) {
            snprintf(bodies[n], sizeof(bodies[n]), "{\"id\":%u,\"rows\":%u}", n, each[i].rows[n]);
            UNIT_INT(rig_submit(&rig, &a[n], &st_rows, bodies[n], NULL), DB_OK);
        }
        UNIT_INT(rig_submit(&rig, &beside, &st_insert, "3", "."), DB_OK);
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        CU_ASSERT(rig_until_answered(&rig, &beside, 1));
        for (unsigned n = 0; n < 3; n++) {
            UNIT_INT(a[n].calls, 1);
            UNIT_INT(a[n].outcome, each[i].outcome);
        }
        UNIT_INT(beside.outcome, DB_OK);
        UNIT_STR(rig_sql(&rig, rig_items), "0,1,2,3");
        UNIT_INT(rig.states[DB_STATE_DOWN] + rig.states[DB_STATE_MISFIT], 0);
        check_idle(&rig);
    }
    rig_close(&rig);
}

/* ---- stale plans ---- */

/* The type of what it returns changes, or what was prepared is forgotten: nobody notices, and they stay together. */
static void test_a_stale_plan(void)
{
    struct answer a[4] = {0}, forget = {0};
    char bodies[countof(a)][64];
    struct rig rig;

    open_quick(&rig);
    for (unsigned round = 0; round < 2; round++) {
        if (round == 0) {
            CU_ASSERT(rig_ask(&rig, a, &st_create, "{\"id\":100,\"name\":\"plan\"}", NULL));
            rig_sql(&rig, "ALTER TABLE item ALTER name TYPE varchar(200)");
        } else {
            CU_ASSERT(rig_ask(&rig, &forget, &st_forget, NULL, NULL));
        }
        make_quick(&rig);
        submit_creates(&rig, a, countof(a), &st_create, bodies, 10 * round);
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        for (size_t i = 0; i < countof(a); i++) {
            UNIT_INT(a[i].outcome, DB_OK);
            UNIT_INT(strtoul(a[i].value + 1, NULL, 10), 10 * round + i);
            UNIT_STR(a[i].second, "4");
        }
        UNIT_INT(rig_told.rolled_back, round + 1);
    }
    UNIT_STR(rig_sql(&rig, rig_items), "0,1,2,3,10,11,12,13,100");
    UNIT_INT(rig.states[DB_STATE_DOWN] + rig.states[DB_STATE_MISFIT], 0);
    rig_sql(&rig, "ALTER TABLE item ALTER name TYPE text");
    rig_close(&rig);
}

/* ---- while they run ---- */

/* They are in one statement, at the gate. */
static void hold_them(struct rig *rig, struct answer *a, unsigned count, char (*bodies)[64])
{
    open_quick(rig);
    rig_shut_gate(rig);
    submit_creates(rig, a, count, &st_create_gate, bodies, 1);
    CU_ASSERT(rig_until_sleeping(rig));
    UNIT_INT(rig->db->commits, 1);
    UNIT_INT(rig->db->flight_count, count);
}

/* Whose client has left: it goes with the others, and is not sent again if they are. */
static void test_an_abandoned_one(void)
{
    for (int fails = 0; fails < 2; fails++) {
        struct answer a[4] = {0};
        char bodies[countof(a)][64];
        struct rig rig;

        hold_them(&rig, a, countof(a), bodies);
        db_abandon(a[0].query);
        if (fails) rig_sql(&rig, "INSERT INTO item VALUES (2, 'other')");
        rig_open_gate(&rig);
        CU_ASSERT(rig_until_answered(&rig, &a[1], countof(a) - 1));
        UNIT_INT(a[0].calls, 0);
        UNIT_INT(a[1].outcome, fails ? DB_UNIQUE : DB_OK);
        UNIT_STR(a[2].value, "n3");
        UNIT_STR(a[3].value, "n4");
        UNIT_STR(rig_sql(&rig, rig_items), fails ? "2,3,4" : "1,2,3,4");
        check_idle(&rig);
        rig_close(&rig);
    }
}

/* The server ends the session while they run: none has happened. */
static void test_the_session_is_ended(void)
{
    struct answer a[4] = {0};
    char bodies[countof(a)][64], sql[RIG_TEXT_BYTES];
    struct rig rig;

    hold_them(&rig, a, countof(a), bodies);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'",
             rig.name);
    UNIT_STR(rig_sql(&rig, sql), "t");
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(a[i].outcome, DB_UNAVAILABLE);
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    check_idle(&rig);
    rig_close(&rig);
}

/* None is sent again. */
static void test_a_drain(void)
{
    struct answer a[5] = {0};
    char bodies[countof(a)][64];
    struct rig rig;

    hold_them(&rig, a, countof(a) - 1, bodies);
    UNIT_INT(rig_submit(&rig, &a[4], &st_create, "{\"id\":9,\"name\":\"late\"}", NULL), DB_OK);
    for (unsigned i = 0; i < 1000 && db_queue_depth(rig.db) > 0; i++) {
        db_drain(rig.db);
        rig_turn(&rig, 20);
    }
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].calls, 1);
        UNIT_INT(a[i].outcome, DB_TIMEOUT);
    }
    UNIT_STR(rig_sql(&rig, "SELECT count(*) FROM item"), "0");
    UNIT_INT(rig_told.again, 0);
    check_idle(&rig);
    rig_close(&rig);
}

/* The connection ends after each so many bytes, in the one direction or the other; every other time one of them fails.
 * What is told of each is so. */
static void test_the_connection_is_lost_anywhere(void)
{
    enum { STEP = 23, BYTES = 690, WRITES = 4, ROUNDS = 2 * (BYTES / STEP) };
    static char bodies[ROUNDS][WRITES][64];
    static struct answer a[ROUNDS][WRITES];
    unsigned unknown = 0, done = 0;
    char sql[RIG_TEXT_BYTES];
    struct rig rig;

    rig_open(&rig);
    rig_use_proxy(&rig);
    rig.options.statements = all;
    rig.options.statement_count = countof(all);
    rig_sql(&rig, "INSERT INTO item VALUES (0, 'there')");
    CU_ASSERT_FATAL(rig_start_ready(&rig));
    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t after = round / 2 * STEP;

        CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
        make_quick(&rig);
        proxy_cut_after(&rig, round % 2 == 0 ? after : SIZE_MAX, round % 2 == 0 ? SIZE_MAX : after);
        for (unsigned i = 0; i < WRITES; i++) {
            const unsigned id = i == 1 && round % 4 > 1 ? 0 : round * WRITES + i + 1;

            snprintf(bodies[round][i], sizeof(bodies[round][i]), "{\"id\":%u,\"name\":\"n%u\"}", id, id);
            UNIT_INT(rig_submit(&rig, &a[round][i], &st_create, bodies[round][i], NULL), DB_OK);
        }
        CU_ASSERT(rig_until_answered(&rig, a[round], WRITES));
    }
    db_free(rig.db);
    rig.db = NULL;
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'", rig.name);
    CU_ASSERT(rig_until_sql(&rig, sql, "0"));
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < WRITES; i++) {
            const enum db_outcome outcome = a[round][i].outcome;
            const bool meets = i == 1 && round % 4 > 1;

            UNIT_INT(a[round][i].calls, 1);
            unknown += outcome == DB_UNKNOWN;
            done += outcome == DB_OK;
            CU_ASSERT(outcome == (meets ? DB_UNIQUE : DB_OK) || outcome == DB_UNAVAILABLE || outcome == DB_UNKNOWN);
            if (meets || outcome == DB_UNKNOWN) continue;
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM item WHERE id = %u", round * WRITES + i + 1);
            UNIT_STR(rig_sql(&rig, sql), outcome == DB_OK ? "1" : "0");
        }
    }
    CU_ASSERT(unknown > 0 && done > 0);
    rig_close(&rig);
}

/* ---- memory ---- */

static bool has_kept(void *arg)
{
    return ((const struct rig *)arg)->db->kept_bytes > 0;
}

/* Each row is held until the commit, and given back with it. */
static void test_what_is_held_is_counted(void)
{
    enum { BYTES = 200000 };
    struct answer a[3] = {0}, behind = {0}, last = {0};
    struct rig rig;

    open_quick(&rig);
    rig_shut_gate(&rig);
    for (size_t i = 0; i < countof(a); i++) UNIT_INT(rig_submit(&rig, &a[i], &st_large, "{\"n\":200000}", NULL), DB_OK);
    /* Which makes the server send all that was before it. */
    UNIT_INT(rig_submit(&rig, &behind, &st_long, "100000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &last, &st_insert_gate, "1", NULL), DB_OK);
    CU_ASSERT(rig_until(&rig, has_kept, &rig));
    CU_ASSERT(rig.db->kept_bytes >= countof(a) * BYTES && rig.db->kept_bytes < countof(a) * (BYTES + 8192));
    CU_ASSERT(db_memory(rig.db) >= rig.db->kept_bytes + rig.db->input_bytes);
    UNIT_INT(a[0].calls, 0);
    rig_open_gate(&rig);
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) {
        UNIT_INT(a[i].value_len, BYTES);
        UNIT_STR(a[i].second, "3");
    }
    CU_ASSERT(rig_until_answered(&rig, &behind, 1));
    CU_ASSERT(rig_until_answered(&rig, &last, 1));
    check_idle(&rig);
    rig_close(&rig);
}

/* ---- company ---- */

static unsigned waits_ms(const struct rig *rig)
{
    return rig->db->company == 0 ? 0 : (unsigned)(rig->db->company_until_ms - rig->db->input_ms);
}

/* Sends so many writes, of which the batch takes what `mates_max` lets it, and does not wait for the answer. */
static struct db_batch *send_batch(struct rig *rig, struct answer *a, unsigned writes)
{
    rig->db->crowded = true; /* none follows at once */
    for (unsigned i = 0; i < writes; i++) UNIT_INT(rig_submit(rig, &a[i], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    event_base_loop(rig->base, EVLOOP_ONCE);
    CU_ASSERT_FATAL(!list_is_empty(&rig->db->flight));
    return list_at(rig->db->flight.next, struct db_batch, link);
}

static void end_batch(struct rig *rig, struct db_batch *batch, unsigned took_ms)
{
    if (batch->count > 1) db_commit_result(rig->db, batch, PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK));
    db_commit_result(rig->db, batch, PQexec(rig->control, "SELECT i FROM generate_series(1, 16) AS i"));
    rig->db->input_ms = batch->ran_ms + took_ms;
    db_commit_synced(rig->db, batch);
}

/* How long the next commit waits, and for how many: a commit of so many writes that took so long, while so many others
 * were waiting. It is what the end of a batch computes, so the batch ends by hand. */
static void test_how_long_it_waits(void)
{
    static const struct {
        unsigned writes, together, most, took_ms, wait_ms, company; /* together: of the batch; most: of the next one */
        bool unflushed;
    } rows[] = {
        {9, 64, 64, 1000, 10, 9, false}, {9, 64, 64, 20, 10, 9, false},
        {9, 64, 64, 18, 9, 9, false},    {9, 64, 64, 10, 5, 9, false},
        {9, 64, 64, 4, 2, 9, false},     {9, 64, 64, 3, 0, 0, false},
        {9, 64, 64, 0, 0, 0, false},     {8, 64, 64, 1000, 10, 8, false},
        {7, 64, 64, 1000, 0, 0, false},  {2, 64, 64, 1000, 0, 0, false},
        {1, 64, 64, 1000, 0, 0, false},  {12, 8, 64, 1000, 10, 12, false}, /* those that it left behind count as well */
        {12, 8, 8, 1000, 10, 8, false},                                    /* no more than may share */
        {12, 8, 4, 1000, 0, 0, false},   {9, 64, 64, 1000, 0, 0, true},
    };

    for (size_t r = 0; r < countof(rows); r++) {
        struct answer a[16] = {0};
        struct db_batch *batch;
        struct rig rig;

        open_quick(&rig);
        rig.db->mates_max = rows[r].together;
        batch = send_batch(&rig, a, rows[r].writes);
        batch->flushed = batch->flushed && !rows[r].unflushed;
        rig.db->mates_max = rows[r].most;
        end_batch(&rig, batch, rows[r].took_ms);
        UNIT_INT(waits_ms(&rig), rows[r].wait_ms);
        UNIT_INT(rig.db->company, rows[r].company);
        rig_close(&rig);
    }
}

/* A batch that has waited for 12 goes with so many: if that is less than three quarters, the next ones do not wait,
 * more of them each time. */
static void test_a_wait_in_vain(void)
{
    static const struct {
        unsigned came, pause, next_pause;
    } rows[] = {{12, 0, 0}, {9, 7, 0}, {8, 0, 1}, {8, 1, 3}, {8, 15, 31}, {8, 31, 31}};

    for (size_t r = 0; r < countof(rows); r++) {
        struct answer a[16] = {0};
        struct rig rig;

        open_quick(&rig);
        rig.db->company = 12;
        rig.db->company_pause = rows[r].pause;
        end_batch(&rig, send_batch(&rig, a, rows[r].came), 1000);
        UNIT_INT(rig.db->company_pause, rows[r].next_pause);
        UNIT_INT(waits_ms(&rig), rows[r].next_pause == 0 ? 10 : 0);
        rig_close(&rig);
    }
}

/* Those that could not go along, though more might share, cannot the next time either: they are not waited for. */
static void test_a_full_batch(void)
{
    static char ids[40][12];

    for (unsigned count = 32; count <= 33; count++) {
        struct answer a[40] = {0};
        const struct db_batch *batch;
        struct rig rig;

        open_quick(&rig);
        rig.db->crowded = true;
        for (unsigned i = 0; i < count; i++) {
            snprintf(ids[i], sizeof(ids[i]), "%u", i);
            UNIT_INT(rig_submit(&rig, &a[i], &st_insert, ids[i], "x"), DB_OK);
        }
        event_base_loop(rig.base, EVLOOP_ONCE);
        CU_ASSERT_FATAL(!list_is_empty(&rig.db->flight));
        batch = list_at(rig.db->flight.next, struct db_batch, link);
        UNIT_INT(batch->count, 32);
        UNIT_INT(batch->full, count > 32);
        CU_ASSERT(rig_until_answered(&rig, a, count));
        rig_close(&rig);
    }
    for (int full = 0; full < 2; full++) {
        struct answer a[16] = {0};
        struct db_batch *batch;
        struct rig rig;

        open_quick(&rig);
        rig.db->mates_max = 8;
        batch = send_batch(&rig, a, 12);
        batch->full = full;
        rig.db->mates_max = 64;
        end_batch(&rig, batch, 1000);
        UNIT_INT(rig.db->company, full ? 8 : 12);
        rig_close(&rig);
    }
}

/* After so many that have not waited, one does again. */
static void test_the_end_of_a_pause(void)
{
    for (unsigned paused = 0; paused < 5; paused++) {
        struct answer a[16] = {0};
        struct rig rig;

        open_quick(&rig);
        rig.db->company_pause = 3;
        rig.db->company_paused = paused;
        end_batch(&rig, send_batch(&rig, a, 9), 1000);
        UNIT_INT(waits_ms(&rig), paused < 3 ? 0 : 10);
        rig_close(&rig);
    }
}

/* So many are waited for, as after a slow commit, until then. */
static void await_company(struct rig *rig, unsigned company, uint64_t wait_ms)
{
    make_quick(rig);
    rig->db->company = company;
    rig->db->company_until_ms = clock_monotonic_ms() + wait_ms;
}

/* Those that come one after the other go together, as soon as all are there; and reads do not wait with them. */
static void test_company_comes(void)
{
    struct answer a[10] = {0}, read = {0};
    struct rig rig;

    open_quick(&rig);
    await_company(&rig, countof(a), 600000);
    for (unsigned i = 0; i < countof(a); i++) {
        UNIT_INT(rig.db->flight_count, 0);
        UNIT_INT(rig_submit_for(&rig, i % 3, &a[i], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
        if (i + 1 == countof(a)) break;
        CU_ASSERT(rig_ask(&rig, &read, &st_int, "7", NULL));
        UNIT_STR(read.value, "7");
        UNIT_INT(a[0].calls, 0);
    }
    CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
    for (size_t i = 0; i < countof(a); i++) UNIT_STR(a[i].second, "10");
    UNIT_INT(rig_told.commits, 1);
    check_idle(&rig);
    rig_close(&rig);
}

/* It does not come: those that are there go at the end of the bound, and not before, whatever else goes on in the loop
 * meanwhile. */
static void test_company_does_not_come(void)
{
    for (int with_read = 0; with_read < 2; with_read++) {
        struct answer a[3] = {0}, read = {0};
        uint64_t until_ms;
        struct rig rig;

        open_quick(&rig);
        await_company(&rig, 10, 300);
        until_ms = rig.db->company_until_ms;
        for (unsigned i = 0; i < countof(a); i++) {
            UNIT_INT(rig_submit_for(&rig, i, &a[i], &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
            if (with_read) CU_ASSERT(rig_ask(&rig, &read, &st_int, "7", NULL));
        }
        CU_ASSERT(rig_until_answered(&rig, a, countof(a)));
        CU_ASSERT(clock_monotonic_ms() >= until_ms);
        if (!with_read) UNIT_STR(a[0].second, "3");
        check_idle(&rig);
        rig_close(&rig);
    }
}

/* What need not share a commit does not wait. */
static void test_who_does_not_wait(void)
{
    struct answer alone = {0}, writer = {0};
    struct rig rig;

    open_quick(&rig);
    await_company(&rig, 10, 600000);
    UNIT_INT(rig_submit_for(&rig, 1, &writer, &st_each, "{\"v\":\"x\"}", NULL), DB_OK);
    CU_ASSERT(rig_ask(&rig, &alone, &st_each_alone, "{\"v\":\"x\"}", NULL));
    UNIT_STR(alone.second, "1");
    UNIT_INT(writer.calls, 0);
    rig.db->company_until_ms = 0;
    CU_ASSERT(rig_ask(&rig, &alone, &st_each, "{\"v\":\"x\"}", NULL));
    CU_ASSERT(rig_until_answered(&rig, &writer, 1));
    rig_close(&rig);
}

static unsigned waited_ms;

static void note_wait(struct answer *a)
{
    waited_ms = waits_ms(a->arg);
}

static bool has_run(void *arg)
{
    const struct rig *rig = arg;
    const struct db_batch *batch;

    if (list_is_empty(&rig->db->flight)) return false;
    batch = list_at(rig->db->flight.next, struct db_batch, link);
    return batch->due == &batch->queries;
}

/* Of rows that are put into `late`, each with an id of its own. */
static void commit_slowly(struct rig *rig, struct answer *a, unsigned count)
{
    static char ids[16][12];

    make_quick(rig);
    memset(&rig_told, 0, sizeof(rig_told));
    rig_sql(rig, "TRUNCATE late");
    rig_shut_gate(rig);
    waited_ms = 1000;
    for (unsigned i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%u", i);
        a[i] = (struct answer){.then = note_wait, .arg = rig};
        UNIT_INT(rig_submit(rig, &a[i], &st_insert_late, ids[i], NULL), DB_OK);
    }
    /* Of one by itself the server is not asked for the result before the commit. */
    CU_ASSERT(count > 1 ? rig_until(rig, has_run, rig) : rig_until_sleeping(rig));
    rig_turn(rig, 30);
    UNIT_INT(a[0].calls, 0);
    rig_open_gate(rig);
    CU_ASSERT(rig_until_answered(rig, a, count));
    for (unsigned i = 0; i < count; i++) UNIT_INT(a[i].outcome, DB_OK);
    UNIT_INT(rig_told.commits, 1);
    UNIT_INT(rig->db->company, count < 8 ? 0 : count);
}

/* A commit that is slow itself, by a trigger that comes with it. Who is alone is not made to wait. */
static void test_a_slow_commit(void)
{
    struct answer a[16] = {0}, next = {0};
    struct rig rig;

    open_quick(&rig);
    rig_sql(&rig,
            "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM gate(0); RETURN NULL; END'");
    rig_sql(&rig, "CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
                  "EXECUTE FUNCTION nap()");
    commit_slowly(&rig, a, 9);
    UNIT_INT(waited_ms, DB_COMPANY_MAX_MS);
    CU_ASSERT(rig_ask(&rig, &next, &st_each, "{}", NULL));
    commit_slowly(&rig, a, 7);
    UNIT_INT(waited_ms, 0);
    for (int i = 0; i < 3; i++) {
        commit_slowly(&rig, a, 1);
        UNIT_INT(waited_ms, 0);
    }
    rig_sql(&rig, "DROP TRIGGER nap ON late; DROP FUNCTION nap()");
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_has_its_row),
    UNIT_TEST(test_in_their_order),
    UNIT_TEST(test_a_single_one),
    UNIT_TEST(test_beside_others),
    UNIT_TEST(test_not_with_them),
    UNIT_TEST(test_how_many),
    UNIT_TEST(test_one_fails),
    UNIT_TEST(test_the_first_fails),
    UNIT_TEST(test_all_fail),
    UNIT_TEST(test_a_value_that_is_not_json),
    UNIT_TEST(test_a_wrong_number_of_rows),
    UNIT_TEST(test_a_stale_plan),
    UNIT_TEST(test_an_abandoned_one),
    UNIT_TEST(test_the_session_is_ended),
    UNIT_TEST(test_a_drain),
    UNIT_TEST(test_the_connection_is_lost_anywhere),
    UNIT_TEST(test_what_is_held_is_counted),
    UNIT_TEST(test_how_long_it_waits),
    UNIT_TEST(test_a_wait_in_vain),
    UNIT_TEST(test_a_full_batch),
    UNIT_TEST(test_the_end_of_a_pause),
    UNIT_TEST(test_company_comes),
    UNIT_TEST(test_company_does_not_come),
    UNIT_TEST(test_who_does_not_wait),
    UNIT_TEST(test_a_slow_commit),
};
const struct unit_part together_tests = UNIT_PART(tests);

#include "fake_db.h"

#include "base/list.h"
#include "base/mem.h"
#include "fuzz.h"

struct db_query {
    struct list link;
    struct db *db;
    const struct db_statement *statement;
    struct slice values[DB_PARAMS_MAX]; /* the caller's */
    char *copies[DB_PARAMS_MAX];        /* what they were */
    db_done_fn *done;
    void *arg;
};

struct db {
    struct list queries;
    unsigned count;
    enum db_state state;
};

struct db_result {
    const struct fake_result *said;
};

struct db *fake_db_new(void)
{
    struct db *db = mem_zalloc(sizeof(*db));

    list_init(&db->queries);
    db->state = DB_STATE_READY;
    return db;
}

static void query_free(struct db_query *query)
{
    list_remove(&query->link);
    query->db->count--;
    for (unsigned i = 0; i < query->statement->param_count; i++) free(query->copies[i]);
    free(query);
}

void fake_db_free(struct db *db)
{
    list_each(it, &db->queries) query_free(list_at(it, struct db_query, link));
    free(db);
}

void fake_db_set_state(struct db *db, enum db_state state)
{
    db->state = state;
}

unsigned fake_db_waiting(const struct db *db)
{
    return db->count;
}

static struct db_query *query_at(const struct db *db, unsigned index)
{
    list_each(it, &db->queries) {
        if (index-- == 0) return list_at(it, struct db_query, link);
    }
    abort();
}

struct fake_query fake_db_look(const struct db *db, unsigned index)
{
    const struct db_query *query = query_at(db, index);

    return (struct fake_query){query->statement, query->values};
}

static void query_check(const struct db_query *query)
{
    for (unsigned i = 0; i < query->statement->param_count; i++) {
        const struct slice value = query->values[i];

        if (value.data == NULL) continue;
        FUZZ_CHECK(value.len == 0 || memcmp(query->copies[i], value.data, value.len) == 0,
                   "%s: value %u changed while the query was under way", query->statement->name, i);
    }
}

void fake_db_answer(struct db *db, unsigned index, const struct fake_result *said)
{
    struct db_query *query = query_at(db, index);
    const struct db_result result = {said};
    db_done_fn *const done = query->done;
    void *const arg = query->arg;

    query_check(query);
    query_free(query);
    done(arg, &result);
}

/* ---- db/db.h ---- */

enum db_state db_state(const struct db *db)
{
    return db->state;
}

bool db_takes_queries(const struct db *db)
{
    return db->state == DB_STATE_READY || db->state == DB_STATE_RENEWING || db->state == DB_STATE_MISFIT;
}

struct db_query *db_submit(struct db *db, const struct db_statement *statement, const struct slice *values,
                           db_done_fn *done, void *arg, enum db_outcome *ret_outcome)
{
    if (!db_takes_queries(db) || db->count >= FAKE_QUERIES_MAX) {
        *ret_outcome = db_takes_queries(db) ? DB_OVERLOADED : DB_UNAVAILABLE;
        return NULL;
    }
    for (unsigned i = 0; i < statement->param_count; i++) {
        if (values[i].len > 0 && memchr(values[i].data, '\0', values[i].len) != NULL) {
            *ret_outcome = DB_INVALID_VALUE;
            return NULL;
        }
    }
    struct db_query *query = mem_zalloc(sizeof(*query));

    query->db = db;
    query->statement = statement;
    query->done = done;
    query->arg = arg;
    for (unsigned i = 0; i < statement->param_count; i++) {
        query->values[i] = values[i];
        query->copies[i] = mem_alloc(values[i].len + 1);
        if (values[i].len > 0) memcpy(query->copies[i], values[i].data, values[i].len);
    }
    list_push_back(&db->queries, &query->link);
    db->count++;
    return query;
}

/* Frees it, so that a sanitizer sees whoever comes with it again. */
struct db_query *db_submit_for(struct db *db, struct client_id client, const struct db_statement *statement,
                               const struct slice *values, db_done_fn *done, void *arg, enum db_outcome *ret_outcome)
{
    (void)client;
    return db_submit(db, statement, values, done, arg, ret_outcome);
}

struct db *db_choose(struct db *own, struct db *shared)
{
    return own != NULL && db_takes_queries(own) ? own : shared;
}

void db_abandon(struct db_query *query)
{
    query_check(query);
    query_free(query);
}

enum db_outcome db_result_outcome(const struct db_result *r)
{
    return r->said->outcome;
}

unsigned db_result_rows(const struct db_result *r)
{
    return r->said->outcome == DB_OK ? r->said->row_count : 0;
}

int db_result_column(const struct db_result *r, const char *name)
{
    for (unsigned i = 0; i < r->said->column_count; i++) {
        if (strcmp(r->said->columns[i], name) == 0) return (int)i;
    }
    return -1;
}

struct slice db_result_value(const struct db_result *r, unsigned row, int column)
{
    if (row >= db_result_rows(r) || column < 0 || (unsigned)column >= r->said->column_count) return SLICE_NONE;
    return r->said->values[row][column];
}

const char *db_result_sqlstate(const struct db_result *r)
{
    return r->said->sqlstate == NULL ? "" : r->said->sqlstate;
}

const char *db_result_message(const struct db_result *r)
{
    (void)r;
    return "the fuzz target says so";
}

const char *db_result_constraint(const struct db_result *r)
{
    return r->said->constraint == NULL ? "" : r->said->constraint;
}

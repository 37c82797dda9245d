#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fnv.h"
#include "db/internal.h"

/* Over lengths and bytes. */
uint64_t db_values_sum(const struct db_statement *s, const struct slice *values)
{
    uint64_t sum = FNV_BEGIN;

    if (!DB_CHECKS_VALUES) return 0;
    for (unsigned i = 0; i < s->param_count; i++) {
        sum = fnv_mix_byte(sum, values[i].data == NULL);
        sum = fnv_mix_bytes(sum, (const char *)&values[i].len, sizeof(values[i].len));
        sum = fnv_mix_bytes(sum, values[i].data, values[i].len);
    }
    return sum;
}

void db_values_check(const struct db_query *q)
{
    if (db_values_sum(q->statement, q->values) == q->values_sum) return;
    fprintf(stderr,
            "statement \"%s\": a value was changed before its query had ended; see the rule of values in db/db.h\n",
            q->statement->name);
    abort();
}

/* Text is sent as it is, with its length (its binary form is its bytes). The other types are sent in text form, which
 * libpq wants NUL-terminated. */
bool db_send_query(struct db *db, struct db_query *q)
{
    const struct db_statement *s = q->statement;
    const char *values[DB_PARAMS_MAX] = {NULL};
    int lengths[DB_PARAMS_MAX] = {0};
    int formats[DB_PARAMS_MAX] = {0};
    size_t bytes = 0;

    db_values_check(q);
    for (unsigned i = 0; i < s->param_count; i++) {
        db->unpushed += q->values[i].len + 1;
        if (s->params[i] != DB_TYPE_TEXT) bytes += q->values[i].len + 1;
    }
    buf_reset(&db->scratch);
    buf_reserve(&db->scratch, bytes); /* once, so that what values[] points to does not move */
    for (unsigned i = 0; i < s->param_count; i++) {
        if (q->values[i].data == NULL) continue;
        if (s->params[i] == DB_TYPE_TEXT) {
            values[i] = q->values[i].data;
            lengths[i] = (int)q->values[i].len;
            formats[i] = 1;
        } else {
            values[i] = db->scratch.data + db->scratch.len;
            buf_add_slice(&db->scratch, q->values[i]);
            buf_add_char(&db->scratch, '\0');
        }
    }
    const int form = s->access == DB_READ_BINARY;

    return PQsendQueryPrepared(db->conn, s->name, (int)s->param_count, values, lengths, formats, form) == 1;
}

bool db_send_together(struct db *db, struct db_query *q, unsigned together)
{
    const char *value;
    struct list *at = &q->link;

    buf_reset(&db->scratch);
    for (unsigned i = 0; i < together; i++, at = at->next) {
        const struct db_query *other = list_at(at, struct db_query, link);

        db_values_check(other);
        buf_add_char(&db->scratch, i == 0 ? '[' : ',');
        buf_add_slice(&db->scratch, other->values[0]);
    }
    buf_add_str(&db->scratch, "]");
    db->unpushed += db->scratch.len;
    value = buf_cstr(&db->scratch);
    return PQsendQueryPrepared(db->conn, q->statement->name, 1, &value, NULL, NULL, 0) == 1;
}

bool db_send_statement(struct db *db, const struct db_statement *s)
{
    Oid types[DB_PARAMS_MAX];

    for (unsigned i = 0; i < s->param_count; i++) types[i] = (Oid)s->params[i];
    return PQsendPrepare(db->conn, s->name, s->sql, (int)s->param_count, types) == 1;
}

/* Sends a command of one word and a name. */
static bool send_named(struct db *db, const char *command, const char *of)
{
    char *name = PQescapeIdentifier(db->conn, of, strlen(of));

    if (name == NULL) return false;
    buf_reset(&db->scratch);
    buf_printf(&db->scratch, "%s %s", command, name);
    PQfreemem(name);
    return PQsendQueryParams(db->conn, buf_cstr(&db->scratch), 0, NULL, NULL, NULL, NULL, 0) == 1;
}

bool db_send_deallocate(struct db *db, const struct db_statement *s)
{
    return send_named(db, "DEALLOCATE", s->name);
}

bool db_send_listen(struct db *db, const char *channel)
{
    return send_named(db, "LISTEN", channel);
}

/* set_config, since SET LOCAL warns while the transaction is an implicit one. */
bool db_send_limits(struct db *db, unsigned statement_ms, unsigned lock_ms)
{
    buf_reset(&db->scratch);
    buf_printf(&db->scratch,
               "SELECT pg_catalog.set_config('statement_timeout', '%u', true),\n"
               "    pg_catalog.set_config('lock_timeout', '%u', true)\n",
               statement_ms, lock_ms);
    return PQsendQueryParams(db->conn, buf_cstr(&db->scratch), 0, NULL, NULL, NULL, NULL, 0) == 1;
}

bool db_send_flush(struct db *db)
{
    return PQsendFlushRequest(db->conn) == 1;
}

bool db_send_sync(struct db *db)
{
#ifdef HAVE_PQSENDPIPELINESYNC
    return PQsendPipelineSync(db->conn) == 1;
#else
    return PQpipelineSync(db->conn) == 1;
#endif
}

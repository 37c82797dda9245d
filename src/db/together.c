/*
 * Statements that take many (db.h): the queries of a batch that have the same one are sent as one, with an array of
 * their values, and each gets the row that is its own. What a statement costs beside its rows is then there once for
 * all. Not while so few may share that most of these would fail.
 *
 * They stand one behind the other in their batch, and the first of them says how many there are. If one fails, all
 * have: which it was shows when each is sent with a statement of its own.
 */
#include "db/internal.h"

static bool together_may_be(const struct db_query *q, const struct db_query *other)
{
    return q->statement == other->statement && q->statement->takes_many && !q->apart && !other->apart &&
           q->db->mates_max > DB_MATES_APART;
}

void db_together_place(struct db_batch *batch, struct db_query *q)
{
    struct list *at = batch->queries.prev;

    while (at != &batch->queries && !together_may_be(q, list_at(at, struct db_query, link))) at = at->prev;
    if (at == &batch->queries) {
        list_push_back(&batch->queries, &q->link);
        batch->statements++;
    } else {
        list_insert_before(at->next, &q->link);
    }
}

bool db_together_send(struct db *db, struct db_batch *batch)
{
    struct list *at = batch->queries.next;

    while (at != &batch->queries) {
        struct db_query *q = list_at(at, struct db_query, link);

        q->together = 0;
        do {
            q->together++;
            at = at->next;
        } while (at != &batch->queries && together_may_be(q, list_at(at, struct db_query, link)));
        if (!(q->statement->takes_many ? db_send_together(db, q, q->together) : db_send_query(db, q))) return false;
    }
    return true;
}

PGresult *db_together_row(const struct db_query *first, const PGresult *pg, unsigned place)
{
    const int row = (int)place;

    if (PQresultStatus(pg) != PGRES_TUPLES_OK || PQntuples(pg) != (int)first->together) return NULL;

    PGresult *one = PQcopyResult(pg, PG_COPYRES_ATTRS);

    for (int column = 0; one != NULL && column < PQnfields(pg); column++) {
        const bool is_null = PQgetisnull(pg, row, column);

        if (PQsetvalue(one, 0, column, is_null ? NULL : PQgetvalue(pg, row, column),
                       is_null ? -1 : PQgetlength(pg, row, column)) == 1)
            continue;
        PQclear(one);
        one = NULL;
    }
    return one;
}

void db_together_part(struct db_query *first)
{
    struct list *at = &first->link;

    for (unsigned i = 0; i < first->together; i++, at = at->next) list_at(at, struct db_query, link)->apart = true;
}

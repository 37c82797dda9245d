/*
 * Whose turn it is: one connection is shared by many clients, and what is slow in it holds up everybody behind it.
 *
 * The queries that wait form a queue for each client, and the clients take turns. A client has a bound on what it may
 * have here, and on what may be in flight for it. Queries of nobody, those of the service itself, have a queue like a
 * client's, without bounds.
 *
 * The server runs what is in flight one after the other, so the order is decided before sending, and a statement that
 * may be slow is sent alone: nothing of a client goes with it in one batch, and there is one such at a time. Which
 * statements are slow is learnt from how long they took. One that is not known yet goes alone until it was quick once.
 *
 * A slow commit speaks for sending writes together, not alone. So of a write that is sent alone the server is
 * asked for the result before the commit; one that was quick is not, since that costs something.
 *
 * What was quick may be slow with other values: if a batch of reads is silent for long while others wait, what runs is
 * cancelled, and sent again alone.
 *
 * Writes have a list of their own in each queue, as reads pass those that wait for a commit (commit.c). The order
 * of what one client has here at the same time is not kept: a connection asks for one thing after the other (http.h).
 *
 * When a slow one has kept quick ones waiting, quick ones alone are sent for as long as it has taken. So clients whose
 * queries are quick have at least half of the time, however many others there are, and wait for one slow query at most.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/internal.h"

enum {
    SHARE_PARTS = 4,  /* a client has one of so many parts of queue_max */
    SHARE_LEAST = 16, /* and this at least, if there is that much */
    SHARE_FLIGHT_MAX = 32,
    SHARE_SLOW_MS = 50,            /* from here on a statement is slow, and … */
    SHARE_EACH_MS = 5,             /* … for each that was sent with it in one batch, this is added */
    SHARE_SLOW_FOR_MS = 10 * 1000, /* and it stays that, after the last time it was */
    SHARE_REST_MAX_MS = 1000,
    /* A client of which so many writes failed one after the other shares no commit until one succeeds. */
    SHARE_UNLUCKY = 4,
};

void db_share_init(struct db *db)
{
    const unsigned most = db->options.limits.queue_max;
    const unsigned part = most / SHARE_PARTS;

    for (size_t i = 0; i < countof(db->clients); i++) list_init(&db->clients[i]);
    list_init(&db->turns);
    db->client_secret = random_u64() | 1;
    db->client_max = part > SHARE_LEAST ? part : SHARE_LEAST;
    if (db->client_max > most) db->client_max = most;
}

/* The secret keeps clients from choosing addresses that come together in one list. */
static struct list *share_bucket(struct db *db, struct client_id id)
{
    uint64_t mixed = (id.high ^ db->client_secret) * 0x9e3779b97f4a7c15U;

    mixed = (mixed ^ mixed >> 32 ^ id.low) * db->client_secret;
    return &db->clients[mixed >> 56];
}

static struct db_client *share_find(struct db *db, struct client_id id)
{
    list_each(it, share_bucket(db, id)) {
        struct db_client *client = list_at(it, struct db_client, link);

        if (client_id_is(client->id, id)) return client;
    }
    return NULL;
}

bool db_share_is_full(struct db *db, struct client_id id)
{
    const struct db_client *client = client_id_is_nobody(id) ? NULL : share_find(db, id);

    return client != NULL && client->count >= db->client_max;
}

void db_share_join(struct db_query *q, struct client_id id)
{
    struct db *db = q->db;
    struct db_client *client = share_find(db, id);

    if (client == NULL) {
        client = mem_zalloc(sizeof(*client));
        client->id = id;
        list_init(&client->turn);
        list_init(&client->waiting);
        list_init(&client->writes);
        list_push_back(share_bucket(db, id), &client->link);
        db->client_count++;
    }
    client->count++;
    q->client = client;
    list_init(&q->turn);
}

void db_share_part(struct db_query *q)
{
    struct db_client *client = q->client;

    db_share_leave(q);
    if (--client->count > 0) return;
    list_remove(&client->link);
    q->db->client_count--;
    free(client);
}

static bool share_is_idle(const struct db_client *client)
{
    return list_is_empty(&client->waiting) && list_is_empty(&client->writes);
}

bool db_share_is_sociable(const struct db_query *q)
{
    return q->statement->access == DB_WRITE && !q->solo;
}

void db_share_wait(struct db_query *q, bool first)
{
    struct db_client *client = q->client;
    const bool sociable = db_share_is_sociable(q);
    struct list *own = sociable ? &client->writes : &client->waiting;

    if (share_is_idle(client)) list_push_back(&q->db->turns, &client->turn);
    q->db->writes_waiting += sociable;
    if (first) {
        list_push_front(own, &q->turn);
        list_push_front(&q->db->waiting, &q->link);
    } else {
        list_push_back(own, &q->turn);
        list_push_back(&q->db->waiting, &q->link);
    }
}

void db_share_leave(struct db_query *q)
{
    struct db_client *client = q->client;

    if (!list_is_empty(&q->turn)) q->db->writes_waiting -= db_share_is_sociable(q);
    list_remove(&q->link);
    list_remove(&q->turn);
    if (share_is_idle(client)) list_remove(&client->turn);
}

/* ---- slow and quick ---- */

static bool share_is_slow(const struct db_fit *fit, uint64_t now_ms)
{
    return fit->slow_ms != 0 && now_ms - fit->slow_ms < SHARE_SLOW_FOR_MS;
}

static bool share_is_quick(const struct db_fit *fit, uint64_t now_ms)
{
    return fit->quick && !share_is_slow(fit, now_ms);
}

/* Of a write that may share a commit only the last time counts: what it may take with others is bounded (commit.c), and
 * on a busy machine it would otherwise be alone for long, which makes the machine busier. */
static bool share_goes_quickly(const struct db_query *q, uint64_t now_ms)
{
    return db_share_is_sociable(q) ? q->fit->quick : share_is_quick(q->fit, now_ms);
}

bool db_share_is_quick(const struct db_query *q)
{
    return share_goes_quickly(q, clock_monotonic_ms());
}

static struct db_query *share_first(const struct list *queries)
{
    return list_is_empty(queries) ? NULL : list_at(queries->next, struct db_query, turn);
}

/* What a client asked first. */
static struct db_query *share_head(const struct db_client *client)
{
    struct db_query *other = share_first(&client->waiting);
    struct db_query *write = share_first(&client->writes);

    if (other == NULL || write == NULL) return other == NULL ? write : other;
    return write->submitted_ns < other->submitted_ns ? write : other;
}

/* ---- writes that fail ---- */

/* By the list that the client is in, as it is forgotten between its queries. Who shares the list with one whose writes
 * fail has its commits for itself, which harms nobody. */
static unsigned char *share_failed(struct db *db, struct client_id id)
{
    return &db->failed_writes[share_bucket(db, id) - db->clients];
}

void db_share_note_write(const struct db_query *q, bool failed)
{
    unsigned char *count = share_failed(q->db, q->client->id);

    if (client_id_is_nobody(q->client->id)) return;
    if (!failed) {
        *count = 0;
    } else if (*count < SHARE_UNLUCKY) {
        ++*count;
    }
}

bool db_share_is_unlucky(const struct db_query *q)
{
    return !client_id_is_nobody(q->client->id) && *share_failed(q->db, q->client->id) >= SHARE_UNLUCKY;
}

/* ---- turns ---- */

static bool share_waits_for_commit(const struct db *db, const struct db_query *q, uint64_t now_ms)
{
    return db_share_is_sociable(q) && !db_share_is_unlucky(q) && !db_commit_may_send(db, now_ms);
}

static bool share_may_go(const struct db *db, const struct db_query *q, uint64_t now_ms)
{
    if (q->fit->quick && share_waits_for_commit(db, q, now_ms)) return false;
    if (client_id_is_nobody(q->client->id)) return true;
    if (q->client->flight >= SHARE_FLIGHT_MAX) return false;
    if (share_goes_quickly(q, now_ms)) return true;
    if (db->lone_flight) return false;
    return now_ms >= db->rest_until_ms || !share_is_slow(q->fit, now_ms);
}

/* What ends in flight calls for the next; the end of a rest, and of the wait for company, is ours to see. The timer is
 * set each time, as an event that was made active has lost its own. */
static void share_wake_later(const struct db *db, uint64_t now_ms)
{
    uint64_t until_ms = db->rest_until_ms;

    if (db_commit_awaits_company(db, now_ms) && (until_ms <= now_ms || db->company_until_ms < until_ms)) {
        until_ms = db->company_until_ms;
    }
    if (now_ms < until_ms) db_timer_set(db->turn, until_ms - now_ms);
}

struct db_query *db_share_next(struct db *db, bool *ret_alone)
{
    if (list_is_empty(&db->turns)) return NULL;
    const uint64_t now_ms = clock_monotonic_ms();

    list_each(it, &db->turns) {
        const struct db_client *client = list_at(it, struct db_client, turn);
        struct db_query *q = share_head(client);

        /* What does not wait for a commit passes what does. */
        if (share_waits_for_commit(db, q, now_ms) && !list_is_empty(&client->waiting))
            q = share_first(&client->waiting);
        if (!share_may_go(db, q, now_ms)) continue;
        *ret_alone = !client_id_is_nobody(client->id) && !share_goes_quickly(q, now_ms);
        return q;
    }
    share_wake_later(db, now_ms);
    return NULL;
}

struct db_query *db_share_next_mate(struct db *db)
{
    list_each(it, &db->turns) {
        struct db_query *q = share_first(&list_at(it, struct db_client, turn)->writes);

        if (q == NULL || !q->fit->quick || db_share_is_unlucky(q)) continue;
        /* Many that go as one statement hold up others no longer than fewer do that do not. */
        const unsigned most = q->statement->takes_many ? DB_MATES_MAX : SHARE_FLIGHT_MAX;

        if (client_id_is_nobody(q->client->id) || q->client->flight < most) return q;
    }
    return NULL;
}

void db_share_sent(struct db_query *q, bool alone)
{
    struct db *db = q->db;
    struct db_client *client = q->client;

    db_share_leave(q);
    /* Whoever has had a turn comes after all others. */
    if (!share_is_idle(client)) {
        list_remove(&client->turn);
        list_push_back(&db->turns, &client->turn);
    }
    q->sent = true;
    q->alone = alone;
    db->lone_flight = db->lone_flight || alone;
    db->flight_count++;
    client->flight++;
}

void db_share_landed(struct db_query *q)
{
    if (!q->sent) return;
    q->sent = false;
    if (q->alone) q->db->lone_flight = false;
    q->db->flight_count--;
    q->client->flight--;
}

/* A batch of reads that were quick before, and are not: each would hold up all others for its own time. What runs is
 * cancelled, and all that is left of the batch goes back to the queues, from where slow ones go alone. */
bool db_share_may_cut(const struct db *db)
{
    const struct db_batch *batch = list_at(db->flight.next, struct db_batch, link);

    return batch->kind == DB_BATCH_READS && batch->count > 1 && db->client_count > 1 && !list_is_empty(&db->turns);
}

static uint64_t share_took_ms(const struct db_query *q, uint64_t until_ms)
{
    const struct db *db = q->db;
    const uint64_t began_ms = q->since_ms > db->head_ms ? q->since_ms : db->head_ms;

    return until_ms > began_ms ? until_ms - began_ms : 0;
}

bool db_share_was_cut(struct db_batch *batch, struct db_query *q, const PGresult *pg)
{
    struct db *db = q->db;
    const uint64_t most_ms = db->options.limits.statement_timeout_ms; /* what took so long has met it, no stray */

    if (q->cuts >= DB_CUTS_MAX || db_pg_outcome(pg) != DB_TIMEOUT) return false;
    if (batch->cut && !batch->was_cut) {
        batch->was_cut = true;
        q->fit->quick = false;
        q->fit->slow_ms = db->input_ms;
    } else if (db->input_ms < db->stray_until_ms && (most_ms == 0 || share_took_ms(q, db->input_ms) < most_ms)) {
        db->hold_until_ms = 0; /* here it is; its second signal may follow */
    } else {
        return false;
    }
    q->cuts++;
    return true;
}

/* Whether another client has something behind it, in flight or not, that is not slow. */
static bool share_keeps_waiting(const struct db *db, const struct db_client *but, uint64_t now_ms)
{
    if (db->flight_count > but->flight) return true;
    list_each(it, &db->turns) {
        const struct db_client *client = list_at(it, struct db_client, turn);

        if (client != but && !share_is_slow(share_head(client)->fit, now_ms)) return true;
    }
    return false;
}

void db_share_learn(const struct db_query *q, unsigned sent_with, uint64_t until_ms, bool is_sure)
{
    struct db *db = q->db;
    const uint64_t took_ms = share_took_ms(q, until_ms);

    if (took_ms < SHARE_SLOW_MS + (uint64_t)SHARE_EACH_MS * (sent_with - 1)) {
        q->fit->quick = true;
        return;
    }
    q->fit->quick = false;
    if (!is_sure) return;
    q->fit->slow_ms = db->input_ms;
    if (!share_keeps_waiting(db, q->client, db->input_ms)) return;
    db->rest_until_ms = db->input_ms + (took_ms < SHARE_REST_MAX_MS ? took_ms : SHARE_REST_MAX_MS);
}

#include "api/access.h"

#include <stdlib.h>
#include <string.h>

#include "api/operation.h"
#include "api/refusal.h"
#include "api/tokens.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/token.h"

/* No row if the state is the one that is known; else one for each token, or a bare one if there is none. */
static const struct db_statement access_load_statement = {
    .name = "loadTokens",
    .sql = "SELECT c.state, t.id, t.name, encode(t.sha256, 'hex') AS sha256,\n"
           "    'read' = ANY (t.scopes) AS can_read, 'write' = ANY (t.scopes) AS can_write,\n"
           "    (extract(epoch FROM t.expires_at) * 1000000)::bigint AS expires_us\n"
           "FROM access_tokens_state AS c\n"
           "LEFT JOIN access_tokens AS t ON t.revoked_at IS NULL\n"
           "WHERE c.state IS DISTINCT FROM $1",
    .access = DB_READ,
    .param_count = 1,
    .params = {DB_TYPE_UUID},
};

/* Several workers tell of one token: only what is news is written. Never waits for a row. */
static const struct db_statement access_note_statement = {
    .name = "noteTokens",
    .sql = "UPDATE access_tokens AS t\n"
           "SET last_used_at = n.at\n"
           "FROM (SELECT l.id, u.at\n"
           "      FROM (SELECT i.id::uuid, to_timestamp(i.us / 1000000.0) AS at\n"
           "            FROM unnest($1, $2) AS i(id, us)) AS u\n"
           "      JOIN access_tokens AS l ON l.id = u.id\n"
           "      WHERE l.last_used_at IS NULL OR l.last_used_at <= u.at - interval '1 minute'\n"
           "      FOR NO KEY UPDATE OF l SKIP LOCKED) AS n\n"
           "WHERE t.id = n.id",
    .access = DB_WRITE_ALONE,
    .param_count = 2,
    .params = {DB_TYPE_TEXT_ARRAY, DB_TYPE_INT8_ARRAY},
};

const struct db_statement *const api_access_statements[API_ACCESS_STATEMENTS] = {&access_load_statement,
                                                                                 &access_note_statement};

/*
 * A token that is not in memory may have been made a moment ago, so the database is asked before it is refused. A
 * stranger can send as many as they like: one look answers for all that wait for it, there are few looks a second, and
 * what was found to be unknown is remembered.
 */
enum {
    ACCESS_LOOKS_MAX = 20,      /* at once */
    ACCESS_LOOK_EVERY_MS = 100, /* one more; api_access_tick looks too */
    ACCESS_HELD_MAX = 256,      /* requests that wait */
    ACCESS_UNKNOWN_MAX = 256,   /* tokens that are remembered; a power of two */
};

/* How long what the database last said of the tokens counts. With the second that a look may be late, and the moment of
 * a request's decision, no token counts for longer than five seconds after its end. */
enum { ACCESS_TRUST_MS = 4000 };
/* How long a request waits for a look. api_access_tick sees to it. */
enum { ACCESS_HOLD_MS = 3000 };

/* A request whose token is not in memory; in the exchange's arena. */
struct access_held {
    struct list link; /* in api_access.held or .waiting */
    struct api_access *access;
    struct http_exchange *x;
    uint64_t since_ms;
    unsigned char sha256[DIGEST_SHA256_BYTES];
};

struct api_access {
    struct db *own; /* is asked first; NULL: there is none */
    struct db *shared;
    struct api_access_events events;
    struct tokens tokens;
    bool loaded; /* once at least */
    bool loading;
    bool again; /* when that has ended, whatever it brings */
    bool noting;
    uint64_t asked_ms;   /* when the look began that is under way, or the last one */
    uint64_t fresh_ms;   /* when the last one began that was answered */
    struct list held;    /* for the next look at the database */
    struct list waiting; /* for the one that is under way: it began after they came */
    unsigned held_count;
    unsigned looks;                       /* that may be begun now */
    uint64_t looks_ms;                    /* when that was so */
    uint64_t unknown[ACCESS_UNKNOWN_MAX]; /* of the hashes of refused tokens some bytes, by some others */
    char state[TOKENS_ID_BYTES];          /* that the tokens are of; "" asks for them whatever it is */
    char asked[TOKENS_ID_BYTES];          /* the value of the look that is under way, which may be sent twice */
    struct buf note_ids;                  /* the values of a note, likewise: not touched while one is under way */
    struct buf note_times;
};

struct api_access *api_access_new(struct db *own, struct db *shared, const struct api_access_events *events)
{
    struct api_access *access = mem_zalloc(sizeof(*access));

    access->own = own;
    access->shared = shared;
    access->events = *events;
    list_init(&access->held);
    list_init(&access->waiting);
    access->looks = ACCESS_LOOKS_MAX;
    access->looks_ms = clock_monotonic_ms();
    return access;
}

void api_access_free(struct api_access *access)
{
    if (access == NULL) return;
    tokens_clear(&access->tokens);
    buf_clear(&access->note_ids);
    buf_clear(&access->note_times);
    free(access);
}

static struct db *access_db(const struct api_access *access)
{
    return db_choose(access->own, access->shared);
}

/* ---- Loading ---- */

static void access_look(struct api_access *access);

static void access_failed(const struct api_access *access, const char *statement, const struct db_result *result)
{
    enum db_outcome outcome = db_result_outcome(result);

    if (outcome == DB_DENIED || outcome == DB_FAULT) access->events.failed(access->events.ctx, statement, result);
}

static struct slice access_column(const struct db_result *result, unsigned row, const char *name)
{
    return db_result_value(result, row, db_result_column(result, name));
}

static bool access_read_token(const struct db_result *result, unsigned row, struct token_entry *ret_token)
{
    const struct slice id = access_column(result, row, "id");
    const struct slice name = access_column(result, row, "name");
    const struct slice sha256 = access_column(result, row, "sha256");
    const struct slice expires_us = access_column(result, row, "expires_us");

    *ret_token = (struct token_entry){.can_read = slice_is(access_column(result, row, "can_read"), "t"),
                                      .can_write = slice_is(access_column(result, row, "can_write"), "t"),
                                      .expires_us = UINT64_MAX};
    if (id.len != TOKENS_ID_BYTES - 1 || sha256.len != 2 * (size_t)DIGEST_SHA256_BYTES) return false;
    memcpy(ret_token->id, id.data, id.len);
    if (name.len < sizeof(ret_token->name)) memcpy(ret_token->name, name.data, name.len);
    if (!hex_decode(sha256, ret_token->sha256)) return false;
    return expires_us.data == NULL || number_parse_u64(expires_us, &ret_token->expires_us);
}

static void access_replace_tokens(struct api_access *access, const struct db_result *result)
{
    const struct slice state = access_column(result, 0, "state");
    struct tokens fresh;
    struct token_entry entry;

    tokens_init(&fresh, db_result_rows(result));
    for (unsigned row = 0; row < db_result_rows(result); row++) {
        if (access_read_token(result, row, &entry)) tokens_add(&fresh, &entry);
    }
    memset(access->unknown, 0, sizeof(access->unknown));
    tokens_carry(&fresh, &access->tokens);
    tokens_clear(&access->tokens);
    access->tokens = fresh;
    if (state.len < sizeof(access->state)) {
        memcpy(access->state, state.data, state.len);
        access->state[state.len] = '\0';
    }
    access->loaded = true;
    access->events.loaded(access->events.ctx, fresh.count);
}

static void access_answer_held(struct api_access *access, enum db_outcome outcome, struct list *held);

static void access_load_done(void *arg, const struct db_result *result)
{
    struct api_access *access = arg;
    const enum db_outcome outcome = db_result_outcome(result);

    access->loading = false;
    if (outcome != DB_OK) {
        access_failed(access, access_load_statement.name, result);
    } else {
        access->fresh_ms = access->asked_ms;
        if (db_result_rows(result) > 0) access_replace_tokens(access, result);
    }
    access_answer_held(access, outcome, &access->waiting);
    if (access->again) {
        api_access_connected(access);
    } else {
        access_look(access);
    }
}

static void access_load(struct api_access *access)
{
    enum db_outcome outcome = DB_OK;

    if (access->loading) return;
    memcpy(access->asked, access->state, sizeof(access->asked));
    const struct slice known = access->asked[0] == '\0' ? SLICE_NONE : slice_of(access->asked);

    access->asked_ms = clock_monotonic_ms();
    access->loading =
        db_submit(access_db(access), &access_load_statement, &known, access_load_done, access, &outcome) != NULL;
    if (!access->loading) {
        access_answer_held(access, outcome, &access->held);
        return;
    }
    list_each(it, &access->held) {
        list_remove(it);
        list_push_back(&access->waiting, it);
    }
}

/* Looks for the requests that are held, if that may be now. */
static void access_look(struct api_access *access)
{
    const uint64_t more = (clock_monotonic_ms() - access->looks_ms) / ACCESS_LOOK_EVERY_MS;

    access->looks_ms += more * ACCESS_LOOK_EVERY_MS;
    access->looks = more > ACCESS_LOOKS_MAX - access->looks ? ACCESS_LOOKS_MAX : access->looks + (unsigned)more;
    if (access->loading || access->looks == 0 || list_is_empty(&access->held)) return;
    access->looks--;
    access_load(access);
}

void api_access_connected(struct api_access *access)
{
    access->again = access->loading;
    access->state[0] = '\0';
    access_load(access);
}

/* ---- Last use ---- */

static void access_note_done(void *arg, const struct db_result *result)
{
    struct api_access *access = arg;

    access->noting = false;
    if (db_result_outcome(result) != DB_OK) access_failed(access, access_note_statement.name, result);
}

/* What is lost with the database is told a minute later, if the token is still in use. */
static void access_note(struct api_access *access)
{
    struct db *db = access_db(access);
    enum db_outcome outcome;

    if (access->noting || db_state(db) != DB_STATE_READY) return;
    buf_reset(&access->note_ids);
    buf_reset(&access->note_times);
    if (tokens_note(&access->tokens, &access->note_ids, &access->note_times) == 0) return;
    const struct slice values[] = {buf_slice(&access->note_ids), buf_slice(&access->note_times)};

    access->noting = db_submit(db, &access_note_statement, values, access_note_done, access, &outcome) != NULL;
}

static void access_give_up(struct list *list);

void api_access_tick(struct api_access *access)
{
    access_give_up(&access->waiting);
    access_give_up(&access->held);
    access_load(access);
    access_note(access);
}

/* ---- Deciding ---- */

/* RFC 6750 section 3. */
static void access_challenge(struct http_exchange *x, const char *more)
{
    const char *challenge = arena_printf(http_exchange_arena(x), "Bearer realm=\"stratslab\"%s", more);

    http_exchange_add_header(x, "WWW-Authenticate", slice_of(challenge));
}

static void access_refuse_stranger(struct http_exchange *x)
{
    access_challenge(x, "");
    http_refuse(x, &api_refusals[API_REFUSAL_NO_TOKEN]);
}

static void access_refuse_token(struct http_exchange *x, bool expired)
{
    access_challenge(x, expired ? ", error=\"invalid_token\", error_description=\"The token has expired\""
                                : ", error=\"invalid_token\", error_description=\"The token is not known\"");
    http_refuse(x, &api_refusals[expired ? API_REFUSAL_TOKEN_EXPIRED : API_REFUSAL_TOKEN_UNKNOWN]);
}

static void access_refuse_scope(struct http_exchange *x, enum api_scope scope)
{
    const char *name = api_scope_name(scope);

    access_challenge(x, arena_printf(http_exchange_arena(x), ", error=\"insufficient_scope\", scope=\"%s\"", name));
    http_refuse_with(x, &api_refusals[API_REFUSAL_SCOPE], HTTP_WORDS(slice_of(name)));
}

/* The credentials of the Bearer scheme, whose name has no case (RFC 9110 section 11.1); absent if there are none. */
static struct slice access_bearer(struct http_exchange *x)
{
    struct slice rest = http_exchange_header(x, "Authorization");
    const struct slice scheme = slice_cut(&rest, ' ');

    return slice_is_nocase(scheme, "Bearer") && rest.data != NULL ? slice_trim(rest) : SLICE_NONE;
}

static bool access_has_scope(const struct token_entry *entry, enum api_scope scope)
{
    return scope == API_SCOPE_WRITE ? entry->can_write : entry->can_read;
}

/* The hash stands for the token. The bit keeps it apart from addresses. */
static struct client_id access_client_id(const struct token_entry *entry)
{
    struct client_id id;

    memcpy(&id.high, entry->sha256, sizeof(id.high));
    memcpy(&id.low, entry->sha256 + sizeof(id.high), sizeof(id.low));
    id.low |= HTTP_CLIENT_NAMED;
    return id;
}

/* Of a token that is in memory: true if the request may go on; false: answered. */
static bool access_admit_known(struct api_access *access, struct http_exchange *x, struct token_entry *entry)
{
    const enum api_scope scope = api_scope(api_endpoint_of(http_exchange_route(x)));
    const uint64_t now_us = clock_wall_us();

    if (entry->expires_us <= now_us) {
        access_refuse_token(x, true);
        return false;
    }
    tokens_use(&access->tokens, entry, now_us);
    http_exchange_set_client_id(x, access_client_id(entry));
    /* A copy: the table may be another one before the answer. */
    http_exchange_set_client(x, arena_copy(http_exchange_arena(x), slice_of(entry->name)));
    http_exchange_set_client_key(x, arena_copy(http_exchange_arena(x), slice_of(entry->id)));
    if (!access_has_scope(entry, scope)) {
        access_refuse_scope(x, scope);
        return false;
    }
    return true;
}

/* ---- Tokens that are not in memory ---- */

static uint64_t *access_unknown_place(struct api_access *access, const unsigned char sha256[DIGEST_SHA256_BYTES],
                                      uint64_t *ret_mark)
{
    uint32_t at;

    memcpy(ret_mark, sha256, sizeof(*ret_mark));
    memcpy(&at, sha256 + sizeof(*ret_mark), sizeof(at));
    return &access->unknown[at & (ACCESS_UNKNOWN_MAX - 1)];
}

static bool access_is_unknown(struct api_access *access, const unsigned char sha256[DIGEST_SHA256_BYTES])
{
    uint64_t mark;

    return *access_unknown_place(access, sha256, &mark) == mark;
}

static void access_keep_unknown(struct api_access *access, const unsigned char sha256[DIGEST_SHA256_BYTES])
{
    uint64_t mark;
    uint64_t *place = access_unknown_place(access, sha256, &mark);

    *place = mark;
}

static void access_release(struct access_held *held)
{
    list_remove(&held->link);
    held->access->held_count--;
}

static void access_on_cancel(void *arg)
{
    access_release(arg);
}

/* Nobody knows whether the token is good: so it does not open, and the client is not told that it is bad. */
static void access_refuse_unasked(struct http_exchange *x, enum db_outcome outcome)
{
    const bool passes = outcome == DB_OVERLOADED || outcome == DB_BUSY || outcome == DB_TIMEOUT;

    http_refuse(x, &api_refusals[api_outcome_refusals[passes ? outcome : DB_UNAVAILABLE]]);
}

static bool access_is_fresh(const struct api_access *access)
{
    return clock_monotonic_ms() - access->fresh_ms < ACCESS_TRUST_MS;
}

static void access_give_up(struct list *list)
{
    const uint64_t now_ms = clock_monotonic_ms();

    while (!list_is_empty(list)) {
        struct access_held *held = list_at(list->next, struct access_held, link);

        if (now_ms - held->since_ms < ACCESS_HOLD_MS) return;
        access_release(held);
        access_refuse_unasked(held->x, DB_TIMEOUT);
    }
}

static void access_answer_held(struct api_access *access, enum db_outcome outcome, struct list *list)
{
    const bool fresh = access_is_fresh(access);

    while (!list_is_empty(list)) {
        struct access_held *held = list_at(list->next, struct access_held, link);
        struct token_entry *entry = tokens_find(&access->tokens, held->sha256);

        access_release(held);
        if (entry != NULL && fresh) {
            if (access_admit_known(access, held->x, entry)) http_exchange_admit(held->x);
        } else if (entry == NULL && outcome == DB_OK) {
            access_keep_unknown(access, held->sha256);
            access_refuse_token(held->x, false);
        } else {
            access_refuse_unasked(held->x, outcome);
        }
    }
}

/* Until the database was asked. */
static void access_hold(struct api_access *access, struct http_exchange *x,
                        const unsigned char sha256[DIGEST_SHA256_BYTES])
{
    if (access->held_count >= ACCESS_HELD_MAX) {
        access_refuse_unasked(x, DB_OVERLOADED);
        return;
    }
    struct access_held *held = arena_alloc(http_exchange_arena(x), sizeof(*held));

    *held = (struct access_held){.access = access, .x = x, .since_ms = clock_monotonic_ms()};
    memcpy(held->sha256, sha256, DIGEST_SHA256_BYTES);
    list_push_back(&access->held, &held->link);
    access->held_count++;
    http_exchange_hold(x, access_on_cancel, held);
    access_look(access);
}

/* A token that is not in memory, or one when too much time has passed since the database was last heard of it. */
static void access_judge_later(struct api_access *access, struct http_exchange *x,
                               const unsigned char sha256[DIGEST_SHA256_BYTES], bool fresh)
{
    if (fresh && access_is_unknown(access, sha256)) {
        access_refuse_token(x, false);
    } else if (!db_takes_queries(access_db(access))) {
        access_refuse_unasked(x, DB_UNAVAILABLE);
    } else {
        access_hold(access, x, sha256);
    }
}

bool api_access_admit(struct api_access *access, struct http_exchange *x)
{
    unsigned char sha256[DIGEST_SHA256_BYTES];
    struct token_entry *entry;
    bool fresh;

    if (api_scope(api_endpoint_of(http_exchange_route(x))) == API_SCOPE_NONE) return true;
    const struct slice token = access_bearer(x);

    if (token.data == NULL) {
        access_refuse_stranger(x);
        return false;
    }
    if (!token_digest(token, sha256)) {
        access_refuse_token(x, false);
        return false;
    }
    if (!access->loaded) {
        http_refuse(x, &api_refusals[API_REFUSAL_TOKENS_UNAVAILABLE]);
        return false;
    }
    fresh = access_is_fresh(access);
    entry = tokens_find(&access->tokens, sha256);
    if (entry != NULL && fresh) return access_admit_known(access, x, entry);
    access_judge_later(access, x, sha256, fresh);
    return false;
}

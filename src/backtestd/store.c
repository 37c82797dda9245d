#include "backtestd/store.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backtestd/schema.h"
#include "base/distance.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/number.h"
#include "pg/pg.h"
#include "pg/refusal.h"

enum {
    STORE_ANSWER_MS = 5000,       /* for the server to say that a statement took too long */
    STORE_DELETE_MS = 600 * 1000, /* of millions of candles */
    STORE_HINTS_MAX = 8,
    STORE_NUMBER_BYTES = 24,
};

struct store {
    const struct command_line *line;
    const struct conf *conf;
    PGconn *conn;
};

static const struct pg_refusal store_refusals[] = {
    {"25006", "", ERROR_UNAVAILABLE,
     "the database takes no changes now (a standby, or default_transaction_read_only is on): name the primary in "
     "DATABASE_URL"},
    {"53100", "", ERROR_UNAVAILABLE,
     "the disk of the database is full, and nothing of this piece was stored: make room, then run this again"},
    {"55P03", "", ERROR_UNAVAILABLE,
     "another session has locked the candles (a migration?): try again when it has ended; pg_locks says which it is"},
};

static int store_fail(const struct store *store, const PGresult *result, struct error *err)
{
    const struct pg_refusals refusals = {store_refusals, countof(store_refusals)};

    return pg_fail(store->conn, store->conf->database.label, result, &refusals, err);
}

static int store_garbled(struct error *err)
{
    return error_set(err, ERROR_FAILED, "the database answers in a way that this build does not understand");
}

static PGresult *store_exec(const struct store *store, const char *sql, int count, const char *const *values)
{
    return pg_exec_within(store->conn, sql, count, values,
                          store->conf->database.limits.statement_timeout_ms + STORE_ANSWER_MS);
}

static int store_query(const struct store *store, const char *sql, int count, const char *const *values,
                       PGresult **ret_result, struct error *err)
{
    PGresult *result = store_exec(store, sql, count, values);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        store_fail(store, result, err);
        PQclear(result);
        return -1;
    }
    *ret_result = result;
    return 0;
}

static int store_command(const struct store *store, const char *sql, struct error *err)
{
    PGresult *result = store_exec(store, sql, 0, NULL);
    const int rc = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : store_fail(store, result, err);

    PQclear(result);
    return rc;
}

/* ---- The session ---- */

/* As the service has them, so that nobody's lock holds a command. */
static int store_limit(const struct store *store, struct error *err)
{
    char *sql =
        mem_printf("SET statement_timeout = %u; SET lock_timeout = %u",
                   store->conf->database.limits.statement_timeout_ms, store->conf->database.limits.lock_timeout_ms);
    const int rc = store_command(store, sql, err);

    free(sql);
    return rc;
}

/* In the order of `enum store_need`. */
static const char *const store_rights[] = {
    "true",
    "has_function_privilege('candles_put(text, text, bigint, json)', 'EXECUTE')",
    "has_table_privilege('series', 'DELETE')",
};

static int store_refuse_role(const struct store *store, bool reads, struct error *err)
{
    const char *role = PQuser(store->conn), *label = store->conf->database.label;
    struct buf command = {0};

    if (!reads) {
        return error_set(err, ERROR_REFUSED,
                         "the role %s may not read the candles of %s; the owner of the tables can let it: "
                         "SELECT backtest_grant('%s')",
                         role, label, role);
    }
    command_path(store->line, &command);
    error_set(err, ERROR_REFUSED,
              "the role %s may read the candles of %s, but not change them\n"
              "The role of the API may: DATABASE_URL=postgresql://stratslab_api@HOST/DATABASE %s ...",
              role, label, buf_cstr(&command));
    buf_clear(&command);
    return -1;
}

/* Before the work, so that nobody reads a large file in vain. */
static int store_judge(const struct store *store, enum store_need need, struct error *err)
{
    char *sql = mem_printf("SELECT CASE\n"
                           "    WHEN current_schema() IS NULL THEN 'reads'\n"
                           "    WHEN NOT t.is_whole THEN 'schema'\n"
                           "    WHEN NOT has_table_privilege('series', 'SELECT') THEN 'reads'\n"
                           "    WHEN NOT has_table_privilege('candle_chunks', 'SELECT') THEN 'reads'\n"
                           "    WHEN NOT %s THEN 'writes'\n"
                           "    ELSE '' END AS lacks\n"
                           "FROM (\n"
                           "    SELECT num_nulls(to_regclass('series'), to_regclass('candle_chunks'),\n"
                           "        to_regprocedure('candles_put(text, text, bigint, json)')) = 0 AS is_whole) AS t",
                           store_rights[need]);
    PGresult *result = NULL;
    int rc = store_query(store, sql, 0, NULL, &result, err);

    free(sql);
    if (rc != 0) return -1;
    const char *lacks = PQgetvalue(result, 0, 0);

    if (strcmp(lacks, "schema") == 0) {
        rc = error_set(err, ERROR_FAILED,
                       "the database %s has no tables for candles: it lacks migrations of this build; apply them with: "
                       "stratslabd migrate up",
                       store->conf->database.label);
    } else if (lacks[0] != '\0') {
        rc = store_refuse_role(store, strcmp(lacks, "reads") != 0, err);
    }
    PQclear(result);
    return rc;
}

int store_open(const struct command_line *line, const struct conf *conf, enum store_need need, struct store **ret_store,
               struct error *err)
{
    struct store *store = mem_zalloc(sizeof(*store));
    struct migrate_options options = schema_session_options(conf);

    *store = (struct store){.line = line, .conf = conf};
    options.application_name = "backtestd candles";
    if (migrate_connect(&options, &store->conn, err) != 0 || store_limit(store, err) != 0 ||
        store_judge(store, need, err) != 0) {
        store_close(store);
        return -1;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL) return;
    PQfinish(store->conn);
    free(store);
}

int store_freeze(struct store *store, struct error *err)
{
    return store_command(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

/* ---- Series ---- */

enum {
    SERIES_ID,
    SERIES_REVISION,
    SERIES_SYMBOL,
    SERIES_TIMEFRAME,
    SERIES_TIMEFRAME_MS,
    SERIES_ADJUSTED,
    SERIES_PRICE_DIGITS,
    SERIES_LOT_DIGITS,
    SERIES_BARS,
    SERIES_BYTES,
    SERIES_FIRST_MS,
    SERIES_LAST_MS,
    SERIES_CREATED_AT,
    SERIES_UPDATED_AT,
};

static bool store_whole(const PGresult *result, int row, int column, int64_t *ret_number)
{
    return number_parse_i64(slice_of(PQgetvalue(result, row, column)), ret_number);
}

static bool store_series_take(const PGresult *result, int row, struct store_series *series)
{
    int64_t price_digits, lot_digits, bars, bytes;

    if (!store_whole(result, row, SERIES_ID, &series->id) ||
        !store_whole(result, row, SERIES_REVISION, &series->revision) ||
        !store_whole(result, row, SERIES_TIMEFRAME_MS, &series->timeframe_ms) ||
        !store_whole(result, row, SERIES_PRICE_DIGITS, &price_digits) ||
        !store_whole(result, row, SERIES_LOT_DIGITS, &lot_digits) || !store_whole(result, row, SERIES_BARS, &bars) ||
        !store_whole(result, row, SERIES_BYTES, &bytes) ||
        !store_whole(result, row, SERIES_FIRST_MS, &series->first_ms) ||
        !store_whole(result, row, SERIES_LAST_MS, &series->last_ms)) {
        return false;
    }
    series->price_digits = (int)price_digits;
    series->lot_digits = (int)lot_digits;
    series->bars = (uint64_t)bars;
    series->bytes = (uint64_t)bytes;
    series->adjusted = PQgetvalue(result, row, SERIES_ADJUSTED)[0] == 't';
    series->symbol = mem_strdup(PQgetvalue(result, row, SERIES_SYMBOL));
    series->timeframe = mem_strdup(PQgetvalue(result, row, SERIES_TIMEFRAME));
    snprintf(series->created_at, sizeof(series->created_at), "%s", PQgetvalue(result, row, SERIES_CREATED_AT));
    snprintf(series->updated_at, sizeof(series->updated_at), "%s", PQgetvalue(result, row, SERIES_UPDATED_AT));
    return true;
}

int store_list_read(struct store *store, const char *symbol, const char *timeframe, struct store_list *ret_list,
                    struct error *err)
{
    const char *const values[] = {symbol, timeframe};
    PGresult *result = NULL;
    int rc = store_query(store,
                         "SELECT s.id, s.revision, s.symbol, s.timeframe, s.timeframe_ms, s.adjusted, s.price_digits,\n"
                         "    s.lot_digits, s.bars, s.bytes, s.first_ms, s.last_ms,\n"
                         "    to_char(s.created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created_at,\n"
                         "    to_char(s.updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS updated_at\n"
                         "FROM series AS s\n"
                         "WHERE s.symbol = coalesce($1, s.symbol) AND s.timeframe = coalesce($2, s.timeframe)\n"
                         "ORDER BY s.symbol, s.timeframe_ms, s.timeframe",
                         (int)countof(values), values, &result, err);

    *ret_list = (struct store_list){0};
    if (rc != 0) return -1;
    const int count = PQntuples(result);

    ret_list->items = mem_array((size_t)count + 1, sizeof(*ret_list->items));
    for (int row = 0; row < count && rc == 0; row++) {
        if (store_series_take(result, row, &ret_list->items[row])) {
            ret_list->count++;
        } else {
            rc = store_garbled(err);
        }
    }
    PQclear(result);
    if (rc != 0) store_list_clear(ret_list);
    return rc;
}

void store_series_clear(struct store_series *series)
{
    free(series->symbol);
    free(series->timeframe);
    series->symbol = series->timeframe = NULL;
}

void store_list_clear(struct store_list *list)
{
    for (size_t i = 0; i < list->count; i++) store_series_clear(&list->items[i]);
    free(list->items);
    *list = (struct store_list){0};
}

int store_find(struct store *store, const char *symbol, const char *timeframe, struct store_series *ret_series,
               bool *ret_found, struct error *err)
{
    struct store_list list;

    if (store_list_read(store, symbol, timeframe, &list, err) != 0) return -1;
    *ret_found = list.count > 0;
    if (*ret_found) {
        *ret_series = list.items[0];
        list.items[0].symbol = list.items[0].timeframe = NULL;
    }
    store_list_clear(&list);
    return 0;
}

/* The symbol's other timeframes; without any, the nearest symbol; else some of those that there are. */
static void store_hint(const struct store_list *all, const char *symbol, struct buf *out)
{
    struct distance_guess guess = {.wanted = slice_of(symbol)};
    size_t told = 0;

    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].symbol, symbol) != 0) continue;
        buf_printf(out, "%s%s", told++ == 0 ? "; of this symbol there is " : ", ", all->items[i].timeframe);
    }
    if (told > 0) return;
    for (size_t i = 0; i < all->count; i++) distance_offer(&guess, slice_of(all->items[i].symbol));
    if (guess.best.data != NULL) {
        buf_printf(out, "; did you mean %.*s?", SLICE_FMT(guess.best));
        return;
    }
    if (all->count == 0) buf_add_str(out, "; no candles are stored yet (backtestd candles import)");
    for (size_t i = 0; i < all->count && told < STORE_HINTS_MAX; i++) {
        if (i > 0 && strcmp(all->items[i].symbol, all->items[i - 1].symbol) == 0) continue;
        buf_printf(out, "%s%s", told++ == 0 ? "; the symbols that are stored are " : ", ", all->items[i].symbol);
    }
    if (told == STORE_HINTS_MAX) buf_add_str(out, " and others (backtestd candles list)");
}

int store_unknown(struct store *store, const char *symbol, const char *timeframe, struct error *err)
{
    struct store_list all;
    struct buf hint = {0};

    if (store_list_read(store, NULL, NULL, &all, err) != 0) return -1;
    store_hint(&all, symbol, &hint);
    error_set(err, ERROR_INVALID, "there is no series %s%s%s%s", symbol, timeframe == NULL ? "" : " ",
              timeframe == NULL ? "" : timeframe, buf_cstr(&hint));
    buf_clear(&hint);
    store_list_clear(&all);
    return -1;
}

int store_delete(struct store *store, int64_t series, bool *ret_gone, struct error *err)
{
    char *id = mem_printf("%lld", (long long)series);
    char *sql = mem_printf("SET statement_timeout = %d", STORE_DELETE_MS);
    const char *const values[] = {id};
    int rc = store_command(store, sql, err);

    if (rc == 0) {
        PGresult *result = pg_exec_within(store->conn,
                                          "DELETE FROM series\n"
                                          "WHERE id = $1::bigint",
                                          1, values, STORE_DELETE_MS + STORE_ANSWER_MS);

        if (PQresultStatus(result) != PGRES_COMMAND_OK) rc = store_fail(store, result, err);
        if (rc == 0) *ret_gone = strcmp(PQcmdTuples(result), "1") == 0;
        PQclear(result);
    }
    free(sql);
    free(id);
    return rc;
}

/* ---- Chunks ---- */

enum {
    CHUNK_ADDRESS,
    CHUNK_BAR_COUNT,
    CHUNK_FIRST_MS,
    CHUNK_LAST_MS,
    CHUNK_LOW_MIN,
    CHUNK_HIGH_MAX,
    CHUNK_VOLUME_SUM,
    CHUNK_SHA256,
    CHUNK_PACKED,
};

/* "\x0a0b…" to bytes. */
static bool store_bytes(const PGresult *result, int row, int column, struct buf *out)
{
    const char *text = PQgetvalue(result, row, column);
    const size_t len = (size_t)PQgetlength(result, row, column);

    if (len < 2 || len % 2 != 0 || text[0] != '\\' || text[1] != 'x') return false;
    if (!hex_decode((struct slice){text + 2, len - 2}, buf_reserve(out, len / 2 - 1))) return false;
    out->len += len / 2 - 1;
    return true;
}

/* PostgreSQL writes the shortest text that reads back as the same number (extra_float_digits, pg/pins.c). */
static bool store_double(const PGresult *result, int row, int column, double *ret_number)
{
    const char *text = PQgetvalue(result, row, column);
    char *end;

    *ret_number = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool store_chunk_take(const PGresult *result, int row, struct store_page *page)
{
    struct chunk_summary *says = &page->says[row];
    const size_t before = page->bytes.len;
    int64_t bars;

    if (!store_whole(result, row, CHUNK_ADDRESS, &says->address) || !store_whole(result, row, CHUNK_BAR_COUNT, &bars) ||
        !store_whole(result, row, CHUNK_FIRST_MS, &says->first_ms) ||
        !store_whole(result, row, CHUNK_LAST_MS, &says->last_ms) ||
        !store_double(result, row, CHUNK_LOW_MIN, &says->low_min) ||
        !store_double(result, row, CHUNK_HIGH_MAX, &says->high_max) ||
        !store_double(result, row, CHUNK_VOLUME_SUM, &says->volume) ||
        !store_bytes(result, row, CHUNK_SHA256, &page->bytes) || page->bytes.len - before != sizeof(says->sha256)) {
        return false;
    }
    says->bars = (uint32_t)bars;
    memcpy(says->sha256, page->bytes.data + before, sizeof(says->sha256));
    page->bytes.len = before;
    if (!store_bytes(result, row, CHUNK_PACKED, &page->bytes)) return false;
    page->begins[row + 1] = page->bytes.len;
    page->count++;
    return true;
}

static int store_read_page(struct store *store, const char *sql, int count, const char *const *values,
                           struct store_page *page, struct error *err)
{
    PGresult *result = NULL;
    int rc = store_query(store, sql, count, values, &result, err);

    page->count = 0;
    buf_reset(&page->bytes);
    if (rc != 0) return -1;
    const int rows = PQntuples(result);

    if (rows > STORE_PAGE_CHUNKS) rc = store_garbled(err);
    for (int row = 0; row < rows && rc == 0; row++) {
        if (!store_chunk_take(result, row, page)) rc = store_garbled(err);
    }
    PQclear(result);
    return rc;
}

int store_read(struct store *store, int64_t series, int64_t first, int64_t last, size_t max, struct store_page *page,
               struct error *err)
{
    char id[STORE_NUMBER_BYTES], from[STORE_NUMBER_BYTES], to[STORE_NUMBER_BYTES], most[STORE_NUMBER_BYTES];
    const char *const values[] = {id, from, to, most};

    snprintf(id, sizeof(id), "%lld", (long long)series);
    snprintf(from, sizeof(from), "%lld", (long long)first);
    snprintf(to, sizeof(to), "%lld", (long long)last);
    snprintf(most, sizeof(most), "%zu", max < STORE_PAGE_CHUNKS ? max : (size_t)STORE_PAGE_CHUNKS);
    return store_read_page(store,
                           "SELECT k.address, k.bars, k.first_ms, k.last_ms, k.low_min, k.high_max, k.volume,\n"
                           "    k.sha256, k.packed\n"
                           "FROM candle_chunks AS k\n"
                           "WHERE k.series_id = $1::bigint AND k.address BETWEEN $2::bigint AND $3::bigint\n"
                           "ORDER BY k.address\n"
                           "LIMIT $4::bigint",
                           (int)countof(values), values, page, err);
}

int store_read_these(struct store *store, int64_t series, const char *addresses, struct store_page *page,
                     struct error *err)
{
    char id[STORE_NUMBER_BYTES];
    const char *const values[] = {id, addresses};

    snprintf(id, sizeof(id), "%lld", (long long)series);
    return store_read_page(store,
                           "SELECT k.address, k.bars, k.first_ms, k.last_ms, k.low_min, k.high_max, k.volume,\n"
                           "    k.sha256, k.packed\n"
                           "FROM candle_chunks AS k\n"
                           "WHERE k.series_id = $1::bigint AND k.address = ANY ($2::bigint[])\n"
                           "ORDER BY k.address",
                           (int)countof(values), values, page, err);
}

void store_page_clear(struct store_page *page)
{
    buf_clear(&page->bytes);
    page->count = 0;
}

struct slice store_packed(const struct store_page *page, size_t index)
{
    return (struct slice){page->bytes.data + page->begins[index], page->begins[index + 1] - page->begins[index]};
}

int store_put_chunks(struct store *store, const char *symbol, const char *timeframe, int64_t known, const char *change,
                     enum store_put *ret_put, int64_t *ret_revision, struct error *err)
{
    char revision[STORE_NUMBER_BYTES];
    const char *const values[] = {symbol, timeframe, revision, change};
    int rc = 0;

    snprintf(revision, sizeof(revision), "%lld", (long long)known);
    PGresult *result =
        store_exec(store, "SELECT candles_put($1, $2, $3::bigint, $4::json)", (int)countof(values), values);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    *ret_put = STORE_PUT_DONE;
    if (sqlstate != NULL && strncmp(sqlstate, "40", 2) == 0) {
        *ret_put = STORE_PUT_LATE;
    } else if (sqlstate != NULL && strcmp(sqlstate, "57014") == 0) {
        *ret_put = STORE_PUT_SLOW;
    } else if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        rc = store_fail(store, result, err);
    } else if (PQntuples(result) != 1 || !store_whole(result, 0, 0, ret_revision)) {
        rc = store_garbled(err);
    }
    PQclear(result);
    return rc;
}

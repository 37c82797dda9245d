#include "queue/span.h"

#include <endian.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/number.h"
#include "candles/chunk.h"
#include "candles/fingerprint.h"
#include "candles/timeframe.h"
#include "db/db.h"

enum {
    SPAN_PAGE_CHUNKS = 32,      /* some 65,000 bars: a page is decoded in some milliseconds */
    SPAN_PAGE_BYTES = 1 << 20,  /* packed; a chunk has 128 KiB at most */
    SPAN_PAGES = 2,             /* under way: the server reads one while the other is decoded */
    SPAN_CHECK_BYTES = 8 << 20, /* of a file, a turn of the loop */
    SPAN_NUMBER_BYTES = 24,
    SPAN_MORE_CHUNKS = 8,
};

/* One snapshot: chunks of the span, and the last $4 before them. A series without any has one row. */
const struct db_statement span_list_statement = {
    .name = "candlesList",
    .sql = "SELECT s.revision, s.price_digits, s.lot_digits, s.first_ms AS series_first_ms,\n"
           "    s.last_ms AS series_last_ms, c.address, c.bars, c.first_ms, c.last_ms,\n"
           "    encode(c.sha256, 'hex') AS sha256, c.bytes\n"
           "FROM series AS s\n"
           "    LEFT JOIN LATERAL (\n"
           "        SELECT k.address, k.bars, k.first_ms, k.last_ms, k.sha256, octet_length(k.packed) AS bytes\n"
           "        FROM candle_chunks AS k\n"
           "        WHERE k.series_id = s.id AND k.address BETWEEN $2 AND $3\n"
           "        UNION ALL\n"
           "        SELECT b.*\n"
           "        FROM (\n"
           "            SELECT k.address, k.bars, k.first_ms, k.last_ms, k.sha256, octet_length(k.packed) AS bytes\n"
           "            FROM candle_chunks AS k\n"
           "            WHERE k.series_id = s.id AND k.address < $2\n"
           "            ORDER BY k.address DESC\n"
           "            LIMIT $4) AS b) AS c ON true\n"
           "WHERE s.id = $1\n"
           "ORDER BY c.address",
    .access = DB_READ,
    .param_count = 4,
    .params = {DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_INT8},
};

const struct db_statement span_page_statement = {
    .name = "candlesPage",
    .sql = "SELECT k.address, k.sha256, k.packed\n"
           "FROM candle_chunks AS k\n"
           "WHERE k.series_id = $1 AND k.address BETWEEN $2 AND $3\n"
           "ORDER BY k.address",
    .access = DB_READ_BINARY,
    .param_count = 3,
    .params = {DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_INT8},
};

struct span_chunk {
    int64_t address;
    uint32_t bars;
    uint32_t bytes;
    int64_t first_ms, last_ms;
};

/* A query for chunks that follow one another in the list. */
struct span_page {
    struct span *span;
    struct db_query *query;
    size_t first, count;
    char from[SPAN_NUMBER_BYTES], to[SPAN_NUMBER_BYTES];
};

struct span {
    struct event_base *base;
    struct db *db;
    struct cache *cache;
    struct span_request request;
    struct span_cost *cost;
    span_done_fn *done;
    void *arg;
    struct event *soon; /* tells what is not to be told from within a call */
    enum span_fault fault;
    struct buf detail;

    struct db_query *query; /* for the list */
    char id[SPAN_NUMBER_BYTES], from[SPAN_NUMBER_BYTES], to[SPAN_NUMBER_BYTES], more[SPAN_NUMBER_BYTES];
    uint64_t more_chunks;
    struct span_list list;
    struct span_chunk *chunks;
    unsigned char (*sha256)[DIGEST_SHA256_BYTES];

    struct sheet *sheet;
    bool is_kept; /* the sheet is whole */
    struct sheet_checker *checker;
    struct span_page pages[SPAN_PAGES];
    size_t asked, got; /* chunks */
    struct candles_series *page;
};

/* --- small things --- */

bool span_number(const struct db_result *result, unsigned row, const char *name, int64_t *ret_number)
{
    return number_parse_i64(db_result_value(result, row, db_result_column(result, name)), ret_number);
}

void span_database_words(const struct db_result *result, struct buf *out)
{
    buf_printf(out, "the candles cannot be read from the database: %s", db_result_message(result));
}

/* From within a query's callback, or the loop's. */
static void span_end(struct span *span, enum span_fault fault)
{
    span->done(span->arg, fault, buf_cstr(&span->detail));
}

static void span_soon(int fd, short what, void *arg)
{
    struct span *span = arg;

    (void)fd, (void)what;
    span_end(span, span->fault);
}

/* From anywhere: it is told in the next turn of the loop. */
static void span_end_soon(struct span *span, enum span_fault fault)
{
    span->fault = fault;
    event_add(span->soon, &(struct timeval){0});
}

static struct db_query *span_submit(struct span *span, const struct db_statement *statement, const struct slice *values,
                                    db_done_fn *done, void *arg)
{
    enum db_outcome outcome;
    struct db_query *query = db_submit(span->db, statement, values, done, arg, &outcome);

    if (query == NULL) {
        buf_printf(&span->detail, "the candles cannot be read from the database now (%s)", db_outcome_name(outcome));
        span_end_soon(span, SPAN_DATABASE);
    }
    return query;
}

/* --- a sheet of the cache --- */

struct sheet_checker {
    struct event *turn;
    struct sheet *sheet;
    sheet_checked_fn *done;
    void *arg;
};

static void checker_turn(int fd, short what, void *arg)
{
    struct sheet_checker *checker = arg;
    const int verdict = sheet_check(checker->sheet, SPAN_CHECK_BYTES);

    (void)fd, (void)what;
    if (verdict == 0) {
        event_add(checker->turn, &(struct timeval){0});
    } else {
        checker->done(checker->arg, verdict > 0);
    }
}

struct sheet_checker *sheet_checker_new(struct event_base *base, struct sheet *sheet, sheet_checked_fn *done, void *arg)
{
    struct sheet_checker *checker = mem_zalloc(sizeof(*checker));

    checker->sheet = sheet;
    checker->done = done;
    checker->arg = arg;
    checker->turn = evtimer_new(base, checker_turn, checker);
    if (checker->turn == NULL) mem_die(sizeof(*checker));
    event_add(checker->turn, &(struct timeval){0});
    return checker;
}

void sheet_checker_free(struct sheet_checker *checker)
{
    if (checker == NULL) return;
    event_free(checker->turn);
    free(checker);
}

/* --- the list --- */

static void span_ask_list(struct span *span);

static bool span_take_sha256(struct slice hex, unsigned char out[DIGEST_SHA256_BYTES])
{
    return hex.len == (size_t)2 * DIGEST_SHA256_BYTES && hex_decode(hex, out);
}

static bool span_take_chunk(struct span *span, const struct db_result *result, unsigned row)
{
    struct span_chunk *chunk = &span->chunks[row];
    int64_t bars, bytes;

    if (!span_number(result, row, "address", &chunk->address) || !span_number(result, row, "bars", &bars) ||
        !span_number(result, row, "first_ms", &chunk->first_ms) ||
        !span_number(result, row, "last_ms", &chunk->last_ms) || !span_number(result, row, "bytes", &bytes)) {
        return false;
    }
    if (bars < 1 || bars > CHUNK_BARS || bytes < 0 || bytes > UINT32_MAX) return false;
    chunk->bars = (uint32_t)bars;
    chunk->bytes = (uint32_t)bytes;
    return span_take_sha256(db_result_value(result, row, db_result_column(result, "sha256")), span->sha256[row]);
}

static bool span_take_list(struct span *span, const struct db_result *result)
{
    const unsigned rows = db_result_rows(result);
    struct span_list *list = &span->list;
    int64_t price_digits, lot_digits;

    free(span->chunks);
    free(span->sha256);
    span->chunks = mem_array(rows, sizeof(*span->chunks));
    span->sha256 = mem_array(rows, sizeof(*span->sha256));
    if (!span_number(result, 0, "revision", &list->revision) ||
        !span_number(result, 0, "price_digits", &price_digits) || !span_number(result, 0, "lot_digits", &lot_digits) ||
        !span_number(result, 0, "series_first_ms", &list->first_ms) ||
        !span_number(result, 0, "series_last_ms", &list->last_ms)) {
        return false;
    }
    list->price_digits = (int)price_digits;
    list->lot_digits = (int)lot_digits;
    list->chunks = 0;
    if (db_result_value(result, 0, db_result_column(result, "address")).data == NULL) return true;
    for (unsigned row = 0; row < rows; row++) {
        if (!span_take_chunk(span, result, row)) return false;
    }
    list->chunks = rows;
    return true;
}

/* Leaves out what is before the look-back, so that nothing depends on how much was asked for. False: more is needed. */
static bool span_trim(struct span *span)
{
    const int64_t from = chunk_address(span->request.from_ms, span->request.timeframe_ms);
    struct span_list *list = &span->list;
    size_t inner = 0, first;
    uint64_t before = 0;

    while (inner < list->chunks && span->chunks[inner].address < from) inner++;
    for (first = inner; first > 0 && before < span->request.before; first--) before += span->chunks[first - 1].bars;
    if (first == 0 && before < span->request.before && inner == span->more_chunks) return false;
    list->chunks -= first;
    memmove(span->chunks, span->chunks + first, list->chunks * sizeof(*span->chunks));
    memmove(span->sha256, span->sha256 + first, list->chunks * sizeof(*span->sha256));
    return true;
}

static void span_list_done(void *arg, const struct db_result *result)
{
    struct span *span = arg;
    struct span_list *list = &span->list;

    span->query = NULL;
    if (db_result_outcome(result) != DB_OK) {
        span_database_words(result, &span->detail);
        span_end(span, SPAN_DATABASE);
        return;
    }
    if (db_result_rows(result) == 0 || !span_take_list(span, result)) {
        span_end(span, SPAN_CHANGED);
        return;
    }
    if (!span_trim(span)) {
        /* There are gaps: each time four times as many, of which each has a bar at least. */
        span->more_chunks *= 4;
        span_ask_list(span);
        return;
    }
    list->bars = 0;
    for (size_t i = 0; i < list->chunks; i++) list->bars += span->chunks[i].bars;
    list->sha256 = (const unsigned char(*)[DIGEST_SHA256_BYTES])span->sha256;
    if (list->chunks > 0) {
        list->is_first = span->chunks[0].first_ms <= list->first_ms;
        list->begin_ms = candles_slot_time(span->chunks[0].address * CHUNK_BARS, span->request.timeframe_ms);
    }
    candles_fingerprint_chunks(list->sha256, list->chunks, list->key.fingerprint);
    list->key.timeframe_ms = span->request.timeframe_ms;
    if (span->request.bytes_max > 0 && sheet_bytes(list->bars) > span->request.bytes_max) {
        char needed[NUMBER_UNIT_TEXT_BYTES], most[NUMBER_UNIT_TEXT_BYTES];

        number_format_bytes(sheet_bytes(list->bars) >> 20 << 20, needed);
        number_format_bytes(span->request.bytes_max, most);
        buf_printf(&span->detail,
                   "the %" PRIu64
                   " candles of %s in %s take %s of memory, but a job has %s: use a shorter span or a longer "
                   "timeframe, or give jobs more memory",
                   list->bars, span->request.symbol, candles_timeframe_name(span->request.timeframe_ms), needed, most);
        span_end(span, SPAN_TOO_LARGE);
        return;
    }
    span_end(span, SPAN_OK);
}

static void span_ask_list(struct span *span)
{
    const int64_t step = span->request.timeframe_ms;

    snprintf(span->id, sizeof(span->id), "%" PRId64, span->request.series);
    snprintf(span->from, sizeof(span->from), "%" PRId64, chunk_address(span->request.from_ms, step));
    snprintf(span->to, sizeof(span->to), "%" PRId64, chunk_address(span->request.to_ms - 1, step));
    snprintf(span->more, sizeof(span->more), "%" PRIu64, span->more_chunks);
    const struct slice values[] = {slice_of(span->id), slice_of(span->from), slice_of(span->to), slice_of(span->more)};

    span->query = span_submit(span, &span_list_statement, values, span_list_done, span);
}

void span_find(struct span *span, span_done_fn *done, void *arg)
{
    span->done = done;
    span->arg = arg;
    span->more_chunks = span->request.before == 0 ? 0 : span->request.before / CHUNK_BARS * 3 / 2 + SPAN_MORE_CHUNKS;
    span_ask_list(span);
}

const struct span_list *span_list(const struct span *span)
{
    return &span->list;
}

/* --- the bars --- */

static void span_ask_page(struct span *span, struct span_page *page);

/* The row is the one that the list named, and has not changed since. */
static bool span_is_listed(const struct span *span, size_t index, struct slice address, struct slice sha256)
{
    uint64_t number;

    if (address.len != sizeof(number) || sha256.len != DIGEST_SHA256_BYTES) return false;
    memcpy(&number, address.data, sizeof(number));
    return (int64_t)be64toh(number) == span->chunks[index].address &&
           memcmp(sha256.data, span->sha256[index], DIGEST_SHA256_BYTES) == 0;
}

/* The rows of a page, which are exactly those of the list, to span->page. */
static enum span_fault span_decode(struct span *span, const struct span_page *page, const struct db_result *result)
{
    const int address = db_result_column(result, "address"), sha256 = db_result_column(result, "sha256");
    const int packed = db_result_column(result, "packed");
    struct error err;

    if (db_result_rows(result) != page->count) return SPAN_CHANGED;
    candles_series_reset(span->page);
    for (unsigned row = 0; row < page->count; row++) {
        const size_t index = page->first + row;
        const struct span_chunk *chunk = &span->chunks[index];
        const struct slice bytes = db_result_value(result, row, packed);
        struct chunk_summary expected = {.address = chunk->address}, summary;

        if (!span_is_listed(span, index, db_result_value(result, row, address), db_result_value(result, row, sha256))) {
            return SPAN_CHANGED;
        }
        memcpy(expected.sha256, span->sha256[index], sizeof(expected.sha256));
        span->cost->fetched_bytes += bytes.len;
        int status = chunk_decode(bytes, &expected, span->page, &summary, &err);

        if (status == 0 && summary.bars != chunk->bars) {
            status = error_set(&err, ERROR_INVALID, "it has other bars than its row says");
        }
        if (status != 0) {
            buf_printf(&span->detail,
                       "the stored candles of %s in %s are damaged: series %" PRId64 ", chunk %" PRId64
                       ": %s; import all candles of this chunk's span again with replace, or delete the series and "
                       "import it again",
                       span->request.symbol, candles_timeframe_name(span->request.timeframe_ms), span->request.series,
                       chunk->address, err.message);
            return SPAN_DAMAGED;
        }
    }
    return SPAN_OK;
}

static void span_abandon(struct span *span)
{
    for (unsigned i = 0; i < SPAN_PAGES; i++) {
        if (span->pages[i].query != NULL) db_abandon(span->pages[i].query);
        span->pages[i].query = NULL;
    }
}

static void span_page_done(void *arg, const struct db_result *result)
{
    struct span_page *page = arg;
    struct span *span = page->span;
    enum span_fault fault = SPAN_DATABASE;

    page->query = NULL;
    if (db_result_outcome(result) != DB_OK) {
        span_database_words(result, &span->detail);
    } else {
        /* After a lost connection they may come in another order. */
        fault = page->first == span->got ? span_decode(span, page, result) : SPAN_CHANGED;
    }
    if (fault != SPAN_OK) {
        span_abandon(span);
        span_end(span, fault);
        return;
    }
    sheet_add(span->sheet, candles_series_view(span->page));
    span->got += page->count;
    if (span->got == span->list.chunks) {
        sheet_end(span->sheet);
        cache_keep(span->cache, span->sheet);
        span->is_kept = true;
        span_end(span, SPAN_OK);
    } else if (span->asked < span->list.chunks) {
        span_ask_page(span, page);
    }
}

static void span_ask_page(struct span *span, struct span_page *page)
{
    uint64_t bytes = 0;

    page->span = span;
    page->first = span->asked;
    page->count = 0;
    do {
        bytes += span->chunks[span->asked++].bytes;
        page->count++;
    } while (span->asked < span->list.chunks && page->count < SPAN_PAGE_CHUNKS && bytes < SPAN_PAGE_BYTES);
    snprintf(page->from, sizeof(page->from), "%" PRId64, span->chunks[page->first].address);
    snprintf(page->to, sizeof(page->to), "%" PRId64, span->chunks[span->asked - 1].address);
    const struct slice values[] = {slice_of(span->id), slice_of(page->from), slice_of(page->to)};

    page->query = span_submit(span, &span_page_statement, values, span_page_done, page);
    if (page->query == NULL) span_abandon(span);
}

static void span_fetch(struct span *span)
{
    struct sheet_about about;

    memset(&about, 0, sizeof(about)); /* what lies between the members goes to the file too */
    memcpy(&about.key, &span->list.key, sizeof(about.key));
    snprintf(about.symbol, sizeof(about.symbol), "%s", span->request.symbol);
    about.count = span->list.bars;
    about.last_is_closed = true;
    span->cost->misses++;
    span->sheet = cache_create(span->cache, &about);
    span->page = candles_series_new(span->request.timeframe_ms);
    for (unsigned i = 0; i < SPAN_PAGES && span->asked < span->list.chunks; i++) {
        if (i > 0 && span->pages[i - 1].query == NULL) break;
        span_ask_page(span, &span->pages[i]);
    }
}

static void span_checked(void *arg, bool is_sound)
{
    struct span *span = arg;
    size_t bytes = (size_t)sheet_bytes(span->list.bars);

    sheet_checker_free(span->checker);
    span->checker = NULL;
    if (is_sound && sheet_about(span->sheet)->count == span->list.bars) {
        span->cost->hits++;
        span->cost->cached_bytes += bytes;
        span->is_kept = true;
        span_end(span, SPAN_OK);
        return;
    }
    span->cost->damaged++;
    cache_forget(span->cache, &span->list.key);
    sheet_free(span->sheet);
    span->sheet = NULL;
    span_fetch(span);
}

void span_read(struct span *span, span_done_fn *done, void *arg)
{
    span->done = done;
    span->arg = arg;
    span->cost->bars += span->list.bars;
    span->sheet = cache_find(span->cache, &span->list.key);
    if (span->sheet == NULL) {
        span_fetch(span);
    } else {
        span->checker = sheet_checker_new(span->base, span->sheet, span_checked, span);
    }
}

struct sheet *span_take(struct span *span)
{
    struct sheet *sheet = span->sheet;

    span->sheet = NULL;
    return sheet;
}

struct span *span_new(struct event_base *base, struct db *db, struct cache *cache, const struct span_request *request,
                      struct span_cost *cost)
{
    struct span *span = mem_zalloc(sizeof(*span));

    span->base = base;
    span->db = db;
    span->cache = cache;
    span->request = *request;
    span->cost = cost;
    span->soon = evtimer_new(base, span_soon, span);
    if (span->soon == NULL) mem_die(sizeof(*span));
    return span;
}

void span_free(struct span *span)
{
    if (span == NULL) return;
    if (span->query != NULL) db_abandon(span->query);
    span_abandon(span);
    event_free(span->soon);
    if (span->checker != NULL || span->is_kept) {
        sheet_free(span->sheet);
    } else {
        cache_drop(span->cache, span->sheet);
    }
    sheet_checker_free(span->checker);
    candles_series_free(span->page);
    buf_clear(&span->detail);
    free(span->chunks);
    free(span->sha256);
    free(span);
}

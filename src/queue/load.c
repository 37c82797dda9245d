#include "queue/load.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "candles/decimal.h"
#include "candles/derive.h"
#include "candles/fingerprint.h"
#include "candles/timeframe.h"
#include "db/db.h"
#include "queue/cache.h"
#include "queue/catalog.h"
#include "queue/span.h"

enum {
    LOAD_ATTEMPTS = 5,
    LOAD_DERIVE_BARS = 1 << 17, /* a turn of the loop: some milliseconds */
};

const struct db_statement *const load_statements[LOAD_STATEMENTS] = {&catalog_statement, &span_list_statement,
                                                                     &span_page_statement};

struct load {
    struct event_base *base;
    struct db *db;
    struct cache *cache;
    struct load_request request;
    struct span_cost cost;
    load_done_fn *done;
    void *arg;
    char symbol[SHEET_SYMBOL_BYTES];
    unsigned attempts;
    struct event *soon; /* a failure that is not to be told from within load_start */
    char refused[128];
    struct db_query *query;

    struct catalog catalog;
    struct catalog_choice choice;

    struct span *span, *detail_span;
    struct sheet *sheet, *detail_sheet; /* as they are stored */
    struct sheet *derived;
    struct sheet_checker *checker;
    struct event *turn; /* the next piece is derived */
    struct candles_derived *deriving;
    size_t derived_from; /* bars of the finer ones */
};

struct loaded_sheets {
    struct loaded loaded; /* first: what is handed out */
    struct sheet *sheet, *detail, *derived;
};

void loaded_free(struct loaded *loaded)
{
    struct loaded_sheets *sheets = (struct loaded_sheets *)loaded;

    if (loaded == NULL) return;
    sheet_free(sheets->sheet);
    sheet_free(sheets->detail);
    sheet_free(sheets->derived);
    buf_clear(&loaded->read);
    free(sheets);
}

/* Everything of this attempt. */
static void load_reset(struct load *load)
{
    if (load->query != NULL) db_abandon(load->query);
    load->query = NULL;
    event_del(load->soon);
    event_del(load->turn);
    span_free(load->span);
    span_free(load->detail_span);
    load->span = load->detail_span = NULL;
    sheet_checker_free(load->checker);
    load->checker = NULL;
    candles_derived_free(load->deriving);
    load->deriving = NULL;
    sheet_free(load->sheet);
    sheet_free(load->detail_sheet);
    sheet_free(load->derived);
    load->sheet = load->detail_sheet = load->derived = NULL;
}

static void load_free(struct load *load)
{
    load_reset(load);
    event_free(load->soon);
    event_free(load->turn);
    free(load);
}

void load_cancel(struct load *load)
{
    if (load != NULL) load_free(load);
}

/* --- ends --- */

static void load_fail(struct load *load, bool retry, const char *code, const char *detail)
{
    const struct load_failure failure = {.retry = retry, .code = code, .detail = detail};

    load->done(load->arg, NULL, &failure);
    load_free(load);
}

static void load_begin(struct load *load);

/* From a callback of what it is about: `detail` may go with it. */
static void load_fault(struct load *load, enum span_fault fault, const char *detail)
{
    struct buf text = {0};

    switch (fault) {
    case SPAN_OK:
        return;
    case SPAN_CHANGED:
        if (++load->attempts < LOAD_ATTEMPTS) {
            load_reset(load);
            load_begin(load);
            return;
        }
        buf_printf(&text, "the candles of %s changed each of the %d times that they were read", load->symbol,
                   LOAD_ATTEMPTS);
        load_fail(load, true, "database", buf_cstr(&text));
        break;
    case SPAN_DATABASE:
    case SPAN_DAMAGED:
    case SPAN_TOO_LARGE:
        buf_add_str(&text, detail);
        load_fail(load, fault == SPAN_DATABASE,
                  fault == SPAN_DATABASE ? "database" : (fault == SPAN_DAMAGED ? "data_damaged" : "out_of_memory"),
                  buf_cstr(&text));
        break;
    }
    buf_clear(&text);
}

static void load_soon(int fd, short what, void *arg)
{
    struct load *load = arg;

    (void)fd, (void)what;
    load_fault(load, SPAN_DATABASE, load->refused);
}

/* --- which series --- */

static void load_no_data(struct load *load)
{
    struct buf text = {0};

    catalog_explain(&load->catalog, &load->choice, &load->request, &text);
    load_fail(load, false, "no_data", buf_cstr(&text));
    buf_clear(&text);
}

/* --- the result --- */

/* How far the derived candles can be trusted: not a first one that began before the finer series, or whose beginning
 * was not read; nor a last one that has not ended. */
static void load_derived_bounds(const struct load *load, const struct candles *all, size_t *first, size_t *end)
{
    const struct span_list *list = span_list(load->span);
    const struct sheet_about *about = sheet_about(load->derived);

    *first = 0;
    *end = all->count;
    if (all->count == 0) return;
    /* With a bar of the series before it, what is missing at its beginning is a gap. */
    const bool begins_in = all->time_ms[0] >= (list->is_first ? list->first_ms : list->begin_ms);
    const int64_t last_end_ms = all->time_ms[all->count - 1] + all->timeframe_ms;

    if (!begins_in) *first = 1;
    if (!about->last_is_closed && list->last_ms + load->choice.source->timeframe_ms < last_end_ms) (*end)--;
}

/* All but the end of the object. */
static void load_add_read(struct buf *out, const struct catalog_series *series, const struct span_list *list,
                          int64_t first_ms, int64_t end_ms)
{
    buf_printf(out,
               "%c{\"series\":%" PRId64 ",\"revision\":%" PRId64 ",\"first_ms\":%" PRId64 ",\"end_ms\":%" PRId64
               ",\"last_ms\":%" PRId64,
               out->len == 0 ? '[' : ',', series->id, list->revision, first_ms, end_ms, list->last_ms);
}

static void load_dress(struct candles *candles, const struct span_list *list)
{
    candles->price_digits = list->price_digits;
    candles->tick = 1 / candles_power_of_ten(list->price_digits);
    candles->lot = 1 / candles_power_of_ten(list->lot_digits);
}

static void load_set_detail(struct load *load, struct loaded *loaded)
{
    const struct sheet *sheet = load->choice.is_derived ? load->sheet : load->detail_sheet;

    if (!load->request.detail || sheet == NULL) return;
    const struct candles all = sheet_candles(sheet);
    const size_t first = candles_find(&all, load->request.start_ms);
    const size_t end = candles_find(&all, load->choice.bars_end_ms);

    loaded->detail = candles_view(&all, first, end - first);
    load_dress(&loaded->detail, span_list(load->choice.is_derived ? load->span : load->detail_span));
}

/* Over the chunks of both series, if there are two. */
static void load_fingerprint(const struct load *load, char out[DIGEST_SHA256_HEX_BYTES])
{
    const struct span_list *list = span_list(load->span);
    struct digest *digest = digest_sha256_begin();

    digest_sha256_add(digest, list->sha256, list->chunks * sizeof(*list->sha256));
    if (load->detail_span != NULL) {
        list = span_list(load->detail_span);
        digest_sha256_add(digest, list->sha256, list->chunks * sizeof(*list->sha256));
    }
    digest_sha256_end_hex(digest, out);
    list = span_list(load->span);
    candles_fingerprint_steps(out, load->request.own_tick ? -1 : list->price_digits,
                              load->request.own_lot ? -1 : list->lot_digits);
}

static void load_succeed(struct load *load, const struct candles *all, size_t first, size_t span_first, size_t end,
                         bool is_cut)
{
    const struct load_request *request = &load->request;
    const struct span_list *list = span_list(load->span);
    const bool has_lookback = span_first - first >= request->lookback;
    struct loaded_sheets *sheets = mem_zalloc(sizeof(*sheets));
    struct loaded *loaded = &sheets->loaded;
    int64_t first_ms = CANDLES_TIME_MIN_MS;

    if (has_lookback) {
        first = span_first - request->lookback;
        first_ms = request->lookback == 0 ? request->start_ms : all->time_ms[first];
    }
    loaded->candles = candles_view(all, first, end - first);
    load_dress(&loaded->candles, list);
    load_set_detail(load, loaded);
    load_fingerprint(load, loaded->fingerprint);
    /* A last bar that is left out as it may go on would be there if there were any later one. */
    load_add_read(&loaded->read, load->choice.source, list, first_ms,
                  is_cut ? CANDLES_TIME_MAX_MS : load->choice.to_ms);
    if (!request->own_tick) buf_printf(&loaded->read, ",\"price_digits\":%d", list->price_digits);
    if (!request->own_lot) buf_printf(&loaded->read, ",\"lot_digits\":%d", list->lot_digits);
    if (load->choice.detail != NULL) {
        buf_add_char(&loaded->read, '}');
        load_add_read(
            &loaded->read, load->choice.detail, span_list(load->detail_span), request->start_ms,
            candles_slot_time(candles_slot(request->end_ms - 1, request->timeframe_ms) + 1, request->timeframe_ms));
    }
    buf_add_str(&loaded->read, "}]");
    loaded->is_derived = load->choice.is_derived;
    loaded->bars = load->cost.bars;
    loaded->cached_bytes = load->cost.cached_bytes;
    loaded->fetched_bytes = load->cost.fetched_bytes;
    loaded->cache_hits = load->cost.hits;
    loaded->cache_misses = load->cost.misses;
    loaded->cache_damaged = load->cost.damaged;
    sheets->sheet = load->sheet;
    sheets->detail = load->detail_sheet;
    sheets->derived = load->derived;
    load->sheet = load->detail_sheet = load->derived = NULL;
    load->done(load->arg, loaded, NULL);
    load_free(load);
}

static void load_finish(struct load *load)
{
    const struct load_request *request = &load->request;
    const struct candles all = sheet_candles(load->choice.is_derived ? load->derived : load->sheet);
    size_t first = 0, end = all.count;
    bool is_cut = false;

    if (load->choice.is_derived) {
        load_derived_bounds(load, &all, &first, &end);
        is_cut = end < all.count && all.time_ms[end] < request->end_ms;
    }
    size_t span_first = candles_find(&all, request->start_ms);
    const size_t span_end = candles_find(&all, request->end_ms);

    if (span_first < first) span_first = first;
    if (span_end < end) end = span_end;
    if (span_first >= end) {
        load_no_data(load);
    } else {
        load_succeed(load, &all, first, span_first, end, is_cut);
    }
}

/* --- the detail --- */

static void load_detail_read(void *arg, enum span_fault fault, const char *detail)
{
    struct load *load = arg;

    if (fault != SPAN_OK) {
        load_fault(load, fault, detail);
        return;
    }
    load->detail_sheet = span_take(load->detail_span);
    load_finish(load);
}

static void load_detail_found(void *arg, enum span_fault fault, const char *detail)
{
    struct load *load = arg;

    if (fault != SPAN_OK) {
        load_fault(load, fault, detail);
    } else if (span_list(load->detail_span)->chunks == 0) {
        load_finish(load);
    } else {
        span_read(load->detail_span, load_detail_read, load);
    }
}

static void load_detail(struct load *load)
{
    if (load->choice.detail == NULL) {
        load_finish(load);
        return;
    }
    const struct span_request request = {
        .series = load->choice.detail->id,
        .symbol = load->symbol,
        .timeframe_ms = load->choice.detail->timeframe_ms,
        .from_ms = load->request.start_ms,
        .to_ms = load->choice.bars_end_ms,
        .bytes_max = load->request.bytes_max,
    };

    load->detail_span = span_new(load->base, load->db, load->cache, &request, &load->cost);
    span_find(load->detail_span, load_detail_found, load);
}

/* --- derived candles --- */

static void load_derive_end(struct load *load, const struct candles *finer)
{
    struct sheet_about about;

    candles_derive_end(load->deriving, finer);
    const struct candles *view = candles_derived_view(load->deriving);

    memset(&about, 0, sizeof(about)); /* what lies between the members goes to the file too */
    memcpy(&about.key, &span_list(load->span)->key, sizeof(about.key));
    about.key.timeframe_ms = load->request.timeframe_ms;
    snprintf(about.symbol, sizeof(about.symbol), "%s", load->symbol);
    about.count = view->count;
    about.last_is_closed = view->count > 0 && candles_derived_is_closed(load->deriving, view->count - 1);
    load->derived = cache_create(load->cache, &about);
    sheet_add(load->derived, view);
    sheet_end(load->derived);
    cache_keep(load->cache, load->derived);
    candles_derived_free(load->deriving);
    load->deriving = NULL;
    if (!load->request.detail) {
        sheet_free(load->sheet);
        load->sheet = NULL;
    }
    load_detail(load);
}

static void load_derive_turn(int fd, short what, void *arg)
{
    struct load *load = arg;
    struct candles finer = sheet_candles(load->sheet);

    (void)fd, (void)what;
    load_dress(&finer, span_list(load->span));
    candles_derive_add(load->deriving, &finer, load->derived_from, LOAD_DERIVE_BARS);
    load->derived_from += LOAD_DERIVE_BARS;
    if (load->derived_from >= finer.count) {
        load_derive_end(load, &finer);
    } else {
        event_add(load->turn, &(struct timeval){0});
    }
}

static void load_source_read(void *arg, enum span_fault fault, const char *detail)
{
    struct load *load = arg;
    struct error err;

    if (fault != SPAN_OK) {
        load_fault(load, fault, detail);
        return;
    }
    load->sheet = span_take(load->span);
    if (!load->choice.is_derived || load->derived != NULL) {
        load_detail(load);
        return;
    }
    struct candles finer = sheet_candles(load->sheet);

    load_dress(&finer, span_list(load->span));
    load->derived_from = 0;
    load->deriving = candles_derive_begin(&finer, load->request.timeframe_ms, &err);
    if (load->deriving == NULL) {
        load_fail(load, false, "no_data", err.message); /* load_choose has asked whether it can */
    } else {
        event_add(load->turn, &(struct timeval){0});
    }
}

static void load_derived_checked(void *arg, bool is_sound)
{
    struct load *load = arg;
    const struct sheet_about *about = sheet_about(load->derived);

    sheet_checker_free(load->checker);
    load->checker = NULL;
    if (is_sound) {
        load->cost.hits++;
        load->cost.bars += about->count;
        load->cost.cached_bytes += sheet_bytes(about->count);
    } else {
        load->cost.damaged++;
        cache_forget(load->cache, &about->key);
        sheet_free(load->derived);
        load->derived = NULL;
    }
    if (is_sound && !load->request.detail) {
        load_detail(load);
    } else {
        span_read(load->span, load_source_read, load);
    }
}

static void load_source_found(void *arg, enum span_fault fault, const char *detail)
{
    struct load *load = arg;
    struct sheet_key key;

    if (fault != SPAN_OK) {
        load_fault(load, fault, detail);
        return;
    }
    if (span_list(load->span)->chunks == 0) {
        load_no_data(load);
        return;
    }
    if (load->choice.is_derived) {
        key = span_list(load->span)->key;
        key.timeframe_ms = load->request.timeframe_ms;
        load->derived = cache_find(load->cache, &key);
    }
    if (load->derived == NULL) {
        span_read(load->span, load_source_read, load);
    } else {
        load->checker = sheet_checker_new(load->base, load->derived, load_derived_checked, load);
    }
}

/* --- the beginning --- */

static void load_source(struct load *load)
{
    const uint64_t lookback = load->request.lookback;
    const uint64_t parts = (uint64_t)(load->request.timeframe_ms / load->choice.source->timeframe_ms);
    const struct span_request request = {
        .series = load->choice.source->id,
        .symbol = load->symbol,
        .timeframe_ms = load->choice.source->timeframe_ms,
        .from_ms = load->choice.from_ms,
        .to_ms = load->choice.to_ms,
        /* Of the derived ones, the first may be cut. */
        .before = load->choice.is_derived && lookback > 0 ? (lookback + 1) * parts : lookback,
        .bytes_max = load->request.bytes_max,
    };

    load->span = span_new(load->base, load->db, load->cache, &request, &load->cost);
    span_find(load->span, load_source_found, load);
}

static void load_series_done(void *arg, const struct db_result *result)
{
    struct load *load = arg;

    load->query = NULL;
    if (db_result_outcome(result) != DB_OK) {
        struct buf text = {0};

        span_database_words(result, &text);
        load_fault(load, SPAN_DATABASE, buf_cstr(&text));
        buf_clear(&text);
        return;
    }
    if (!catalog_take(&load->catalog, result)) {
        load_fault(load, SPAN_CHANGED, "");
        return;
    }
    catalog_choose(&load->catalog, &load->request, &load->choice);
    if (load->choice.source == NULL) {
        load_no_data(load);
    } else {
        load_source(load);
    }
}

static void load_begin(struct load *load)
{
    const struct slice values[] = {slice_of(load->symbol)};
    enum db_outcome outcome;

    load->query = db_submit(load->db, &catalog_statement, values, load_series_done, load, &outcome);
    if (load->query != NULL) return;
    snprintf(load->refused, sizeof(load->refused), "the candles cannot be read from the database now (%s)",
             db_outcome_name(outcome));
    event_add(load->soon, &(struct timeval){0});
}

struct load *load_start(struct event_base *base, struct db *db, struct cache *cache, const struct load_request *request,
                        load_done_fn *done, void *arg)
{
    struct load *load = mem_zalloc(sizeof(*load));

    load->base = base;
    load->db = db;
    load->cache = cache;
    load->request = *request;
    load->done = done;
    load->arg = arg;
    snprintf(load->symbol, sizeof(load->symbol), "%.*s", SLICE_FMT(request->symbol));
    load->request.symbol = slice_of(load->symbol);
    load->soon = evtimer_new(base, load_soon, load);
    load->turn = evtimer_new(base, load_derive_turn, load);
    if (load->soon == NULL || load->turn == NULL) mem_die(sizeof(*load));
    load_begin(load);
    return load;
}

/* `backtestd candles verify`: every chunk of the database, against what its row and its series say of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backtestd/backtestd.h"
#include "backtestd/progress.h"
#include "backtestd/report.h"
#include "backtestd/store.h"
#include "candles/timeframe.h"
#include "command/daemon.h"
#include "json/write.h"

struct verify {
    const struct command_line *line;
    struct store *store;
    const struct store_series *series; /* the one that is read */
    struct progress progress;
    uint64_t chunks, bars, wrong;
    uint64_t all_bars, done_bars;
    bool is_json;
    struct json_writer json;
    struct buf out;
    /* What the chunks of this series add up to. */
    uint64_t found_bars, found_bytes;
    int64_t first_ms, last_ms;
};

/* A chunk that is wrong, or (`says` NULL) the series itself. */
static void verify_tell(struct verify *v, const struct chunk_summary *says, const char *what)
{
    struct buf scratch = {0};

    v->wrong++;
    if (v->is_json) {
        json_open(&v->json, '{');
        json_key_text(&v->json, "symbol", v->series->symbol);
        json_key_text(&v->json, "timeframe", v->series->timeframe);
        if (says != NULL) {
            json_key(&v->json, "address");
            buf_printf(&v->out, "%" PRId64, says->address);
            v->json.comma = true;
            json_key_text(&v->json, "first", report_time(says->first_ms, &scratch));
            json_key_text(&v->json, "last", report_time(says->last_ms, &scratch));
        }
        json_key_text(&v->json, "what", what);
        json_close(&v->json, '}');
    } else {
        progress_end(&v->progress);
        printf("%s %s: ", v->series->symbol, v->series->timeframe);
        if (says != NULL) {
            printf("chunk %" PRId64 " (%s", says->address, report_time(says->first_ms, &scratch));
            printf(" to %s): ", report_time(says->last_ms, &scratch));
        }
        printf("%s\n", what);
    }
    buf_clear(&scratch);
}

/* What the row says that is not so; NULL if all is. */
static const char *verify_compare(const struct chunk_summary *says, const struct chunk_summary *is)
{
    if (says->bars != is->bars) return "its row has another number of candles than its bytes";
    if (says->first_ms != is->first_ms || says->last_ms != is->last_ms)
        return "its row has another span than its bytes";
    if (says->low_min != is->low_min || says->high_max != is->high_max) {
        return "its row has another lowest or highest price than its bytes";
    }
    return says->volume == is->volume ? NULL : "its row has another volume than its bytes";
}

static void verify_chunk(struct verify *v, const struct store_page *page, size_t index)
{
    const struct chunk_summary *says = &page->says[index];
    struct candles_series *bars = candles_series_new(v->series->timeframe_ms);
    struct chunk_summary is;
    struct error err;
    const char *what = NULL;

    if (chunk_decode(store_packed(page, index), says, bars, &is, &err) != 0) {
        what = err.message;
    } else {
        what = verify_compare(says, &is);
    }
    if (what != NULL) verify_tell(v, says, what);
    candles_series_free(bars);
    if (v->found_bars == 0) v->first_ms = says->first_ms;
    v->last_ms = says->last_ms;
    v->found_bars += says->bars;
    v->found_bytes += store_packed(page, index).len;
    v->chunks++;
    v->done_bars += says->bars;
}

static void verify_totals(struct verify *v)
{
    const struct store_series *series = v->series;
    const char *name = candles_timeframe_name(series->timeframe_ms);

    if (name == NULL || strcmp(name, series->timeframe) != 0) {
        verify_tell(v, NULL, "the series' timeframe is not as long as it is called");
    }
    if (v->found_bars != series->bars) verify_tell(v, NULL, "the series has another number of candles than its chunks");
    if (v->found_bars > 0 && (v->first_ms != series->first_ms || v->last_ms != series->last_ms)) {
        verify_tell(v, NULL, "the series has another span than its chunks");
    }
    if (v->found_bytes != series->bytes) verify_tell(v, NULL, "the series has another size than its chunks");
}

static int verify_series(struct verify *v, const struct store_series *series, struct error *err)
{
    struct store_page page = {0};
    int64_t next = INT64_MIN;
    int rc = 0;

    v->series = series;
    v->found_bars = v->found_bytes = 0;
    do {
        rc = store_read(v->store, series->id, next, INT64_MAX, STORE_PAGE_CHUNKS, &page, err);
        for (size_t i = 0; rc == 0 && i < page.count; i++) verify_chunk(v, &page, i);
        if (page.count > 0) next = page.says[page.count - 1].address + 1;
        progress_tell(&v->progress, "verifying", series->symbol, v->done_bars, v->all_bars);
    } while (rc == 0 && page.count == STORE_PAGE_CHUNKS);
    store_page_clear(&page);
    if (rc == 0) verify_totals(v);
    return rc;
}

static void verify_end(struct verify *v, size_t series)
{
    if (v->is_json) {
        json_close(&v->json, ']');
        json_key_uint(&v->json, "series", series);
        json_key_uint(&v->json, "chunks", v->chunks);
        json_key_uint(&v->json, "candles", v->done_bars);
        json_close(&v->json, '}');
        buf_add_char(&v->out, '\n');
        fwrite(v->out.data, 1, v->out.len, stdout);
        return;
    }
    printf("%zu series, %" PRIu64 " chunks, %" PRIu64 " candles: ", series, v->chunks, v->done_bars);
    if (v->wrong == 0) {
        printf("all is as it was stored\n");
    } else {
        printf("%" PRIu64 " thing%s wrong\n", v->wrong, v->wrong == 1 ? " is" : "s are");
    }
}

static int verify_run(struct verify *v, struct error *err)
{
    const char *symbol = v->line->operand_count > 0 ? v->line->operands[0] : NULL;
    const char *timeframe = v->line->operand_count > 1 ? v->line->operands[1] : NULL;
    struct store_list list = {0};
    int rc = 0;

    if (store_freeze(v->store, err) != 0 || store_list_read(v->store, symbol, timeframe, &list, err) != 0) return -1;
    if (list.count == 0 && symbol != NULL) {
        store_list_clear(&list);
        return store_unknown(v->store, symbol, timeframe, err);
    }
    for (size_t i = 0; i < list.count; i++) v->all_bars += list.items[i].bars;
    v->json.out = &v->out;
    json_open(&v->json, '{');
    json_key_open(&v->json, "wrong", '[');
    progress_begin(&v->progress);
    for (size_t i = 0; i < list.count && rc == 0; i++) rc = verify_series(v, &list.items[i], err);
    progress_end(&v->progress);
    if (rc == 0) verify_end(v, list.count);
    store_list_clear(&list);
    return rc;
}

static int candles_verify_main(const struct command_line *line, const struct command_context *context)
{
    struct verify v = {.line = line, .is_json = command_has(line, "--json")};
    struct error err;
    int status = COMMAND_OK;

    if (store_open(line, context->conf, STORE_READS, &v.store, &err) != 0 || verify_run(&v, &err) != 0) {
        status = backtestd_database_fail(line, &err);
    } else if (v.wrong > 0) {
        status = COMMAND_WRONG;
    }
    buf_clear(&v.out);
    store_close(v.store);
    return status;
}

const struct command_entry candles_verb_verify = {
    .name = "verify",
    .summary = "read every candle of the database, and check it",
    .about = "Reads every chunk of all series, or of those that are named: its SHA-256, its form, its order,\n"
             "and what its row and its series say of it.\n"
             "Exit status: 0 if all is as it was stored, 65 if not; each chunk that is wrong is listed.\n",
    .options = backtestd_json_options,
    .operand = "SYMBOL [TIMEFRAME]",
    .operands_max = 2,
    .settings = true,
    .connects = true,
    .run = candles_verify_main,
};

#include "queue/catalog.h"

#include "candles/derive.h"
#include "candles/timeframe.h"
#include "db/db.h"
#include "engine/text.h"
#include "queue/span.h"

const struct db_statement catalog_statement = {
    .name = "candlesSeries",
    .sql = "SELECT s.id, s.timeframe_ms, s.first_ms, s.last_ms\n"
           "FROM series AS s\n"
           "WHERE s.symbol = $1\n"
           "ORDER BY s.timeframe_ms, s.id",
    .access = DB_READ,
    .param_count = 1,
    .params = {DB_TYPE_TEXT},
};

bool catalog_take(struct catalog *catalog, const struct db_result *result)
{
    catalog->count = 0;
    for (unsigned row = 0; row < db_result_rows(result) && row < CATALOG_MAX; row++) {
        struct catalog_series *series = &catalog->items[catalog->count++];

        if (!span_number(result, row, "id", &series->id) ||
            !span_number(result, row, "timeframe_ms", &series->timeframe_ms) ||
            !span_number(result, row, "first_ms", &series->first_ms) ||
            !span_number(result, row, "last_ms", &series->last_ms)) {
            return false;
        }
    }
    return true;
}

void catalog_choose(const struct catalog *catalog, const struct load_request *request, struct catalog_choice *choice)
{
    const int64_t asked = request->timeframe_ms;

    *choice = (struct catalog_choice){.source = NULL};
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_series *series = &catalog->items[i];

        if (!candles_derives(series->timeframe_ms, asked)) continue;
        if (series->timeframe_ms == asked) {
            choice->source = series;
        } else {
            if (choice->detail == NULL) choice->detail = series;
            if (choice->source == NULL) choice->source = series;
        }
    }
    choice->is_derived = choice->source != NULL && choice->source->timeframe_ms != asked;
    if (!request->detail || choice->is_derived) choice->detail = NULL;
    choice->bars_end_ms = candles_slot_time(candles_slot(request->end_ms - 1, asked) + 1, asked);
    choice->from_ms = request->start_ms;
    choice->to_ms = choice->is_derived ? choice->bars_end_ms : request->end_ms;
}

static void catalog_add_span(struct buf *out, int64_t first_ms, int64_t last_ms)
{
    buf_add_str(out, "from ");
    engine_time_text(first_ms, out);
    buf_add_str(out, " to ");
    engine_time_text(last_ms, out);
}

void catalog_explain(const struct catalog *catalog, const struct catalog_choice *choice,
                     const struct load_request *request, struct buf *out)
{
    const char *timeframe = candles_timeframe_name(request->timeframe_ms);

    buf_printf(out, "there are no candles of %.*s", SLICE_FMT(request->symbol));
    if (catalog->count == 0) {
        buf_add_str(out, "; import some first");
        return;
    }
    buf_printf(out, " in %s", timeframe);
    if (choice->source == NULL) {
        buf_printf(out, ", and none that %s can be made from", timeframe);
    } else {
        if (choice->is_derived) {
            buf_printf(out, " (made from those in %s)", candles_timeframe_name(choice->source->timeframe_ms));
        }
        buf_add_str(out, " that open ");
        catalog_add_span(out, request->start_ms, request->end_ms);
    }
    buf_add_str(out, "; there are ");
    for (size_t i = 0; i < catalog->count; i++) {
        const char *name = candles_timeframe_name(catalog->items[i].timeframe_ms);

        buf_printf(out, "%s%s ", i == 0 ? "" : ", ", name == NULL ? "others" : name);
        catalog_add_span(out, catalog->items[i].first_ms, catalog->items[i].last_ms);
    }
}

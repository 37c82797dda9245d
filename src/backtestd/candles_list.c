/* `backtestd candles list` and `delete`: the series of the database. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backtestd/backtestd.h"
#include "backtestd/report.h"
#include "backtestd/store.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "candles/decimal.h"
#include "command/daemon.h"
#include "json/write.h"

enum { LIST_COLUMNS = 8, LIST_FIRST_NUMBER = 2, LIST_GAP = 2 };

static const char *const list_heads[LIST_COLUMNS] = {"SYMBOL", "TIMEFRAME", "CANDLES", "MISSING",
                                                     "FIRST",  "LAST",      "TICK",    "SIZE"};
static const bool list_is_number[LIST_COLUMNS] = {false, false, true, true, false, false, true, true};

static void list_step(int digits, struct buf *out)
{
    buf_printf(out, "%.*f", digits, 1 / candles_power_of_ten(digits));
}

static void list_cell(const struct store_series *series, int column, struct buf *out)
{
    struct buf scratch = {0};

    switch (column) {
    case 0:
        buf_add_str(out, series->symbol);
        break;
    case 1:
        buf_printf(out, "%s%s", series->timeframe, series->adjusted ? " (adjusted)" : "");
        break;
    case 2:
        buf_printf(out, "%" PRIu64, series->bars);
        break;
    case 3:
        buf_printf(out, "%" PRId64, report_missing(series));
        break;
    case 4:
    case 5:
        buf_add_str(out, report_time(column == 4 ? series->first_ms : series->last_ms, &scratch));
        break;
    case 6:
        list_step(series->price_digits, out);
        break;
    default:
        report_bytes(series->bytes, out);
        break;
    }
    buf_clear(&scratch);
}

static void list_pad(size_t width, struct buf *out)
{
    while (width-- > 0) buf_add_char(out, ' ');
}

/* Numbers end at the right side of their column, texts begin at the left one. */
static void list_table(const struct store_list *list, struct buf *out)
{
    struct buf *cells = mem_array((list->count + 1) * LIST_COLUMNS, sizeof(*cells));
    size_t widths[LIST_COLUMNS] = {0};

    for (size_t i = 0; i < (list->count + 1) * LIST_COLUMNS; i++) {
        const size_t row = i / LIST_COLUMNS, column = i % LIST_COLUMNS;

        if (row == 0) {
            buf_add_str(&cells[i], list_heads[column]);
        } else {
            list_cell(&list->items[row - 1], (int)column, &cells[i]);
        }
        const size_t width = utf8_count(cells[i].data, cells[i].len);

        if (width > widths[column]) widths[column] = width;
    }
    for (size_t i = 0; i < (list->count + 1) * LIST_COLUMNS; i++) {
        const size_t column = i % LIST_COLUMNS, rest = widths[column] - utf8_count(cells[i].data, cells[i].len);

        if (list_is_number[column]) list_pad(rest, out);
        buf_add_slice(out, buf_slice(&cells[i]));
        if (column == LIST_COLUMNS - 1) {
            buf_add_char(out, '\n');
        } else {
            list_pad(list_is_number[column] ? LIST_GAP : rest + LIST_GAP, out);
        }
        buf_clear(&cells[i]);
    }
    free(cells);
}

static void list_key_step(struct json_writer *w, const char *name, int digits)
{
    struct buf number = {0};

    list_step(digits, &number);
    json_key_raw(w, name, buf_cstr(&number));
    buf_clear(&number);
}

/* As the API has them. */
static void list_json(const struct store_list *list, struct buf *out)
{
    struct json_writer w = {.out = out};
    struct buf scratch = {0};

    json_open(&w, '{');
    json_key_open(&w, "series", '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct store_series *series = &list->items[i];

        json_open(&w, '{');
        json_key_text(&w, "symbol", series->symbol);
        json_key_text(&w, "timeframe", series->timeframe);
        json_key_raw(&w, "adjusted", series->adjusted ? "true" : "false");
        list_key_step(&w, "tick", series->price_digits);
        list_key_step(&w, "lot", series->lot_digits);
        json_key_uint(&w, "bars", series->bars);
        json_key_uint(&w, "missing", (unsigned long long)report_missing(series));
        json_key_text(&w, "first", report_time(series->first_ms, &scratch));
        json_key_text(&w, "last", report_time(series->last_ms, &scratch));
        json_key_uint(&w, "bytes", series->bytes);
        json_key_uint(&w, "revision", (unsigned long long)series->revision);
        json_key_text(&w, "created_at", series->created_at);
        json_key_text(&w, "updated_at", series->updated_at);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    buf_add_char(out, '\n');
    buf_clear(&scratch);
}

static int candles_list_main(const struct command_line *line, const struct command_context *context)
{
    struct store *store = NULL;
    struct store_list list = {0};
    struct buf out = {0};
    struct error err;
    int status = COMMAND_OK;

    if (store_open(line, context->conf, STORE_READS, &store, &err) != 0 ||
        store_list_read(store, NULL, NULL, &list, &err) != 0) {
        status = backtestd_database_fail(line, &err);
    } else if (command_has(line, "--json")) {
        list_json(&list, &out);
    } else if (list.count > 0) {
        list_table(&list, &out);
    } else {
        fprintf(stderr, "There are no candles. backtestd candles import stores some.\n");
    }
    if (out.len > 0) fwrite(out.data, 1, out.len, stdout);
    buf_clear(&out);
    store_list_clear(&list);
    store_close(store);
    return status;
}

const struct command_entry candles_verb_list = {
    .name = "list",
    .summary = "list the series of the database",
    .about = "MISSING counts the candles that are not there between the first and the last one, weekends\n"
             "included. Times are those of openings, in UTC.\n",
    .options = backtestd_json_options,
    .settings = true,
    .connects = true,
    .run = candles_list_main,
};

/* ---- delete ---- */

/* If the answer "no" costs nothing: a terminal is asked, everybody else has to have said --yes. */
static int delete_confirm(const struct command_line *line, const struct store_series *series, struct error *err)
{
    char answer[16] = "";

    if (command_has(line, "--yes")) return 0;
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
        return error_set(err, ERROR_USAGE,
                         "this deletes %" PRIu64 " candles, and asks before it does on a terminal only; here it needs "
                         "--yes",
                         series->bars);
    }
    fprintf(stderr, "Delete the %" PRIu64 " candles of %s %s? [y/N] ", series->bars, series->symbol, series->timeframe);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')) return 0;
    return error_set(err, ERROR_USAGE, "nothing was deleted");
}

static int delete_run(const struct command_line *line, struct store *store, struct error *err)
{
    const char *symbol = line->operands[0], *timeframe = line->operands[1];
    struct store_series series = {0};
    bool is_there;
    int rc;

    if (store_find(store, symbol, timeframe, &series, &is_there, err) != 0) return -1;
    if (!is_there) return store_unknown(store, symbol, timeframe, err);
    rc = delete_confirm(line, &series, err);
    if (rc == 0) rc = store_delete(store, series.id, &is_there, err);
    if (rc == 0 && !is_there) rc = error_set(err, ERROR_INVALID, "somebody else has deleted %s %s", symbol, timeframe);
    if (rc == 0) printf("deleted %s %s: %" PRIu64 " candles\n", symbol, timeframe, series.bars);
    store_series_clear(&series);
    return rc;
}

static int candles_delete_main(const struct command_line *line, const struct command_context *context)
{
    struct store *store = NULL;
    struct error err;
    int status = COMMAND_OK;

    if (store_open(line, context->conf, STORE_DELETES, &store, &err) != 0 || delete_run(line, store, &err) != 0) {
        status = backtestd_database_fail(line, &err);
    }
    store_close(store);
    return status;
}

static const struct command_option delete_options[] = {{.name = "--yes", .help = "do not ask"}, {0}};

const struct command_entry candles_verb_delete = {
    .name = "delete",
    .summary = "delete a series with all of its candles",
    .about = "Backtests that were computed from them keep their results, and are stale from then on.\n"
             "Asks on a terminal; elsewhere it needs --yes. It takes the role of the API.\n",
    .options = delete_options,
    .operand = "SYMBOL TIMEFRAME",
    .operands_min = 2,
    .operands_max = 2,
    .settings = true,
    .connects = true,
    .run = candles_delete_main,
};

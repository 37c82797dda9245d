#include "candles/import.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/distance.h"
#include "base/mem.h"
#include "candles/internal.h"
#include "candles/timeframe.h"

static int import_begin_source(void *context, struct slice member, struct error *err);
static int import_content(void *context, struct slice bytes, struct error *err);
static int import_end_source(void *context, struct error *err);

static const struct unpack_sink import_sink = {import_begin_source, import_content, import_end_source};

static void import_refuse_format(const char *name, struct error *err)
{
    struct distance_guess guess = {.wanted = slice_of(name)};
    struct buf list = {0};

    for (unsigned i = 0; candles_format_at(i) != NULL; i++)
        distance_offer(&guess, slice_of(candles_format_at(i)->name));
    candles_format_list(&list);
    error_set(err, ERROR_USAGE, "\"%s\" is not a known format%s%.*s%s; the formats are %s", name,
              guess.best.data == NULL ? "" : " (did you mean ", SLICE_FMT(guess.best),
              guess.best.data == NULL ? "" : "?)", buf_cstr(&list));
    buf_clear(&list);
}

struct candles_import *candles_import_new(const struct candles_import_options *options, struct error *err)
{
    const struct candles_format *wanted = options->format == NULL ? NULL : candles_format_named(options->format);

    if (options->format != NULL && wanted == NULL) {
        import_refuse_format(options->format, err);
        return NULL;
    }
    if (options->timeframe_ms < 0 || options->timeframe_ms > CANDLES_WEEK_MS) {
        error_set(err, ERROR_USAGE, "the timeframe must be at most a week");
        return NULL;
    }
    struct candles_import *import = mem_zalloc(sizeof(*import));

    import->options = *options;
    if (import->options.bytes_max == 0) import->options.bytes_max = CANDLES_IMPORT_BYTES_MAX;
    if (import->options.rows_max == 0) import->options.rows_max = CANDLES_IMPORT_ROWS_MAX;
    import->wanted = wanted;
    import->unpack = unpack_new(&import_sink, import, import->options.bytes_max);
    import->price_min = INFINITY;
    import->report = mem_zalloc(sizeof(*import->report));
    candles_import_begin(import, "input");
    return import;
}

void candles_import_free(struct candles_import *import)
{
    if (import == NULL) return;
    unpack_free(import->unpack);
    lines_clear(&import->lines);
    for (size_t i = 0; i < import->source_count; i++) free(import->sources[i]);
    free(import->sources);
    free(import->file);
    free(import->skipped_why);
    free(import->rows);
    free(import->twice);
    free(import->report);
    free(import);
}

void candles_import_begin(struct candles_import *import, const char *name)
{
    free(import->file);
    import->file = mem_strdup(name);
}

int candles_import_feed(struct candles_import *import, struct slice bytes, struct error *err)
{
    return unpack_feed(import->unpack, bytes, err) == 0 ? 0 : error_prefix(err, "%s", import->file);
}

int candles_import_end(struct candles_import *import, struct error *err)
{
    return unpack_end(import->unpack, err) == 0 ? 0 : error_prefix(err, "%s", import->file);
}

/* Names come from files too: a character that is not printable does not reach a terminal. */
static char *import_name(const char *file, struct slice member)
{
    char *name = member.data == NULL ? mem_strdup(file) : mem_printf("%s: %.*s", file, SLICE_FMT(member));

    for (char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    }
    return name;
}

static int import_begin_source(void *context, struct slice member, struct error *err)
{
    struct candles_import *import = context;

    (void)err;
    if (import->source_count == import->source_capacity) {
        import->source_capacity = import->source_capacity == 0 ? 8 : import->source_capacity * 2;
        import->sources = mem_realloc(import->sources, import->source_capacity * sizeof(*import->sources));
    }
    import->is_member = member.data != NULL;
    import->sources[import->source_count++] = import_name(import->file, member);
    import->has_layout = import->is_skipping = false;
    return 0;
}

/* The error names what was seen and what would be accepted; the file's name is put before it. A zip's members may be
 * something else: they are passed over, as long as there is one that holds candles. */
static int import_unknown(struct candles_import *import, const struct line *line, const char *why, struct error *err)
{
    struct buf seen = {0}, list = {0};
    struct error told;

    candles_excerpt(&seen, line->text);
    candles_format_list(&list);
    error_set(&told, ERROR_INVALID,
              "line %" PRIu64 " is %s: %s. A file of candles has a header with columns for time, open, high, low and "
              "close (and volume), or rows of a known shape. The formats are %s",
              line->number, buf_cstr(&seen), why, buf_cstr(&list));
    buf_clear(&seen);
    buf_clear(&list);
    if (!import->is_member) return error_set(err, told.code, "%s", told.message);
    import->is_skipping = true;
    import->report->members_skipped++;
    if (import->skipped_why == NULL) {
        import->skipped_why = mem_printf("%s: %s", import->sources[import->source_count - 1], told.message);
    }
    return 0;
}

static int import_take_layout(struct candles_import *import, struct error *err)
{
    const struct candles_format *format = import->layout.format;

    import->has_layout = true;
    import->skip = format->skip;
    if (import->format != NULL && import->format != format) import->has_several_formats = true;
    import->format = format;
    if (import->layout.columns[FORMAT_ADJUSTED] >= 0 && !import->options.adjusted) {
        import->report->has_adjusted_column = true;
    }
    if (import->layout.columns[FORMAT_ADJUSTED] >= 0 || !import->options.adjusted) return 0;
    return error_set(err, ERROR_INVALID, "adjusted prices were asked for, but there is no column of adjusted closes");
}

static int import_row(struct candles_import *import, const struct line *line, struct error *err)
{
    if (slice_trim(line->text).len == 0) return 0;
    if (import->report->read >= import->options.rows_max) {
        return error_set(err, ERROR_INVALID, "there are more than %" PRIu64 " rows; import the files in parts",
                         import->options.rows_max);
    }
    import->report->read++;
    switch (import_row_read(import, line, err)) {
    case IMPORT_FATAL:
        return -1;
    case IMPORT_OTHER_SYMBOL:
        import->report->others++;
        return 0;
    case IMPORT_ROW:
    case IMPORT_REJECTED:
        return 0;
    }
    return 0;
}

static int import_line_read(void *context, const struct line *line, struct error *err)
{
    struct candles_import *import = context;
    struct buf why = {0};
    int outcome = 0;

    if (import->is_skipping) return 0;
    if (import->has_layout) {
        if (import->skip == 0) return import_row(import, line, err);
        import->skip--;
        return 0;
    }
    switch (candles_format_find(line->text, import->wanted, &import->layout, &why)) {
    case FORMAT_BEFORE:
        break;
    case FORMAT_HEADER:
        outcome = import_take_layout(import, err);
        break;
    case FORMAT_ROW:
        outcome = import_take_layout(import, err);
        if (outcome == 0) outcome = import_row(import, line, err);
        break;
    case FORMAT_UNKNOWN:
        outcome = import_unknown(import, line, buf_cstr(&why), err);
        break;
    }
    buf_clear(&why);
    return outcome;
}

static int import_content(void *context, struct slice bytes, struct error *err)
{
    struct candles_import *import = context;

    return lines_feed(&import->lines, bytes, import_line_read, import, err);
}

static int import_end_source(void *context, struct error *err)
{
    struct candles_import *import = context;

    return lines_end(&import->lines, import_line_read, import, err);
}

/*
 * `backtestd candles import`: files to a series of the database. The files are read first, all of them; then it is
 * looked at what they change, and refused if they contradict what is stored; then the chunks that change are written,
 * some at a time, each piece in a transaction of its own. So an import that was interrupted goes on when it is run
 * again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backtestd/backtestd.h"
#include "backtestd/market.h"
#include "backtestd/progress.h"
#include "backtestd/report.h"
#include "backtestd/store.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"
#include "candles/revise.h"
#include "candles/timeframe.h"
#include "command/daemon.h"

enum {
    IMPORT_TRIES = 50, /* of a piece, as long as others write the same series */
    IMPORT_PAUSE_MS = 20,
    IMPORT_SYMBOL_CHARACTERS = 32,
};

/* Coming bars of up to STORE_PAGE_CHUNKS chunks. */
struct import_piece {
    size_t first, count;
    bool changes; /* something of it is to be written */
    uint64_t met[CANDLES_MEETINGS];
};

struct import {
    const struct command_line *line;
    struct store *store;
    const char *symbol, *timeframe;
    struct market market;
    struct {
        uint64_t equal, replaced, conflicts;
    } files; /* rows that met other rows */
    const struct candles *coming;
    struct revise_options options;
    struct store_series series; /* as it was last read */
    bool is_there;
    struct import_piece *pieces;
    size_t piece_count;
    struct store_page page;
    struct buf addresses;
    uint64_t stored; /* coming bars of the pieces that are written */
};

static int import_symbol(const char *symbol, struct error *err)
{
    bool is_right =
        utf8_is_valid(symbol, strlen(symbol)) && utf8_count(symbol, strlen(symbol)) <= IMPORT_SYMBOL_CHARACTERS;

    for (const char *c = symbol; *c != '\0'; c++) is_right = is_right && (unsigned char)*c >= ' ' && *c != 0x7f;
    if (is_right) return 0;
    return error_set(err, ERROR_USAGE, "--symbol must have 1 to %d characters, and no control characters",
                     IMPORT_SYMBOL_CHARACTERS);
}

/* ---- What it changes ---- */

/* Bars from `first` on that belong to at most `max` chunks. */
static size_t import_span(const struct candles *coming, size_t first, size_t max)
{
    size_t end = first;

    for (size_t chunks = 0; chunks < max && end < coming->count; chunks++) end += chunk_span(coming, end);
    return end - first;
}

static void import_cut(struct import *import)
{
    const struct candles *coming = import->coming;
    size_t capacity = 0;

    for (size_t first = 0, count; first < coming->count; first += count) {
        count = import_span(coming, first, STORE_PAGE_CHUNKS);
        if (import->piece_count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            import->pieces = mem_realloc(import->pieces, capacity * sizeof(*import->pieces));
        }
        import->pieces[import->piece_count++] = (struct import_piece){.first = first, .count = count};
    }
}

static int import_find(struct import *import, struct error *err)
{
    store_series_clear(&import->series);
    return store_find(import->store, import->symbol, import->timeframe, &import->series, &import->is_there, err);
}

/* The series' row was read before its chunks: if these are newer, candles_put finds that out. */
static int import_revise(struct import *import, const struct candles *part, bool only_looks,
                         struct candles_notes *notes, struct revision *ret_revision, struct error *err)
{
    struct revise_chunk chunks[STORE_PAGE_CHUNKS];
    struct revise_stored stored = {.is_there = import->is_there, .chunks = chunks};
    struct revise_options options = import->options;

    options.only_looks = only_looks;
    if (import->is_there) {
        buf_reset(&import->addresses);
        (void)revise_addresses(part, &import->addresses);
        if (store_read_these(import->store, import->series.id, buf_cstr(&import->addresses), &import->page, err) != 0) {
            return -1;
        }
        for (size_t i = 0; i < import->page.count; i++) {
            chunks[i] = (struct revise_chunk){&import->page.says[i], store_packed(&import->page, i)};
        }
        stored.count = import->page.count;
        stored.id = import->series.id;
        stored.price_digits = import->series.price_digits;
        stored.lot_digits = import->series.lot_digits;
    }
    if (revise_make(&stored, part, &options, notes, ret_revision, err) == 0) return 0;
    return error_prefix(err, "%s %s", import->symbol, import->timeframe);
}

/* What is stored and what comes, before anything is written. */
static int import_look(struct import *import, struct error *err)
{
    struct candles_notes *notes = &import->market.report.contradictions;
    struct progress progress;
    int rc = 0;

    progress_begin(&progress);
    for (size_t i = 0; i < import->piece_count && rc == 0; i++) {
        struct import_piece *piece = &import->pieces[i];
        const struct candles part = candles_view(import->coming, piece->first, piece->count);
        struct revision revision;

        rc = import_revise(import, &part, true, notes, &revision, err);
        if (rc != 0) break;
        piece->changes = revision.chunks > 0;
        memcpy(piece->met, revision.met, sizeof(piece->met));
        revision_clear(&revision);
        progress_tell(&progress, "comparing", import->symbol, piece->first, import->coming->count);
    }
    progress_end(&progress);
    return rc;
}

/* What the rows of the files turned out to be: beside other rows, and beside what is stored. */
static void import_count(struct import *import)
{
    struct candles_report *report = &import->market.report;

    report->new = 0;
    report->equal = import->files.equal;
    report->replaced = import->files.replaced;
    report->conflicts = import->files.conflicts;
    for (size_t i = 0; i < import->piece_count; i++) {
        const uint64_t *met = import->pieces[i].met;

        report->new += met[CANDLES_NEW];
        report->equal += met[CANDLES_EQUAL];
        report->replaced += met[CANDLES_REPLACED];
        report->conflicts += met[CANDLES_CONFLICT];
    }
}

/* ---- Writing ---- */

static void import_pause(void)
{
    const struct timespec pause = {.tv_nsec = (long)random_between(0, IMPORT_PAUSE_MS) * 1000000};

    nanosleep(&pause, NULL);
}

static int import_check_adjusted(const struct import *import, struct error *err)
{
    if (!import->is_there || import->series.adjusted == import->options.adjusted) return 0;
    return error_set(err, ERROR_INVALID, "%s %s has %s, or delete it first", import->symbol, import->timeframe,
                     import->series.adjusted ? "adjusted prices: import this with --adjusted"
                                             : "prices as they were paid: import this without --adjusted");
}

/* Another session was faster. What it stored is read by the next try. */
static int import_again(struct import *import, struct error *err)
{
    const int64_t id = import->series.id;
    const bool was_there = import->is_there;

    import_pause();
    if (import_find(import, err) != 0) return -1;
    if (was_there && (!import->is_there || import->series.id != id)) {
        return error_set(err, ERROR_INVALID, "somebody has deleted %s %s meanwhile", import->symbol, import->timeframe);
    }
    return import_check_adjusted(import, err);
}

static int import_put(struct import *import, const struct candles *part, uint64_t met[CANDLES_MEETINGS],
                      enum store_put *ret_put, struct error *err)
{
    struct revision revision;
    int64_t now;
    int rc = import_revise(import, part, false, NULL, &revision, err);

    *ret_put = STORE_PUT_DONE;
    if (rc != 0) return -1;
    for (size_t i = 0; i < CANDLES_MEETINGS; i++) met[i] += revision.met[i];
    if (revision.met[CANDLES_CONFLICT] > 0) {
        rc = error_set(err, ERROR_INVALID, "another import has stored other values of %" PRIu64 " candles meanwhile",
                       revision.met[CANDLES_CONFLICT]);
    } else if (revision.chunks > 0) {
        rc = store_put_chunks(import->store, import->symbol, import->timeframe,
                              import->is_there ? import->series.revision : 0, buf_cstr(&revision.change), ret_put, &now,
                              err);
        if (rc == 0 && *ret_put == STORE_PUT_DONE) {
            import->series.revision = now;
            if (!import->is_there) rc = import_find(import, err); /* its id, too */
        }
    }
    revision_clear(&revision);
    return rc;
}

/* The piece from `first` on; in halves if the database takes too long for it. */
static int import_write(struct import *import, size_t first, size_t count, uint64_t met[CANDLES_MEETINGS],
                        struct error *err)
{
    const struct candles part = candles_view(import->coming, first, count);
    enum store_put put = STORE_PUT_LATE;

    for (unsigned tries = 0; tries < IMPORT_TRIES && put == STORE_PUT_LATE; tries++) {
        uint64_t now[CANDLES_MEETINGS] = {0};

        if (tries > 0 && import_again(import, err) != 0) return -1;
        if (import_put(import, &part, now, &put, err) != 0) return -1;
        if (put != STORE_PUT_DONE) continue;
        for (size_t i = 0; i < CANDLES_MEETINGS; i++) met[i] += now[i];
    }
    if (put == STORE_PUT_DONE) return 0;
    if (put == STORE_PUT_LATE) {
        return error_set(err, ERROR_UNAVAILABLE, "others write %s %s all the time: try again later", import->symbol,
                         import->timeframe);
    }
    const size_t half = import_span(&part, 0, (revise_addresses(&part, &import->addresses) + 1) / 2);

    if (half == count) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "the database took longer than STRATSLAB_DATABASE_STATEMENT_TIMEOUT to store a piece: try "
                         "again later");
    }
    if (import_write(import, first, half, met, err) != 0) return -1;
    return import_write(import, first + half, count - half, met, err);
}

static int import_store(struct import *import, struct error *err)
{
    struct progress progress;
    uint64_t all = 0;
    int rc = 0;

    for (size_t i = 0; i < import->piece_count; i++) all += import->pieces[i].changes ? import->pieces[i].count : 0;
    progress_begin(&progress);
    for (size_t i = 0; i < import->piece_count && rc == 0; i++) {
        struct import_piece *piece = &import->pieces[i];

        if (!piece->changes) continue;
        memset(piece->met, 0, sizeof(piece->met));
        rc = import_write(import, piece->first, piece->count, piece->met, err);
        if (rc == 0) import->stored += piece->count;
        progress_tell(&progress, "storing", import->symbol, import->stored, all);
    }
    progress_end(&progress);
    if (rc == 0) return 0;
    return error_prefix(err, "%" PRIu64 " of %" PRIu64 " candles are stored, and running this again goes on there",
                        import->stored, all);
}

/* ---- The whole ---- */

static int import_check(struct import *import, struct error *err)
{
    const struct candles_report *report = &import->market.report;
    struct buf remark = {0};
    int rc = 0;

    if (market_grid_remark(import->line, report, &remark)) {
        rc = error_set(err, ERROR_INVALID, "%" PRIu64 " of %" PRIu64 " rows are not on the grid of %s: %s",
                       report->off_grid, report->read, import->timeframe, buf_cstr(&remark));
    } else if (import->coming->count == 0) {
        rc = error_set(err, ERROR_INVALID, "no row has a candle that can be stored");
    } else {
        rc = import_check_adjusted(import, err);
    }
    buf_clear(&remark);
    return rc;
}

static int import_conflicts(const struct import *import, struct error *err)
{
    const uint64_t conflicts = import->market.report.conflicts;

    if (conflicts == 0) return 0;
    return error_set(err, ERROR_INVALID,
                     "%" PRIu64 " row%s what is stored or an earlier row; --replace takes the later values", conflicts,
                     conflicts == 1 ? " contradicts" : "s contradict");
}

/* *ret_is_read: there is something to report, also if it fails. */
static int import_run(struct import *import, bool *ret_is_read, struct error *err)
{
    const struct command_line *line = import->line;
    int64_t timeframe_ms;
    int rc;

    if (market_timeframe(line, &timeframe_ms, err) != 0 ||
        market_read(line, line->operands, line->operand_count, timeframe_ms, &import->market, err) != 0) {
        return -1;
    }
    import->timeframe = candles_timeframe_name(import->market.report.timeframe_ms);
    import->coming = candles_series_view(import->market.series);
    if (import_find(import, err) != 0) return -1;
    *ret_is_read = true;
    import->files.equal = import->market.report.equal;
    import->files.replaced = import->market.report.replaced;
    import->files.conflicts = import->market.report.conflicts;
    if (import_check(import, err) != 0) return error_prefix(err, "nothing was stored");
    import_cut(import);
    if (import_look(import, err) != 0) return error_prefix(err, "nothing was stored");
    import_count(import);
    if (import_conflicts(import, err) != 0) return error_prefix(err, "nothing was stored");
    rc = import_store(import, err);
    import_count(import);
    return rc == 0 ? import_find(import, err) : rc;
}

static void import_print(const struct import *import, bool is_done)
{
    const struct report subject = {.market = &import->market,
                                   .symbol = import->symbol,
                                   .is_imported = is_done,
                                   .stored = import->is_there ? &import->series : NULL};
    struct buf out = {0};

    if (command_has(import->line, "--json")) {
        report_json(&subject, &out);
    } else {
        report_text(import->line, &subject, &out);
    }
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buf_clear(&out);
}

static int import_end(const struct import *import, int rc, bool is_read, const struct error *err)
{
    const uint64_t rejected = import->market.report.rejected;

    if (is_read) import_print(import, rc == 0);
    if (rc != 0) return backtestd_database_fail(import->line, err);
    if (rejected == 0) return COMMAND_OK;
    backtestd_note(import->line, "%" PRIu64 " %s not stored; the others are", rejected,
                   rejected == 1 ? "row is wrong and was" : "rows are wrong and were");
    return COMMAND_WRONG;
}

static int candles_import_main(const struct command_line *line, const struct command_context *context)
{
    struct import *import = mem_zalloc(sizeof(*import));
    bool is_read = false;
    struct error err;
    int rc;

    import->line = line;
    import->symbol = command_text(line, "--symbol");
    import->options.replace = command_has(line, "--replace");
    import->options.adjusted = command_has(line, "--adjusted");
    rc = import_symbol(import->symbol, &err);
    if (rc == 0) rc = store_open(line, context->conf, STORE_IMPORTS, &import->store, &err);
    if (rc == 0) rc = import_run(import, &is_read, &err);
    const int status = import_end(import, rc, is_read, &err);

    store_close(import->store);
    store_series_clear(&import->series);
    store_page_clear(&import->page);
    market_clear(&import->market);
    buf_clear(&import->addresses);
    free(import->pieces);
    free(import);
    return status;
}

static const struct command_option import_options[] = {
    {.name = "--symbol",
     .value = "S",
     .type = COMMAND_TEXT,
     .required = true,
     .help = "the symbol to store them as, such as BINANCE:BTCUSDT; of a file with several, also the one to read"},
    BACKTESTD_FORMAT_OPTIONS,
    {.name = "--replace",
     .type = COMMAND_FLAG,
     .help = "values that differ replace those that are stored; without this option nothing is stored then"},
    {.name = "--json", .type = COMMAND_FLAG, .help = "print the report as JSON, for programs"},
    {0},
};

const struct command_entry candles_verb_import = {
    .name = "import",
    .summary = "store files of candles in the database",
    .about = "FILE is CSV in many formats, also as gzip or zip; - is standard input. Several files make one\n"
             "series. What is stored already is merged with it: importing again does no harm, and an import\n"
             "that was interrupted goes on where it was. Gaps are listed, not filled.\n"
             "It takes the role of the API:\n"
             "    DATABASE_URL=postgresql://stratslab_api:PASSWORD@HOST/DATABASE backtestd candles import ...\n"
             "Exit status: 0 if every row is stored, 65 if some are wrong and the others are stored, or if\n"
             "some contradict what is stored and nothing is.\n",
    .options = import_options,
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .settings = true,
    .connects = true,
    .run = candles_import_main,
};

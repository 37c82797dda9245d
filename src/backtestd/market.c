#include "backtestd/market.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backtestd/backtestd.h"
#include "backtestd/progress.h"
#include "base/distance.h"
#include "base/file.h"
#include "base/mem.h"
#include "candles/timeframe.h"

#define MARKET_ZONES "/usr/share/zoneinfo/"

enum {
    MARKET_PIECE_BYTES = 1 << 18,
    MARKET_ZONE_BYTES_MAX = 1 << 20,
};

static int market_feed(struct candles_import *import, int fd, const char *name, struct error *err)
{
    char *piece = mem_alloc(MARKET_PIECE_BYTES);
    struct progress progress;
    struct stat about;
    uint64_t done = 0, of = 0;
    int status = 0;

    progress_begin(&progress);
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) of = (uint64_t)about.st_size;
    while (status == 0) {
        const ssize_t got = read(fd, piece, MARKET_PIECE_BYTES);

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = error_set_errno(err, "%s: cannot be read", name);
            err->code = ERROR_INVALID;
        }
        if (got <= 0) break;
        done += (uint64_t)got;
        progress_tell(&progress, "reading", name, done, of);
        status = candles_import_feed(import, (struct slice){piece, (size_t)got}, err);
    }
    progress_end(&progress);
    free(piece);
    return status == 0 ? candles_import_end(import, err) : -1;
}

static int market_file(struct candles_import *import, const char *path, struct error *err)
{
    const bool is_input = strcmp(path, "-") == 0;
    const char *name = is_input ? "standard input" : path;
    const int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int status;

    if (fd < 0) {
        error_set_errno(err, "%s: cannot be read", name);
        err->code = ERROR_INVALID;
        return -1;
    }
    candles_import_begin(import, name);
    status = market_feed(import, fd, name, err);
    if (!is_input) close(fd);
    return status;
}

/* The zone of --timezone; NULL with an error if there is none of that name. */
static struct candles_zone *market_zone(const char *name, struct error *err)
{
    struct candles_zone *zone = candles_zone_offset(slice_of(name));
    struct distance_guess guess = {.wanted = slice_of(name)};
    struct buf bytes = {0};
    char *path = NULL;

    if (zone != NULL) return zone;
    if (candles_zone_is_name(slice_of(name))) path = mem_printf(MARKET_ZONES "%s", name);
    if (path != NULL && file_read(path, MARKET_ZONE_BYTES_MAX, &bytes)) {
        zone = candles_zone_parse(slice_of(name), buf_slice(&bytes), err);
    } else {
        for (size_t i = 0; candles_zone_known_name(i) != NULL; i++) {
            distance_offer(&guess, slice_of(candles_zone_known_name(i)));
        }
        error_set(err, ERROR_USAGE,
                  "--timezone \"%s\" is not a time zone in " MARKET_ZONES
                  "%s%.*s%s; use UTC, an offset such as +02:00, or a name such as America/New_York",
                  name, guess.best.data == NULL ? "" : " (did you mean ", SLICE_FMT(guess.best),
                  guess.best.data == NULL ? "" : "?)");
    }
    buf_clear(&bytes);
    free(path);
    return zone;
}

static int market_import(const struct candles_import_options *options, const char *const *paths, size_t count,
                         struct market *market, struct error *err)
{
    struct candles_import *import = candles_import_new(options, err);
    int status = import == NULL ? -1 : 0;

    for (size_t i = 0; i < count && status == 0; i++) status = market_file(import, paths[i], err);
    if (status == 0) status = candles_import_finish(import, NULL, &market->series, &market->report, err);
    candles_import_free(import);
    return status;
}

int market_read(const struct command_line *line, const char *const *paths, size_t count, int64_t timeframe_ms,
                struct market *market, struct error *err)
{
    const char *zone = command_text(line, "--timezone");
    const struct command_value *stamp = command_get(line, "--stamp");
    struct candles_zone *found = NULL;
    int status;

    memset(market, 0, sizeof(*market));
    if (zone != NULL && (found = market_zone(zone, err)) == NULL) return -1;
    const struct candles_import_options options = {.format = command_text(line, "--format"),
                                                   .symbol = command_text(line, "--symbol"),
                                                   .timeframe_ms = timeframe_ms,
                                                   .zone = found,
                                                   .gives_up_rows = true,
                                                   .replace = command_has(line, "--replace"),
                                                   .adjusted = command_has(line, "--adjusted"),
                                                   .stamp_is_close = stamp != NULL && stamp->word == 1};

    status = market_import(&options, paths, count, market, err);
    candles_zone_free(found);
    return status;
}

void market_clear(struct market *market)
{
    candles_series_free(market->series);
    market->series = NULL;
}

int market_timeframe(const struct command_line *line, int64_t *ret_ms, struct error *err)
{
    const char *text = command_text(line, "--timeframe");
    struct buf all = {0};

    *ret_ms = 0;
    if (text == NULL || candles_timeframe_parse(slice_of(text), ret_ms)) return 0;
    candles_timeframe_list(&all);
    error_set(err, ERROR_USAGE, "--timeframe must be one of %s, but is \"%s\"", buf_cstr(&all), text);
    buf_clear(&all);
    return -1;
}

bool market_zone_remark(const struct candles_report *report, struct buf *out)
{
    const int minutes = report->local_offset_s / 60;

    if (report->local_assumed == 0) return false;
    buf_add_str(out, "the times have no offset and are read as UTC");
    if (minutes != 0) buf_printf(out, "%c%02d:%02d", minutes < 0 ? '-' : '+', abs(minutes) / 60, abs(minutes) % 60);
    buf_add_str(out, "; --timezone sets another zone");
    return true;
}

bool market_grid_remark(const struct command_line *line, const struct candles_report *report, struct buf *out)
{
    enum { DAY_MS = 86400000 };

    if (report->off_grid == 0 || report->off_grid * 2 < report->read) return false;
    if (report->timeframe_ms < DAY_MS) {
        buf_printf(
            out,
            "candles of %s must open on the grid of UTC, but most of these do not (those of a session that begins at "
            "half past, for example); use a file of shorter candles, and --timeframe builds longer ones on the grid",
            candles_timeframe_name(report->timeframe_ms));
        return true;
    }
    if (command_has(line, "--timezone")) {
        buf_add_str(out, "daily candles must begin at midnight of UTC or of --timezone, but most of these do not; use "
                         "a file of shorter candles, and --timeframe builds days of UTC");
        return true;
    }
    buf_add_str(
        out,
        "daily candles that begin at midnight of an exchange need its time zone, such as --timezone America/New_York");
    return true;
}

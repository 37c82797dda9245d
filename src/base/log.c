#include "base/log.h"
#include "base/fnv.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mask.h"
#include "base/repeat.h"
#include "base/sink.h"
#include "base/utf8.h"

/* Values are cut to this; if the line is still too long, they are cut to a quarter of it, and so on. */
enum { LOG_VALUE_BYTES = 2048, LOG_VALUE_LEAST_BYTES = 8 };

/* If lines were dropped, and nothing is said for so long, that is tried again. */
enum { LOG_DROPPED_AGAIN_MS = 1000 };

static struct {
    struct log_options options;
    const char *role;
    pid_t pid;         /* of the process that `role` was set in; 0 */
    const char *path;  /* of the file; NULL */
    struct sink given; /* options.fd */
    struct sink file;
    /* Kept between lines, so that logging seldom allocates. */
    struct buf line;
    struct buf scratch; /* a masked value */
    struct buf batch;   /* lines that wait */
    unsigned batch_lines;
    uint64_t batch_told; /* the drops that they tell of */
    uint64_t dropped;    /* lines, since the last that got out */
    int failure;         /* errno of the file's last write; 0: it was written */
    bool failure_told;
    bool is_configured;
    bool is_passed;     /* the file comes from another process */
    size_t start;       /* in line: where the first key goes, behind the journal's prefix and the brace */
    size_t value_bytes; /* in this line */
    uint64_t second;    /* that `ts` was written for */
    char ts[CLOCK_RFC3339_BYTES];
    struct repeat repeat;
} log_state = {
    .options = {.lines = {LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT}, .fd = STDERR_FILENO},
    .role = "stratslabd",
    .given = {.fd = STDERR_FILENO, .kind = SINK_BORROWED, .look_fd = -1},
    .file = SINK_NONE,
};

static const struct {
    const char *name;
    char journal; /* sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG */
} log_levels[] = {
    [LOG_LEVEL_ERROR] = {"error", '3'},
    [LOG_LEVEL_WARNING] = {"warning", '4'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
};

void log_configure(const struct log_options *options)
{
    log_state.options = *options;
    log_state.dropped = 0;
    log_state.failure = 0;
    log_state.is_configured = true;
    log_state.path = NULL;
    sink_close(&log_state.file);
    sink_close(&log_state.given);
    sink_use(&log_state.given, options->fd);
}

int log_open(const char *path, struct error *err)
{
    if (sink_open(&log_state.file, path, err) != 0) return -1;
    log_state.path = path;
    return 0;
}

bool log_has_file(void)
{
    return log_state.path != NULL;
}

size_t log_file_fds(int fds[LOG_FILE_FDS_MAX])
{
    if (log_state.path == NULL) return 0;
    fds[0] = log_state.file.fd;
    fds[1] = log_state.file.look_fd;
    return fds[1] >= 0 ? 2 : 1;
}

void log_take_file(const int *fds, size_t count)
{
    if (count == 0) return;
    if (log_state.path == NULL) {
        for (size_t i = 0; i < count; i++) close(fds[i]);
        return;
    }
    log_flush();
    sink_take(&log_state.file, fds[0], count > 1 ? fds[1] : -1);
}

void log_miss_file(void)
{
    if (log_state.path == NULL || !log_state.is_passed) return;
    log_error("cannot reopen the log file; going on with the one that is open",
              LOG_STR("error", "the master cannot open it, and says why"));
}

void log_expect_file(void)
{
    log_state.is_passed = true;
}

bool log_reopen(void)
{
    struct error err;

    if (log_state.path == NULL || log_state.is_passed) return true;
    log_flush();
    if (sink_open(&log_state.file, log_state.path, &err) == 0) return true;
    log_error("cannot reopen the log file; going on with the one that is open", LOG_STR("error", err.message));
    return false;
}

void log_set_role(const char *role)
{
    log_state.role = role;
    log_state.pid = getpid();
    memset(&log_state.repeat, 0, sizeof(log_state.repeat));
}

bool log_wants(enum log_level level)
{
    return level <= log_state.options.lines.level;
}

/* logfmt leaves a value bare unless a space, a quote, an equals sign or anything but printable ASCII is in it. */
static const bool log_bare[UINT8_MAX + 1] = {
    ['!'] = true, ['#' ... '<'] = true, ['>' ... '['] = true, [']' ... '~'] = true};

static bool log_is_bare(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!log_bare[(unsigned char)text.data[i]]) return false;
    }
    return text.len > 0;
}

static void log_add_key(struct buf *line, const char *key)
{
    if (log_state.options.lines.format == LOG_FORMAT_LOGFMT) {
        if (line->len > log_state.start) buf_add_char(line, ' ');
        buf_add_str(line, key);
        buf_add_char(line, '=');
        return;
    }
    buf_add_str(line, line->len > log_state.start ? ",\"" : "\"");
    buf_add_str(line, key);
    buf_add_str(line, "\":");
}

/* A value that holds no secret. */
static void log_add_plain(struct buf *line, const char *key, struct slice text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";

    log_add_key(line, key);
    if (text.len > log_state.value_bytes) {
        buf_add_json(line, utf8_cut(text, log_state.value_bytes));
        line->len--; /* its closing quote */
        buf_add_str(line, ellipsis);
        buf_add_char(line, '"');
    } else if (log_state.options.lines.format == LOG_FORMAT_LOGFMT && log_is_bare(text)) {
        buf_add_slice(line, text);
    } else {
        buf_add_json(line, text);
    }
}

static void log_add_thousandths(struct buf *line, unsigned n)
{
    const char text[] = {'.', (char)('0' + n / 100), (char)('0' + n / 10 % 10), (char)('0' + n % 10)};

    buf_add(line, text, sizeof(text));
}

static void log_add_field(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_STR:
        log_add_plain(line, field->key, mask_text(field->value.str, &log_state.scratch));
        break;
    case LOG_KIND_ID:
        log_add_plain(line, field->key, field->value.str);
        break;
    case LOG_KIND_INT:
        log_add_key(line, field->key);
        if (field->value.i < 0) buf_add_char(line, '-');
        buf_add_u64(line, field->value.i < 0 ? 0 - (uint64_t)field->value.i : (uint64_t)field->value.i);
        break;
    case LOG_KIND_UINT:
        log_add_key(line, field->key);
        buf_add_u64(line, field->value.u);
        break;
    case LOG_KIND_MS:
        log_add_key(line, field->key);
        buf_add_u64(line, field->value.u / 1000000U);
        log_add_thousandths(line, (unsigned)(field->value.u / 1000U % 1000U));
        break;
    }
}

/* The calendar is asked once a second. */
static struct slice log_ts(void)
{
    uint64_t now_us = clock_wall_us();
    unsigned micros = (unsigned)(now_us % 1000000U);

    if (log_state.second != now_us / 1000000U || log_state.ts[0] == '\0') {
        log_state.second = now_us / 1000000U;
        clock_format_rfc3339(now_us, log_state.ts);
    }
    for (char *digit = log_state.ts + sizeof("2026-11-23T14:03:52.123456") - 2; *digit != '.'; digit--) {
        *digit = (char)('0' + micros % 10);
        micros /= 10;
    }
    return slice_of(log_state.ts);
}

static void log_add_head(struct buf *line, enum log_level level, const char *msg)
{
    buf_reset(line);
    if (log_state.options.journal_prefix) {
        buf_add_char(line, '<');
        buf_add_char(line, log_levels[level].journal);
        buf_add_char(line, '>');
    }
    if (log_state.options.lines.format == LOG_FORMAT_JSON) buf_add_char(line, '{');
    log_state.start = line->len;
    log_add_plain(line, "ts", log_ts());
    log_add_plain(line, "level", slice_of(log_levels[level].name));
    log_add_plain(line, "role", slice_of(log_state.role));
    log_add_key(line, "pid");
    buf_add_u64(line, (unsigned long long)(log_state.pid == 0 ? getpid() : log_state.pid));
    log_add_plain(line, "msg", slice_of(msg));
}

static void log_make_line(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    struct buf *line = &log_state.line;

    log_state.value_bytes = LOG_VALUE_BYTES;
    do {
        log_add_head(line, level, msg);
        for (size_t i = 0; i < count; i++) log_add_field(line, &fields[i]);
        if (log_state.dropped > 0) log_add_field(line, &LOG_UINT("lines_dropped", log_state.dropped));
        if (log_state.options.lines.format == LOG_FORMAT_JSON) buf_add_char(line, '}');
        buf_add_char(line, '\n');
        log_state.value_bytes /= 4;
    } while (line->len > SINK_WHOLE_BYTES && log_state.value_bytes >= LOG_VALUE_LEAST_BYTES);
}

static struct sink *log_sink(void)
{
    return log_state.path == NULL ? &log_state.given : &log_state.file;
}

/* Of the lines that wait only the first bytes got out. The drops are told of by the first line. */
static void log_count_dropped(size_t put, int why)
{
    uint64_t whole = 0;

    for (size_t i = 0; i < put; i++) whole += log_state.batch.data[i] == '\n';
    log_state.dropped += log_state.batch_lines - whole + (whole == 0 ? log_state.batch_told : 0);
    log_state.failure = log_state.path == NULL ? 0 : why;
}

/* A log that cannot be written must not stop the service: lines are dropped and counted. */
void log_flush(void)
{
    if (log_state.batch_lines == 0) return;
    const size_t put = sink_write(log_sink(), log_state.batch.data, log_state.batch.len);

    if (put < log_state.batch.len) {
        log_count_dropped(put, errno);
    } else {
        log_state.failure = 0;
        log_state.failure_told = false;
    }
    log_state.batch_lines = 0;
    log_state.batch_told = 0;
    buf_reset(&log_state.batch);
}

void log_last_words(const char *lines, size_t len)
{
    if (!log_state.is_configured) sink_use(&log_state.given, log_state.options.fd);
    log_state.is_configured = true;
    (void)sink_write(&log_state.given, lines, len);
}

/* Standard error may have room if the file's disk has none. */
static void log_tell_failure(void)
{
    if (log_state.failure == 0 || log_state.failure_told) return;
    log_state.failure_told = true;
    const struct log_field fields[] = {LOG_STR("file", log_state.path), LOG_STR("error", strerror(log_state.failure))};

    log_make_line(LOG_LEVEL_ERROR, "the log file cannot be written; lines are dropped until it can", fields,
                  countof(fields));
    (void)sink_write(&log_state.given, log_state.line.data, log_state.line.len);
}

static bool log_add_line(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    const size_t prefix = log_state.options.journal_prefix ? sizeof("<6>") - 1 : 0;

    log_make_line(level, msg, fields, count);
    if (log_state.batch.len + log_state.line.len > sink_batch_bytes(log_sink())) {
        log_flush();
        if (log_state.dropped > 0) log_make_line(level, msg, fields, count);
    }

    struct slice line = buf_slice(&log_state.line);

    if (log_state.path != NULL) {
        if (level == LOG_LEVEL_ERROR) (void)sink_write(&log_state.given, line.data, line.len);
        line.data += prefix;
        line.len -= prefix;
    }
    buf_add_slice(&log_state.batch, line);
    log_state.batch_told += log_state.dropped;
    log_state.dropped = 0;
    return log_state.batch_lines++ == 0;
}

/* If nothing else is said: that lines were dropped. */
static void log_tell_dropped(void)
{
    const uint64_t dropped = log_state.dropped;

    if (dropped == 0 || log_state.batch_lines > 0 || !log_wants(LOG_LEVEL_WARNING)) return;
    log_add_line(LOG_LEVEL_WARNING, "lines of this log were dropped", NULL, 0);
    log_flush();
    if (log_state.dropped > 0) log_state.dropped = dropped; /* this line does not count */
}

/* A hash of what the line says, without the values that say about whom. */
static uint64_t log_content(const struct log_field *fields, size_t count)
{
    uint64_t hash = FNV_BEGIN;

    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != LOG_KIND_STR) continue;
        hash = fnv_mix_bytes(hash, fields[i].value.str.data, fields[i].value.str.len);
        hash = fnv_mix_byte(hash, UINT8_MAX);
    }
    return hash;
}

static void log_say_counts(uint64_t now_ms, bool all)
{
    struct repeat_message row;

    while (repeat_take(&log_state.repeat, now_ms, all, &row)) {
        log_add_line((enum log_level)row.level, row.msg, &LOG_UINT("repeated", row.held), 1);
        log_flush();
    }
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    int saved = errno;
    bool may_say = true;

    if (level <= LOG_LEVEL_WARNING) {
        uint64_t now_ms = clock_monotonic_ms();

        log_say_counts(now_ms, false);
        may_say = repeat_may_say(&log_state.repeat, level, msg, log_content(fields, count), now_ms);
    }
    if (may_say) {
        log_add_line(level, msg, fields, count);
        log_flush();
        log_tell_failure();
    }
    errno = saved;
}

bool log_write_soon(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    int saved = errno;
    bool first = log_add_line(level, msg, fields, count);

    errno = saved;
    return first;
}

uint64_t log_write_counts(void)
{
    int saved = errno;

    const uint64_t now_ms = clock_monotonic_ms();

    log_say_counts(now_ms, false);
    log_tell_dropped();
    log_tell_failure();
    errno = saved;
    const uint64_t due_ms = repeat_due_ms(&log_state.repeat);
    const uint64_t again_ms = log_state.dropped == 0 ? UINT64_MAX : now_ms + LOG_DROPPED_AGAIN_MS;

    return due_ms < again_ms ? due_ms : again_ms;
}

void log_finish(void)
{
    int saved = errno;

    log_say_counts(clock_monotonic_ms(), true);
    log_flush();
    log_tell_dropped();
    log_tell_failure();
    errno = saved;
}

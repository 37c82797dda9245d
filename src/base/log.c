#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static struct {
    struct log_options options;
    const char *role;
    struct buf line;  /* kept between lines, so that logging seldom allocates */
    uint64_t dropped; /* lines, since the last that got out */
    size_t start;     /* in line: where the first key goes, behind the journal's prefix and the brace */
} log_state = {
    .options = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_LOGFMT, .fd = STDERR_FILENO},
    .role = "stratslabd",
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
}

void log_set_role(const char *role)
{
    log_state.role = role;
}

bool log_wants(enum log_level level)
{
    return level <= log_state.options.level;
}

/* logfmt leaves a value bare unless a space, a quote, an equals sign or anything but printable ASCII is in it. */
static bool log_is_bare(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
    }
    return text.len > 0;
}

static void log_add_key(struct buf *line, const char *key)
{
    if (log_state.options.format == LOG_FORMAT_LOGFMT) {
        if (line->len > log_state.start) buf_add_char(line, ' ');
        buf_add_str(line, key);
        buf_add_char(line, '=');
        return;
    }
    buf_add_str(line, line->len > log_state.start ? ",\"" : "\"");
    buf_add_str(line, key);
    buf_add_str(line, "\":");
}

static void log_add_str(struct buf *line, const char *key, struct slice text)
{
    log_add_key(line, key);
    if (log_state.options.format == LOG_FORMAT_LOGFMT && log_is_bare(text)) {
        buf_add_slice(line, text);
    } else {
        buf_add_json(line, text);
    }
}

static void log_add_field(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_STR:
        log_add_str(line, field->key, field->value.str);
        break;
    case LOG_KIND_INT:
        log_add_key(line, field->key);
        buf_printf(line, "%" PRId64, field->value.i);
        break;
    case LOG_KIND_UINT:
        log_add_key(line, field->key);
        buf_add_u64(line, field->value.u);
        break;
    case LOG_KIND_MS:
        log_add_key(line, field->key);
        buf_add_u64(line, field->value.u / 1000000U);
        buf_printf(line, ".%03u", (unsigned)(field->value.u / 1000U % 1000U));
        break;
    }
}

/* A reader that has stopped reading must not stop the service: then lines are dropped, and counted. */
static bool log_has_room(void)
{
    struct pollfd state = {.fd = log_state.options.fd, .events = POLLOUT};

    if (poll(&state, 1, 0) != 0) return true;
    log_state.dropped++;
    return false;
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    int saved = errno;
    struct buf *line = &log_state.line;
    char ts[CLOCK_RFC3339_BYTES];

    if (!log_has_room()) {
        errno = saved;
        return;
    }
    buf_reset(line);
    clock_format_rfc3339(clock_wall_us(), ts);
    if (log_state.options.journal_prefix) {
        buf_add_char(line, '<');
        buf_add_char(line, log_levels[level].journal);
        buf_add_char(line, '>');
    }
    if (log_state.options.format == LOG_FORMAT_JSON) buf_add_char(line, '{');
    log_state.start = line->len;
    log_add_str(line, "ts", slice_of(ts));
    log_add_str(line, "level", slice_of(log_levels[level].name));
    log_add_str(line, "role", slice_of(log_state.role));
    log_add_key(line, "pid");
    buf_add_u64(line, (unsigned long long)getpid());
    log_add_str(line, "msg", slice_of(msg));
    for (size_t i = 0; i < count; i++) log_add_field(line, &fields[i]);
    if (log_state.dropped > 0) log_add_field(line, &LOG_UINT("lines_dropped", log_state.dropped));
    log_state.dropped = 0;
    if (log_state.options.format == LOG_FORMAT_JSON) buf_add_char(line, '}');
    buf_add_char(line, '\n');
    /* A log that cannot be written must not stop the service. */
    while (write(log_state.options.fd, line->data, line->len) < 0 && errno == EINTR) {}
    errno = saved;
}

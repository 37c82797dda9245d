/*
 * The log: one line for each event, to standard error or a file. A line is written whole by one write(2), so that the
 * lines of several processes do not mix. A line is at most SINK_WHOLE_BYTES long: longer values are cut, and end in
 * "…".
 *
 *     log_info("worker started", LOG_INT("pid", pid), LOG_STR("listen", address));
 *     logfmt: ts=2026-11-23T14:03:52.123456Z level=info role=worker pid=41 msg="worker started" listen=127.0.0.1:8000
 *     json:   {"ts":"…","level":"info","role":"worker","pid":41,"msg":"worker started","listen":"127.0.0.1:8000"}
 *
 * If nobody reads, or the disk is full, lines are dropped, and the next line that gets out says how many
 * (lines_dropped=3); that a file cannot be written is told at options.fd, once. If one warning
 * or error comes again and again, base/repeat.h holds lines back; they are counted, and the count is written
 * (repeated=523). What looks like a secret to base/mask.h is masked.
 *
 * Only stratslabd/, child/, web/, admin/ and master/ log. The log is one of the two globals of the program. No function
 * here changes errno.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* The log's settings: conf/ reads them into this struct. */
struct log_lines {
    enum log_level level; /* those above it are dropped */
    enum log_format format;
};

struct log_options {
    struct log_lines lines;
    bool journal_prefix; /* "<3>" and so on before each line (sd-daemon(3)) */
    int fd;              /* borrowed; standard error is 2 */
};

enum log_kind { LOG_KIND_STR, LOG_KIND_ID, LOG_KIND_INT, LOG_KIND_UINT, LOG_KIND_MS };

struct log_field {
    const char *key; /* [a-z_]+ */
    enum log_kind kind;
    union {
        struct slice str;
        int64_t i;
        uint64_t u;
    } value;
};

#define LOG_STR(k, text) ((struct log_field){.key = (k), .kind = LOG_KIND_STR, .value.str = slice_of(text)})
#define LOG_SLICE(k, slice) ((struct log_field){.key = (k), .kind = LOG_KIND_STR, .value.str = (slice)})
/* As LOG_SLICE, for a value that differs from line to line although the lines say the same: a request's id. */
#define LOG_ID(k, slice) ((struct log_field){.key = (k), .kind = LOG_KIND_ID, .value.str = (slice)})
#define LOG_INT(k, n) ((struct log_field){.key = (k), .kind = LOG_KIND_INT, .value.i = (n)})
#define LOG_UINT(k, n) ((struct log_field){.key = (k), .kind = LOG_KIND_UINT, .value.u = (n)})
/* Nanoseconds, written as milliseconds with three decimals; name the key *_ms. */
#define LOG_MS(k, ns) ((struct log_field){.key = (k), .kind = LOG_KIND_MS, .value.u = (ns)})

void log_configure(const struct log_options *options);
/* From now on the log goes to the file at `path` (a string that lives for ever), which is made if it is missing. Errors
 * go to options.fd as well. On failure nothing changes. */
int log_open(const char *path, struct error *err) ATTR_CHECKED;
/* Opens that file again, under its name, after whoever rotates logs has renamed it. Returns true if there is no file.
 * On failure, which it logs itself, the file that is open stays. */
bool log_reopen(void);
bool log_has_file(void);
/* A process that may not open the file itself has it from another one that may: log_file_fds writes the descriptors of
 * the open file, and returns how many these are (0: there is no file). log_take_file takes them over; without any, or
 * without a file, it closes what it gets. */
enum { LOG_FILE_FDS_MAX = 2 };
size_t log_file_fds(int fds[LOG_FILE_FDS_MAX]);
void log_take_file(const int *fds, size_t count);
/* The other process could not open it: the file that is open stays, and the log says so. */
void log_miss_file(void);
/* From now on log_reopen leaves that to log_take_file and log_miss_file. */
void log_expect_file(void);
/* The role that each line has: "master", "worker". A string that lives for ever. A process that was forked calls this
 * before it logs: what its parent has counted is the parent's to write. */
void log_set_role(const char *role);
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);
/* As log_write, but the line may wait for log_flush, or for the next line that does not wait. It is never held back.
 * Returns true for the first line that waits. */
bool log_write_soon(enum log_level level, const char *msg, const struct log_field *fields, size_t count);
/* Writes what waits. May be called from the handler of a signal that ends the process. */
void log_flush(void);
/* Writes whole lines as they are to options.fd, without waiting for a reader: what cannot be written now is lost. For a
 * process that is about to die; may be called from a signal's handler. */
void log_last_words(const char *lines, size_t len);
/* Writes the counts that are due, and how many lines were dropped if lines can be written again. Returns when the next
 * one will be due, in milliseconds of the monotonic clock (UINT64_MAX: none). */
uint64_t log_write_counts(void);
/* Writes every count and every line that waits: at a process's end. */
void log_finish(void);

/* An empty list of fields is allowed, hence the leading element that is skipped. */
#define LOG_AT(level, msg, ...)                                                   \
    do {                                                                          \
        if (log_wants(level)) {                                                   \
            const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};          \
            log_write((level), (msg), log_fields_ + 1, countof(log_fields_) - 1); \
        }                                                                         \
    } while (0)
#define log_error(msg, ...) LOG_AT(LOG_LEVEL_ERROR, msg, ##__VA_ARGS__)
#define log_warning(msg, ...) LOG_AT(LOG_LEVEL_WARNING, msg, ##__VA_ARGS__)
#define log_info(msg, ...) LOG_AT(LOG_LEVEL_INFO, msg, ##__VA_ARGS__)
#define log_debug(msg, ...) LOG_AT(LOG_LEVEL_DEBUG, msg, ##__VA_ARGS__)

#endif

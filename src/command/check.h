/* What `check` is in every daemon: a verdict of some lines, the first of which are the same for all. At a reload the
 * new executable runs it before anything changes. */
#ifndef COMMAND_CHECK_H
#define COMMAND_CHECK_H

#include "command/daemon.h"

/* One line of the verdict. */
struct check_line {
    const char *what;
    const char *ok; /* "ok", "warning", "skipped" or "failed" */
    char detail[ERROR_MESSAGE_MAX];
};

enum { CHECK_LINES_MAX = 16 };

struct check {
    const struct command_context *context;
    bool preflight;
    const char *state_form; /* of the running master (service_state_form); NULL: not asked */
    const char *have;       /* the versions that the running master's schema holds; NULL: not asked */
    struct check_line lines[CHECK_LINES_MAX];
    size_t line_count;
};

extern const struct command_option check_command_options[];

/* From the command line. Large: it belongs on the heap. */
void check_init(struct check *c, const struct command_line *line, const struct command_context *context);
void check_report(struct check *c, const char *what, const char *ok, const char *fmt, ...) ATTR_PRINTF(4, 5);
/* Says so, and returns the exit status of the error. */
int check_failed(struct check *c, const char *what, const struct error *err);
/* Settings, the state of a running master, the log file. Returns an exit status. */
int check_common(struct check *c);
/* The database is out of reach, as `err` says. A reload may go on if this build's migrations (a text[] literal) are
 * those of the running one. Returns an exit status. */
int check_without_database(struct check *c, struct slice versions, const struct error *err);
/* Prints the verdict: what failed goes to standard error, which a reload tells as its reason. Returns `status`. */
int check_print(const struct check *c, const struct command_line *line, int status);

#endif

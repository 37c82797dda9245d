/*
 * An error value: what went wrong, in words that a user can act on.
 *
 * A function that can fail returns 0, or -1 after filling the `struct error` that its caller passed. The caller owns
 * the value and prints it. What looks like a secret to base/mask.h is masked in it. On success the value is left as it
 * was.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

#include "base/attr.h"

enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* the command line is wrong */
    ERROR_SETTINGS,    /* a setting is wrong */
    ERROR_INVALID,     /* input that does not parse or does not fit */
    ERROR_SYSTEM,      /* the operating system refused */
    ERROR_UNAVAILABLE, /* a service (the database) is out of reach: trying again may help */
    ERROR_REFUSED,     /* a service answered and refused: trying again will not help */
    ERROR_TIMEOUT,     /* a deadline passed */
    ERROR_FAILED,      /* the work itself failed (a migration, say) */
};

enum { ERROR_MESSAGE_MAX = 4096 };

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_MAX]; /* UTF-8, no line end; may hold several lines; cut if it is longer */
};

/* Fills `err` (which may be NULL). Always returns -1, so that `return error_set(…)` reads well. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...) ATTR_PRINTF(3, 4);
int error_vset(struct error *err, enum error_code code, const char *fmt, va_list ap) ATTR_PRINTF(3, 0);

/* As error_set with ERROR_SYSTEM, then ": " and strerror(errno). Keeps errno. */
int error_set_errno(struct error *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Puts "<prefix>: " before the message that `err` holds. Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mask.h"

/* Errors pass on texts from libpq and others. */
static void error_mask(struct error *err)
{
    struct buf scratch = {0};
    struct slice masked = mask_text(slice_of(err->message), &scratch);

    if (masked.data != err->message) {
        snprintf(err->message, sizeof(err->message), "%.*s", SLICE_FMT(masked));
    }
    buf_clear(&scratch);
}

int error_vset(struct error *err, enum error_code code, const char *fmt, va_list ap)
{
    if (err != NULL) {
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), fmt, ap);
        error_mask(err);
    }
    return -1;
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vset(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int error_set_errno(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (err != NULL) {
        va_start(ap, fmt);
        error_vset(err, ERROR_SYSTEM, fmt, ap);
        va_end(ap);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved));
    }
    errno = saved;
    return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list ap;

    if (err == NULL) return -1;
    memcpy(message, err->message, sizeof(message));
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", message);
    return -1;
}

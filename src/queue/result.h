/* The document of a result, as backtest_result_put takes it, written to a file while it is made. */
#ifndef QUEUE_RESULT_H
#define QUEUE_RESULT_H

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "engine/engine.h"

struct result_subject {
    const struct engine_job *job; /* as it was computed */
    const struct engine_result *result;
    const char *fingerprint; /* of the candles, hexadecimal */
    struct slice read;       /* JSON array, for backtests.data_read */
    /* Called now and then with the share that is done, from 0 to 1; may be NULL. */
    void (*progress)(void *arg, double share);
    void *progress_arg;
};

/* Writes JSON, with an end of line, from where `fd` stands. ERROR_SYSTEM if it cannot be written, with errno;
 * ERROR_INVALID if there is no curve of it. */
int result_write(const struct result_subject *subject, int fd, struct error *err) ATTR_CHECKED;

#endif

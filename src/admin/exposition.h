/*
 * Prometheus text exposition format, version 0.0.4 (Prometheus documentation, "Exposition formats").
 *
 * exposition_family begins a metric; each sample of it is exposition_sample, then its labels, then one value.
 */
#ifndef ADMIN_EXPOSITION_H
#define ADMIN_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define EXPOSITION_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Embedded; set out and prefix. */
struct exposition {
    struct buf *out;
    const char *prefix; /* each name begins with this and an underscore; NULL: with neither */
    const char *name;   /* of the family */
    bool labelled;      /* the current sample has a label */
};

/* `help` is one sentence; its backslashes and newlines are escaped here. */
void exposition_family(struct exposition *e, const char *name, const char *type, const char *help);
/* `suffix` is "" or what a histogram's sample ends with. */
void exposition_sample(struct exposition *e, const char *suffix);
/* A value may be any UTF-8 text: it is escaped here. */
void exposition_label(struct exposition *e, const char *name, const char *value);
/* Labels that are in the text's form already; "" for none. */
void exposition_labels(struct exposition *e, const char *labels);
void exposition_u64(struct exposition *e, uint64_t value);
void exposition_seconds(struct exposition *e, uint64_t ns); /* the value in seconds, exact to the nanosecond */

/* A number of nanoseconds as the shortest decimal number of seconds: "0.0025". */
enum { EXPOSITION_SECONDS_BYTES = 32 };
void exposition_format_seconds(uint64_t ns, char out[EXPOSITION_SECONDS_BYTES]);

#endif

/*
 * The access log: one line for each request, or for a sample of them. Lines from one turn of the event loop are written
 * together.
 */
#ifndef WEB_ACCESS_H
#define WEB_ACCESS_H

#include "base/attr.h"
#include "base/error.h"

struct access_log;
struct conf;
struct event_base;
struct http_record;

/* Borrows both. */
int access_log_new(struct event_base *base, const struct conf *conf, struct access_log **ret_log,
                   struct error *err) ATTR_CHECKED;
void access_log_free(struct access_log *log); /* takes NULL */
void access_log_add(struct access_log *log, const struct http_record *record);

#endif

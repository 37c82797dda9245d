/* Writing JSON into a buffer: commas come by themselves, nesting is the caller's. */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include <stdbool.h>

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    bool comma; /* one is due before the next key or element */
};

/* '{' or '[', and its other half. */
void json_open(struct json_writer *w, char bracket);
void json_close(struct json_writer *w, char bracket);
void json_key(struct json_writer *w, const char *name);
/* Values: elements of an array, or after a key. */
void json_text(struct json_writer *w, const char *text);
void json_slice(struct json_writer *w, struct slice text);
void json_raw(struct json_writer *w, const char *json); /* JSON text as it is */
void json_uint(struct json_writer *w, unsigned long long n);
void json_double(struct json_writer *w, double n); /* finite; the shortest text that reads back as the same number */
/* A key with its value. */
void json_key_text(struct json_writer *w, const char *name, const char *text);
void json_key_raw(struct json_writer *w, const char *name, const char *json);
void json_key_uint(struct json_writer *w, const char *name, unsigned long long n);
/* A key, and the bracket of its value. */
void json_key_open(struct json_writer *w, const char *name, char bracket);

#endif

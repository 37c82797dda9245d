/*
 * Reading and checking JSON bodies, on json-c.
 *
 * A body is checked whole before the database sees it, and every place that is wrong is named, not only the first. The
 * scanner here judges every byte, and json-c only decodes what has passed, as its versions differ in what they refuse.
 * Refused are, beside what breaks the grammar of RFC 8259: duplicate keys, control characters, lone surrogates, NUL,
 * numbers beyond the range of an IEEE 754 double or of more than 1,000 characters, text after the value.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"
#include "json/schema.h"

enum { JSON_DEPTH_MAX = 32, JSON_FAULTS_MAX = 64 };

/* One place that is wrong. Both slices live in the arena. */
struct json_fault {
    struct slice pointer; /* RFC 6901: "/parameters/fast"; "" is the whole body */
    struct slice detail;  /* "must be at most 100 characters, but has 130" */
    size_t column;        /* in the text that stands there, from 1, in characters; 0: it is about all of it */
};

struct json_faults {
    struct json_fault items[JSON_FAULTS_MAX]; /* more than that are dropped */
    size_t count;
};

void json_faults_add(struct json_faults *faults, struct arena *arena, struct slice pointer, const char *fmt, ...)
    ATTR_PRINTF(4, 5);

enum json_mode {
    JSON_MODE_WHOLE, /* required members must be there */
    JSON_MODE_MERGE, /* RFC 7396: any member may be missing; null removes, if the field is not required */
};

enum json_verdict {
    JSON_VALID,
    JSON_MALFORMED, /* not JSON (or not JSON that RFC 7493 calls interoperable): 400; one fault with line and column */
    JSON_INVALID,   /* JSON that is not as the schema says: 422; faults name every place */
};

struct json_members;

/* Holds the compiled patterns, each compiled at its first use. One a process is enough. */
struct json_validator;

struct json_validator *json_validator_new(void);
void json_validator_free(struct json_validator *v); /* takes NULL */

/* If the body is JSON, what is in it goes to `*ret_members` (json/scan.h), which may be NULL; of what is not an object,
 * nothing. */
enum json_verdict json_check(struct json_validator *v, struct arena *arena, struct slice body,
                             const struct json_schema *schema, enum json_mode mode, struct json_faults *faults,
                             struct json_members *ret_members) ATTR_CHECKED;

/* A parameter's text (query, path, header) against a field: integers, numbers, booleans and strings. `pointer` names
 * the place ("query:limit"). True if it is as the field says; else a fault is added. */
bool json_check_text(struct json_validator *v, struct arena *arena, struct slice text, const struct json_field *field,
                     struct slice pointer, struct json_faults *faults) ATTR_CHECKED;

/* The grammar alone, strictly (RFC 8259, and the rules above). On failure *ret_detail (in the arena) says what, with
 * line and column. Depth is counted in nested arrays and objects. */
bool json_scan(struct arena *arena, struct slice text, unsigned depth_max, struct slice *ret_detail) ATTR_CHECKED;

#endif

/*
 * What a value must look like, declared once: bodies, query parameters, path parameters and (later) the OpenAPI
 * document are all read from these tables. The names follow JSON Schema (draft 2020-12, which OpenAPI 3.1 uses).
 */
#ifndef JSON_SCHEMA_H
#define JSON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer; /* json/write.h */

/* Not json_type: that name is json-c's. */
enum json_field_type {
    JSON_TYPE_STRING,
    JSON_TYPE_INTEGER,
    JSON_TYPE_NUMBER,
    JSON_TYPE_BOOLEAN,
    JSON_TYPE_OBJECT,
    JSON_TYPE_ARRAY, /* of what, only the document says */
};

enum json_format {
    JSON_FORMAT_NONE,
    JSON_FORMAT_UUID,      /* 8-4-4-4-12 hexadecimal digits, either case (RFC 9562) */
    JSON_FORMAT_DATE_TIME, /* RFC 3339 with an offset, a real date */
    JSON_FORMAT_DECIMAL,   /* a number kept exactly: JSON number or string of digits with an optional point */
};

/* One value: a member of an object, or a parameter. Zero means "no such rule", unless a comment says otherwise. */
struct json_field {
    const char *name;
    enum json_field_type type;
    enum json_format format;
    bool required;
    bool nullable;
    bool read_only;    /* the server's own: refused in bodies with a word that says so */
    size_t min_length; /* strings: characters (code points), not bytes */
    size_t max_length;
    const char
        *pattern; /* strings: POSIX extended regular expression that is also valid ECMA-262, anchored by its ^ and $ */
    const char *const *values; /* strings: NULL-terminated enumeration */
    bool has_minimum, has_maximum, exclusive_minimum;
    double minimum, maximum; /* numbers */
    size_t max_bytes;        /* objects: of their JSON text without white space */
    /* objects: writes the schemas of the members, the only ones; NULL: any. For the document only: a body's members are
     * checked by the endpoint's own check */
    void (*properties)(struct json_writer *w, bool is_input);
    const char *items;        /* arrays: JSON Schema of an element, for the document */
    const char *default_text; /* for the document, and for parameters that are left out; JSON text */
    const char *description;  /* for the document */
    const char *example;      /* JSON text, for the document */
};

/* An object: its members, none other allowed. */
struct json_schema {
    const char *name; /* "StrategyInput" */
    const struct json_field *fields;
    size_t count;
};

#endif

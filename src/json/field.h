/* One value against one field's rules, for json/ alone. */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include "json/json.h"

/* What a check needs at hand. */
struct json_place {
    struct json_validator *validator;
    struct arena *arena;
    struct json_faults *faults;
    const struct json_field *field;
    struct slice pointer;
};

/* The indefinite noun of the field's type: "a string". */
const char *json_field_noun(const struct json_field *field);
/* `text` is valid UTF-8 without NUL, unescaped. */
bool json_field_string(const struct json_place *place, struct slice text);
/* `text` is a JSON number as written. */
bool json_field_number(const struct json_place *place, struct slice text);
/* Adds a fault at the place; returns false. */
bool json_field_fault(const struct json_place *place, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif

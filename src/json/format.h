/* The formats of schema.h, for json/ and for command lines. Each returns NULL, or what is wrong ("has no offset"). */
#ifndef JSON_FORMAT_H
#define JSON_FORMAT_H

#include "base/slice.h"

const char *json_format_uuid(struct slice text);
const char *json_format_date_time(struct slice text);
const char *json_format_decimal(struct slice text);

#endif

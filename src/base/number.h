/*
 * Strict parsing of numbers: the whole slice is a number, or the parse fails. Empty text, a leading space, a trailing
 * letter, or a sign in front of an unsigned number is an error. So is a value outside its range: nothing is clamped.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* Each returns false and leaves *ret_value untouched if the text is not exactly such a number. */
bool number_parse_u64(struct slice text, uint64_t *ret_value) ATTR_CHECKED;
bool number_parse_i64(struct slice text, int64_t *ret_value) ATTR_CHECKED;
/* "250ms" "5s" "10min" "2h" "1d", or a plain number of seconds, to milliseconds. */
bool number_parse_duration_ms(struct slice text, uint64_t *ret_ms) ATTR_CHECKED;
/* "512" "16KiB" "1MiB" "2GiB" (also K, M, G; powers of 1,024), to bytes. */
bool number_parse_bytes(struct slice text, uint64_t *ret_bytes) ATTR_CHECKED;

/* A finite decimal number, such as "-1.5e3". It is not a name ("inf"), has no hexadecimal digits, and is shorter than
 * 64 characters. */
bool number_parse_double(struct slice text, double *ret_value) ATTR_CHECKED;

enum { NUMBER_UNIT_TEXT_BYTES = 32, NUMBER_DOUBLE_TEXT_BYTES = 40 };

/* The shortest text that the parser above reads back: "10min", "16KiB". */
void number_format_duration_ms(uint64_t ms, char out[NUMBER_UNIT_TEXT_BYTES]);
void number_format_bytes(uint64_t bytes, char out[NUMBER_UNIT_TEXT_BYTES]);
/* The shortest of 15 to 17 digits that reads back as the same double; "nan", "inf" and "-inf" for values that have no
 * digits. */
void number_format_double(double value, char out[NUMBER_DOUBLE_TEXT_BYTES]);

#endif

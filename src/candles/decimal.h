/*
 * Decimal numbers as files have them: text to the nearest double, with the number of decimals that it really uses; and
 * whether a double is a decimal of so many digits, so that it can be kept as a whole number of steps.
 */
#ifndef CANDLES_DECIMAL_H
#define CANDLES_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum { CANDLES_DECIMAL_BYTES_MAX = 64 };

/* "1.50", "-2", "+3", ".5", "2.", "1e-7": the nearest double, and the decimals without zeros at their end (1 for
 * "1.50", 7 for "1e-7"). False if it is not exactly such a number, is longer than CANDLES_DECIMAL_BYTES_MAX, or is
 * too large for a double. A negative zero is zero. */
bool candles_decimal_parse(struct slice text, double *ret_value, int *ret_digits) ATTR_CHECKED;

/* 10^digits, exact for 0 to 22. */
double candles_power_of_ten(int digits);

/* Steps that are whole numbers below this are kept exactly, whatever is computed with them. */
#define CANDLES_STEPS_MAX (INT64_C(1) << 50)

/* value = steps / 10^digits, to the last bit, with steps within ±CANDLES_STEPS_MAX. digits: 0 to 22. */
bool candles_decimal_steps(double value, int digits, int64_t *ret_steps) ATTR_CHECKED;
bool candles_decimal_is(double value, int digits);

#endif

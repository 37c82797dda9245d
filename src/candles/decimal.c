#include "candles/decimal.h"

#include <math.h>
#include <stdlib.h>

enum {
    DECIMAL_MANTISSA_DIGITS = 19, /* fit 64 bits */
    DECIMAL_POWER_MAX = 22,       /* the largest power of ten that is a double */
    DECIMAL_EXPONENT_MAX = 9999,
};

static const double decimal_powers[DECIMAL_POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* What the text says: mantissa · 10^-decimals. */
struct decimal {
    bool is_negative;
    uint64_t mantissa; /* exact if is_exact */
    bool is_exact;     /* no digit was left out */
    int decimals;      /* places after the point, less the exponent; zeros at the end do not count */
};

/* Digits that are not zero, with the zeros before them. Zeros at the end wait, and count if another digit follows. */
struct decimal_reader {
    struct decimal now;
    int waiting;  /* zeros that may be at the end */
    int mantissa; /* digits of the mantissa so far, without zeros in front */
};

static void decimal_push(struct decimal_reader *reader, unsigned digit, bool is_behind_point)
{
    struct decimal *now = &reader->now;

    if (digit == 0 && now->mantissa == 0) {
        if (is_behind_point) reader->waiting++;
        return;
    }
    if (digit == 0 && is_behind_point) {
        reader->waiting++;
        return;
    }
    if (is_behind_point) {
        now->decimals += reader->waiting + 1;
        if (now->mantissa != 0) reader->mantissa += reader->waiting;
        for (int i = 0; i < reader->waiting && reader->mantissa < DECIMAL_MANTISSA_DIGITS; i++) now->mantissa *= 10;
        reader->waiting = 0;
    }
    if (++reader->mantissa > DECIMAL_MANTISSA_DIGITS) {
        now->is_exact = false;
        return;
    }
    now->mantissa = now->mantissa * 10 + digit;
}

/* The exponent after "e", which is all of the text; false if it is not one. */
static bool decimal_exponent(struct slice text, int *ret_exponent)
{
    const bool is_negative = text.len > 0 && text.data[0] == '-';
    int value = 0;

    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+')) text.data++, text.len--;
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned digit = (unsigned)(text.data[i] - '0');

        if (digit > 9) return false;
        if (value < DECIMAL_EXPONENT_MAX) value = value * 10 + (int)digit;
    }
    *ret_exponent = is_negative ? -value : value;
    return true;
}

static bool decimal_scan(struct slice text, struct decimal *ret)
{
    struct decimal_reader reader = {.now = {.is_exact = true}};
    bool is_behind_point = false, has_digit = false;
    int exponent = 0;
    size_t i = 0;

    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        reader.now.is_negative = text.data[0] == '-';
        i++;
    }
    for (; i < text.len; i++) {
        const unsigned digit = (unsigned)(text.data[i] - '0');

        if (digit <= 9) {
            has_digit = true;
            decimal_push(&reader, digit, is_behind_point);
        } else if (text.data[i] == '.' && !is_behind_point) {
            is_behind_point = true;
        } else {
            break;
        }
    }
    if (!has_digit) return false;
    if (i < text.len) {
        if ((text.data[i] | 0x20) != 'e') return false;
        if (!decimal_exponent((struct slice){text.data + i + 1, text.len - i - 1}, &exponent)) return false;
    }
    *ret = reader.now;
    ret->decimals -= exponent;
    return true;
}

/* The decimals that are seen once zeros at the end of the mantissa ("1200e-3") are gone too. */
static int decimal_digits(const struct decimal *number)
{
    uint64_t mantissa = number->mantissa;
    int decimals = number->decimals;

    if (mantissa == 0) return 0;
    if (number->is_exact) {
        for (; decimals > 0 && mantissa % 10 == 0; decimals--) mantissa /= 10;
    }
    return decimals < 0 ? 0 : decimals;
}

bool candles_decimal_parse(struct slice text, double *ret_value, int *ret_digits)
{
    char copy[CANDLES_DECIMAL_BYTES_MAX + 1];
    struct decimal number;
    double value;

    if (text.len > CANDLES_DECIMAL_BYTES_MAX || !decimal_scan(text, &number)) return false;
    const bool is_small = number.is_exact && number.mantissa < UINT64_C(1) << 53;

    /* Both operands are exact, so that the one rounding is right (Clinger's fast way). */
    if (is_small && number.decimals >= 0 && number.decimals <= DECIMAL_POWER_MAX) {
        value = (double)number.mantissa / decimal_powers[number.decimals];
    } else {
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        value = fabs(strtod(copy, NULL));
    }
    if (!isfinite(value)) return false;
    *ret_value = number.is_negative && value != 0 ? -value : value;
    *ret_digits = decimal_digits(&number);
    return true;
}

double candles_power_of_ten(int digits)
{
    return decimal_powers[digits];
}

bool candles_decimal_steps(double value, int digits, int64_t *ret_steps)
{
    const double power = decimal_powers[digits], scaled = value * power;

    if (!(fabs(scaled) <= (double)CANDLES_STEPS_MAX)) return false;
    const int64_t steps = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));

    /* A negative zero is not the zero that steps stand for. */
    if ((double)steps / power != value || (value == 0 && signbit(value))) return false;
    *ret_steps = steps;
    return true;
}

bool candles_decimal_is(double value, int digits)
{
    int64_t steps;

    return candles_decimal_steps(value, digits, &steps);
}

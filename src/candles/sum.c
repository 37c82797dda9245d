#include "candles/sum.h"

#include <math.h>

#include "candles/decimal.h"

void candles_sum_begin(struct candles_sum *sum, int digits)
{
    *sum = (struct candles_sum){.digits_max = digits, .is_exact = true};
}

/* As few decimals as there are: the fewer, the larger the numbers that can be counted. */
static bool sum_count(struct candles_sum *s, double value)
{
    int64_t steps;

    while (!candles_decimal_steps(value, s->digits, &steps)) {
        if (s->digits >= s->digits_max || __builtin_mul_overflow(s->steps, 10, &s->steps)) return false;
        s->digits++;
    }
    return !__builtin_add_overflow(s->steps, steps, &s->steps);
}

void candles_sum_add(struct candles_sum *s, double value)
{
    const double sum = s->sum + value;

    /* Neumaier's. */
    s->error += fabs(s->sum) >= fabs(value) ? s->sum - sum + value : value - sum + s->sum;
    s->sum = sum;
    s->is_exact = s->is_exact && sum_count(s, value);
}

double candles_sum_end(const struct candles_sum *s)
{
    int64_t steps = s->steps;
    int digits = s->digits;

    if (!s->is_exact) return s->sum + s->error;
    while (digits > 0 && steps % 10 == 0) {
        steps /= 10;
        digits--;
    }
    /* Both are doubles, but for sums above 2^53 steps: the quotient is the nearest one. */
    return (double)steps / candles_power_of_ten(digits);
}

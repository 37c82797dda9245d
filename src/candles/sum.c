#include "candles/sum.h"

#include <math.h>

#include "candles/decimal.h"

void candles_sum_begin(struct candles_sum *sum, int digits)
{
    *sum = (struct candles_sum){.digits = digits, .is_exact = true};
}

void candles_sum_add(struct candles_sum *s, double value)
{
    const double sum = s->sum + value;
    int64_t steps;

    /* Neumaier's. */
    s->error += fabs(s->sum) >= fabs(value) ? s->sum - sum + value : value - sum + s->sum;
    s->sum = sum;
    if (!s->is_exact) return;
    s->is_exact =
        candles_decimal_steps(value, s->digits, &steps) && !__builtin_add_overflow(s->steps, steps, &s->steps);
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

/*
 * Sums of decimals, as they would be on paper: 0.1 + 0.2 is 0.3. For volumes of longer timeframes, wherever they are
 * made.
 */
#ifndef CANDLES_SUM_H
#define CANDLES_SUM_H

#include <stdbool.h>
#include <stdint.h>

struct candles_sum {
    int digits, digits_max;
    bool is_exact;     /* all were whole numbers of steps so far */
    int64_t steps;     /* of 10^-digits */
    double sum, error; /* of doubles, and what was lost of them */
};

/* Of numbers with at most so many decimals (0 to 22), as of `lot`; others are added as well as doubles can be. The sum
 * does not depend on how many more decimals were allowed for. */
void candles_sum_begin(struct candles_sum *sum, int digits);
void candles_sum_add(struct candles_sum *sum, double value);
double candles_sum_end(const struct candles_sum *sum);

#endif

/* What the tests of rules/ share: seeded series, columns of expressions, and the naive functions they are compared
 * with. */
#ifndef TEST_RULES_H
#define TEST_RULES_H

#include <math.h>

#include "rules/rules.h"
#include "unit.h"

enum { RIG_BARS = 260 };

/* A random walk on a grid of ticks, so that equal values occur, with a gap now and then. */
struct rig {
    struct candles candles;
    int64_t time_ms[RIG_BARS];
    double open[RIG_BARS], high[RIG_BARS], low[RIG_BARS], close[RIG_BARS], volume[RIG_BARS];
};

void rig_make(struct rig *rig, uint64_t seed);
/* The first `count` bars only. */
struct candles rig_cut(const struct rig *rig, size_t count);
/* The values of an expression over a series (free it), numbers and conditions alike. NULL after a failed assertion. */
double *rig_column(const struct candles *candles, const char *expression);
/* The document as compiled; the faults are printed where there are any. */
struct rules *rig_rules(const char *kind, const char *parameters);
/* All faults of a document, one a line, as people read them (free it). */
char *rig_faults(const char *kind, const char *parameters);

/* The value at bar i by the definition, from all that was before. `x` and `y` are argument columns, `k` the constants.
 */
typedef double rig_naive(const struct candles *c, const double *x, size_t i, const double *k);

struct rig_case {
    const char *format; /* "sma(%s, 5)"; without %s where the function takes no column */
    rig_naive *naive;
    double k[4];
};

/* Each case on several seeds; x is the close, another function's column that begins with NaNs, and one with holes. */
void rig_compare(const char *file, unsigned line, const struct rig_case *cases, size_t count);
#define RIG_COMPARE(cases) rig_compare(__FILE__, __LINE__, (cases), countof(cases))

/* Definitions that several families use. */
rig_naive rig_mean, rig_ema, rig_wilder, rig_highest, rig_lowest, rig_deviation;

extern const struct unit_part averages_tests, check_tests, compile_tests, document_tests, extremes_tests, fault_tests,
    kinds_tests, math_tests, momentum_tests, parse_tests, pivots_tests, reference_tests, run_tests, sorted_tests,
    state_tests, statistics_tests, table_tests, time_tests, volatility_tests, volume_tests, window_tests;

#endif

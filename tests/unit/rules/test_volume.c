#include "test_rules.h"

static double on_balance(const struct candles *c, const double *x, size_t i, const double *k)
{
    double sum = 0;

    (void)x;
    (void)k;
    for (size_t j = 1; j <= i; j++) {
        sum += c->close[j] > c->close[j - 1] ? c->volume[j] : c->close[j] < c->close[j - 1] ? -c->volume[j] : 0;
    }
    return sum;
}

static double price_volume(const struct candles *c, const double *x, size_t i, const double *k)
{
    double sum = 0;

    (void)x;
    (void)k;
    for (size_t j = 1; j <= i; j++) sum += (c->close[j] / c->close[j - 1] - 1) * c->volume[j];
    return sum;
}

static double volume_index(const struct candles *c, const double *x, size_t i, const double *k)
{
    double index = 1;

    (void)x;
    for (size_t j = 1; j <= i; j++) {
        if (k[0] > 0 ? c->volume[j] > c->volume[j - 1] : c->volume[j] < c->volume[j - 1]) {
            index *= c->close[j] / c->close[j - 1];
        }
    }
    return index;
}

static double distribution(const struct candles *c, const double *x, size_t i, const double *k)
{
    double sum = 0;

    (void)x;
    (void)k;
    for (size_t j = 0; j <= i; j++) {
        if (c->high[j] == c->low[j]) continue;
        sum += (2 * c->close[j] - c->low[j] - c->high[j]) / (c->high[j] - c->low[j]) * c->volume[j];
    }
    return sum;
}

static double day_average(const struct candles *c, const double *x, size_t i, const double *k)
{
    double traded = 0, volume = 0;

    (void)x;
    (void)k;
    for (size_t j = 0; j <= i; j++) {
        if (c->time_ms[j] / 86400000 != c->time_ms[i] / 86400000) continue;
        traded += (c->high[j] + c->low[j] + c->close[j]) / 3 * c->volume[j];
        volume += c->volume[j];
    }
    return volume > 0 ? traded / volume : (double)NAN;
}

static void test_volume_naive(void)
{
    static const struct rig_case cases[] = {
        {"obv()", on_balance, {0}},   {"pvt()", price_volume, {0}},     {"nvi()", volume_index, {-1}},
        {"pvi()", volume_index, {1}}, {"accdist()", distribution, {0}}, {"vwap()", day_average, {0}},
    };

    RIG_COMPARE(cases);
}

static const struct unit_test tests[] = {UNIT_TEST(test_volume_naive)};
const struct unit_part volume_tests = UNIT_PART(tests);

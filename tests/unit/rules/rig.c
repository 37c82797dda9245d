#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "test_rules.h"

static uint64_t rig_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double rig_ticks(uint64_t *state, unsigned most)
{
    return (double)(rig_next(state) % (most + 1)) / 4;
}

void rig_make(struct rig *rig, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
    int64_t time = 1700006400000;
    double price = 100;

    for (size_t i = 0; i < RIG_BARS; i++) {
        rig->time_ms[i] = time;
        time += 900000 * (rig_next(&state) % 40 == 0 ? 5 : 1);
        rig->open[i] = price;
        price = fmax(10, price + rig_ticks(&state, 16) - 2);
        rig->close[i] = price;
        rig->high[i] = fmax(rig->open[i], price) + rig_ticks(&state, 4);
        rig->low[i] = fmin(rig->open[i], price) - rig_ticks(&state, 4);
        rig->volume[i] = rig_next(&state) % 20 == 0 ? 0 : (double)(rig_next(&state) % 1000);
    }
    rig->candles = (struct candles){RIG_BARS,    rig->time_ms, rig->open, rig->high, rig->low, rig->close,
                                    rig->volume, 900000,       0.25,      1,         2};
}

struct candles rig_cut(const struct rig *rig, size_t count)
{
    struct candles cut = rig->candles;

    cut.count = count;
    return cut;
}

struct rules *rig_rules(const char *kind, const char *parameters)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    struct rules *r = rules_new(slice_of(kind), slice_of(parameters), NULL, 0, &faults);

    for (size_t i = 0; i < faults.count; i++) printf("%s\n", rules_fault_text(&faults.items[i], arena).data);
    CU_ASSERT_EQUAL(r == NULL, faults.count > 0);
    arena_free(arena);
    return r;
}

static char *rig_fault_texts(const struct rules_faults *faults)
{
    struct buf text = {0};

    for (size_t i = 0; i < faults->count; i++) {
        buf_printf(&text, "%s%s", i == 0 ? "" : "\n", rules_fault_text(&faults->items[i], faults->arena).data);
    }
    return buf_steal(&text);
}

char *rig_faults(const char *kind, const char *parameters)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena}, checked = {.arena = arena};
    struct rules *r = rules_new(slice_of(kind), slice_of(parameters), NULL, 0, &faults);
    char *text = rig_fault_texts(&faults), *same;

    CU_ASSERT_EQUAL(r == NULL, faults.count > 0);
    rules_check(slice_of(kind), slice_of(parameters), &checked);
    same = rig_fault_texts(&checked);
    UNIT_STR(same, text);
    free(same);
    rules_free(r);
    arena_free(arena);
    return text;
}

static double *rig_output(const struct candles *candles, const char *document, enum rules_output output)
{
    struct rules *r = rig_rules("rules", document);
    struct error err = {.message = ""};
    struct rules_run *run = r == NULL ? NULL : rules_run_new(r, candles, &err);
    double *column = NULL;

    CU_ASSERT_PTR_NOT_NULL(run);
    if (run != NULL) {
        column = mem_array(candles->count + 1, sizeof(*column));
        for (size_t i = 0; i < candles->count; i++) column[i] = rules_value(run, output, i, NULL);
        CU_ASSERT(rules_run_steps(run) <= rules_cost(r) * (candles->count + 1));
    }
    rules_run_free(run);
    rules_free(r);
    return column;
}

double *rig_column(const struct candles *candles, const char *expression)
{
    char *number = mem_printf("{\"long\":{\"enter\":\"true\"},\"stop\":{\"price\":\"%s\"}}", expression);
    char *condition = mem_printf("{\"long\":{\"enter\":\"%s\"}}", expression);
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    struct rules *r = rules_new(SLICE_LIT("rules"), slice_of(number), NULL, 0, &faults);
    double *column =
        r != NULL ? rig_output(candles, number, RULES_STOP_PRICE) : rig_output(candles, condition, RULES_LONG_ENTER);

    rules_free(r);
    arena_free(arena);
    free(number);
    free(condition);
    return column;
}

static bool rig_is_near(double found, double expected)
{
    if (found != found || expected != expected) return found != found && expected != expected;
    return fabs(found - expected) <= 1e-10 * fmax(1, fabs(expected));
}

static void rig_compare_one(const char *file, unsigned line, const struct rig_case *one, const struct candles *candles,
                            const char *x_expression)
{
    char *expression = mem_printf(one->format, x_expression);
    double *x = rig_column(candles, x_expression), *found = rig_column(candles, expression);
    unsigned wrong = 0;

    for (size_t i = 0; found != NULL && x != NULL && i < candles->count; i++) {
        const double expected = one->naive(candles, x, i, one->k);

        if (rig_is_near(found[i], expected)) continue;
        if (wrong++ < 3)
            printf("%s:%u: %s at %zu: %.17g, expected %.17g\n", file, line, expression, i, found[i], expected);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    free(expression);
    free(x);
    free(found);
}

void rig_compare(const char *file, unsigned line, const struct rig_case *cases, size_t count)
{
    static const char *const columns[] = {"close", "sma(low, 7)", "if(minute == 45 and hour < 9, 0 / 0, close)"};
    static struct rig rig;

    for (uint64_t seed = 1; seed <= 3; seed++) {
        rig_make(&rig, seed);
        for (size_t i = 0; i < count; i++) {
            const bool takes_x = strstr(cases[i].format, "%s") != NULL;

            for (size_t x = 0; x < (takes_x ? countof(columns) : 1); x++) {
                rig_compare_one(file, line, &cases[i], &rig.candles, columns[x]);
            }
        }
    }
}

double rig_mean(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    double sum = 0;

    (void)c;
    if (i + 1 < n) return (double)NAN;
    for (size_t j = i + 1 - n; j <= i; j++) sum += x[j];
    return sum / (double)n;
}

double rig_deviation(const struct candles *c, const double *x, size_t i, const double *k)
{
    const size_t n = (size_t)k[0];
    const double mean = rig_mean(c, x, i, k);
    double sum = 0;

    if (mean != mean) return mean;
    for (size_t j = i + 1 - n; j <= i; j++) sum += (x[j] - mean) * (x[j] - mean);
    return sqrt(sum / (double)n);
}

/* Over the known values alone: the mean of the first n, then each of the others with a weight. */
static double rig_recursive(const double *x, size_t i, size_t n, double weight)
{
    size_t known = 0;
    double state = 0;

    if (x[i] != x[i]) return (double)NAN;
    for (size_t j = 0; j <= i; j++) {
        if (x[j] != x[j]) continue;
        known++;
        if (known <= n) {
            state += x[j] / (double)n;
        } else {
            state = (1 - weight) * state + weight * x[j];
        }
    }
    return known < n ? (double)NAN : state;
}

double rig_ema(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return rig_recursive(x, i, (size_t)k[0], 2 / (k[0] + 1));
}

double rig_wilder(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return rig_recursive(x, i, (size_t)k[0], 1 / k[0]);
}

static double rig_extreme(const double *x, size_t i, size_t n, double sign)
{
    double best = -INFINITY;

    if (i + 1 < n) return (double)NAN;
    for (size_t j = i + 1 - n; j <= i; j++) {
        if (x[j] != x[j]) return (double)NAN;
        if (sign * x[j] > best) best = sign * x[j];
    }
    return sign * best;
}

double rig_highest(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return rig_extreme(x, i, (size_t)k[0], 1);
}

double rig_lowest(const struct candles *c, const double *x, size_t i, const double *k)
{
    (void)c;
    return rig_extreme(x, i, (size_t)k[0], -1);
}

/* A short series with signals, and what a run makes of it, as text. */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include "engine/engine.h"
#include "unit.h"

enum { SCENE_BARS = 64 };

struct scene {
    int64_t time_ms[SCENE_BARS];
    double open[SCENE_BARS], high[SCENE_BARS], low[SCENE_BARS], close[SCENE_BARS], volume[SCENE_BARS];
    double columns[RULES_OUTPUTS][SCENE_BARS];
    uint64_t words[ENGINE_CONDITIONS][SCENE_BARS / RULES_WORD_BARS];
    struct candles candles, detail;
    struct engine_execution execution;
    struct engine_signals signals;
    struct engine_job job;
    struct engine_result result;
    struct error err;
    struct buf text;
};

/* Hours from 2025-01-06T00:00Z (a Monday) on; tick 0.01, lot 0.001; one unit a trade, capital 10,000, no costs. `bars`
 * has open, high, low and close of each. Ends with scene_clear. */
void scene_init(struct scene *s, const double (*bars)[4], size_t count);
void scene_clear(struct scene *s);
/* A value of an output at a bar; the output is then there. */
void scene_put(struct scene *s, enum rules_output output, size_t bar, double value);
/* The same at every bar. */
void scene_put_all(struct scene *s, enum rules_output output, double value);
void scene_set(struct scene *s, const char *name, const char *value);
/* Fails the test where the run fails. */
void scene_run(struct scene *s);
/* The trades, a line each: "long 1 at 0 100 signal, 3 104 take: 4" is side, quantity, bar, price and reason of the
 * entry, those of the exit, and the profit. */
const char *scene_trades(struct scene *s);
double scene_metric(const struct scene *s, const char *name);
/* Runs, and compares the trades. */
void scene_expect(struct scene *s, const char *file, unsigned line, const char *trades);

#define SCENE_TRADES(s, trades) scene_expect((s), __FILE__, __LINE__, (trades))
#define NEAR(found, expected) CU_ASSERT_DOUBLE_EQUAL((found), (expected), 1e-9 * (1 + fabs((double)(expected))))

#endif

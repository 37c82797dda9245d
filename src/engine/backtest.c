/* Rules, candles and settings brought together. */
#include "candles/series.h"
#include "engine/engine.h"

static double signals_value(const void *arg, enum rules_output output, size_t bar,
                            const struct rules_position *position)
{
    return rules_value(arg, output, bar, position);
}

struct engine_signals engine_signals_of(const struct rules *rules, const struct rules_run *run)
{
    struct engine_signals signals = {.value = signals_value,
                                     .arg = run,
                                     .size_kind = rules_size_kind(rules),
                                     .size_at_close = rules_size_at_close(rules)};

    for (int output = 0; output < RULES_OUTPUTS; output++) {
        signals.has[output] = rules_has(rules, (enum rules_output)output);
        signals.column[output] = rules_column(run, (enum rules_output)output);
    }
    for (int output = 0; output < ENGINE_CONDITIONS; output++) {
        signals.condition[output] = rules_condition(run, (enum rules_output)output);
    }
    return signals;
}

int engine_backtest(const struct engine_backtest *backtest, struct engine_result *result, struct error *err)
{
    struct engine_series series = {0};
    struct rules_run *run = NULL;
    int status = -1;

    result->trade_count = result->point_count = 0;
    if (engine_series_prepare(backtest->candles, backtest->execution->missing, &series, err) != 0) return -1;
    run = rules_run_new(backtest->rules, &series.candles, err);
    if (run != NULL) {
        const struct engine_signals signals = engine_signals_of(backtest->rules, run);
        const struct engine_job job = {.candles = &series.candles,
                                       .invented = series.invented,
                                       .first = candles_find(&series.candles, backtest->start_ms),
                                       .end = candles_find(&series.candles, backtest->end_ms),
                                       .detail = backtest->detail,
                                       .execution = backtest->execution,
                                       .signals = &signals};

        status = engine_run(&job, result, err);
    }
    rules_run_free(run);
    engine_series_clear(&series);
    return status;
}

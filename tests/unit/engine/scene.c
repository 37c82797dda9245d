#include "scene.h"

#include <math.h>
#include <stdio.h>

static const int64_t scene_start_ms = 1736121600000, scene_hour_ms = 3600000;

void scene_init(struct scene *s, const double (*bars)[4], size_t count)
{
    *s = (struct scene){0};
    for (size_t i = 0; i < count; i++) {
        s->time_ms[i] = scene_start_ms + (int64_t)i * scene_hour_ms;
        s->open[i] = bars[i][0], s->high[i] = bars[i][1], s->low[i] = bars[i][2], s->close[i] = bars[i][3];
        s->volume[i] = 1;
    }
    s->candles = (struct candles){.count = count,
                                  .time_ms = s->time_ms,
                                  .open = s->open,
                                  .high = s->high,
                                  .low = s->low,
                                  .close = s->close,
                                  .volume = s->volume,
                                  .timeframe_ms = scene_hour_ms,
                                  .tick = 0.01,
                                  .lot = 0.001,
                                  .price_digits = 2};
    engine_execution_init(&s->execution);
    s->signals.size_kind = RULES_SIZE_UNITS;
    scene_put_all(s, RULES_SIZE, 1);
    s->job =
        (struct engine_job){.candles = &s->candles, .end = count, .execution = &s->execution, .signals = &s->signals};
}

void scene_clear(struct scene *s)
{
    engine_result_clear(&s->result);
    buf_clear(&s->text);
}

void scene_put(struct scene *s, enum rules_output output, size_t bar, double value)
{
    const size_t index = (size_t)output, word = bar / RULES_WORD_BARS;

    s->columns[output][bar] = value;
    s->signals.has[output] = true;
    if (index >= countof(s->words)) {
        s->signals.column[output] = s->columns[output];
        return;
    }
    s->signals.condition[index] = s->words[index];
    s->words[index][word] &= ~(1ULL << bar % RULES_WORD_BARS);
    s->words[index][word] |= (uint64_t)(value > 0) << bar % RULES_WORD_BARS;
}

void scene_put_all(struct scene *s, enum rules_output output, double value)
{
    for (size_t i = 0; i < SCENE_BARS; i++) scene_put(s, output, i, value);
}

void scene_set(struct scene *s, const char *name, const char *value)
{
    CU_ASSERT_EQUAL(engine_execution_set(&s->execution, slice_of(name), slice_of(value), &s->err), 0);
}

void scene_run(struct scene *s)
{
    s->err.message[0] = '\0';
    if (engine_run(&s->job, &s->result, &s->err) != 0) UNIT_STR(s->err.message, "");
}

const char *scene_trades(struct scene *s)
{
    buf_reset(&s->text);
    for (size_t i = 0; i < s->result.trade_count; i++) {
        const struct engine_trade *t = &s->result.trades[i];

        buf_printf(&s->text, "%s%s %.10g at %zu %.10g %s, ", i == 0 ? "" : "\n", t->side > 0 ? "long" : "short",
                   t->quantity, t->entry_bar, t->entry_price, engine_reason_name(t->entry_reason));
        buf_printf(&s->text, "%zu %.10g %s: %.10g", t->exit_bar, t->exit_price,
                   t->exit_reason == ENGINE_REASON_NONE ? "open" : engine_reason_name(t->exit_reason), t->pnl);
    }
    return buf_cstr(&s->text);
}

double scene_metric(const struct scene *s, const char *name)
{
    const struct engine_metric *metric = engine_metric_find(slice_of(name));

    CU_ASSERT_PTR_NOT_NULL_FATAL(metric);
    return engine_metric_value(&s->result.metrics, metric);
}

void scene_expect(struct scene *s, const char *file, unsigned line, const char *trades)
{
    scene_run(s);
    unit_assert_str(file, line, slice_of(scene_trades(s)), slice_of(trades));
}

/* The families together, and what their rows share. */
#include "rules/function.h"

static const struct rules_family *const table_families[] = {
    &rules_averages, &rules_statistics, &rules_extremes, &rules_momentum, &rules_volatility,
    &rules_volume,   &rules_pivots,     &rules_state,    &rules_math,     &rules_time,
};

const struct rules_function *rules_function_at(size_t index)
{
    for (size_t f = 0; f < countof(table_families); f++) {
        if (index < table_families[f]->count) return &table_families[f]->functions[index];
        index -= table_families[f]->count;
    }
    return NULL;
}

const struct rules_function *rules_function_find(struct slice name)
{
    if (name.len == 0) return NULL;
    for (size_t f = 0; f < countof(table_families); f++) {
        for (size_t i = 0; i < table_families[f]->count; i++) {
            const struct rules_function *function = &table_families[f]->functions[i];

            if (function->name[0] == name.data[0] && slice_is(name, function->name)) return function;
        }
    }
    return NULL;
}

void rules_function_signature(const struct rules_function *function, struct buf *out)
{
    buf_printf(out, "%s(", function->name);
    for (size_t i = 0; function->arguments[i].name != NULL; i++) {
        const struct rules_argument *argument = &function->arguments[i];

        buf_printf(out, "%s%s", i == 0 ? "" : ", ", argument->name);
        if (argument->fallback != NULL) buf_printf(out, " = %s", argument->fallback);
    }
    buf_add_char(out, ')');
}

void rules_unknown(double *out, size_t count, size_t n)
{
    for (size_t i = 0; i < count && i < n; i++) out[i] = (double)NAN;
}

double rules_bars_window0(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[0] - 1;
}

double rules_bars_window1(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[1] - 1;
}

double rules_bars_back1(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return constants[1];
}

double rules_bars_ema1(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 5 * constants[1];
}

double rules_bars_wilder0(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 10 * constants[0];
}

double rules_bars_wilder1(const double *constants, int64_t timeframe_ms)
{
    (void)timeframe_ms;
    return 10 * constants[1];
}

double rules_bars_one(const double *constants, int64_t timeframe_ms)
{
    (void)constants;
    (void)timeframe_ms;
    return 1;
}

double rules_steps_4(const double *constants)
{
    (void)constants;
    return 4;
}

double rules_steps_8(const double *constants)
{
    (void)constants;
    return 8;
}

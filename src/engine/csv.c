#include "engine/engine.h"
#include "engine/text.h"

static const char *const reason_names[] = {
    [ENGINE_REASON_NONE] = "",
    [ENGINE_REASON_SIGNAL] = "signal",
    [ENGINE_REASON_REVERSE] = "reverse",
    [ENGINE_REASON_STOP] = "stop",
    [ENGINE_REASON_TRAIL] = "trail",
    [ENGINE_REASON_TAKE] = "take",
    [ENGINE_REASON_LIQUIDATION] = "liquidation",
    [ENGINE_REASON_END] = "end",
};

const char *engine_reason_name(enum engine_reason reason)
{
    return reason_names[reason];
}

void engine_trades_csv(const struct engine_result *result, const struct candles *candles, struct buf *out)
{
    buf_add_str(out, "n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,"
                     "bars\n");
    for (size_t i = 0; i < result->trade_count; i++) {
        const struct engine_trade *t = &result->trades[i];

        buf_printf(out, "%zu,%s,", i + 1, t->side > 0 ? "long" : "short");
        engine_number_json(t->quantity, out);
        buf_add_char(out, ',');
        engine_time_text(t->entry_time, out);
        buf_add_char(out, ',');
        engine_price_text(t->entry_price, candles->price_digits, out);
        buf_printf(out, ",%s,", engine_reason_name(t->entry_reason));
        if (t->exit_reason != ENGINE_REASON_NONE) {
            engine_time_text(t->exit_time, out);
            buf_add_char(out, ',');
            engine_price_text(t->exit_price, candles->price_digits, out);
            buf_add_char(out, ',');
        } else {
            buf_add_str(out, ",,");
        }
        buf_printf(out, "%s,", engine_reason_name(t->exit_reason));
        engine_number_json(t->pnl, out);
        buf_add_char(out, ',');
        engine_number_json(t->fees, out);
        buf_printf(out, ",%zu\n", t->exit_bar - t->entry_bar);
    }
}

void engine_equity_csv(const struct engine_result *result, const struct engine_job *job, struct buf *out)
{
    buf_add_str(out, "time,equity\n");
    for (size_t i = 0; i < result->point_count; i++) {
        engine_time_text(engine_point_time(job, i), out);
        buf_add_char(out, ',');
        engine_number_json(result->equity[i], out);
        buf_add_char(out, '\n');
    }
}

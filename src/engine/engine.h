/*
 * The simulation: signals on a series of candles to fills, an equity curve and metrics. Pure and deterministic: it
 * reads no clock, no file and no random number, and every machine and compiler makes the same fills, bit by bit.
 *
 *     struct engine_result result = {0};
 *     if (engine_backtest(&(struct engine_backtest){.rules = r, .candles = c, .execution = &x, …}, &result, &err) != 0)
 *     …                              result.trades, result.equity, result.metrics, result.hash
 *     engine_result_clear(&result);
 *
 * engine_run below it takes the signals as columns, for whoever has them from elsewhere (the tests), or wants to run
 * one series many times (a sweep).
 *
 * The order of things in a bar, each cost, each size and each metric are in docs/engine.md. In short: what is decided
 * at a bar's close fills at the next open; a stop or take fills within the bar, at the open if the bar opens beyond it;
 * what four prices cannot tell is decided against the trader.
 *
 * Money. Prices, quantities and money are doubles; capital and profits are added up without rounding (exact.h). So a
 * point of the equity curve is the double that is nearest to the capital, plus the `pnl` of every trade that has ended,
 * plus what the open one is worth: summing the trades' `pnl` (the open one's too) without rounding gives the change of
 * equity exactly. All prices, ticks and money times a power of two scale all results exactly.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "candles/candles.h"
#include "engine/execution.h"
#include "engine/metrics.h"
#include "rules/rules.h"

/* Printed with each result; raised if the same input may give other fills. */
#define ENGINE_VERSION "1"

/* ---- What goes in ---- */

enum { ENGINE_CONDITIONS = RULES_SHORT_EXIT + 1 };

/* What a strategy wants, bar by bar; borrowed. An output has a column as long as the series, or is asked through
 * `value` (for what depends on the position), or is not there. If a condition holds, its `value` is above 0; NaN is
 * false. A level that is not finite means that there is none. */
struct engine_signals {
    bool has[RULES_OUTPUTS];
    const uint64_t *condition[ENGINE_CONDITIONS]; /* a bit a bar, as rules_condition; NULL: `value` is asked */
    const double *column[RULES_OUTPUTS];          /* of levels and the size; NULL: `value` is asked */
    double (*value)(const void *arg, enum rules_output output, size_t bar, const struct rules_position *position);
    const void *arg;
    enum rules_size size_kind; /* without RULES_SIZE all of the equity is taken */
    bool size_at_close;
};

/* The signals of a document over a series; valid as long as `run` is. */
struct engine_signals engine_signals_of(const struct rules *rules, const struct rules_run *run);

/* A series whose missing bars were treated as the setting `missing` says. Owns what it added. */
struct engine_series {
    struct candles candles;
    const unsigned char *invented; /* by bar: 1 for one that stands in for a missing bar; NULL: there is none */
    void *memory;
};

enum { ENGINE_BARS_MAX = 100000000 }; /* bars of a series, those that were filled in included */

/* ERROR_INVALID names the first gap (ENGINE_MISSING_ERROR), or says that the series gets too long. `candles` must
 * outlive the series. Signals are computed over what comes out: indicators count bars. */
int engine_series_prepare(const struct candles *candles, enum engine_missing missing, struct engine_series *ret_series,
                          struct error *err) ATTR_CHECKED;
void engine_series_clear(struct engine_series *series); /* takes one that is all zero */

struct engine_job {
    const struct candles *candles; /* the bars before `first` were loaded for indicators only */
    const unsigned char *invented; /* of struct engine_series; may be NULL */
    size_t first, end;             /* bars of the test: from `first` to the one before `end` */
    const struct candles *detail;  /* a finer series of the same symbol, for ENGINE_INTRABAR_DETAIL; else NULL */
    const struct engine_execution *execution;
    const struct engine_signals *signals;
    /* Called now and then with how many bars of the test are done; NULL: not. */
    void (*progress)(void *arg, size_t bars);
    void *progress_arg;
};

/* ---- What comes out ---- */

enum engine_reason {
    ENGINE_REASON_NONE, /* the position is open */
    ENGINE_REASON_SIGNAL,
    ENGINE_REASON_REVERSE, /* the other side was entered at the same fill */
    ENGINE_REASON_STOP,
    ENGINE_REASON_TRAIL,
    ENGINE_REASON_TAKE,
    ENGINE_REASON_LIQUIDATION,
    ENGINE_REASON_END, /* close_at_end */
};

const char *engine_reason_name(enum engine_reason reason); /* "stop"; "" for none */

struct engine_trade {
    int side;                        /* 1 long, -1 short */
    enum engine_reason entry_reason; /* ENGINE_REASON_SIGNAL or ENGINE_REASON_REVERSE */
    enum engine_reason exit_reason;  /* ENGINE_REASON_NONE: still open; it is marked at the last close */
    size_t entry_bar, exit_bar;      /* of the series; of an open one the last bar */
    int64_t entry_time, exit_time;   /* openings of the bars of the fills, ms; with detail those of the finer bars */
    double quantity;                 /* > 0 */
    double entry_price, exit_price;  /* of the fills, costs included; of an open one the last close */
    double pnl;                      /* net of all costs; of an open one what it is worth now */
    double fees;                     /* of entry and exit together */
    double adverse, favourable;      /* furthest that the price went against and for it, as fractions of the entry's */
};

/* Embedded; all zero is empty. A run reuses the memory of the one before. */
struct engine_result {
    struct engine_trade *trades; /* by entry; only the last may be open */
    size_t trade_count, trade_capacity;
    double *equity; /* point 0 is the capital at the opening of the first bar, point k the equity at the k-th close */
    size_t point_count, point_capacity;
    struct engine_metrics metrics;
    /* SHA-256, in hexadecimal, over 25 bytes of each fill in their order: time (ms, 8 bytes), 1 for a purchase or 2 for
     * a sale, quantity and price (IEEE 754, 8 bytes each); all little-endian. */
    char hash[DIGEST_SHA256_HEX_BYTES];
};

/* ERROR_INVALID: settings, span or detail do not fit. The result is then empty. */
int engine_run(const struct engine_job *job, struct engine_result *result, struct error *err) ATTR_CHECKED;
void engine_result_clear(struct engine_result *result);
/* When a point of the curve is: the opening of the first bar, then the closes. */
int64_t engine_point_time(const struct engine_job *job, size_t point);

/* ---- All of it in one call ---- */

struct engine_backtest {
    const struct rules *rules;
    const struct candles *candles; /* with rules_lookback() bars before start_ms, if there are so many */
    const struct candles *detail;  /* may be NULL */
    const struct engine_execution *execution;
    int64_t start_ms, end_ms; /* bars that open in [start, end) are tested */
};

int engine_backtest(const struct engine_backtest *backtest, struct engine_result *result,
                    struct error *err) ATTR_CHECKED;

/* ---- As text ---- */

/* CSV with the header
 * n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,bars: times RFC 3339 in
 * UTC, an open trade with an empty exit. Every number reads back as the same double: prices with the digits of the
 * series, and more of them only if costs have moved them off its grid; quantities and money as short as can be. */
void engine_trades_csv(const struct engine_result *result, const struct candles *candles, struct buf *out);
/* CSV with the header time,equity. */
void engine_equity_csv(const struct engine_result *result, const struct engine_job *job, struct buf *out);

#endif

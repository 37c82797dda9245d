/*
 * How orders are executed: what they cost, what may be traded, how a bar is read. One table (execution.c) has the name
 * of each setting, its default, its bounds and its help; docs/engine.md has the words for people.
 *
 * The names are those of the `execution` object of a backtest, members of members with a point: "fee.percent".
 */
#ifndef ENGINE_EXECUTION_H
#define ENGINE_EXECUTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* What is assumed if the four prices of a bar do not tell what came first. */
enum engine_intrabar {
    ENGINE_INTRABAR_PESSIMISTIC, /* the worse for the trader */
    ENGINE_INTRABAR_TRADINGVIEW, /* the extreme that is nearer to the open; stop, take and trail from the next bar on */
    ENGINE_INTRABAR_DETAIL,      /* a finer series is walked */
};

enum engine_limit_fill {
    ENGINE_LIMIT_TOUCH,   /* a limit fills if the price touches it */
    ENGINE_LIMIT_THROUGH, /* if the price goes a tick through it */
};

/* What is done if bars are missing. */
enum engine_missing {
    ENGINE_MISSING_ERROR, /* the backtest is refused */
    ENGINE_MISSING_SKIP,  /* the next bar there is comes next */
    ENGINE_MISSING_FILL,  /* a flat bar without volume stands in for each; no order fills in it */
};

struct engine_execution {
    double fee_percent;      /* of each fill's value, in percent; a negative fee is a rebate */
    double fee_fixed;        /* a fill, quote currency */
    double fee_minimum;      /* a fill; 0: there is no minimum */
    double slippage_percent; /* of the price, in percent; market and stop fills */
    double slippage_ticks;   /* in ticks; market and stop fills */
    double spread;           /* price units; half of it at every fill */
    double lot;              /* 0: the series' */
    double tick;             /* 0: the series' */
    double leverage;
    double maintenance_margin; /* share of the position's value */
    bool short_allowed;
    enum engine_intrabar intrabar;
    enum engine_limit_fill limit_fill;
    enum engine_missing missing;
    double risk_free;        /* annual, as a fraction */
    double periods_per_year; /* 0: found from the days of the data */
    bool close_at_end;
    double capital;
    bool require_volume;
};

enum engine_setting_kind { ENGINE_SETTING_NUMBER, ENGINE_SETTING_FLAG, ENGINE_SETTING_WORD };

/* A row of the table. */
struct engine_setting {
    const char *name; /* "fee.percent" */
    enum engine_setting_kind kind;
    size_t offset;            /* in struct engine_execution */
    double minimum, maximum;  /* of a number */
    bool above_minimum;       /* the minimum itself is not allowed */
    double fallback;          /* the default: a number, 0 or 1, or the index of a word */
    const char *const *words; /* NULL after the last */
    const char *help;         /* one line */
};

const struct engine_setting *engine_settings(size_t *ret_count);
const struct engine_setting *engine_setting_find(struct slice name); /* NULL: there is none */

bool engine_setting_is_group(struct slice name); /* "fee", an object of settings */

/* The defaults. */
void engine_execution_init(struct engine_execution *execution);
/* One setting from its text: a decimal number, true or false, or a word. ERROR_INVALID says what is accepted, and which
 * name was perhaps meant; the value does not change then. */
int engine_execution_set(struct engine_execution *execution, struct slice name, struct slice value,
                         struct error *err) ATTR_CHECKED;
/* Are all within their bounds and do they agree? ERROR_INVALID names the setting. */
int engine_execution_check(const struct engine_execution *execution, struct error *err) ATTR_CHECKED;
/* All settings, the defaults too, as a JSON object. */
void engine_execution_json(const struct engine_execution *execution, struct buf *out);
/* The same without the capital: a backtest's `execution`, which has its capital beside it. */
void engine_execution_json_of_backtest(const struct engine_execution *execution, struct buf *out);

#endif

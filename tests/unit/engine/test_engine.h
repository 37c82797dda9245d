/* What the tests of engine/ share. */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H

#include "unit.h"

void test_execution_defaults(void);
void test_execution_set(void);
void test_execution_check(void);

void test_grid_is_decimal(void);
void test_grid_scales_with_powers_of_two(void);
void test_exact_sums(void);

void test_run_fills_at_the_next_open(void);
void test_run_reverses_at_one_fill(void);
void test_run_precedence(void);
void test_run_span(void);
void test_run_asks_what_depends_on_the_position(void);
void test_run_without_volume(void);
void test_run_refuses(void);
void test_run_hash(void);

void test_level_stop(void);
void test_level_gap(void);
void test_level_both_in_a_bar(void);
void test_level_tie(void);
void test_level_trail(void);
void test_level_rounds_to_the_tick(void);
void test_level_limit_through(void);
void test_level_that_is_none(void);
void test_level_of_the_signal(void);
void test_level_detail(void);
void test_level_liquidation(void);

void test_fill_fees(void);
void test_fill_fees_each_on_its_own(void);
void test_fill_slippage_and_spread(void);
void test_fill_excursions(void);

void test_size_kinds(void);
void test_size_at_close(void);
void test_size_is_what_the_cash_pays(void);
void test_size_lots(void);

void test_series_gaps(void);
void test_series_weekends(void);
void test_series_fill(void);

void test_metrics_curve(void);
void test_metrics_drawdown_from_the_capital(void);
void test_metrics_daily(void);
void test_metrics_daily_of_hours(void);
void test_metrics_weeks(void);
void test_metrics_tail(void);
void test_metrics_trades(void);
void test_metrics_null(void);
void test_metrics_table(void);

void test_text_numbers(void);
void test_text_csv(void);

void test_metamorphic_scale(void);
void test_metamorphic_cut(void);
void test_metamorphic_mirror(void);
void test_metamorphic_sum(void);
void test_metamorphic_ways(void);
void test_metamorphic_again(void);

void test_backtest_of_rules(void);

#endif

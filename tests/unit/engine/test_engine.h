/* The tests of engine/, a part for each file. */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H

#include "unit.h"

extern const struct unit_part backtest_tests, curve_tests, document_tests, exact_tests, execution_tests, fill_tests,
    grid_tests, level_tests, metrics_tests, run_tests, series_tests, size_tests, text_tests;

#endif

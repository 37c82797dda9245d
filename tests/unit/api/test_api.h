/* The tests of api/, by file. */
#ifndef TEST_API_H
#define TEST_API_H

#include "unit.h"

extern const struct unit_part candles_import_tests, equity_tests, execution_tests, gaps_tests, series_tests,
    openapi_tests, operation_tests, refusal_tests, registry_tests, site_tests, statement_tests, tokens_tests;

#endif

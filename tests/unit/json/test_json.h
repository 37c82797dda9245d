/* The tests of json/, a part for each file. */
#ifndef TEST_JSON_H
#define TEST_JSON_H

#include "unit.h"

extern const struct unit_part check_tests, field_tests, format_tests, scan_tests, write_tests;

#endif

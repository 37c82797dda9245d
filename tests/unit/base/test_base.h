/* The tests of base/, by file: memory (arena, buf, mem, list), text (slice, utf8, JSON strings), values (number, clock,
 * digest, error), encodings (hex, percent, pgtext, distance), system (file, process, random), the log, and the sinks
 * that it has. */
#ifndef TEST_BASE_H
#define TEST_BASE_H

#include "unit.h"

extern const struct unit_part memory_tests, text_tests, value_tests, encoding_tests, system_tests, log_tests,
    sink_tests;

#endif

/* The tests of base/, a part for each file. */
#ifndef TEST_BASE_H
#define TEST_BASE_H

#include "unit.h"

extern const struct unit_part arena_tests, base64_tests, buf_tests, cgroup_tests, clock_tests, digest_tests,
    distance_tests, error_tests, file_tests, given_tests, gzip_tests, hex_tests, inflate_tests, list_tests, log_tests,
    lookup_tests, mask_tests, mem_tests, number_tests, percent_tests, pgtext_tests, process_tests, random_tests,
    repeat_tests, sink_tests, slice_tests, token_tests, utf8_tests;

#endif

/* What the tests of json/ share. */
#ifndef TEST_JSON_H
#define TEST_JSON_H

#include "unit.h"

void test_scan_valid(void);
void test_scan_invalid(void);
void test_scan_depth(void);
void test_scan_positions(void);
void test_scan_duplicates(void);
void test_scan_many_members(void);
void test_scan_long_key(void);
void test_scan_long_number(void);

void test_mutation(void);

void test_check_whole_body(void);
void test_check_rules(void);
void test_check_many_faults(void);
void test_check_faults_are_bounded(void);
void test_check_merge(void);
void test_check_malformed(void);
void test_check_top_level(void);
void test_check_pointers(void);
void test_check_no_schema(void);
void test_check_text(void);

void test_string_kinds(void);
void test_string_lengths(void);
void test_string_every_character(void);

void test_format_uuid(void);
void test_format_date_time(void);
void test_format_decimal(void);

void test_write_commas(void);
void test_write_doubles(void);

#endif

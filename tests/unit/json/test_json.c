#include "test_json.h"

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_scan_valid),
        UNIT_TEST(test_scan_invalid),
        UNIT_TEST(test_scan_depth),
        UNIT_TEST(test_scan_positions),
        UNIT_TEST(test_scan_duplicates),
        UNIT_TEST(test_scan_many_members),
        UNIT_TEST(test_scan_long_key),
        UNIT_TEST(test_scan_long_number),
        UNIT_TEST(test_mutation),
        UNIT_TEST(test_check_whole_body),
        UNIT_TEST(test_check_rules),
        UNIT_TEST(test_check_many_faults),
        UNIT_TEST(test_check_faults_are_bounded),
        UNIT_TEST(test_check_merge),
        UNIT_TEST(test_check_malformed),
        UNIT_TEST(test_check_top_level),
        UNIT_TEST(test_check_pointers),
        UNIT_TEST(test_check_no_schema),
        UNIT_TEST(test_check_text),
        UNIT_TEST(test_string_kinds),
        UNIT_TEST(test_string_lengths),
        UNIT_TEST(test_string_every_character),
        UNIT_TEST(test_format_uuid),
        UNIT_TEST(test_format_date_time),
        UNIT_TEST(test_format_decimal),
        UNIT_TEST(test_write_commas),
        UNIT_TEST(test_write_doubles),
    };

    return unit_main("json", tests, countof(tests));
}

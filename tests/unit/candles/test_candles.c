#include "test_candles.h"

int main(void)
{
    const struct unit_part *const parts[] = {
        &timeframe_tests,   &decimal_tests, &stamp_tests,  &zone_tests,   &lines_tests,  &unpack_tests, &format_tests,
        &row_tests,         &import_tests,  &settle_tests, &report_tests, &series_tests, &merge_tests,  &derive_tests,
        &fingerprint_tests, &chunk_tests,   &csv_tests,    &revise_tests, &sum_tests};

    return unit_main_parts("candles", parts, countof(parts));
}

#include "test_json.h"

int main(void)
{
    static const struct unit_part *const parts[] = {&check_tests, &field_tests, &format_tests, &scan_tests,
                                                    &write_tests};

    return unit_main_parts("json", parts, countof(parts));
}

#include "test_base.h"

int main(void)
{
    const struct unit_part *const parts[] = {&memory_tests, &text_tests, &value_tests, &encoding_tests,
                                             &system_tests, &log_tests,  &sink_tests};

    return unit_main_parts("base", parts, countof(parts));
}

#include "test_ipc.h"

int main(void)
{
    static const struct unit_part *const parts[] = {&channel_tests, &control_tests,        &form_tests,
                                                    &metrics_tests, &metrics_master_tests, &pages_tests,
                                                    &passing_tests, &scoreboard_tests};

    return unit_main_parts("ipc", parts, countof(parts));
}

#include "test_admin.h"

int main(void)
{
    static const struct unit_part *const parts[] = {&exposition_tests, &metrics_tests};

    return unit_main_parts("admin", parts, countof(parts));
}

#include "test_queue.h"

int main(void)
{
    const struct unit_part *const parts[] = {&sheet_tests, &cache_tests, &catalog_tests, &load_tests};

    return unit_main_parts("queue", parts, countof(parts));
}

#include "rig.h"
#include "unit.h"

int main(void)
{
    const struct unit_part *const parts[] = {&piece_tests, &refusal_tests, &strict_tests, &conn_tests, &end_tests};

    return unit_main_parts("http", parts, countof(parts));
}

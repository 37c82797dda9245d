#include "test_migrate.h"

int main(void)
{
    const struct unit_part *const parts[] = {&connect_tests, &file_tests, &files_tests, &index_tests, &lexer_tests};

    return unit_main_parts("migrate", parts, countof(parts));
}

#include "test_conf.h"

int main(void)
{
    static const struct unit_part *const parts[] = {
        &address_tests, &database_tests, &defaults_tests, &file_tests,   &libpq_tests, &link_tests, &load_tests,
        &names_tests,   &print_tests,    &program_tests,  &secret_tests, &table_tests, &value_tests};

    return unit_main_parts("conf", parts, countof(parts));
}

#include "test_api.h"

int main(void)
{
    static const struct unit_part *const parts[] = {
        &candles_import_tests, &equity_tests,  &execution_tests, &gaps_tests, &series_tests,    &openapi_tests,
        &operation_tests,      &refusal_tests, &registry_tests,  &site_tests, &statement_tests, &tokens_tests};

    return unit_main_parts("api", parts, countof(parts));
}

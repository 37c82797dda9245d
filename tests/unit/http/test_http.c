#include "rig.h"

int main(void)
{
    static const struct unit_part *const parts[] = {
        &conditional_tests, &conn_tests,   &content_tests, &decide_tests, &exchange_tests, &guard_tests, &host_tests,
        &negotiate_tests,   &origin_tests, &parse_tests,   &places_tests, &problem_tests,  &query_tests, &refusal_tests,
        &respond_tests,     &router_tests, &server_tests,  &state_tests,  &status_tests,   &syntax_tests};

    return unit_main_parts("http", parts, countof(parts));
}

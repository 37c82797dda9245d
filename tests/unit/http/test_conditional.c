#include <stdio.h>

#include "rig.h"

static void test_if_none_match(void)
{
    static const struct {
        const char *field;
        unsigned status;
    } cases[] = {
        {"*", 304},
        {"\"7\"", 304},
        {"W/\"7\"", 304},
        {"\"a,b\" , \"7\"", 304},
        {"\"8\"", 200},
        {"7", 200},
        {"\"7", 200},
        {"w/\"7\"", 200},
        {"", 200},
        {"\"77\"", 200},
        {"\"*\"", 200},
        {",,\"7\"", 304},
        {"\"1\" \"7\"", 200},
        {"\"1\",\"7\" 8", 200},
        {"W/\"1\"\t,\t\"7\"", 304},
        {"\"7 \"", 200},
        {"\"", 200},
    };
    struct rig rig;
    struct client client;

    rig_start(&rig, &client, NULL);
    for (size_t i = 0; i < countof(cases); i++) {
        char request[128];

        snprintf(request, sizeof(request), "GET /tagged HTTP/1.1\r\nHost: a\r\nIf-None-Match: %s\r\n\r\n",
                 cases[i].field);
        client_say(&client, request);
        if (client_status(&client) != cases[i].status) UNIT_STR(cases[i].field, "answered otherwise");
    }
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_if_none_match),
};
const struct unit_part conditional_tests = UNIT_PART(tests);

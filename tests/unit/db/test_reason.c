#include <string.h>

#include "db/internal.h"
#include "rig.h"

static void test_reason_clean(void)
{
    char out[DB_REASON_BYTES];
    char long_text[2 * DB_REASON_BYTES];

    db_reason_clean(out,
                    "connection failed: refused\n\tIs the server running?\nLOCATION:  auth_failed, auth.c:326\n\n");
    UNIT_STR(out, "connection failed: refused; Is the server running?");
    db_reason_clean(out, "");
    UNIT_STR(out, "");
    db_reason_clean(out, "a\rb\x1b[0m");
    UNIT_STR(out, "a b [0m");
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    db_reason_clean(out, long_text);
    UNIT_INT(strlen(out), DB_REASON_BYTES - 1);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_reason_clean),
};
const struct unit_part reason_tests = UNIT_PART(tests);

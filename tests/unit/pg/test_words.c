#include "pg/words.h"

#include <stdlib.h>

#include "test_pg.h"

static void test_without(void)
{
    static const struct {
        const char *conninfo;
        const char *without; /* NULL: it is not in it */
        const char *value;
    } cases[] = {
        {"postgresql://u:p@a,b/db?load_balance_hosts=random", "postgresql://u:p@a,b/db", "random"},
        {"postgresql://a/db?sslmode=require&load_balance_hosts=%72andom&x=1", "postgresql://a/db?sslmode=require&x=1",
         "random"},
        {"postgres://a/db?load_balance_hosts=disable&load_balance_hosts=random&x=1", "postgres://a/db?x=1", "random"},
        {"postgresql://a/db?load_balance_hosts", "postgresql://a/db", ""},
        {"postgresql://load_balance_hosts=random@a/db", NULL, NULL},
        {"postgresql://a/db?my_load_balance_hosts=random", NULL, NULL},
        {"host=a,b load_balance_hosts=random dbname=x", "host=a,b dbname=x ", "random"},
        {"load_balance_hosts = 'ran\\dom' password='load_balance_hosts=x \\' y'",
         "password='load_balance_hosts=x \\' y' ", "random"},
        {"password='load_balance_hosts=x'", NULL, NULL},
        {"load_balance_hosts=random rubbish", "rubbish", "random"},
        {"rubbish load_balance_hosts=random", NULL, NULL},
        {"host='a", NULL, NULL},
        {"", NULL, NULL},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char *value = NULL;
        char *without = words_without(cases[i].conninfo, "load_balance_hosts", &value);

        UNIT_STR(without, cases[i].without);
        UNIT_STR(value, cases[i].value);
        free(without);
        free(value);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_without)};
const struct unit_part words_tests = UNIT_PART(tests);

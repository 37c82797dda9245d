#include <stdio.h>

#include "test_conf.h"

static void test_sets_that_are_secret(void)
{
    static const struct {
        const char *set;
        bool secret, password;
    } cases[] = {
        {"POSTGRES_PASSWORD=x", true, true},
        {"DATABASE_URL=postgresql://u:p@h/d", true, true},
        {"DATABASE_URL=host=h password=p", true, true},
        {"DATABASE_URL=postgresql://u@h/d", true, false},
        {"DATABASE_URL=postgresql:///d", true, false},
        {"MIGRATE_DATABASE_URL=postgresql://u:p@h/d", true, true},
        {"MIGRATE_DATABASE_URL=postgresql://u@h/d", true, false},
        {"POSTGRES_HOST=postgresql://u:p@h/d", true, true}, /* not what it means, and a password all the same */
        {"MADE_UP_TOKEN=abc", true, true},
        {"POSTGRES_PASSWORD=", false, false},
        {"POSTGRES_PASSWORD_FILE=/run/x", false, false},
        {"POSTGRES_USER=x", false, false},
        {"STRATSLAB_WORKERS=2", false, false},
        {"STRATSLAB_AUTH=token", false, false},
        {"geheim", true, false}, /* perhaps it is one whose name was forgotten */
        {"", true, false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (conf_set_is_secret(cases[i].set) != cases[i].secret) CU_FAIL_FATAL(cases[i].set);
        if (conf_set_has_password(cases[i].set) != cases[i].password) CU_FAIL_FATAL(cases[i].set);
    }
}

/* Whatever the table calls secret is: also a row that is added one day. */
static void test_every_secret_setting(void)
{
    for (size_t i = 0; i < conf_setting_count(); i++) {
        const struct conf_setting_info info = conf_setting_info(CONF_STRATSLABD, i);
        char set[128];

        snprintf(set, sizeof(set), "%s=1", info.name);
        CU_ASSERT_EQUAL(conf_set_is_secret(set), info.secret);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_sets_that_are_secret),
    UNIT_TEST(test_every_secret_setting),
};
const struct unit_part secret_tests = UNIT_PART(tests);

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "test_base.h"

static void test_error_is_masked(void)
{
    struct error err;

    error_set(&err, ERROR_REFUSED, "cannot connect to %s", "postgresql://u:s3cret@h/d");
    UNIT_STR(err.message, "cannot connect to postgresql://u:***@h/d");
}

static void test_error_is_filled(void)
{
    struct error err = {0};

    UNIT_INT(error_set(&err, ERROR_SETTINGS, "%s=%d is wrong", "workers", -1), -1);
    UNIT_INT(err.code, ERROR_SETTINGS);
    UNIT_STR(err.message, "workers=-1 is wrong");
    UNIT_INT(error_prefix(&err, "line %d", 3), -1);
    UNIT_STR(err.message, "line 3: workers=-1 is wrong");
    UNIT_INT(err.code, ERROR_SETTINGS);
}

static void test_error_takes_null(void)
{
    errno = EPERM;
    UNIT_INT(error_set(NULL, ERROR_USAGE, "x"), -1);
    UNIT_INT(error_set_errno(NULL, "x"), -1);
    UNIT_INT(error_prefix(NULL, "x"), -1);
    UNIT_INT(errno, EPERM);
}

static void test_error_of_the_system(void)
{
    struct error err = {0};

    errno = ENOENT;
    UNIT_INT(error_set_errno(&err, "open %s", "/nowhere"), -1);
    UNIT_INT(errno, ENOENT);
    UNIT_INT(err.code, ERROR_SYSTEM);
    UNIT_STR(err.message, "open /nowhere: No such file or directory");
}

static void test_error_that_is_too_long_is_cut(void)
{
    struct error err = {0};
    char *text = mem_zalloc(ERROR_MESSAGE_MAX * 2);

    memset(text, 'x', ERROR_MESSAGE_MAX * 2 - 1);
    error_set(&err, ERROR_FAILED, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    error_prefix(&err, "migration");
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    UNIT_INT(strncmp(err.message, "migration: xxx", 14), 0);
    error_prefix(&err, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    errno = EACCES;
    error_set_errno(&err, "%s", text);
    UNIT_INT(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    free(text);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_error_is_masked),
    UNIT_TEST(test_error_is_filled),
    UNIT_TEST(test_error_takes_null),
    UNIT_TEST(test_error_of_the_system),
    UNIT_TEST(test_error_that_is_too_long_is_cut),
};
const struct unit_part error_tests = UNIT_PART(tests);

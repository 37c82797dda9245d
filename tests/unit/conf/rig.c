#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_conf.h"

int test_load_program(enum conf_program program, const char *const *environ_list, const char *const *sets,
                      struct conf **ret_conf, struct error *err)
{
    /* Last, where a test's own goes before it: the file of an installation on this machine must not matter. */
    static const char no_file[] = "STRATSLAB_CONFIG=/dev/null";
    const char *with_file[16] = {NULL};
    size_t variables = 0, count = 0;

    while (environ_list != NULL && environ_list[variables] != NULL) {
        CU_ASSERT_FATAL(variables + 2 < countof(with_file));
        with_file[variables] = environ_list[variables];
        variables++;
    }
    with_file[variables] = no_file;
    while (sets != NULL && sets[count] != NULL) count++;
    return conf_load(program, with_file, sets, count, ret_conf, err);
}

int test_load(const char *const *environ_list, const char *const *sets, struct conf **ret_conf, struct error *err)
{
    return test_load_program(CONF_STRATSLABD, environ_list, sets, ret_conf, err);
}

struct conf *test_load_one(const char *variable, const char *set)
{
    static struct error err;
    struct conf *conf = NULL;

    err = (struct error){0};
    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST(variable), TEST_LIST(set), &conf, &err), 0);
    UNIT_STR(err.message, "");
    return conf;
}

void test_refused(const char *const *environ_list, const char *const *sets, const char *message)
{
    test_refused_program(CONF_STRATSLABD, environ_list, sets, message);
}

void test_refused_program(enum conf_program program, const char *const *environ_list, const char *const *sets,
                          const char *message)
{
    static struct error err;
    struct conf *conf = NULL;
    int result = test_load_program(program, environ_list, sets, &conf, &err);

    UNIT_INT(result, -1);
    CU_ASSERT_PTR_NULL(conf);
    if (result == 0) {
        UNIT_STR("(it loaded)", message);
        conf_free(conf);
        return;
    }
    UNIT_INT(err.code, ERROR_SETTINGS);
    UNIT_STR(err.message, message);
}

const char *test_file(const char *content, size_t len)
{
    char *path = mem_strdup("/tmp/test_conf.XXXXXX");
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(write(fd, content, len), (ssize_t)len);
    close(fd);
    return path;
}

void test_file_remove(const char *path)
{
    unlink(path);
    free((void *)path);
}

/* "STRATSLAB_CONFIG=<path>"; free it. */
char *config_variable(const char *path)
{
    return mem_printf("STRATSLAB_CONFIG=%s", path);
}

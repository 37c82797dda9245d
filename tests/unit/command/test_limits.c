/* Limits of the system, judged by the settings. */
#include "command/limits.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_command.h"

enum { PLENTY = 5000, FEW = 100 };

/* In a process of its own, because limits are a process's. Returns whether, with these settings and this limit, exactly
 * the warning at `index` is given and says `said`; NULL: none is given. */
static bool warns(const struct conf *conf, __rlimit_resource_t resource, rlim_t value, size_t index, const char *said)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit limit = {0};
        bool ok = getrlimit(resource, &limit) == 0;

        limit.rlim_cur = value; /* the hard one stays: valgrind refuses another for descriptors */
        if (limit.rlim_max < value) limit.rlim_max = value;
        ok = ok && setrlimit(resource, &limit) == 0;

        for (size_t i = 0; i < LIMITS_COUNT; i++) {
            struct buf text = {0};

            limits_judge(conf, i, &text);
            ok = ok && (text.len > 0) == (said != NULL && i == index);
            ok = ok && (text.len == 0 || strstr(buf_cstr(&text), said) != NULL);
            buf_clear(&text);
        }
        _exit(ok ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_limits_that_are_lower_than_the_settings_ask_for(void)
{
    struct conf conf = {.program = CONF_STRATSLABD, .http.connections = 1000, .supervision.workers = 2};
    struct conf small = {.program = CONF_STRATSLABD, .http.connections = FEW, .supervision.workers = 2};
    struct conf crowd = {.program = CONF_BACKTESTD, .http.connections = PLENTY, .supervision.workers = 256};

    CU_ASSERT_TRUE(warns(&conf, RLIMIT_NOFILE, 1064, 0, NULL));
    CU_ASSERT_TRUE(warns(&conf, RLIMIT_NOFILE, 1063, 0,
                         "may open 1063 descriptors (RLIMIT_NOFILE), but the settings "
                         "ask for 1064: 1000 connections (STRATSLAB_HTTP_CONNECTIONS)"));
    CU_ASSERT_TRUE(warns(&crowd, RLIMIT_NOFILE, 576, 0, NULL)); /* its connections are not a setting of its own */
    CU_ASSERT_TRUE(
        warns(&crowd, RLIMIT_NOFILE, FEW, 0, "ask for 576: 256 workers (STRATSLAB_WORKERS), twice in a reload"));
    CU_ASSERT_TRUE(warns(&small, RLIMIT_FSIZE, PLENTY, 2, "a file may grow to 5000 bytes (RLIMIT_FSIZE)"));
    CU_ASSERT_TRUE(warns(&small, RLIMIT_CPU, PLENTY, 3, "may use the processor for 5000 s (RLIMIT_CPU)"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_limits_that_are_lower_than_the_settings_ask_for),
};
const struct unit_part limits_tests = UNIT_PART(tests);

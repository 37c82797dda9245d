#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child/crash.h"
#include "rig.h"

static int crash_run(const struct child_place *place, void *arg)
{
    (void)place;
    (void)arg;
    crash_enable_backtrace("testd");
    abort();
}

static void test_a_crash_says_where_and_is_still_one(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, crash_run, NULL);
    CU_ASSERT(rig_until_killed(&rig));
    CU_ASSERT(WIFSIGNALED(rig.status));
    UNIT_INT(WTERMSIG(rig.status), SIGABRT);
    CU_ASSERT(strstr(rig.said, "testd: a child crashed; its backtrace:\n") != NULL);
    rig_close(&rig);
}

static const struct unit_test tests[] = {UNIT_TEST(test_a_crash_says_where_and_is_still_one)};
const struct unit_part crash_tests = UNIT_PART(tests);

#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "test_base.h"

static void test_a_zombie_is_not_alive(void)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0) _exit(0);
    CU_ASSERT(process_is_alive(getpid()));
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* it has ended, and is not reaped */
    CU_ASSERT_FALSE(process_is_alive(pid));
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_FALSE(process_is_alive(pid));
}

static void test_process_resident_memory(void)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t found = process_resident_bytes(getpid());

    CU_ASSERT_TRUE(found >= page);
    UNIT_INT(found % page, 0);
    UNIT_INT(process_resident_bytes(-1), 0); /* no process has this number */
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_process_resident_memory),
    UNIT_TEST(test_a_zombie_is_not_alive),
};
const struct unit_part process_tests = UNIT_PART(tests);

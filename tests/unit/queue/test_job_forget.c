#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench.h"
#include "queue/job_internal.h"
#include "test_queue.h"

/* In a process of its own, as it is meant to be called. Returns the number of what was wrong. */
static int forget_and_look(bool everywhere)
{
    static char *secret, *copy, *partial, *shorter, *kept; /* static: so they are no leak of the process's */

    secret = mem_strdup("0123456789abcdef");
    copy = mem_printf("before 0123456789abcdef behind");
    partial = mem_strdup("0123456789abcde ");
    shorter = mem_strdup("secret!");
    const struct slice secrets[] = {slice_of(secret), slice_of(shorter)};

    kept = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (kept == MAP_FAILED) return 1;
    memcpy(kept + 100, secret, 16);
    job_forget(secrets, countof(secrets), kept, 4096, everywhere);
    if (secret[0] != '\0' || secret[15] != '\0' || (shorter[0] == '\0') == everywhere) return 2;
    if (everywhere && (copy[7] != '\0' || copy[22] != '\0')) return 3;
    if (memcmp(copy, "before ", 7) != 0 || memcmp(copy + 23, " behind", 8) != 0) return 4;
    if (memcmp(partial, "0123456789abcde ", 16) != 0) return 5;
    return memcmp(kept + 100, "0123456789abcdef", 16) == 0 ? 0 : 6;
}

/* Behind so many maps that their list is long: every second page cannot be written. */
static int forget_behind_many_maps(void)
{
    enum { PAGES = 4000, PAGE = 4096 };
    char *secret = mem_strdup("0123456789abcdef"), *kept = mem_zalloc(8);
    const struct slice secrets[] = {slice_of(secret)};
    char *pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) return 1;
    for (size_t i = 1; i < PAGES; i += 2) {
        if (mprotect(pages + i * PAGE, PAGE, PROT_READ) != 0) return 2;
    }
    for (size_t i = 0; i < PAGES; i += 2) memcpy(pages + i * PAGE + 100, secret, 16);
    job_forget(secrets, 1, kept, 8, true);
    for (size_t i = 0; i < PAGES; i += 2) {
        if (pages[i * PAGE + 100] != '\0' || pages[i * PAGE + 115] != '\0') return 3;
    }
    return secret[0] == '\0' ? 0 : 4;
}

static int forget_in_child(bool everywhere)
{
    int status = -1;
    const pid_t pid = fork();

    if (pid == 0) _exit(forget_and_look(everywhere));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_every_copy_is_overwritten_and_nothing_else(void)
{
    UNIT_INT(forget_in_child(false), 0);
    if (!bench_is_bare("the search of the whole memory")) UNIT_INT(forget_in_child(true), 0);
}

static void test_there_may_be_any_number_of_maps(void)
{
    int status = -1;

    if (bench_is_bare("the search of the whole memory")) return;
    const pid_t pid = fork();

    if (pid == 0) _exit(forget_behind_many_maps());
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    UNIT_INT(WEXITSTATUS(status), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_every_copy_is_overwritten_and_nothing_else),
    UNIT_TEST(test_there_may_be_any_number_of_maps),
};
const struct unit_part job_forget_tests = UNIT_PART(tests);

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "test_base.h"

/* The exit status of a child that runs `body`, whose standard error is dropped; -1 where it ended by a signal. */
static int exit_status_of(void (*body)(void))
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
        body();
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return -2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Made and freed outside the child, so that no leak checker speaks up in there. */
static struct arena *asked_arena;

static void ask_arena_for_everything(void)
{
    arena_alloc(asked_arena, SIZE_MAX);
}

static void ask_buf_for_everything(void)
{
    struct buf b = {0};

    buf_add_char(&b, 'x');
    buf_reserve(&b, SIZE_MAX - 1);
}

static void test_out_of_memory_has_its_own_exit_status(void)
{
    asked_arena = arena_new();
    UNIT_INT(exit_status_of(ask_arena_for_everything), MEM_EXIT_STATUS);
    arena_free(asked_arena);
    UNIT_INT(exit_status_of(ask_buf_for_everything), MEM_EXIT_STATUS);
}

static void test_mem_of_nothing_is_a_pointer(void)
{
    void *p[] = {mem_alloc(0), mem_zalloc(0), mem_array(0, 8), mem_realloc(NULL, 0)};

    for (size_t i = 0; i < countof(p); i++) {
        CU_ASSERT_PTR_NOT_NULL(p[i]);
        free(p[i]);
    }
}

static void test_mem_strings(void)
{
    char *copies[] = {mem_strdup("strategy"), mem_strndup("strategy", 5), mem_printf("%s-%d", "bt", 42)};

    UNIT_STR(copies[0], "strategy");
    UNIT_STR(copies[1], "strat");
    UNIT_STR(copies[2], "bt-42");
    for (size_t i = 0; i < countof(copies); i++) free(copies[i]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_out_of_memory_has_its_own_exit_status),
    UNIT_TEST(test_mem_of_nothing_is_a_pointer),
    UNIT_TEST(test_mem_strings),
};
const struct unit_part mem_tests = UNIT_PART(tests);

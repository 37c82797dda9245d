#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
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

static void test_arena_aligns_every_allocation(void)
{
    struct arena *a = arena_new();

    for (size_t size = 0; size < 70; size++) {
        unsigned char *p = arena_alloc(a, size);

        UNIT_INT((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xff, size);
    }
    arena_free(a);
}

static void test_arena_allocations_do_not_overlap(void)
{
    enum { COUNT = 400, BYTES = 40 };
    struct arena *a = arena_new();
    unsigned char *p[COUNT];

    for (size_t i = 0; i < COUNT; i++) p[i] = memset(arena_alloc(a, BYTES), (int)(i % 251), BYTES);
    for (size_t i = 0; i < COUNT; i++) {
        UNIT_INT(p[i][0], i % 251);
        UNIT_INT(p[i][BYTES - 1], i % 251);
    }
    arena_free(a);
}

static void test_arena_takes_what_is_larger_than_a_chunk(void)
{
    enum { LARGE = 300000 };
    struct arena *a = arena_new();
    char *before = arena_printf(a, "%s", "before");
    char *large = memset(arena_alloc(a, LARGE), 'x', LARGE);
    char *after = arena_printf(a, "%s", "after");

    UNIT_STR(before, "before");
    UNIT_STR(after, "after");
    UNIT_INT(large[LARGE - 1], 'x');
    CU_ASSERT_TRUE(arena_footprint(a) > LARGE);
    arena_free(a);
}

static void test_arena_zeroes_on_demand(void)
{
    static const char zeroes[128];
    struct arena *a = arena_new();

    memset(arena_alloc(a, 2048), 0xff, 2048);
    arena_reset(a);
    CU_ASSERT_TRUE(memcmp(arena_zalloc(a, sizeof(zeroes)), zeroes, sizeof(zeroes)) == 0);
    arena_free(a);
}

static void test_arena_reset_keeps_one_chunk_and_no_large_one(void)
{
    struct arena *a = arena_new();

    UNIT_INT(arena_footprint(a), 0);
    arena_reset(a);
    arena_alloc(a, 10);

    size_t one_chunk = arena_footprint(a);
    void *first = (arena_reset(a), arena_alloc(a, 10));

    for (int i = 0; i < 1000; i++) arena_alloc(a, 100);
    CU_ASSERT_TRUE(arena_footprint(a) > one_chunk);
    arena_reset(a);
    UNIT_INT(arena_footprint(a), one_chunk);
    CU_ASSERT_PTR_NOT_NULL(first);
    arena_alloc(a, 1 << 20);
    arena_reset(a);
    UNIT_INT(arena_footprint(a), 0);
    arena_free(a);
    arena_free(NULL);
}

static void test_arena_copies_are_terminated(void)
{
    struct arena *a = arena_new();
    struct slice copy = arena_copy(a, (struct slice){"a\0b!", 3});
    struct slice none = arena_copy(a, SLICE_NONE);

    UNIT_INT(copy.len, 3);
    CU_ASSERT_TRUE(memcmp(copy.data, "a\0b", 4) == 0);
    UNIT_INT(none.len, 0);
    UNIT_STR(none.data, "");
    arena_free(a);
}

static void test_arena_prints_what_does_not_fit_a_chunk(void)
{
    struct arena *a = arena_new();
    char *text = arena_printf(a, "%09000d|%s", 7, "end");

    UNIT_INT(strlen(text), 9004);
    UNIT_STR(text + 8999, "7|end");
    arena_free(a);
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

static void test_buf_grows_and_keeps_its_content(void)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 5000; i++) buf_printf(&b, "%04d", i);
    UNIT_INT(b.len, 20000);
    UNIT_SLICE(((struct slice){b.data, 8}), "00000001");
    UNIT_SLICE(((struct slice){b.data + b.len - 8, 8}), "49984999");
    buf_clear(&b);
    UNIT_INT(b.len, 0);
    CU_ASSERT_PTR_NULL(b.data);
    buf_clear(&b);
}

static void test_buf_adds_each_kind(void)
{
    struct buf b = {0};

    buf_add(&b, "", 0);
    buf_add_slice(&b, SLICE_NONE);
    buf_add(&b, "a\0b", 3);
    buf_add_str(&b, "-str");
    buf_add_char(&b, '/');
    buf_printf(&b, "%s", "");
    buf_printf(&b, "%d%%", 50);
    UNIT_INT(b.len, 11);
    CU_ASSERT_TRUE(memcmp(b.data, "a\0b-str/50%", 11) == 0);
    UNIT_INT(buf_slice(&b).len, 11);
    buf_clear(&b);
}

static void test_buf_numbers(void)
{
    struct buf b = {0};

    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, 10);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    UNIT_STR(buf_cstr(&b), "0 10 18446744073709551615");
    buf_clear(&b);
}

static void test_buf_consume(void)
{
    struct buf b = {0};

    buf_consume(&b, 3); /* nothing to drop */
    buf_add_str(&b, "header|body");
    buf_consume(&b, 0);
    buf_consume(&b, 7);
    UNIT_STR(buf_cstr(&b), "body");
    buf_consume(&b, 4);
    UNIT_INT(b.len, 0);
    buf_add_str(&b, "again");
    buf_consume(&b, 500);
    UNIT_INT(b.len, 0);
    buf_clear(&b);
}

static void test_buf_reset_keeps_memory(void)
{
    struct buf b = {0};

    buf_add_str(&b, "something");
    size_t cap = b.cap;

    buf_reset(&b);
    UNIT_INT(b.len, 0);
    UNIT_INT(b.cap, cap);
    UNIT_STR(buf_cstr(&b), "");
    buf_clear(&b);
}

static void test_buf_cstr_does_not_count_its_end(void)
{
    struct buf b = {0};

    UNIT_STR(buf_cstr(&b), "");
    for (size_t i = 0; i < 256; i++) buf_add_char(&b, 'x'); /* exactly the first capacity: the NUL must find room */
    UNIT_INT(strlen(buf_cstr(&b)), 256);
    UNIT_INT(b.len, 256);
    buf_clear(&b);
}

static void test_buf_steal_leaves_it_empty(void)
{
    struct buf b = {0};
    char *nothing = buf_steal(&b);

    UNIT_STR(nothing, "");
    buf_add_str(&b, "mine");
    char *text = buf_steal(&b);

    UNIT_STR(text, "mine");
    UNIT_INT(b.len, 0);
    CU_ASSERT_PTR_NULL(b.data);
    free(nothing);
    free(text);
}

static void test_buf_reserve_then_len(void)
{
    struct buf b = {0};

    memcpy(buf_reserve(&b, 10000), "ready", 5);
    b.len += 5;
    CU_ASSERT_TRUE(b.cap >= 10000);
    UNIT_STR(buf_cstr(&b), "ready");
    buf_clear(&b);
}

struct item {
    int number;
    struct list link;
};

/* The members' numbers as one decimal number: 1, 2, 3 is 123. */
static int digits_of(struct list *head)
{
    int digits = 0;

    list_each(it, head) digits = digits * 10 + list_at(it, struct item, link)->number;
    return digits;
}

static void test_list_orders(void)
{
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};

    list_init(&head);
    CU_ASSERT_TRUE(list_is_empty(&head));
    UNIT_INT(digits_of(&head), 0);
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[3].link);
    list_push_front(&head, &items[0].link);
    list_insert_before(&items[3].link, &items[2].link);
    UNIT_INT(digits_of(&head), 1234);
    CU_ASSERT_FALSE(list_is_empty(&head));
    CU_ASSERT_PTR_EQUAL(list_at(head.prev, struct item, link), &items[3]);
}

static void test_list_remove_needs_no_head_and_may_be_repeated(void)
{
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};

    list_init(&head);
    for (size_t i = 0; i < countof(items); i++) list_push_back(&head, &items[i].link);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    UNIT_INT(digits_of(&head), 13);
    list_push_front(&head, &items[1].link);
    UNIT_INT(digits_of(&head), 213);
}

static void test_list_each_may_remove(void)
{
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    int seen = 0;

    list_init(&head);
    for (size_t i = 0; i < countof(items); i++) list_push_back(&head, &items[i].link);
    list_each(it, &head) {
        list_remove(it);
        seen++;
    }
    UNIT_INT(seen, 3);
    CU_ASSERT_TRUE(list_is_empty(&head));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_arena_aligns_every_allocation),
    UNIT_TEST(test_arena_allocations_do_not_overlap),
    UNIT_TEST(test_arena_takes_what_is_larger_than_a_chunk),
    UNIT_TEST(test_arena_zeroes_on_demand),
    UNIT_TEST(test_arena_reset_keeps_one_chunk_and_no_large_one),
    UNIT_TEST(test_arena_copies_are_terminated),
    UNIT_TEST(test_arena_prints_what_does_not_fit_a_chunk),
    UNIT_TEST(test_out_of_memory_has_its_own_exit_status),
    UNIT_TEST(test_mem_of_nothing_is_a_pointer),
    UNIT_TEST(test_mem_strings),
    UNIT_TEST(test_buf_grows_and_keeps_its_content),
    UNIT_TEST(test_buf_adds_each_kind),
    UNIT_TEST(test_buf_numbers),
    UNIT_TEST(test_buf_consume),
    UNIT_TEST(test_buf_reset_keeps_memory),
    UNIT_TEST(test_buf_cstr_does_not_count_its_end),
    UNIT_TEST(test_buf_steal_leaves_it_empty),
    UNIT_TEST(test_buf_reserve_then_len),
    UNIT_TEST(test_list_orders),
    UNIT_TEST(test_list_remove_needs_no_head_and_may_be_repeated),
    UNIT_TEST(test_list_each_may_remove),
};
const struct unit_part memory_tests = UNIT_PART(tests);

#include "base/list.h"
#include "test_base.h"

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
    UNIT_TEST(test_list_orders),
    UNIT_TEST(test_list_remove_needs_no_head_and_may_be_repeated),
    UNIT_TEST(test_list_each_may_remove),
};
const struct unit_part list_tests = UNIT_PART(tests);

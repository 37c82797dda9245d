#include <stdio.h>
#include <string.h>

#include "api/tokens.h"
#include "test_api.h"

/* A token whose hash begins with `number`, so that it can be chosen where it lands in the table. */
static struct token_entry entry_of(unsigned number)
{
    struct token_entry entry = {.can_read = true, .expires_us = UINT64_MAX};

    memcpy(entry.sha256, &number, sizeof(number));
    snprintf(entry.id, sizeof(entry.id), "%08x-0000-7000-8000-000000000000", number);
    return entry;
}

static struct token_entry *find(const struct tokens *tokens, unsigned number)
{
    return tokens_find(tokens, entry_of(number).sha256);
}

static void test_tokens_are_found(void)
{
    enum { COUNT = 1000, STEP = 64 }; /* all in few places */
    struct tokens tokens = {0};

    CU_ASSERT_PTR_NULL(find(&tokens, 1));
    tokens_init(&tokens, COUNT);
    CU_ASSERT_PTR_NULL(find(&tokens, 1));
    for (unsigned i = 1; i <= COUNT; i++) {
        struct token_entry entry = entry_of(i * STEP);

        tokens_add(&tokens, &entry);
        tokens_add(&tokens, &entry);
    }
    UNIT_INT(tokens.count, COUNT);
    for (unsigned i = 1; i <= COUNT; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(find(&tokens, i * STEP));
        UNIT_STR(find(&tokens, i * STEP)->id, entry_of(i * STEP).id);
        CU_ASSERT_PTR_NULL(find(&tokens, i * STEP + 1));
    }
    tokens_clear(&tokens);
    tokens_init(&tokens, 0);
    CU_ASSERT_PTR_NULL(find(&tokens, 1));
    tokens_clear(&tokens);
}

static void test_uses_are_told_a_minute_apart(void)
{
    const uint64_t start = UINT64_C(1790000000000000);
    struct tokens tokens;
    struct buf ids = {0};
    struct buf times = {0};

    tokens_init(&tokens, 3);
    for (unsigned i = 1; i <= 3; i++) {
        struct token_entry entry = entry_of(i);

        tokens_add(&tokens, &entry);
    }
    UNIT_INT(tokens_note(&tokens, &ids, &times), 0);
    UNIT_INT(ids.len, 0);
    tokens_use(&tokens, find(&tokens, 1), start);
    tokens_use(&tokens, find(&tokens, 2), start);
    tokens_use(&tokens, find(&tokens, 2), start + 5);
    UNIT_INT(tokens_note(&tokens, &ids, &times), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&ids), entry_of(1).id));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&ids), entry_of(2).id));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&times), "1790000000000005"));
    CU_ASSERT(ids.data[0] == '{' && ids.data[ids.len - 1] == '}' && times.data[times.len - 1] == '}');
    tokens_use(&tokens, find(&tokens, 1), start + TOKENS_NOTE_US - 1);
    UNIT_INT(tokens_note(&tokens, &ids, &times), 0);
    tokens_use(&tokens, find(&tokens, 1), start + TOKENS_NOTE_US);
    buf_reset(&ids);
    buf_reset(&times);
    UNIT_INT(tokens_note(&tokens, &ids, &times), 1);
    UNIT_STR(buf_cstr(&times), "{1790000060000000}");
    UNIT_INT(tokens_note(&tokens, &ids, &times), 0);
    /* A clock that was set back. */
    tokens_use(&tokens, find(&tokens, 1), start);
    UNIT_INT(tokens_note(&tokens, &ids, &times), 1);
    buf_clear(&ids);
    buf_clear(&times);
    tokens_clear(&tokens);
}

static void test_uses_outlive_a_load(void)
{
    struct tokens old;
    struct tokens fresh;
    struct buf ids = {0};
    struct buf times = {0};
    struct token_entry both = entry_of(1);
    struct token_entry gone = entry_of(2);

    tokens_init(&old, 2);
    tokens_add(&old, &both);
    tokens_add(&old, &gone);
    tokens_use(&old, find(&old, 1), 1790000000000000);
    tokens_use(&old, find(&old, 2), 1790000000000000);
    tokens_init(&fresh, 1);
    tokens_add(&fresh, &both);
    tokens_carry(&fresh, &old);
    tokens_clear(&old);
    UNIT_INT(tokens_note(&fresh, &ids, &times), 1);
    UNIT_STR(buf_cstr(&times), "{1790000000000000}");
    buf_clear(&ids);
    buf_clear(&times);
    tokens_clear(&fresh);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_tokens_are_found),
    UNIT_TEST(test_uses_are_told_a_minute_apart),
    UNIT_TEST(test_uses_outlive_a_load),
};
const struct unit_part tokens_tests = UNIT_PART(tests);

#include "base/token.h"
#include "test_base.h"

static void test_token_is_made(void)
{
    char a[TOKEN_BYTES];
    char b[TOKEN_BYTES];
    unsigned char sha256[DIGEST_SHA256_BYTES];
    struct error err;

    UNIT_INT(token_make(a, &err), 0);
    UNIT_INT(token_make(b, &err), 0);
    UNIT_INT(strlen(a), TOKEN_LENGTH);
    CU_ASSERT(memcmp(a, "stl_", 4) == 0 && memcmp(b, "stl_", 4) == 0);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT(token_digest(slice_of(a), sha256));
}

#define TOKEN_DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static void test_token_digest_takes_tokens_only(void)
{
    static const char *const wrong[] = {
        "",
        "stl_",
        TOKEN_DIGITS "f",
        "stl_" TOKEN_DIGITS,
        "stl_" TOKEN_DIGITS "ff",
        "STL_" TOKEN_DIGITS "f",
        "stl_" TOKEN_DIGITS "F",
        "stl_" TOKEN_DIGITS "g",
        "stl_" TOKEN_DIGITS " ",
    };
    unsigned char sha256[DIGEST_SHA256_BYTES];
    unsigned char expected[DIGEST_SHA256_BYTES];

    for (size_t i = 0; i < countof(wrong); i++) CU_ASSERT_FALSE(token_digest(slice_of(wrong[i]), sha256));
    CU_ASSERT_FALSE(token_digest(SLICE_NONE, sha256));
    CU_ASSERT(token_digest(SLICE_LIT("stl_" TOKEN_DIGITS "f"), sha256));
    digest_sha256("stl_" TOKEN_DIGITS "f", TOKEN_LENGTH, expected);
    CU_ASSERT_EQUAL(memcmp(sha256, expected, sizeof(sha256)), 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_token_is_made),
    UNIT_TEST(test_token_digest_takes_tokens_only),
};
const struct unit_part token_tests = UNIT_PART(tests);

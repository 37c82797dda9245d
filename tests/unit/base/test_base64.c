#include "base/base64.h"

#include "base/digest.h"
#include "test_base.h"

/* RFC 4648 section 10. */
static void test_base64_samples(void)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf out = {0};

        buf_add_str(&out, "=");
        base64_add(slice_of(cases[i][0]), &out);
        UNIT_STR(buf_cstr(&out) + 1, cases[i][1]);
        buf_clear(&out);
    }
}

/* Beside libcrypto's, for bytes of every value. */
static void test_base64_of_digests(void)
{
    for (unsigned i = 0; i < 256; i++) {
        const unsigned char byte = (unsigned char)i;
        unsigned char digest[DIGEST_SHA256_BYTES];
        char expected[DIGEST_SHA256_BASE64_BYTES];
        struct buf out = {0};

        digest_sha256(&byte, 1, digest);
        digest_sha256_base64(&byte, 1, expected);
        base64_add((struct slice){(const char *)digest, sizeof(digest)}, &out);
        UNIT_STR(buf_cstr(&out), expected);
        buf_clear(&out);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_base64_samples),
    UNIT_TEST(test_base64_of_digests),
};
const struct unit_part base64_tests = UNIT_PART(tests);

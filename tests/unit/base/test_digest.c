#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "test_base.h"

static void test_digest_of_nist_vectors(void)
{
    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
         "s"
         "tu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char hex[DIGEST_SHA256_HEX_BYTES];

    for (size_t i = 0; i < countof(cases); i++) {
        digest_sha256_hex(cases[i].text, strlen(cases[i].text), hex);
        UNIT_STR(hex, cases[i].hex);

        /* The same in parts. */
        struct digest *parts = digest_sha256_begin();

        for (size_t k = 0; cases[i].text[k] != '\0'; k++) digest_sha256_add(parts, &cases[i].text[k], 1);
        digest_sha256_end_hex(parts, hex);
        UNIT_STR(hex, cases[i].hex);
    }

    char base64[DIGEST_SHA256_BASE64_BYTES];

    digest_sha256_base64("abc", 3, base64);
    UNIT_STR(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

static void test_digest_of_a_million(void)
{
    enum { MILLION = 1000000 };
    char *text = memset(mem_alloc(MILLION), 'a', MILLION);
    unsigned char bytes[DIGEST_SHA256_BYTES];
    char hex[DIGEST_SHA256_HEX_BYTES];

    digest_sha256_hex(text, MILLION, hex);
    UNIT_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_sha256(text, MILLION, bytes);
    UNIT_INT(bytes[0], 0xcd);
    UNIT_INT(bytes[DIGEST_SHA256_BYTES - 1], 0xd0);
    free(text);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_digest_of_nist_vectors),
    UNIT_TEST(test_digest_of_a_million),
};
const struct unit_part digest_tests = UNIT_PART(tests);

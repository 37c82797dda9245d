#include "base/token.h"

#include <errno.h>
#include <sys/random.h>

#include "base/hex.h"

enum { TOKEN_PREFIX_LENGTH = sizeof(TOKEN_PREFIX) - 1, TOKEN_RANDOM = 32 };

_Static_assert(TOKEN_LENGTH == TOKEN_PREFIX_LENGTH + 2 * TOKEN_RANDOM, "a token is its prefix and its digits");

int token_make(char out[TOKEN_BYTES], struct error *err)
{
    unsigned char bits[TOKEN_RANDOM];
    ssize_t got;

    do got = getrandom(bits, sizeof(bits), 0); /* so few come whole, or not at all (getrandom(2)) */
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(bits)) return error_set_errno(err, "the system gives no random numbers");
    memcpy(out, TOKEN_PREFIX, TOKEN_PREFIX_LENGTH);
    for (size_t i = 0; i < sizeof(bits); i++) {
        out[TOKEN_PREFIX_LENGTH + 2 * i] = hex_digit(bits[i] >> 4);
        out[TOKEN_PREFIX_LENGTH + 2 * i + 1] = hex_digit(bits[i]);
    }
    out[TOKEN_LENGTH] = '\0';
    explicit_bzero(bits, sizeof(bits));
    return 0;
}

static bool token_is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool token_digest(struct slice text, unsigned char out[DIGEST_SHA256_BYTES])
{
    if (text.len != TOKEN_LENGTH || memcmp(text.data, TOKEN_PREFIX, TOKEN_PREFIX_LENGTH) != 0) return false;
    for (size_t i = TOKEN_PREFIX_LENGTH; i < text.len; i++) {
        if (!token_is_digit(text.data[i])) return false;
    }
    digest_sha256(text.data, text.len, out);
    return true;
}

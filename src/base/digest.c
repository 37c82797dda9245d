#include "base/digest.h"

#include <openssl/evp.h>

#include "base/hex.h"
#include "base/mem.h"

void digest_sha256(const void *data, size_t len, unsigned char out[DIGEST_SHA256_BYTES])
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1) mem_die(0); /* fails for want of memory only */
}

void digest_sha256_hex(const void *data, size_t len, char out[DIGEST_SHA256_HEX_BYTES])
{
    unsigned char bytes[DIGEST_SHA256_BYTES];

    digest_sha256(data, len, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = hex_digit(bytes[i] >> 4);
        out[2 * i + 1] = hex_digit(bytes[i]);
    }
    out[2 * sizeof(bytes)] = '\0';
}

void digest_sha256_base64(const void *data, size_t len, char out[DIGEST_SHA256_BASE64_BYTES])
{
    unsigned char bytes[DIGEST_SHA256_BYTES];

    digest_sha256(data, len, bytes);
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)sizeof(bytes));
}

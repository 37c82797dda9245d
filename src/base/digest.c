#include "base/digest.h"

#include <openssl/evp.h>

#include "base/hex.h"
#include "base/mem.h"

void digest_sha256(const void *data, size_t len, unsigned char out[DIGEST_SHA256_BYTES])
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1) mem_die(0); /* fails only if memory runs out */
}

static void digest_hex(const unsigned char bytes[DIGEST_SHA256_BYTES], char out[DIGEST_SHA256_HEX_BYTES])
{
    for (size_t i = 0; i < DIGEST_SHA256_BYTES; i++) {
        out[2 * i] = hex_digit(bytes[i] >> 4);
        out[2 * i + 1] = hex_digit(bytes[i]);
    }
    out[2 * DIGEST_SHA256_BYTES] = '\0';
}

void digest_sha256_hex(const void *data, size_t len, char out[DIGEST_SHA256_HEX_BYTES])
{
    unsigned char bytes[DIGEST_SHA256_BYTES];

    digest_sha256(data, len, bytes);
    digest_hex(bytes, out);
}

/* An EVP_MD_CTX under a name of ours. */
struct digest *digest_sha256_begin(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) mem_die(0);
    return (struct digest *)context;
}

void digest_sha256_add(struct digest *digest, const void *data, size_t len)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)digest, data, len) != 1) mem_die(0);
}

void digest_sha256_end_hex(struct digest *digest, char out[DIGEST_SHA256_HEX_BYTES])
{
    EVP_MD_CTX *context = (EVP_MD_CTX *)digest;
    unsigned char bytes[DIGEST_SHA256_BYTES];

    if (EVP_DigestFinal_ex(context, bytes, NULL) != 1) mem_die(0);
    EVP_MD_CTX_free(context);
    digest_hex(bytes, out);
}

void digest_sha256_base64(const void *data, size_t len, char out[DIGEST_SHA256_BASE64_BYTES])
{
    unsigned char bytes[DIGEST_SHA256_BYTES];

    digest_sha256(data, len, bytes);
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)sizeof(bytes));
}

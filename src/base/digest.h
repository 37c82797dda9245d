/* SHA-256 (FIPS 180-4) by OpenSSL's libcrypto, which libpq brings along anyway. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

enum { DIGEST_SHA256_BYTES = 32, DIGEST_SHA256_HEX_BYTES = 65, DIGEST_SHA256_BASE64_BYTES = 45 };

void digest_sha256(const void *data, size_t len, unsigned char out[DIGEST_SHA256_BYTES]);
/* Lower-case hexadecimal, NUL-terminated. */
void digest_sha256_hex(const void *data, size_t len, char out[DIGEST_SHA256_HEX_BYTES]);
/* Of data that comes in parts: any number of adds, then the end, which frees it. */
struct digest;
struct digest *digest_sha256_begin(void);
void digest_sha256_add(struct digest *digest, const void *data, size_t len);
void digest_sha256_end_hex(struct digest *digest, char out[DIGEST_SHA256_HEX_BYTES]);
/* Base64 (RFC 4648 section 4), NUL-terminated. */
void digest_sha256_base64(const void *data, size_t len, char out[DIGEST_SHA256_BASE64_BYTES]);

#endif

/*
 * Access tokens: "stl_" and 256 random bits in lower-case hexadecimal. The prefix is for people and for programs that
 * search for secrets where none should be. A token is shown once; what is kept of it is its SHA-256.
 */
#ifndef BASE_TOKEN_H
#define BASE_TOKEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"

#define TOKEN_PREFIX "stl_"
enum { TOKEN_LENGTH = 68, TOKEN_BYTES = TOKEN_LENGTH + 1 };

/* A new one, NUL-terminated. Waits for the kernel's random numbers, which only a machine's boot can make long. */
int token_make(char out[TOKEN_BYTES], struct error *err) ATTR_CHECKED;
/* What is looked up in place of the token; false where the text has not a token's form. */
bool token_digest(struct slice text, unsigned char out[DIGEST_SHA256_BYTES]) ATTR_CHECKED;

#endif

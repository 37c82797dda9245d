/*
 * Access tokens: "stl_" and 256 random bits in lower-case hexadecimal. The prefix is for people, and for programs that
 * search for secrets in places where none should be. A token is shown once; only its SHA-256 is kept.
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

/* Makes a new one, NUL-terminated. Waits for the kernel's random numbers, which takes long only while a machine boots.
 */
int token_make(char out[TOKEN_BYTES], struct error *err) ATTR_CHECKED;
/* What is looked up in place of the token. Returns false if the text does not have the form of a token. */
bool token_digest(struct slice text, unsigned char out[DIGEST_SHA256_BYTES]) ATTR_CHECKED;

#endif

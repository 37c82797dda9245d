/*
 * Masks secrets in text that somebody else wrote: an error from libpq, a request's target.
 *
 * Masked, as "***", is the password of a URL ("://user:password@"), the value after a name that ends in password,
 * passwd, secret, token, api_key or apikey ("password=…", "access_token=…"), a quoted one after PASSWORD, and what
 * follows "Bearer" or "Basic"; and what follows the prefix of our access tokens, wherever it stands. This is the last
 * net: what is known to be a secret is not passed on in the first place.
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include "base/buf.h"
#include "base/slice.h"

/* Returns `text` itself if nothing in it is secret; otherwise its masked form, in `scratch`. */
struct slice mask_text(struct slice text, struct buf *scratch);

/* Whether anything in it is secret. */
bool mask_finds(struct slice text);

#endif

/* Base64 (RFC 4648 section 4), in one line, with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_add(struct slice bytes, struct buf *out);

#endif

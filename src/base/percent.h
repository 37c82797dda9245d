/* Percent-encoding (RFC 3986 section 2.1). */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/slice.h"

/* Takes the next byte, decoded, off `*rest`, which must not be empty. Returns false, and takes nothing, if a % is
 * followed by anything but two hexadecimal digits. */
bool percent_next(struct slice *rest, char *ret_byte) ATTR_CHECKED;

#endif

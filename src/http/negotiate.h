/* Media types of bodies and answers (RFC 9110 sections 8.3 and 12.5.1). Internal to http/. */
#ifndef HTTP_NEGOTIATE_H
#define HTTP_NEGOTIATE_H

#include <stdbool.h>

#include "base/slice.h"

/* May `type` ("application/json") be sent to a client with this Accept? The most specific range decides; parameters
 * of ranges but for the weight, and malformed ranges, are passed over. An absent or empty Accept takes everything. */
bool http_accepts(struct slice accept, const char *type);
/* How much the client would like it, in thousandths: 0 if it excludes it. */
enum { ACCEPT_WEIGHT_MAX = 1000 };
unsigned http_accept_weight(struct slice accept, const char *type);

/* May content be sent in `coding` ("gzip") to a client with this Accept-Encoding (RFC 9110 section 12.5.3)? To one
 * without the field it may not: whoever cannot undo a coding does not know the field either. */
bool http_accepts_coding(struct slice accept, const char *coding);

/* "application/json" of "application/json; charset=utf-8"; absent if the field is malformed, or asks for a charset
 * that is not UTF-8. */
struct slice http_media_type(struct slice content_type);

#endif

/*
 * The page at /status for people: one file, page.html, built into the program. Its script and its style are in the
 * file, and its Content-Security-Policy names their digests: no other script or style works in it, and it sends
 * requests only to the address that it came from.
 */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "base/buf.h"

struct slice admin_page(void);
/* The value of Content-Security-Policy (W3C CSP Level 3). `out` is the caller's. */
void admin_page_policy(struct buf *out);

#endif

/* One GET to the running service, blocking and bounded: for the commands that ask it something. */
#ifndef STRATSLABD_PROBE_H
#define STRATSLABD_PROBE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "conf/conf.h"

enum { PROBE_TIMEOUT_MS = 5000 };

/* Asks at the first of `addresses` (every address is asked on loopback). ERROR_UNAVAILABLE where nobody answers. */
int probe_get(const struct conf_addresses *addresses, const char *path, unsigned *ret_status, struct buf *ret_body,
              struct error *err) ATTR_CHECKED;

#endif

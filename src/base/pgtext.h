/*
 * Reads libpq's text about a connection that failed. PGconn has no function for the fields of such an error; at
 * PQERRORS_VERBOSE they are in its text, "<severity>:  <sqlstate>: <message>", the severity in the server's language.
 */
#ifndef BASE_PGTEXT_H
#define BASE_PGTEXT_H

#include <stdbool.h>

#include "base/slice.h"

enum { PGTEXT_SQLSTATE_BYTES = 6 };

/* Empty if there is none. With several hosts, it is that of the host that was tried last. */
void pgtext_sqlstate(const char *text, char out[PGTEXT_SQLSTATE_BYTES]);
/* Takes the next line off `*rest`, without its indentation; empty lines, and lines that name a place in the server's
 * source, are skipped. Returns false at the end. */
bool pgtext_next_line(struct slice *rest, struct slice *ret_line);

#endif

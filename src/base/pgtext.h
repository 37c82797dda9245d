/*
 * The text that libpq has for a connection that failed. PGconn keeps the fields of such an error to itself; at
 * PQERRORS_VERBOSE they stand in its text, "<severity>:  <sqlstate>: <message>", the severity in the server's language.
 */
#ifndef BASE_PGTEXT_H
#define BASE_PGTEXT_H

#include <stdbool.h>

#include "base/slice.h"

enum { PGTEXT_SQLSTATE_BYTES = 6 };

/* Empty where there is none. With several hosts, the last that was tried counts. */
void pgtext_sqlstate(const char *text, char out[PGTEXT_SQLSTATE_BYTES]);
/* Takes the next line off `*rest`, without its indentation; empty lines, and those that name a place in the server's
 * source, are passed over. False at the end. */
bool pgtext_next_line(struct slice *rest, struct slice *ret_line);

#endif

#include <ctype.h>
#include <string.h>

#include "base/pgtext.h"
#include "db/internal.h"

static void reason_append(char out[DB_REASON_BYTES], struct slice text)
{
    size_t used = strlen(out);
    size_t room = DB_REASON_BYTES - 1 - used;
    size_t len = text.len < room ? text.len : room;

    memcpy(out + used, text.data, len);
    out[used + len] = '\0';
}

void db_reason_clean(char out[DB_REASON_BYTES], const char *text)
{
    struct slice rest = slice_of(text);
    struct slice line;

    out[0] = '\0';
    while (pgtext_next_line(&rest, &line)) {
        if (out[0] != '\0') reason_append(out, SLICE_LIT("; "));
        reason_append(out, line);
    }
    for (char *p = out; *p != '\0'; p++) {
        if (iscntrl((unsigned char)*p)) *p = ' ';
    }
}

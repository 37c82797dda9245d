#include "base/pgtext.h"

#include "base/attr.h"

void pgtext_sqlstate(const char *text, char out[PGTEXT_SQLSTATE_BYTES])
{
    out[0] = '\0';
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;

        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5 || strncmp(code + 5, ": ", 2) != 0) continue;
        memcpy(out, code, 5);
        out[5] = '\0';
    }
}

/* "LOCATION:  ClientAuthentication, auth.c:540", the first word in the server's language. */
static bool pgtext_is_location(struct slice line)
{
    static const char *const suffixes[] = {".c:", ".l:", ".y:"};
    size_t end = line.len;

    if (line.len > 9 && memcmp(line.data, "LOCATION:", 9) == 0) return true;
    while (end > 0 && line.data[end - 1] >= '0' && line.data[end - 1] <= '9') end--;
    if (end == line.len || end < 3) return false;
    for (size_t i = 0; i < countof(suffixes); i++) {
        if (memcmp(line.data + end - 3, suffixes[i], 3) == 0) return true;
    }
    return false;
}

bool pgtext_next_line(struct slice *rest, struct slice *ret_line)
{
    while (rest->data != NULL) {
        struct slice line = slice_trim(slice_cut(rest, '\n'));

        if (line.len == 0 || pgtext_is_location(line)) continue;
        *ret_line = line;
        return true;
    }
    return false;
}

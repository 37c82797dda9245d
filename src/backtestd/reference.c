#include "backtestd/reference.h"

#include <stdio.h>

int reference_print(const struct command_line *line, const char *noun, const char *(*at)(size_t index), struct buf *out)
{
    struct error err;
    int status = COMMAND_OK;

    if (out->len == 0) {
        const char *wanted = line->operands[0], *meant = backtestd_nearest(slice_of(wanted), at);

        struct buf path = {0};

        command_path(line, &path);
        if (meant != NULL) {
            error_set(&err, ERROR_USAGE, "there is no %s \"%s\" (did you mean %s?)", noun, wanted, meant);
        } else {
            error_set(&err, ERROR_USAGE, "there is no %s \"%s\"; \"%s\" lists all", noun, wanted, buf_cstr(&path));
        }
        buf_clear(&path);
        status = backtestd_fail(line, &err);
    }
    fputs(buf_cstr(out), stdout); /* nothing if it is not found */
    buf_clear(out);
    return status;
}

bool reference_is_wanted(const struct command_line *line, const char *name)
{
    return line->operand_count == 0 || strcmp(line->operands[0], name) == 0;
}

void reference_row(const char *name, size_t columns, const char *text, struct buf *out)
{
    const size_t before = out->len;

    buf_printf(out, "%-*s ", (int)columns - 1, name);
    command_wrap(slice_of(text), out->len - before, columns, out);
}

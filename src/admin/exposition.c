#include "admin/exposition.h"

#include <inttypes.h>
#include <stdio.h>

static void exposition_add_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_add_str(out, "\\n");
            continue;
        }
        if (*text == '\\' || (quotes && *text == '"')) buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void exposition_add_name(struct exposition *e)
{
    if (e->prefix != NULL) {
        buf_add_str(e->out, e->prefix);
        buf_add_char(e->out, '_');
    }
    buf_add_str(e->out, e->name);
}

void exposition_family(struct exposition *e, const char *name, const char *type, const char *help)
{
    e->name = name;
    buf_add_str(e->out, "# HELP ");
    exposition_add_name(e);
    buf_add_char(e->out, ' ');
    exposition_add_escaped(e->out, help, false);
    buf_add_str(e->out, "\n# TYPE ");
    exposition_add_name(e);
    buf_add_char(e->out, ' ');
    buf_add_str(e->out, type);
    buf_add_char(e->out, '\n');
}

void exposition_sample(struct exposition *e, const char *suffix)
{
    e->labelled = false;
    exposition_add_name(e);
    buf_add_str(e->out, suffix);
}

void exposition_label(struct exposition *e, const char *name, const char *value)
{
    buf_add_char(e->out, e->labelled ? ',' : '{');
    e->labelled = true;
    buf_add_str(e->out, name);
    buf_add_str(e->out, "=\"");
    exposition_add_escaped(e->out, value, true);
    buf_add_char(e->out, '"');
}

void exposition_labels(struct exposition *e, const char *labels)
{
    if (labels[0] == '\0') return;
    buf_add_char(e->out, e->labelled ? ',' : '{');
    e->labelled = true;
    buf_add_str(e->out, labels);
}

static void exposition_begin_value(struct exposition *e)
{
    buf_add_str(e->out, e->labelled ? "} " : " ");
}

void exposition_u64(struct exposition *e, uint64_t value)
{
    exposition_begin_value(e);
    buf_add_u64(e->out, value);
    buf_add_char(e->out, '\n');
}

void exposition_format_seconds(uint64_t ns, char out[EXPOSITION_SECONDS_BYTES])
{
    int len = snprintf(out, EXPOSITION_SECONDS_BYTES, "%" PRIu64 ".%09" PRIu64, ns / 1000000000U, ns % 1000000000U);

    while (out[len - 1] == '0') len--;
    if (out[len - 1] == '.') len--;
    out[len] = '\0';
}

void exposition_seconds(struct exposition *e, uint64_t ns)
{
    char text[EXPOSITION_SECONDS_BYTES];

    exposition_format_seconds(ns, text);
    exposition_begin_value(e);
    buf_add_str(e->out, text);
    buf_add_char(e->out, '\n');
}

#include "json/write.h"

#include <stdio.h>

#include "base/number.h"

static void json_begin(struct json_writer *w)
{
    if (w->comma) buf_add_char(w->out, ',');
    w->comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
    json_begin(w);
    buf_add_char(w->out, bracket);
    w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    buf_add_char(w->out, bracket);
    w->comma = true;
}

void json_key(struct json_writer *w, const char *name)
{
    json_text(w, name);
    buf_add_char(w->out, ':');
    w->comma = false;
}

void json_text(struct json_writer *w, const char *text)
{
    json_slice(w, slice_of(text));
}

void json_slice(struct json_writer *w, struct slice text)
{
    json_begin(w);
    buf_add_json(w->out, text);
}

void json_raw(struct json_writer *w, const char *json)
{
    json_begin(w);
    buf_add_str(w->out, json);
}

void json_uint(struct json_writer *w, unsigned long long n)
{
    json_begin(w);
    buf_add_u64(w->out, n);
}

void json_double(struct json_writer *w, double n)
{
    char text[NUMBER_DOUBLE_TEXT_BYTES];

    number_format_double(n, text);
    json_raw(w, text);
}

void json_key_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_text(w, text);
}

void json_key_raw(struct json_writer *w, const char *name, const char *json)
{
    json_key(w, name);
    json_raw(w, json);
}

void json_key_uint(struct json_writer *w, const char *name, unsigned long long n)
{
    json_key(w, name);
    json_uint(w, n);
}

void json_key_open(struct json_writer *w, const char *name, char bracket)
{
    json_key(w, name);
    json_open(w, bracket);
}

#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    free(b->data);
    buf_init(b);
}

void buf_burn(struct buf *b)
{
    if (b->data != NULL) explicit_bzero(b->data, b->cap);
    buf_clear(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
}

char *buf_grow(struct buf *b, size_t more)
{
    size_t cap = b->cap == 0 ? BUF_FIRST_BYTES : b->cap;

    if (more > SIZE_MAX / 2 - b->len) mem_die(more);
    while (cap - b->len < more) cap *= 2;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
    return b->data + b->len;
}

char *buf_reserve_exactly(struct buf *b, size_t more)
{
    if (b->data != NULL && b->cap - b->len >= more) return b->data + b->len;
    if (more > SIZE_MAX / 2 - b->len) mem_die(more);
    b->data = mem_realloc(b->data, b->len + more);
    b->cap = b->len + more;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (len == 0) return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.data, s.len);
}

void buf_add_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_u64(struct buf *b, unsigned long long n)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (need > 0) {
        vsnprintf(buf_reserve(b, (size_t)need + 1), (size_t)need + 1, fmt, again);
        b->len += (size_t)need;
    }
    va_end(again);
}

static void buf_add_json_escape(struct buf *b, unsigned char c)
{
    static const char names[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *at = memchr(names, c, sizeof(names) - 1);

    if (at != NULL) {
        buf_add_char(b, '\\');
        buf_add_char(b, letters[at - names]);
        return;
    }
    buf_printf(b, "\\u%04x", c);
}

void buf_add_json(struct buf *b, struct slice text)
{
    size_t at = 0;
    size_t plain = 0;

    buf_add_char(b, '"');
    while (at < text.len) {
        unsigned char c = (unsigned char)text.data[at];

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            at++;
            continue;
        }
        size_t wide = c < 0x80 ? 0 : utf8_length(text.data + at, text.len - at);
        const bool is_control = wide == 2 && c == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0;

        if (wide > 0 && !is_control) {
            at += wide;
            continue;
        }
        buf_add(b, text.data + plain, at - plain);
        if (c < 0x80) {
            buf_add_json_escape(b, c);
        } else if (is_control) {
            buf_add_json_escape(b, (unsigned char)text.data[++at]);
        } else {
            buf_add_str(b, "\xef\xbf\xbd");
        }
        plain = ++at;
    }
    if (text.len > 0) buf_add(b, text.data + plain, at - plain);
    buf_add_char(b, '"');
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->data;
}

char *buf_steal(struct buf *b)
{
    buf_cstr(b);
    char *text = b->data;
    buf_init(b);
    return text;
}

/*
 * A growing byte buffer on the heap. Embedded: buf_init (or all zero), then buf_clear frees what it holds.
 * Out of memory ends the process (base/mem.h), so that appending cannot fail.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/slice.h"

struct buf {
    char *data; /* owned; not NUL-terminated: see buf_cstr */
    size_t len;
    size_t cap;
};

void buf_init(struct buf *b);
void buf_clear(struct buf *b);              /* frees */
void buf_burn(struct buf *b);               /* the same if it held a secret: overwrites its bytes first */
void buf_reset(struct buf *b);              /* empties, keeps the memory */
char *buf_grow(struct buf *b, size_t more); /* buf_reserve's slow way */
/* Room for at least `more` bytes behind len; returns where they go. The caller adds to len what it wrote. */
static inline char *buf_reserve(struct buf *b, size_t more)
{
    return b->cap - b->len < more || b->data == NULL ? buf_grow(b, more) : b->data + b->len;
}
/* The same, without more room than that: for what is large, and will not grow further. */
char *buf_reserve_exactly(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *text);
static inline void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}
void buf_add_u64(struct buf *b, unsigned long long n);
void buf_printf(struct buf *b, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* `text` as a JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD. DEL and the
 * controls U+0080 to U+009F are escaped too, because terminals act on them. */
void buf_add_json(struct buf *b, struct slice text);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);
/* NUL-terminated view of the content, valid until the next change. */
const char *buf_cstr(struct buf *b);
/* Hands the content over as a NUL-terminated string (free it) and leaves the buffer empty. */
char *buf_steal(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}

#endif

/* An input that is read from its beginning as what a target asks for; zeros behind its end. */
#ifndef CURSOR_H
#define CURSOR_H

#include "base/slice.h"
#include "fuzz.h"

struct cursor {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t cursor_byte(struct cursor *c)
{
    if (c->left == 0) return 0;
    c->left--;
    return *c->at++;
}

/* A byte that says how long it is, and so many more. */
static inline struct slice cursor_text(struct cursor *c)
{
    size_t len = cursor_byte(c);

    if (len > c->left) len = c->left;
    const struct slice text = {len == 0 ? "" : (const char *)c->at, len};

    c->at += len;
    c->left -= len;
    return text;
}

#endif

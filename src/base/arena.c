#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ARENA_CHUNK_BYTES = 4096, ARENA_KEEP_MAX_BYTES = 65536 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct arena_chunk *head; /* the one in use */
    size_t bytes;             /* of all chunks */
};

static struct arena_chunk *arena_chunk_new(size_t size, struct arena_chunk *next)
{
    if (size > SIZE_MAX / 2) mem_die(size);

    struct arena_chunk *chunk = mem_alloc(sizeof(*chunk) + size);

    *chunk = (struct arena_chunk){.next = next, .size = size};
    return chunk;
}

struct arena *arena_new(void)
{
    return mem_zalloc(sizeof(struct arena));
}

static void arena_drop(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void arena_free(struct arena *a)
{
    if (a == NULL) return;
    arena_drop(a->head);
    free(a);
}

void arena_burn(struct arena *a)
{
    if (a == NULL) return;
    for (struct arena_chunk *chunk = a->head; chunk != NULL; chunk = chunk->next) {
        explicit_bzero(chunk->data, chunk->size);
    }
    arena_free(a);
}

void arena_reset(struct arena *a)
{
    if (a->head == NULL) return;
    arena_drop(a->head->next);
    a->head->next = NULL;
    a->head->used = 0;
    if (a->head->size > ARENA_KEEP_MAX_BYTES) {
        free(a->head);
        a->head = NULL;
    }
    a->bytes = a->head == NULL ? 0 : sizeof(*a->head) + a->head->size;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX / 2) mem_die(size);
    size = (size + align - 1) / align * align;
    if (a->head == NULL || a->head->size - a->head->used < size) {
        a->head = arena_chunk_new(size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES, a->head);
        a->bytes += sizeof(*a->head) + a->head->size;
    }
    void *p = a->head->data + a->head->used;

    a->head->used += size;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *copy = arena_alloc(a, s.len + 1);

    if (s.len > 0) memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (struct slice){copy, s.len};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    const size_t room = a->head == NULL ? 0 : a->head->size - a->head->used;
    char *at = room == 0 ? NULL : a->head->data + a->head->used, *text;
    va_list ap;
    va_list again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int need = vsnprintf(at, room, fmt, ap);
    va_end(ap);
    size_t size = need < 0 ? 1 : (size_t)need + 1;

    text = arena_alloc(a, size);
    if (need < 0) text[0] = '\0';
    if (need >= 0 && text != at) vsnprintf(text, size, fmt, again); /* it had no room there */
    va_end(again);
    return text;
}

struct slice arena_join(struct arena *a, struct slice one, struct slice two, struct slice three)
{
    const struct slice parts[] = {one, two, three};
    char *text = arena_alloc(a, one.len + two.len + three.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < countof(parts); i++) {
        if (parts[i].len > 0) memcpy(text + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    text[len] = '\0';
    return (struct slice){text, len};
}

size_t arena_footprint(const struct arena *a)
{
    return a->bytes;
}

/*
 * An arena: memory that is freed all at once, at the end of a request. Out of memory ends the process. arena_reset
 * keeps one chunk, so that a kept-alive connection's next request allocates nothing.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* takes NULL */
/* The same for an arena that held secrets: overwrites what it held. */
void arena_burn(struct arena *a); /* takes NULL */
void arena_reset(struct arena *a);
/* Aligned for any type; uninitialised. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
/* A NUL-terminated copy of the slice; its len does not count the NUL. */
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* One after the other, NUL-terminated: what every request needs, as arena_printf costs ten times as much. */
struct slice arena_join(struct arena *a, struct slice one, struct slice two, struct slice three);
/* Bytes that the arena holds from the heap, used or not. */
size_t arena_footprint(const struct arena *a);

#endif

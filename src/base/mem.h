/*
 * Allocation that cannot fail: a worker that runs out of memory says so, exits and is replaced. Everything returned is
 * the caller's, who frees it with free(3).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* The exit status of a process that ran out of memory. It is not one of sysexits.h, so a master can tell it from
 * others. */
enum { MEM_EXIT_STATUS = 86 };

void *mem_alloc(size_t size);                             /* uninitialised */
void *mem_zalloc(size_t size);                            /* all zero */
void *mem_array(size_t count, size_t size);               /* all zero; the product is checked */
void *mem_realloc(void *old, size_t size);                /* realloc(3) */
char *mem_strdup(const char *text);                       /* strdup(3) */
char *mem_strndup(const char *text, size_t len);          /* NUL-terminated copy of len bytes */
char *mem_printf(const char *fmt, ...) ATTR_PRINTF(1, 2); /* asprintf(3) */
void mem_die(size_t size) ATTR_NORETURN;                  /* says how much was asked for, and exits */

/*
 * For a process that is to hold a secret no more. Libraries leave what they have used: libpq does not wipe the copy of
 * a connection string that it parsed.
 *
 * mem_burn_free overwrites what is free in the heap: it takes blocks of every small size, which the C library serves
 * from what is free before it takes more. It takes about 1 ms. mem_burn_stack overwrites what returned functions left
 * below the caller's frame: call it before a frame that stays lies over that.
 */
void mem_burn_free(void);
void mem_burn_stack(void);

#endif

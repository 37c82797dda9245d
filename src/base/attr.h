/* Compiler attributes and tiny helpers that every room uses. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The result says whether the call worked; dropping it is a bug. */
#define ATTR_CHECKED __attribute__((warn_unused_result))
/* `fmt` is a printf format at argument `f`, its values start at argument `a`. */
#define ATTR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ATTR_NORETURN __attribute__((noreturn))

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `ptr`. */
/* clang-format off */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* clang-format on */

#endif

/* Compiler attributes and tiny helpers that every room uses. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The result says whether the call worked; dropping it is a bug. */
#define ATTR_CHECKED __attribute__((warn_unused_result))
/* `fmt` is a printf format at argument `f`, its values start at argument `a`. */
#define ATTR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ATTR_NORETURN __attribute__((noreturn))
/* A loop that is compiled once more for processors with vectors of four doubles; the dynamic linker takes the one that
 * fits. Both compute the same to the last bit: nothing is multiplied and added with one rounding. */
#if defined __x86_64__ && defined __gnu_linux__ && defined __OPTIMIZE__ && !defined __clang__ && \
    !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define ATTR_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define ATTR_WIDE
#endif

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `ptr`. */
/* clang-format off */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* clang-format on */

#endif

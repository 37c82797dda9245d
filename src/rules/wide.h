/* Values side by side, for loops of rules/ that the compiler does not see through: it makes one instruction of an
 * operation on them, or two. */
#ifndef RULES_WIDE_H
#define RULES_WIDE_H

#include <stdint.h>

enum { RULES_WIDE = 4 };
typedef double rules_wide __attribute__((vector_size(RULES_WIDE * sizeof(double))));
typedef int64_t rules_wide_bits
    __attribute__((vector_size(RULES_WIDE * sizeof(int64_t)))); /* of comparisons: 0 or -1 */

/* All bits that any of the four has. */
static inline uint64_t rules_wide_any(const rules_wide_bits *bits)
{
    return (uint64_t)((*bits)[0] | (*bits)[1] | (*bits)[2] | (*bits)[3]);
}

#endif

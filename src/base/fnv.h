/* FNV-1a, 64 bits (draft-eastlake-fnv): tells texts apart that nobody has chosen to look alike. */
#ifndef BASE_FNV_H
#define BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t fnv_mix_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t fnv_mix_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) hash = fnv_mix_byte(hash, (unsigned char)bytes[i]);
    return hash;
}

#endif

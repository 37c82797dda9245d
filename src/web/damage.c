#include "web/damage.h"

#include <stddef.h>
#include <string.h>

/* FNV-1a. Two chunks with the same hash are one here: the other is told an hour later. */
static uint64_t damage_hash(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

bool damage_is_news(struct damage *damage, struct slice symbol, const char *timeframe, int64_t address, uint64_t now_ms)
{
    struct damage_chunk *oldest = &damage->chunks[0];
    uint64_t hash = damage_hash(UINT64_C(0xcbf29ce484222325), symbol.data, symbol.len);

    hash = damage_hash(hash, "", 1);
    hash = damage_hash(hash, timeframe, strlen(timeframe));
    hash = damage_hash(hash, &address, sizeof(address));
    for (size_t i = 0; i < DAMAGE_CHUNKS; i++) {
        struct damage_chunk *chunk = &damage->chunks[i];

        if (chunk->told_ms != 0 && chunk->hash == hash) {
            if (now_ms - chunk->told_ms < DAMAGE_AGAIN_MS) return false;
            chunk->told_ms = damage->told_ms = now_ms;
            return true;
        }
        if (chunk->told_ms < oldest->told_ms) oldest = chunk;
    }
    if (oldest->told_ms != 0 && now_ms - damage->told_ms < DAMAGE_PAUSE_MS) return false;
    *oldest = (struct damage_chunk){.hash = hash, .told_ms = now_ms};
    damage->told_ms = now_ms;
    return true;
}

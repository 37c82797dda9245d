#include "web/damage.h"

#include <stddef.h>
#include <string.h>

#include "base/fnv.h"

/* Two chunks with the same hash are one here: the other is told an hour later. */
static uint64_t damage_hash(struct slice symbol, const char *timeframe, int64_t address)
{
    uint64_t hash = fnv_mix_bytes(FNV_BEGIN, symbol.data, symbol.len);

    hash = fnv_mix_byte(hash, '\0');
    hash = fnv_mix_bytes(hash, timeframe, strlen(timeframe));
    return fnv_mix_bytes(hash, (const char *)&address, sizeof(address));
}

bool damage_is_news(struct damage *damage, struct slice symbol, const char *timeframe, int64_t address, uint64_t now_ms)
{
    struct damage_chunk *oldest = &damage->chunks[0];
    const uint64_t hash = damage_hash(symbol, timeframe, address);

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

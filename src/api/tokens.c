#include "api/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void tokens_init(struct tokens *tokens, size_t count)
{
    size_t places = 8;

    while (places < 2 * count) places *= 2;
    *tokens = (struct tokens){.places = mem_array(places, sizeof(struct token_entry)), .place_count = places};
}

void tokens_clear(struct tokens *tokens)
{
    free(tokens->places);
    *tokens = (struct tokens){0};
}

/* The hash's place, or the free one where it would be: at least half of them are free. The hash is that of a secret, so
 * nobody can choose tokens that collide. */
static struct token_entry *tokens_place(const struct tokens *tokens, const unsigned char sha256[DIGEST_SHA256_BYTES])
{
    size_t at;

    memcpy(&at, sha256, sizeof(at));
    for (;; at++) {
        struct token_entry *place = &tokens->places[at & (tokens->place_count - 1)];

        if (place->id[0] == '\0' || memcmp(place->sha256, sha256, DIGEST_SHA256_BYTES) == 0) return place;
    }
}

void tokens_add(struct tokens *tokens, const struct token_entry *entry)
{
    struct token_entry *place = tokens_place(tokens, entry->sha256);

    if (place->id[0] != '\0') return;
    if (2 * ++tokens->count > tokens->place_count) abort(); /* more than were announced */
    *place = *entry;
}

struct token_entry *tokens_find(const struct tokens *tokens, const unsigned char sha256[DIGEST_SHA256_BYTES])
{
    if (tokens->count == 0) return NULL;
    struct token_entry *place = tokens_place(tokens, sha256);

    return place->id[0] == '\0' ? NULL : place;
}

void tokens_carry(struct tokens *to, const struct tokens *from)
{
    for (size_t i = 0; i < from->place_count; i++) {
        const struct token_entry *old = &from->places[i];
        struct token_entry *entry = old->id[0] == '\0' ? NULL : tokens_find(to, old->sha256);

        if (entry == NULL) continue;
        entry->used_us = old->used_us;
        entry->noted_us = old->noted_us;
    }
    to->used = from->used;
}

/* Whether enough has passed since the database was last told. Also if the clock was set back. */
static bool token_is_due(const struct token_entry *entry)
{
    return entry->used_us - entry->noted_us >= TOKENS_NOTE_US;
}

void tokens_use(struct tokens *tokens, struct token_entry *entry, uint64_t now_us)
{
    entry->used_us = now_us;
    if (token_is_due(entry)) tokens->used = true;
}

size_t tokens_note(struct tokens *tokens, struct buf *ids, struct buf *times)
{
    size_t count = 0;

    if (!tokens->used) return 0;
    tokens->used = false;
    for (size_t i = 0; i < tokens->place_count; i++) {
        struct token_entry *entry = &tokens->places[i];

        if (entry->id[0] == '\0' || !token_is_due(entry)) continue;
        buf_add_char(ids, count == 0 ? '{' : ',');
        buf_add_str(ids, entry->id);
        buf_add_char(times, count == 0 ? '{' : ',');
        buf_add_u64(times, entry->used_us);
        entry->noted_us = entry->used_us;
        count++;
    }
    if (count == 0) return 0;
    buf_add_char(ids, '}');
    buf_add_char(times, '}');
    return count;
}

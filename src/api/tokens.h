/* The tokens as a worker has them in memory: a hash table by SHA-256. Inside the room only. */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/slice.h"

enum { TOKENS_ID_BYTES = 37, TOKENS_NAME_BYTES = 64 };

struct token_entry {
    unsigned char sha256[DIGEST_SHA256_BYTES];
    char id[TOKENS_ID_BYTES]; /* "" if the place is free */
    char name[TOKENS_NAME_BYTES];
    bool can_read;
    bool can_write;
    uint64_t expires_us; /* wall clock; UINT64_MAX: never */
    uint64_t used_us;    /* when it was last used here; 0: not yet */
    uint64_t noted_us;   /* what of that the database was told */
};

/* Embedded; all zero is empty. */
struct tokens {
    struct token_entry *places;
    size_t place_count; /* a power of two, or 0 */
    size_t count;
    bool used; /* since tokens_note */
};

/* Room for `count` tokens and not one more. */
void tokens_init(struct tokens *tokens, size_t count);
void tokens_clear(struct tokens *tokens);
/* A copy, unless its hash is there already. */
void tokens_add(struct tokens *tokens, const struct token_entry *entry);
/* NULL if there is none. */
struct token_entry *tokens_find(const struct tokens *tokens, const unsigned char sha256[DIGEST_SHA256_BYTES]);
/* What is known of the uses of those that are in both goes from one to the other. */
void tokens_carry(struct tokens *to, const struct tokens *from);

void tokens_use(struct tokens *tokens, struct token_entry *entry, uint64_t now_us);
enum { TOKENS_NOTE_US = 60 * 1000 * 1000 };
/* The uses that the database should be told of, those of a token TOKENS_NOTE_US apart: ids as a text[] literal, times
 * (microseconds since 1970) as a bigint[] one. They count as told. Returns how many; none leaves the buffers alone. */
size_t tokens_note(struct tokens *tokens, struct buf *ids, struct buf *times);

#endif

#include "candles/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "candles/chunk.h"

void candles_fingerprint_chunks(const unsigned char (*sha256)[DIGEST_SHA256_BYTES], size_t count,
                                char out[DIGEST_SHA256_HEX_BYTES])
{
    digest_sha256_hex(sha256, count * sizeof(*sha256), out);
}

int candles_fingerprint(const struct candles *candles, char out[DIGEST_SHA256_HEX_BYTES], struct error *err)
{
    struct digest *digest = digest_sha256_begin();
    struct buf packed = {0};
    int status = 0;

    for (size_t first = 0, span; first < candles->count && status == 0; first += span) {
        struct chunk_summary summary;
        struct candles part;

        span = chunk_span(candles, first);
        part = candles_view(candles, first, span);
        buf_reset(&packed);
        status = chunk_encode(&part, &packed, &summary, err);
        if (status == 0) digest_sha256_add(digest, summary.sha256, sizeof(summary.sha256));
    }
    buf_clear(&packed);

    char hex[DIGEST_SHA256_HEX_BYTES];

    digest_sha256_end_hex(digest, hex);
    if (status == 0) memcpy(out, hex, sizeof(hex));
    return status;
}

void candles_fingerprint_steps(char fingerprint[DIGEST_SHA256_HEX_BYTES], int price_digits, int lot_digits)
{
    char text[DIGEST_SHA256_HEX_BYTES + 32];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", fingerprint);

    if (price_digits < 0 && lot_digits < 0) return;
    if (price_digits >= 0) len += (size_t)snprintf(text + len, sizeof(text) - len, " tick %d", price_digits);
    if (lot_digits >= 0) len += (size_t)snprintf(text + len, sizeof(text) - len, " lot %d", lot_digits);
    digest_sha256_hex(text, len, fingerprint);
}

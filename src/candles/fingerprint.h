/* What tells whether two backtests read the same candles: of a file as of the database. */
#ifndef CANDLES_FINGERPRINT_H
#define CANDLES_FINGERPRINT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "candles/candles.h"

/* SHA-256, in hexadecimal, over the SHA-256 of chunks (candles/chunk.h), in their order. */
void candles_fingerprint_chunks(const unsigned char (*sha256)[DIGEST_SHA256_BYTES], size_t count,
                                char out[DIGEST_SHA256_HEX_BYTES]);
/* Of all chunks of the candles. Fails, as chunk_encode does, if they do not keep the promise of `struct candles`. */
int candles_fingerprint(const struct candles *candles, char out[DIGEST_SHA256_HEX_BYTES],
                        struct error *err) ATTR_CHECKED;
/* Of what is rounded to the series' steps as well: it takes the place of the fingerprint of the candles. The digits of
 * its prices and of its lots; below zero: nothing depends on them. With neither, it stays as it is. */
void candles_fingerprint_steps(char fingerprint[DIGEST_SHA256_HEX_BYTES], int price_digits, int lot_digits);

#endif

#include "candles/fingerprint.h"

#include "candles/chunk.h"
#include "candles/timeframe.h"
#include "test_candles.h"

static struct candles_series *minutes(size_t count, double last_close)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);

    for (size_t i = 0; i < count; i++) {
        const double close = i + 1 == count ? last_close : 11;

        candles_series_add(series, &(struct candles_bar){(int64_t)i * CANDLES_MINUTE_MS, 10, 20, 5, close, 1});
    }
    return series;
}

/* It is over the chunks, in their order, and any bar counts. */
static void test_fingerprint(void)
{
    struct candles_series *series = minutes(3000, 11), *other = minutes(3000, 12);
    const struct candles *all = candles_series_view(series);
    char whole[DIGEST_SHA256_HEX_BYTES], again[DIGEST_SHA256_HEX_BYTES];
    unsigned char sha256[2][DIGEST_SHA256_BYTES];
    struct chunk_summary summary;
    struct buf packed = {0};
    struct error err;

    UNIT_INT(candles_fingerprint(all, whole, &err), 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct candles part = candles_view(all, i * (size_t)CHUNK_BARS, CHUNK_BARS);

        UNIT_INT(chunk_encode(&part, &packed, &summary, &err), 0);
        memcpy(sha256[i], summary.sha256, sizeof(sha256[i]));
    }
    candles_fingerprint_chunks(sha256, 2, again);
    UNIT_STR(again, whole);
    UNIT_INT(candles_fingerprint(candles_series_view(other), again, &err), 0);
    CU_ASSERT_STRING_NOT_EQUAL(again, whole);
    buf_clear(&packed);
    candles_series_free(series);
    candles_series_free(other);
}

static void test_fingerprint_of_steps(void)
{
    static const struct {
        int price_digits, lot_digits;
        const char *expected; /* sha256sum of the text */
    } cases[] = {
        {-1, -1, "abc"},
        {2, -1, "56750523d13c5b32b41eca888470ade89ecfeb857a0eb52b5f1a62d9bcd683bc"},
        {-1, 8, "8e2600aa1869f5fe2db80cb13fb1e4ce9bd986f7c1bc3f09d2298e80d136e0d0"},
        {2, 8, "23900652a936845b90ff95d3be26abbb5a2808f6d820de5ec25f36ea28f91c00"},
        {0, 0, "c3a4fd3cdc9891972bb7ab8c9b4e7e34ebb8195eacef08c21f91ce3b947d31cc"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char text[DIGEST_SHA256_HEX_BYTES] = "abc";

        candles_fingerprint_steps(text, cases[i].price_digits, cases[i].lot_digits);
        UNIT_STR(text, cases[i].expected);
    }
}

static void test_fingerprint_of_nothing(void)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
    char out[DIGEST_SHA256_HEX_BYTES] = "";
    struct error err;

    UNIT_INT(candles_fingerprint(candles_series_view(series), out, &err), 0);
    UNIT_STR(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    candles_series_add(series, &(struct candles_bar){0, 10, 20, 5, 30, 1});
    UNIT_INT(candles_fingerprint(candles_series_view(series), out, &err), -1);
    candles_series_free(series);
}

static const struct unit_test tests[] = {UNIT_TEST(test_fingerprint), UNIT_TEST(test_fingerprint_of_steps),
                                         UNIT_TEST(test_fingerprint_of_nothing)};
const struct unit_part fingerprint_tests = UNIT_PART(tests);

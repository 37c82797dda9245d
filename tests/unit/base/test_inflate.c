#include "base/inflate.h"
#include "test_base.h"

/* "hello" deflated, in pieces of a byte into room for one. */
static void test_inflate_pieces(void)
{
    static const char raw[] = {'\xcb', 'H', '\xcd', '\xc9', '\xc9', '\x07', '\x00', '!'};
    struct inflater *inflater = inflater_new(INFLATE_RAW);

    for (int round = 0; round < 2; round++) {
        enum inflate_state state = INFLATE_MORE;
        char text[16];
        size_t len = 0, at = 0;

        while (state == INFLATE_MORE && at < sizeof(raw)) {
            struct slice in = {raw + at, 1};
            size_t got;

            do {
                state = inflater_step(inflater, &in, text + len, 1, &got);
                len += got;
            } while (state == INFLATE_MORE && got > 0 && len < sizeof(text));
            at += 1 - in.len;
        }
        UNIT_INT(state, INFLATE_END);
        UNIT_INT(at, sizeof(raw) - 1);
        UNIT_SLICE(((struct slice){text, len}), "hello");
        inflater_reset(inflater);
    }
    struct slice junk = SLICE_LIT("\x07 is no block");
    char room[16];
    size_t got;

    UNIT_INT(inflater_step(inflater, &junk, room, sizeof(room), &got), INFLATE_BROKEN);
    inflater_free(inflater);
    inflater_free(NULL);
    UNIT_INT(inflate_crc32(0, SLICE_LIT("123456789")), 0xcbf43926);
    UNIT_INT(inflate_crc32(inflate_crc32(0, SLICE_LIT("1234")), SLICE_LIT("56789")), 0xcbf43926);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_inflate_pieces),
};
const struct unit_part inflate_tests = UNIT_PART(tests);

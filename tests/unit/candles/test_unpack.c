#include "candles/unpack.h"
#include "test_candles.h"

static int on_begin(void *context, struct slice name, struct error *err)
{
    (void)err;
    buf_printf(context, "<%.*s>", SLICE_FMT(name));
    return 0;
}

static int on_content(void *context, struct slice bytes, struct error *err)
{
    (void)err;
    buf_add_slice(context, bytes);
    return 0;
}

static int on_end(void *context, struct error *err)
{
    (void)err;
    buf_add_str(context, "</>");
    return 0;
}

static const struct unpack_sink sink = {on_begin, on_content, on_end};

/* What comes out, in pieces of `piece`; "" and the message in `err` if it fails. */
static void unpacked(struct slice bytes, size_t piece, uint64_t max, struct buf *out, struct error *err)
{
    struct unpack *unpack = unpack_new(&sink, out, max);
    int outcome = 0;

    err->message[0] = '\0';
    while (bytes.len > 0 && outcome == 0) {
        const struct slice part = {bytes.data, bytes.len < piece ? bytes.len : piece};

        outcome = unpack_feed(unpack, part, err);
        bytes.data += part.len;
        bytes.len -= part.len;
    }
    if (outcome == 0) outcome = unpack_end(unpack, err);
    if (outcome != 0) buf_reset(out);
    unpack_free(unpack);
}

static void unpacks_to(struct slice bytes, const char *expected, const char *message)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64, SIZE_MAX};

    for (size_t i = 0; i < countof(pieces); i++) {
        struct buf found = {0};
        struct error err;

        unpacked(bytes, pieces[i], 100000, &found, &err);
        UNIT_STR(buf_cstr(&found), expected);
        UNIT_STR(err.message, message);
        buf_clear(&found);
    }
}

static void test_unpack_plain(void)
{
    unpacks_to(SLICE_LIT(""), "<></>", "");
    unpacks_to(SLICE_LIT("a"), "<>a</>", "");
    unpacks_to(SLICE_LIT("a,b\nc,d\n"), "<>a,b\nc,d\n</>", "");
    unpacks_to(SLICE_LIT("PK is no zip"), "<>PK is no zip</>", "");
}

static void test_unpack_gzip(void)
{
    struct buf packed = {0};

    pack_gzip(SLICE_LIT("hello,"), &packed);
    pack_gzip(SLICE_LIT("world"), &packed); /* members that follow one another are one content */
    unpacks_to(buf_slice(&packed), "<>hello,world</>", "");
    unpacks_to((struct slice){packed.data, packed.len - 1}, "", "gzip: the file is truncated");
    buf_add(&packed, "\0\0", 2);
    unpacks_to(buf_slice(&packed), "<>hello,world</>", "");
    buf_add_str(&packed, "x");
    unpacks_to(buf_slice(&packed), "", "gzip: there is other data after its end");
    packed.data[12] ^= 1;
    unpacks_to(buf_slice(&packed), "", "gzip: the file is damaged, or not what its first bytes say");
    buf_clear(&packed);
}

static void test_unpack_zip(void)
{
    const struct pack_member members[] = {
        {.name = "a/", .bytes = SLICE_LIT(""), .is_stored = true},
        {.name = "a/b.csv", .bytes = SLICE_LIT("hello hello hello")},
        {.name = "__MACOSX/a/._b.csv", .bytes = SLICE_LIT("junk")},
        {.name = "stored.csv", .bytes = SLICE_LIT("as it is"), .is_stored = true},
        {.name = "empty", .bytes = SLICE_LIT(""), .is_stored = true},
        {.name = "behind.csv", .bytes = SLICE_LIT("sizes behind it"), .has_sizes_behind = true},
        {.name = "wide.csv", .bytes = SLICE_LIT("64 bits"), .is_64 = true},
        {.name = "both.csv", .bytes = SLICE_LIT("64 bits behind it"), .is_64 = true, .has_sizes_behind = true},
    };
    struct buf packed = {0};

    pack_zip(members, countof(members), &packed);
    unpacks_to(buf_slice(&packed),
               "<a/b.csv>hello hello hello</><stored.csv>as it is</><empty></><behind.csv>sizes behind it</>"
               "<wide.csv>64 bits</><both.csv>64 bits behind it</>",
               "");
    for (size_t len = 4; len < packed.len; len += 5) {
        struct buf found = {0};
        struct error err;

        unpacked((struct slice){packed.data, len}, SIZE_MAX, 100000, &found, &err);
        UNIT_STR(err.message, "zip: the file is truncated");
        buf_clear(&found);
    }
    buf_clear(&packed);
    pack_zip(members, 0, &packed);
    unpacks_to(buf_slice(&packed), "", "");
    buf_clear(&packed);
}

static void test_unpack_refused(void)
{
    static const struct {
        size_t at;
        char byte;
        const char *message;
    } cases[] = {
        {6, 1, "zip: a member is encrypted; unpack it first"},
        {8, 14, "zip: a member is packed by method 14; only stored and deflated members are read"},
        {6, 8, "zip: a stored member does not say how long it is; unpack it first"},
        {14, 'x', "zip: the file is damaged, or not what its first bytes say"},
        {22, 1, "zip: the file is damaged, or not what its first bytes say"},
    };
    const struct pack_member member = {.name = "a.csv", .bytes = SLICE_LIT("hello"), .is_stored = true};

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf packed = {0};

        pack_zip(&member, 1, &packed);
        packed.data[cases[i].at] = cases[i].byte;
        unpacks_to(buf_slice(&packed), "", cases[i].message);
        buf_clear(&packed);
    }
}

/* A hundred megabytes of zeros in a hundred kilobytes end at the bound. */
static void test_unpack_bomb(void)
{
    struct buf zeros = {0}, packed = {0}, found = {0};
    struct error err;

    for (int i = 0; i < 1000000; i++) buf_add_char(&zeros, '0');
    pack_gzip(buf_slice(&zeros), &packed);
    unpacked(buf_slice(&packed), SIZE_MAX, 200000, &found, &err);
    UNIT_STR(err.message, "the file holds more than 200000 bytes when it is unpacked");
    CU_ASSERT(found.cap < 500000);
    buf_clear(&zeros);
    buf_clear(&packed);
    buf_clear(&found);
}

/* Whatever the bytes: an end, or an error with words. */
static void test_unpack_changed(void)
{
    const struct pack_member members[] = {
        {.name = "a.csv", .bytes = SLICE_LIT("hello hello hello")},
        {.name = "b.csv", .bytes = SLICE_LIT("sizes behind it"), .has_sizes_behind = true},
    };
    struct buf packed = {0};
    uint64_t state = 7;

    pack_zip(members, countof(members), &packed);
    for (int i = 0; i < 3000; i++) {
        struct buf changed = {0}, one = {0}, other = {0};
        struct error err, err_other;

        buf_add_slice(&changed, buf_slice(&packed));
        for (int n = 0; n < 3; n++) changed.data[noise(&state) % changed.len] = (char)noise(&state);
        unpacked(buf_slice(&changed), SIZE_MAX, 100000, &one, &err);
        unpacked(buf_slice(&changed), 1 + noise(&state) % 20, 100000, &other, &err_other);
        UNIT_STR(buf_cstr(&one), buf_cstr(&other));
        UNIT_STR(err.message, err_other.message);
        buf_clear(&changed);
        buf_clear(&one);
        buf_clear(&other);
    }
    buf_clear(&packed);
}

static const struct unit_test tests[] = {UNIT_TEST(test_unpack_plain), UNIT_TEST(test_unpack_gzip),
                                         UNIT_TEST(test_unpack_zip),   UNIT_TEST(test_unpack_refused),
                                         UNIT_TEST(test_unpack_bomb),  UNIT_TEST(test_unpack_changed)};
const struct unit_part unpack_tests = UNIT_PART(tests);

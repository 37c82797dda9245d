#include "base/buf.h"
#include "base/gzip.h"
#include "test_base.h"

/* gzip -9n of aaaaaaaaaabbbbbbbbbbaaaaaaaaaa */
static const char packed[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4c\x84\x81\x24\x38\x80\x0b\x25\x02\x00\x2b\xbd\x40\xc9"
    "\x1e\x00\x00\x00\x00";
enum { PACKED_BYTES = sizeof(packed) - 2 };

static void test_gzip_reads_a_whole_one(void)
{
    struct buf out = {0};

    buf_add_str(&out, "before ");
    CU_ASSERT(gzip_read((struct slice){packed, PACKED_BYTES}, 30, &out));
    UNIT_SLICE(buf_slice(&out), "before aaaaaaaaaabbbbbbbbbbaaaaaaaaaa");
    buf_clear(&out);
}

static void test_gzip_refuses_others(void)
{
    struct buf out = {0};

    CU_ASSERT_FALSE(gzip_read((struct slice){packed, PACKED_BYTES}, 29, &out));
    for (size_t len = 0; len < PACKED_BYTES; len++) CU_ASSERT_FALSE(gzip_read((struct slice){packed, len}, 30, &out));
    CU_ASSERT_FALSE(gzip_read((struct slice){packed, PACKED_BYTES + 1}, 30, &out));
    for (size_t at = 0; at < PACKED_BYTES; at++) {
        char damaged[sizeof(packed)];

        /* What begins the head, and the checksum and size: between them some bits mean nothing. */
        if (at > 2 && at < PACKED_BYTES - 8) continue;
        memcpy(damaged, packed, sizeof(packed));
        damaged[at] = (char)(damaged[at] ^ 0x40);
        CU_ASSERT_FALSE(gzip_read((struct slice){damaged, PACKED_BYTES}, 30, &out));
    }
    CU_ASSERT_FALSE(gzip_read(SLICE_NONE, 30, &out));
    CU_ASSERT_FALSE(gzip_read(SLICE_LIT("aaaaaaaaaabbbbbbbbbbaaaaaaaaaa"), 30, &out));
    buf_clear(&out);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_gzip_reads_a_whole_one),
    UNIT_TEST(test_gzip_refuses_others),
};
const struct unit_part gzip_tests = UNIT_PART(tests);

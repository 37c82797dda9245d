#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/distance.h"
#include "base/gzip.h"
#include "base/hex.h"
#include "base/inflate.h"
#include "base/percent.h"
#include "base/pgtext.h"
#include "base/token.h"
#include "test_base.h"

static void test_hex_digits_round_trip(void)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";

    for (unsigned i = 0; i < 16; i++) {
        UNIT_INT(hex_digit(i), lower[i]);
        UNIT_INT(hex_value(lower[i]), i);
        UNIT_INT(hex_value(upper[i]), i);
    }
    UNIT_INT(hex_digit(0x3fU), 'f');
}

static void test_hex_value_of_no_digit(void)
{
    unsigned digits = 0;

    for (int c = -128; c < 128; c++) digits += hex_value((char)c) >= 0;
    UNIT_INT(digits, 22);
    for (const char *c = "/:@G`g"; *c != '\0'; c++) UNIT_INT(hex_value(*c), -1);
    UNIT_INT(hex_value('\0'), -1);
}

static void test_percent_decodes(void)
{
    static const struct {
        const char *text;
        struct slice decoded;
        const char *left; /* what is not taken */
    } cases[] = {
        {"", {"", 0}, ""},
        {"a+b", {"a+b", 3}, ""},
        {"%41%6a%6A", {"Ajj", 3}, ""},
        {"%00%ff", {"\0\xff", 2}, ""},
        {"%2541", {"%41", 3}, ""}, /* once, not twice */
        {"a%", {"a", 1}, "%"},
        {"a%4", {"a", 1}, "%4"},
        {"%4g", {"", 0}, "%4g"},
        {"%g4", {"", 0}, "%g4"},
        {"% 41", {"", 0}, "% 41"},
        {"%%41", {"", 0}, "%%41"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice rest = slice_of(cases[i].text);
        struct buf out = {0};
        char byte;

        while (rest.len > 0 && percent_next(&rest, &byte)) buf_add_char(&out, byte);
        CU_ASSERT_TRUE(slice_eq(buf_slice(&out), cases[i].decoded));
        UNIT_SLICE(rest, cases[i].left);
        buf_clear(&out);
    }
}

static void test_percent_keeps_to_the_slice(void)
{
    struct slice rest = {"%412", 2};
    char byte = 'x';

    CU_ASSERT_FALSE(percent_next(&rest, &byte));
    UNIT_INT(byte, 'x');
    UNIT_INT(rest.len, 2);
}

static void test_pgtext_sqlstate(void)
{
    static const struct {
        const char *text;
        const char *sqlstate;
    } cases[] = {
        {"connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed\n"
         "LOCATION:  auth_failed, auth.c:335\n",
         "28P01"},
        {"connection to server failed: FATAL:  28P01: password authentication failed\nLOCATION: x", "28P01"},
        {"connection to server failed: FATAL:  3D000: database \"x\" does not exist", "3D000"},
        {"failed: FATALE:  28000: kein Recht", "28000"},
        /* Several hosts: the last one that was tried counts. */
        {"a failed: FATAL:  57P03: the database system is starting up\nb failed: FATAL:  28000: no role\n", "28000"},
        {"host a failed: FATAL:  57P03: starting\nhost b failed: FATAL:  3D000: no database\n", "3D000"},
        {"connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running?", ""},
        {"could not connect:  refused", ""},
        {"FATAL:  28p01: lower case is none", ""},
        {"FATAL:  28P010: six are none", ""},
        {"FATAL:  28P0", ""},
        {"cut:  28P", ""},
        {"cut:  28P01", ""},
        {"", ""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char sqlstate[PGTEXT_SQLSTATE_BYTES] = "xxxxx";

        pgtext_sqlstate(cases[i].text, sqlstate);
        UNIT_STR(sqlstate, cases[i].sqlstate);
    }
}

static void test_pgtext_lines(void)
{
    static const struct {
        const char *text;
        const char *lines; /* each with a "|" behind it */
    } cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"refused", "refused|"},
        {"refused\n\tIs the server running?\n\n", "refused|Is the server running?|"},
        {"FATAL:  28P01: no\nLOCATION:  auth_failed, auth.c:326\nnext\n", "FATAL:  28P01: no|next|"},
        {"FATAL:  28P01: nein\nORT:  auth_failed, auth.c:326\n", "FATAL:  28P01: nein|"},
        {"FATAL:  42601: no\nORT:  scanner_yyerror, scan.l:1244\n", "FATAL:  42601: no|"},
        {"no digits: a.c:\nport 127.0.0.1:5432\n.c:1\n1", "no digits: a.c:|port 127.0.0.1:5432|1|"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice rest = slice_of(cases[i].text);
        struct slice line = SLICE_NONE;
        struct buf lines = {0};

        while (pgtext_next_line(&rest, &line)) buf_printf(&lines, "%.*s|", SLICE_FMT(line));
        UNIT_STR(buf_cstr(&lines), cases[i].lines);
        buf_clear(&lines);
    }
}

static void test_distance_counts_edits(void)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"name", "name", 0},
        {"", "name", 4},
        {"nmae", "name", 2}, /* two changes: exchanging neighbours is no edit of its own */
        {"name", "nam", 1},
        {"name", "names", 1},
        {"name", "game", 1},
        {"kitten", "sitting", 3},
        {"saturday", "sunday", 3},
        {"flaw", "lawn", 2},
        {"abc", "xyz", 3},
        {"Name", "name", 1},
        {"caf\xc3\xa9", "cafe", 2}, /* bytes, not characters */
    };

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_INT(distance_edit(slice_of(cases[i].a), slice_of(cases[i].b)), cases[i].distance);
        UNIT_INT(distance_edit(slice_of(cases[i].b), slice_of(cases[i].a)), cases[i].distance);
    }
}

static void test_distance_guess(void)
{
    static const struct {
        const char *wanted, *best;
    } cases[] = {
        {"RUN", "run"},
        {"Functions", "functions"},
        {"rnu", "run"},
        {"runn", "run"},
        {"rux", "run"},
        {"r", ""}, /* nothing of it would be left */
        {"xyz", ""},
        {"cand", ""},
        {"candels", "candles"},
        {"", ""},
        {"fonctoins", "functions"},
        {"functions", "functions"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct distance_guess guess = {.wanted = slice_of(cases[i].wanted)};

        distance_offer(&guess, SLICE_LIT("run"));
        distance_offer(&guess, SLICE_LIT("ron"));
        distance_offer(&guess, SLICE_LIT("candles"));
        distance_offer(&guess, SLICE_LIT("functions"));
        UNIT_SLICE(guess.best, cases[i].best);
    }
}

static void test_distance_is_bounded(void)
{
    char text[DISTANCE_NAME_MAX + 1];
    struct slice longest = {text, DISTANCE_NAME_MAX};
    struct slice too_long = {text, DISTANCE_NAME_MAX + 1};

    memset(text, 'a', sizeof(text));
    UNIT_INT(distance_edit(longest, longest), 0);
    UNIT_INT(distance_edit(longest, SLICE_NONE), DISTANCE_NAME_MAX);
    UNIT_INT(distance_edit(SLICE_NONE, longest), DISTANCE_NAME_MAX);
    CU_ASSERT_EQUAL(distance_edit(too_long, longest), SIZE_MAX);
    CU_ASSERT_EQUAL(distance_edit(SLICE_NONE, too_long), SIZE_MAX);
}

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

static void test_token_is_made(void)
{
    char a[TOKEN_BYTES];
    char b[TOKEN_BYTES];
    unsigned char sha256[DIGEST_SHA256_BYTES];
    struct error err;

    UNIT_INT(token_make(a, &err), 0);
    UNIT_INT(token_make(b, &err), 0);
    UNIT_INT(strlen(a), TOKEN_LENGTH);
    CU_ASSERT(memcmp(a, "stl_", 4) == 0 && memcmp(b, "stl_", 4) == 0);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT(token_digest(slice_of(a), sha256));
}

#define TOKEN_DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static void test_token_digest_takes_tokens_only(void)
{
    static const char *const wrong[] = {
        "",
        "stl_",
        TOKEN_DIGITS "f",
        "stl_" TOKEN_DIGITS,
        "stl_" TOKEN_DIGITS "ff",
        "STL_" TOKEN_DIGITS "f",
        "stl_" TOKEN_DIGITS "F",
        "stl_" TOKEN_DIGITS "g",
        "stl_" TOKEN_DIGITS " ",
    };
    unsigned char sha256[DIGEST_SHA256_BYTES];
    unsigned char expected[DIGEST_SHA256_BYTES];

    for (size_t i = 0; i < countof(wrong); i++) CU_ASSERT_FALSE(token_digest(slice_of(wrong[i]), sha256));
    CU_ASSERT_FALSE(token_digest(SLICE_NONE, sha256));
    CU_ASSERT(token_digest(SLICE_LIT("stl_" TOKEN_DIGITS "f"), sha256));
    digest_sha256("stl_" TOKEN_DIGITS "f", TOKEN_LENGTH, expected);
    CU_ASSERT_EQUAL(memcmp(sha256, expected, sizeof(sha256)), 0);
}

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
    UNIT_TEST(test_token_is_made),         UNIT_TEST(test_token_digest_takes_tokens_only),
    UNIT_TEST(test_hex_digits_round_trip), UNIT_TEST(test_hex_value_of_no_digit),
    UNIT_TEST(test_percent_decodes),       UNIT_TEST(test_percent_keeps_to_the_slice),
    UNIT_TEST(test_pgtext_sqlstate),       UNIT_TEST(test_pgtext_lines),
    UNIT_TEST(test_distance_counts_edits), UNIT_TEST(test_distance_guess),
    UNIT_TEST(test_distance_is_bounded),   UNIT_TEST(test_gzip_reads_a_whole_one),
    UNIT_TEST(test_gzip_refuses_others),   UNIT_TEST(test_inflate_pieces),
};
const struct unit_part encoding_tests = UNIT_PART(tests);

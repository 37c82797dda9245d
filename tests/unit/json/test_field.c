/* Strings of every kind through json_check: what arrives is what was sent, raw or escaped, with every json-c. */
#include "base/buf.h"
#include "base/utf8.h"
#include "test_json.h"
#include "json/json.h"

enum { CODE_MAX = 0x10ffff, CODES_PER_BODY = 4096, NAME_MIN = 1, NAME_MAX = 4 };

/* No value is among these, so that the fault quotes what was read. */
static const char *const nothing[] = {"-", NULL};

/* The verdict on {"text":"<written>"}; the faults' details behind it, a line each. */
static void string_is(const struct json_field *field, struct slice written, const char *expected)
{
    const struct json_schema schema = {"Thing", field, 1};
    struct json_validator *validator = json_validator_new();
    struct arena *arena = arena_new();
    struct json_faults faults = {.count = 0};
    struct buf body = {0}, found = {0};

    buf_add_str(&body, "{\"text\":\"");
    buf_add_slice(&body, written);
    buf_add_str(&body, "\"}");
    UNIT_INT(json_check(validator, arena, buf_slice(&body), &schema, JSON_MODE_WHOLE, &faults, NULL),
             expected[0] == '\0' ? JSON_VALID : JSON_INVALID);
    for (size_t i = 0; i < faults.count; i++) {
        buf_printf(&found, "%s%.*s", i == 0 ? "" : "\n", SLICE_FMT(faults.items[i].detail));
    }
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&body);
    buf_clear(&found);
    arena_free(arena);
    json_validator_free(validator);
}

static void test_string_kinds(void)
{
    static const struct json_field field = {.name = "text", .type = JSON_TYPE_STRING, .values = nothing};
    static const struct {
        const char *written, *read; /* `read` as JSON with nothing escaped but what a terminal acts on */
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\\\"\\\\/\\b\\f\\n\\r\\t"},
        {"\\u0001\\u001f\\u0020", "\\u0001\\u001f "},
        {"\x7f", "\\u007f"},
        {"\xc2\x80", "\\u0080"},
        {"\\u0080", "\\u0080"},
        {"\xc3\xa9", "\xc3\xa9"},
        {"\\u00E9\\u00e9", "\xc3\xa9\xc3\xa9"},
        {"\xdf\xbf", "\xdf\xbf"},
        {"\\u07ff", "\xdf\xbf"},
        {"\xe0\xa0\x80", "\xe0\xa0\x80"},
        {"\\u0800", "\xe0\xa0\x80"},
        {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"}, /* beside the surrogates */
        {"\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80"},
        {"\xef\xbb\xbf", "\xef\xbb\xbf"}, /* a byte order mark is a character in here */
        {"\xef\xbf\xbf", "\xef\xbf\xbf"},
        {"\\uffff", "\xef\xbf\xbf"},
        {"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
        {"\\ud800\\udc00", "\xf0\x90\x80\x80"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
        {"Gr\xc3\xb6\xc3\x9f"
         "e \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80",
         "Gr\xc3\xb6\xc3\x9f"
         "e \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80"},
        {"Gr\\u00f6\\u00dfe \\u6f22\\u5b57 \\ud83d\\ude00", "Gr\xc3\xb6\xc3\x9f"
                                                            "e \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80"},
        {"\xc3\xb6\\u00f6\\n\xf0\x9f\x98\x80\\ud83d\\ude00\\\\\xe6\xbc\xa2",
         "\xc3\xb6\xc3\xb6\\n\xf0\x9f\x98\x80\xf0\x9f\x98\x80\\\\\xe6\xbc\xa2"},
        {"\\\\ud83d \\\\u00f6", "\\\\ud83d \\\\u00f6"}, /* backslashes, not escapes */
        {"it's", "it's"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf expected = {0};

        buf_printf(&expected, "must be one of -, but is \"%s\"", cases[i].read);
        string_is(&field, slice_of(cases[i].written), buf_cstr(&expected));
        buf_clear(&expected);
    }
}

/* Characters count, whatever their bytes and however they are written. */
static void test_string_lengths(void)
{
    static const struct json_field field = {
        .name = "text", .type = JSON_TYPE_STRING, .min_length = NAME_MIN, .max_length = NAME_MAX};
    static const char *const characters[] = {
        "a",
        "\\u0061",
        "\\n",
        "\xc2\x80",
        "\\u0080",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\\uffff",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\\ud800\\udc00",
        "\xf4\x8f\xbf\xbf",
        "\\udbff\\udfff",
    };

    for (size_t i = 0; i < countof(characters); i++) {
        struct buf written = {0};

        string_is(&field, SLICE_LIT(""), "must have at least 1 character, but has 0");
        for (int count = NAME_MIN; count <= NAME_MAX; count++) {
            buf_add_str(&written, characters[i]);
            string_is(&field, buf_slice(&written), "");
        }
        buf_add_str(&written, characters[i]);
        string_is(&field, buf_slice(&written), "must have at most 4 characters, but has 5");
        buf_clear(&written);
    }
}

static void add_escaped(struct buf *b, unsigned code)
{
    if (code < 0x10000) {
        buf_printf(b, "\\u%04x", code);
    } else {
        buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
}

static void test_string_every_character(void)
{
    for (unsigned first = 0; first <= CODE_MAX; first += CODES_PER_BODY) {
        struct json_field field = {.name = "text", .type = JSON_TYPE_STRING};
        struct buf raw = {0}, escaped = {0};

        for (unsigned code = first; code < first + CODES_PER_BODY; code++) {
            const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
            char character[4] = {0};

            if (code == 0 || is_surrogate) continue;
            field.min_length = ++field.max_length;
            add_escaped(&escaped, code);
            if (code < 0x20 || code == '"' || code == '\\') {
                add_escaped(&raw, code);
            } else {
                buf_add(&raw, character, utf8_encode(code, character));
            }
        }
        if (field.max_length > 0) {
            string_is(&field, buf_slice(&raw), "");
            string_is(&field, buf_slice(&escaped), "");
        }
        buf_clear(&raw);
        buf_clear(&escaped);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_string_kinds),
    UNIT_TEST(test_string_lengths),
    UNIT_TEST(test_string_every_character),
};
const struct unit_part field_tests = UNIT_PART(tests);

/*
 * The grammar of RFC 8259, strictly, with what RFC 7493 (I-JSON) adds: UTF-8 without surrogates, no member twice,
 * numbers within IEEE 754's doubles. Iterative, so that a body's nesting costs no stack.
 */
#include "json/scan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
    JSON_QUOTE_CHARACTERS = 40,
    JSON_DOUBLE_DIGITS_SAFE = 300,
    JSON_NUMBER_BYTES_MAX = 1000,
    JSON_EXPONENT_MAX = 400
};

/* A member's name, of an object that is still open. */
struct json_key {
    struct slice text; /* unescaped */
    size_t at;         /* offset of its opening quote */
    size_t value_start, value_end;
};

struct json_frame {
    bool is_object;
    size_t first_key; /* in the scanner's keys, where this object's begin */
};

struct json_scanner {
    struct arena *arena;
    struct slice text;
    size_t at;
    unsigned depth, depth_max;
    struct json_frame *frames; /* heap */
    size_t frame_cap;
    struct json_key *keys; /* heap; of all open objects, the innermost's last */
    size_t key_count, key_cap;
    struct json_members *members; /* may be NULL */
    struct slice detail;          /* set at the first fault */
};

/* Where the scan goes on. */
enum json_next { JSON_NEXT_VALUE, JSON_NEXT_AFTER, JSON_NEXT_END, JSON_NEXT_FAULT };

static const char json_after_member[] = "\",\" or \"}\" after a member of an object";
static const char json_after_element[] = "\",\" or \"]\" after an element of an array";

const char *json_excerpt(struct arena *arena, struct slice text)
{
    const char *quoted = json_quote(arena, text);
    size_t len = strlen(quoted);
    bool cut = quoted[len - 1] != '"';
    size_t tail = cut ? strlen("\"...") : 1;

    return arena_printf(arena, "%.*s%s", (int)(len - 1 - tail), quoted + 1, cut ? "..." : "");
}

const char *json_quote(struct arena *arena, struct slice text)
{
    struct slice head = {text.data, 0};
    struct buf quoted = {0};
    const char *result;

    for (size_t i = 0; i < JSON_QUOTE_CHARACTERS && head.len < text.len; i++) {
        size_t wide = utf8_length(text.data + head.len, text.len - head.len);

        head.len += wide == 0 ? 1 : wide;
    }
    buf_add_json(&quoted, head);
    if (head.len < text.len) buf_add_str(&quoted, "...");
    result = arena_copy(arena, buf_slice(&quoted)).data;
    buf_clear(&quoted);
    return result;
}

/* Lines and columns are counted from 1, columns in characters: what is before a fault is valid UTF-8. */
static enum json_next json_fault_at(struct json_scanner *s, size_t at, const char *fmt, ...) ATTR_PRINTF(3, 4);

static enum json_next json_fault_at(struct json_scanner *s, size_t at, const char *fmt, ...)
{
    size_t line = 1, start = 0;
    char *what = NULL;
    va_list ap;

    for (size_t i = 0; i < at; i++) {
        if (s->text.data[i] == '\n') line++, start = i + 1;
    }
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0) mem_die(0);
    va_end(ap);
    s->detail = slice_of(arena_printf(s->arena, "line %zu, column %zu: %s", line,
                                      utf8_count(s->text.data + start, at - start) + 1, what));
    free(what);
    return JSON_NEXT_FAULT;
}

static enum json_next json_fault_expected(struct json_scanner *s, const char *expected)
{
    return json_fault_at(s, s->at, s->at == s->text.len ? "expected %s, but the text ends" : "expected %s", expected);
}

static void json_skip_space(struct json_scanner *s)
{
    while (s->at < s->text.len) {
        char c = s->text.data[s->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
        s->at++;
    }
}

static bool json_is_next(const struct json_scanner *s, char c)
{
    return s->at < s->text.len && s->text.data[s->at] == c;
}

static bool json_is_digit(struct slice text, size_t at)
{
    return at < text.len && text.data[at] >= '0' && text.data[at] <= '9';
}

size_t json_number_length(struct slice text)
{
    size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0;

    if (!json_is_digit(text, at)) return 0;
    if (text.data[at++] != '0') {
        while (json_is_digit(text, at)) at++;
    }
    if (at < text.len && text.data[at] == '.' && json_is_digit(text, at + 1)) {
        for (at++; json_is_digit(text, at);) at++;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        size_t digits = at + 1;

        if (digits < text.len && (text.data[digits] == '+' || text.data[digits] == '-')) digits++;
        if (!json_is_digit(text, digits)) return at;
        for (at = digits; json_is_digit(text, at);) at++;
    }
    return at;
}

/*
 * Does an IEEE 754 double come near the number (RFC 7493 section 2.2)? Neither infinity nor, for what is not zero, zero
 * does. The exponent has a bound of its own: whoever keeps numbers as decimals would write a hundred million digits for
 * "0e-99999999", or a document of such numbers.
 */
static bool json_is_double(struct slice number)
{
    size_t mantissa = 0;
    bool is_zero = true;

    for (; mantissa < number.len && (number.data[mantissa] | 0x20) != 'e'; mantissa++) {
        if (number.data[mantissa] >= '1' && number.data[mantissa] <= '9') is_zero = false;
    }
    /* Only an exponent or very many digits can leave the range. */
    if (mantissa == number.len && number.len <= JSON_DOUBLE_DIGITS_SAFE) return true;

    char text[JSON_NUMBER_BYTES_MAX + 1];

    memcpy(text, number.data, number.len);
    text[number.len] = '\0';
    const long exponent = mantissa < number.len ? strtol(text + mantissa + 1, NULL, 10) : 0;

    if (exponent > JSON_EXPONENT_MAX || exponent < -JSON_EXPONENT_MAX) return false;

    const double value = strtod(text, NULL);

    return isfinite(value) && (value != 0) == !is_zero;
}

static enum json_next json_scan_number(struct json_scanner *s)
{
    struct slice rest = {s->text.data + s->at, s->text.len - s->at};
    size_t len = json_number_length(rest);
    size_t start = s->at;

    if (len == 0) return json_fault_at(s, start, "expected a digit after \"-\"");
    s->at += len;
    if (s->at < s->text.len && strchr("0123456789.eE+-", s->text.data[s->at]) != NULL && s->text.data[s->at] != '\0') {
        return json_fault_at(s, start,
                             "this is not a number as JSON writes it: without a leading zero, and with digits after a "
                             "point or an exponent");
    }
    if (len > JSON_NUMBER_BYTES_MAX) {
        return json_fault_at(s, start, "the number has more than %d characters", JSON_NUMBER_BYTES_MAX);
    }
    if (!json_is_double((struct slice){rest.data, len})) {
        return json_fault_at(s, start, "the number is beyond the range of an IEEE 754 double");
    }
    return JSON_NEXT_AFTER;
}

static enum json_next json_scan_literal(struct json_scanner *s)
{
    static const char *const literals[] = {"true", "false", "null"};
    struct slice rest = {s->text.data + s->at, s->text.len - s->at};

    for (size_t i = 0; i < countof(literals); i++) {
        size_t len = strlen(literals[i]);

        if (rest.len < len || memcmp(rest.data, literals[i], len) != 0) continue;
        s->at += len;
        return JSON_NEXT_AFTER;
    }
    return json_fault_expected(s, "a value");
}

/* The four digits of a \u escape at offset `at`; -1 if they are not. */
static int json_hex4(struct slice text, size_t at)
{
    int code = 0;

    for (size_t i = at; i < at + 4; i++) {
        int value = i < text.len ? hex_value(text.data[i]) : -1;

        if (value < 0) return -1;
        code = code << 4 | value;
    }
    return code;
}

/* At the backslash. `*out`, if it is not NULL, takes what it stands for and moves on. */
static enum json_next json_scan_escape(struct json_scanner *s, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char letter = s->at + 1 < s->text.len ? s->text.data[s->at + 1] : '\0';
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    int code, low;

    if (found != NULL) {
        if (*out != NULL) *(*out)++ = meant[found - letters];
        s->at += 2;
        return JSON_NEXT_AFTER;
    }
    if (letter != 'u') return json_fault_at(s, s->at, "this escape does not exist");
    code = json_hex4(s->text, s->at + 2);
    if (code < 0) return json_fault_at(s, s->at, "\\u must be followed by four hexadecimal digits");
    if (code == 0) return json_fault_at(s, s->at, "the character NUL is not allowed");
    if (code >= 0xdc00 && code <= 0xdfff) return json_fault_at(s, s->at, "the low surrogate has no high one before it");
    if (code >= 0xd800 && code <= 0xdbff) {
        bool escaped = s->at + 7 < s->text.len && s->text.data[s->at + 6] == '\\' && s->text.data[s->at + 7] == 'u';

        low = escaped ? json_hex4(s->text, s->at + 8) : -1;
        if (low < 0xdc00 || low > 0xdfff) return json_fault_at(s, s->at, "the high surrogate has no low one after it");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        s->at += 6;
    }
    s->at += 6;
    if (*out != NULL) *out += utf8_encode((unsigned)code, *out);
    return JSON_NEXT_AFTER;
}

/* At the opening quote. `out`, if it is not NULL, has room for as many bytes as the string is long. */
static enum json_next json_scan_string(struct json_scanner *s, char *out, size_t *ret_len)
{
    char *begin = out;
    size_t start = s->at++;

    while (s->at < s->text.len) {
        const char *at = s->text.data + s->at;
        unsigned char c = (unsigned char)*at;
        size_t wide = 1;

        if (c == '"') {
            s->at++;
            if (ret_len != NULL) *ret_len = (size_t)(out - begin);
            return JSON_NEXT_AFTER;
        }
        if (c == '\\') {
            if (json_scan_escape(s, &out) == JSON_NEXT_FAULT) return JSON_NEXT_FAULT;
            continue;
        }
        if (c < 0x20) return json_fault_at(s, s->at, "the control character 0x%02x must be escaped in a string", c);
        if (c >= 0x80) wide = utf8_length(at, s->text.len - s->at);
        if (wide == 0) return json_fault_at(s, s->at, "the byte 0x%02x is not UTF-8", c);
        if (out != NULL) {
            memcpy(out, at, wide);
            out += wide;
        }
        s->at += wide;
    }
    return json_fault_at(s, start, "the string is not closed");
}

/* A member's name and the colon after it. */
static enum json_next json_scan_key(struct json_scanner *s)
{
    struct json_key key = {.at = s->at};
    size_t end = s->at + 1;
    char *out = NULL;

    if (!json_is_next(s, '"')) return json_fault_expected(s, "a member's name in double quotes");
    while (end < s->text.len && s->text.data[end] != '"' && s->text.data[end] != '\\') end++;
    if (end < s->text.len && s->text.data[end] == '\\') {
        /* Unescaping makes nothing longer; the end is the first quote that no backslash escapes. */
        while (end < s->text.len && s->text.data[end] != '"') end += s->text.data[end] == '\\' ? 2 : 1;
        out = arena_alloc(s->arena, end - s->at);
    }
    key.text = out == NULL ? (struct slice){s->text.data + s->at + 1, end - s->at - 1} : (struct slice){out, 0};
    if (json_scan_string(s, out, out == NULL ? NULL : &key.text.len) == JSON_NEXT_FAULT) return JSON_NEXT_FAULT;
    json_skip_space(s);
    if (!json_is_next(s, ':')) return json_fault_expected(s, "\":\" after a member's name");
    s->at++;
    json_skip_space(s);
    key.value_start = s->at;
    if (s->key_count == s->key_cap) {
        s->key_cap = s->key_cap == 0 ? 32 : s->key_cap * 2;
        s->keys = mem_realloc(s->keys, s->key_cap * sizeof(*s->keys));
    }
    s->keys[s->key_count++] = key;
    return JSON_NEXT_VALUE;
}

static int json_slice_order(struct slice a, struct slice b)
{
    if (a.len != b.len) return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}

/* By name, and twins by their place. */
static int json_key_order(const void *a, const void *b)
{
    const struct json_key *one = a, *other = b;
    int order = json_slice_order(one->text, other->text);

    if (order != 0) return order;
    return (one->at > other->at) - (one->at < other->at);
}

/* The members of an object that ends here: no name twice. Sorting finds twins, however a client chooses the names. */
static enum json_next json_close_object(struct json_scanner *s, size_t first)
{
    size_t count = s->key_count - first;
    const struct json_key *twin = NULL;
    struct json_key *keys;

    if (count == 0) return JSON_NEXT_AFTER;
    keys = s->keys + first;
    if (count > 1) qsort(keys, count, sizeof(*keys), json_key_order);
    for (size_t i = 1; i < count; i++) {
        bool same = slice_eq(keys[i - 1].text, keys[i].text);

        if (same && (twin == NULL || keys[i].at < twin->at)) twin = &keys[i];
    }
    if (twin != NULL) {
        return json_fault_at(s, twin->at, "the member %s is given twice", json_quote(s->arena, twin->text));
    }
    if (s->depth == 1 && s->members != NULL) {
        s->members->items = arena_alloc(s->arena, count * sizeof(*s->members->items));
        s->members->count = count;
        for (size_t i = 0; i < count; i++) {
            struct slice value = {s->text.data + keys[i].value_start, keys[i].value_end - keys[i].value_start};

            s->members->items[i] = (struct json_member){keys[i].text, value};
        }
    }
    s->key_count = first;
    return JSON_NEXT_AFTER;
}

static enum json_next json_close(struct json_scanner *s)
{
    const struct json_frame *frame = &s->frames[s->depth - 1];

    if (frame->is_object && json_close_object(s, frame->first_key) == JSON_NEXT_FAULT) return JSON_NEXT_FAULT;
    s->depth--;
    s->at++;
    return JSON_NEXT_AFTER;
}

static enum json_next json_open(struct json_scanner *s, bool is_object)
{
    if (s->depth == s->depth_max)
        return json_fault_at(s, s->at, "the text is nested deeper than %u levels", s->depth_max);
    if (s->depth == s->frame_cap) {
        s->frame_cap = s->frame_cap == 0 ? JSON_DEPTH_MAX : s->frame_cap * 2;
        s->frames = mem_realloc(s->frames, s->frame_cap * sizeof(*s->frames));
    }
    s->frames[s->depth++] = (struct json_frame){is_object, s->key_count};
    s->at++;
    json_skip_space(s);
    if (json_is_next(s, is_object ? '}' : ']')) return json_close(s);
    return is_object ? json_scan_key(s) : JSON_NEXT_VALUE;
}

static enum json_next json_scan_value(struct json_scanner *s)
{
    json_skip_space(s);
    switch (s->at < s->text.len ? s->text.data[s->at] : '\0') {
    case '{':
        return json_open(s, true);
    case '[':
        return json_open(s, false);
    case '"':
        return json_scan_string(s, NULL, NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return json_scan_number(s);
    default:
        return json_scan_literal(s);
    }
}

/* After a value: the end of the text, a comma, or the end of what holds it. */
static enum json_next json_scan_after(struct json_scanner *s)
{
    const struct json_frame *frame = s->depth == 0 ? NULL : &s->frames[s->depth - 1];

    if (frame != NULL && frame->is_object && s->key_count > frame->first_key) {
        s->keys[s->key_count - 1].value_end = s->at;
    }
    json_skip_space(s);
    if (frame == NULL) {
        if (s->at == s->text.len) return JSON_NEXT_END;
        return json_fault_at(s, s->at, "there is text after the end of the value");
    }
    if (json_is_next(s, frame->is_object ? '}' : ']')) return json_close(s);
    if (!json_is_next(s, ',')) return json_fault_expected(s, frame->is_object ? json_after_member : json_after_element);
    s->at++;
    json_skip_space(s);
    return frame->is_object ? json_scan_key(s) : JSON_NEXT_VALUE;
}

bool json_scan_members(struct arena *arena, struct slice text, unsigned depth_max, struct json_members *ret_members,
                       struct slice *ret_detail)
{
    struct json_scanner s = {.arena = arena, .text = text, .depth_max = depth_max, .members = ret_members};
    enum json_next next = JSON_NEXT_VALUE;

    if (ret_members != NULL) *ret_members = (struct json_members){0};
    json_skip_space(&s);
    if (s.at == text.len) {
        *ret_detail = SLICE_LIT("the body is empty");
        return false;
    }
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        next = json_fault_at(&s, 0, "a byte order mark is not allowed");
    }
    while (next == JSON_NEXT_VALUE || next == JSON_NEXT_AFTER) {
        next = next == JSON_NEXT_VALUE ? json_scan_value(&s) : json_scan_after(&s);
    }
    free(s.frames);
    free(s.keys);
    if (next == JSON_NEXT_FAULT) *ret_detail = s.detail;
    return next == JSON_NEXT_END;
}

bool json_scan(struct arena *arena, struct slice text, unsigned depth_max, struct slice *ret_detail)
{
    return json_scan_members(arena, text, depth_max, NULL, ret_detail);
}

struct slice json_members_find(const struct json_members *members, struct slice key)
{
    size_t low = 0, high = members->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = json_slice_order(key, members->items[middle].key);

        if (order == 0) return members->items[middle].value;
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return SLICE_NONE;
}

/* A string without escapes, which is what it stands for. */
static bool json_is_plain(struct slice string)
{
    if (string.len < 2 || string.data[string.len - 1] != '"') return false;
    for (size_t i = 1; i < string.len - 1; i++) {
        if ((unsigned char)string.data[i] < 0x20 || string.data[i] == '"' || string.data[i] == '\\') return false;
    }
    return utf8_is_valid(string.data, string.len);
}

struct slice json_unquote(struct arena *arena, struct slice value)
{
    struct json_members members = {0};
    struct slice detail;

    if (value.len == 0 || value.data[0] != '"') return SLICE_NONE;
    if (json_is_plain(value)) return arena_copy(arena, (struct slice){value.data + 1, value.len - 2});
    /* As the name of a member the scanner gives it unescaped. */
    if (!json_scan_members(arena, slice_of(arena_printf(arena, "{%.*s:0}", SLICE_FMT(value))), 1, &members, &detail) ||
        members.count != 1) {
        return SLICE_NONE;
    }
    return arena_copy(arena, members.items[0].key);
}

struct slice json_pointer_add(struct arena *arena, struct slice pointer, struct slice member)
{
    char *text = arena_alloc(arena, pointer.len + 1 + 2 * member.len + 1);
    size_t len = pointer.len;

    if (pointer.len > 0) memcpy(text, pointer.data, pointer.len);
    text[len++] = '/';
    for (size_t i = 0; i < member.len; i++) {
        const char c = member.data[i];

        text[len++] = c == '~' || c == '/' ? '~' : c;
        if (c == '~' || c == '/') text[len++] = c == '~' ? '0' : '1';
    }
    text[len] = '\0';
    return (struct slice){text, len};
}

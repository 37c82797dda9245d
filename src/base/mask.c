#include "base/mask.h"

#include <strings.h>

#include "base/attr.h"
#include "base/hex.h"
#include "base/token.h"

/* A shorter word behind "Bearer" is a word. */
enum { MASK_TOKEN_MIN = 8 };

/* The bytes from `at` to `end` are secret; end == at if nothing is. */
struct mask_span {
    size_t at, end;
};

static bool mask_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The word that ends at `end`, or before spaces that end there. */
static struct slice mask_word_before(struct slice text, size_t end)
{
    size_t at;

    while (end > 0 && text.data[end - 1] == ' ') end--;
    at = end;
    while (at > 0 && mask_is_name(text.data[at - 1])) at--;
    return (struct slice){text.data + at, end - at};
}

static bool mask_ends_in(struct slice word, const char *suffix)
{
    size_t len = strlen(suffix);

    return word.len >= len && strncasecmp(word.data + word.len - len, suffix, len) == 0;
}

static bool mask_is_secret_name(struct slice name)
{
    static const char *const suffixes[] = {"password", "passwd", "secret", "token", "api_key", "apikey"};

    for (size_t i = 0; i < countof(suffixes); i++) {
        if (mask_ends_in(name, suffixes[i])) return true;
    }
    return false;
}

/* A value in quotes, which may hold a doubled or escaped quote; the whole rest if it does not end. */
static struct mask_span mask_quoted(struct slice text, size_t at)
{
    char quote = text.data[at++];
    size_t end = at;

    while (end < text.len && (text.data[end] != quote || (end + 1 < text.len && text.data[end + 1] == quote))) {
        end += text.data[end] == quote || text.data[end] == '\\' ? 2 : 1;
    }
    return (struct mask_span){at, end < text.len ? end : text.len};
}

static struct mask_span mask_until(struct slice text, size_t at, const char *stops)
{
    size_t end = at;

    while (end < text.len && (unsigned char)text.data[end] > ' ' && strchr(stops, text.data[end]) == NULL) end++;
    return (struct mask_span){at, end};
}

/* "name=value", "name = 'value'" */
static struct mask_span mask_behind_equals(struct slice text, size_t equals)
{
    size_t at = equals + 1;

    if (!mask_is_secret_name(mask_word_before(text, equals))) return (struct mask_span){0};
    while (at < text.len && text.data[at] == ' ') at++;
    if (at < text.len && (text.data[at] == '\'' || text.data[at] == '"')) return mask_quoted(text, at);
    return mask_until(text, at, "&;,\"'<>)#");
}

/* "://user:password@" */
static struct mask_span mask_in_url(struct slice text, size_t colon)
{
    struct mask_span user = mask_until(text, colon + 3, "/@:\"'");
    struct mask_span password;

    if (user.end >= text.len || text.data[user.end] != ':') return (struct mask_span){0};
    password = mask_until(text, user.end + 1, "@/\"");
    if (password.end >= text.len || text.data[password.end] != '@') return (struct mask_span){0};
    return password;
}

/* "Bearer xyz", "PASSWORD 'xyz'" */
static struct mask_span mask_behind_space(struct slice text, size_t space)
{
    struct slice word = mask_word_before(text, space);
    struct mask_span span;

    if (space + 1 >= text.len) return (struct mask_span){0};
    if (text.data[space + 1] == '\'' && mask_ends_in(word, "password")) return mask_quoted(text, space + 1);
    if (!slice_is_nocase(word, "bearer") && !slice_is_nocase(word, "basic")) return (struct mask_span){0};
    span = mask_until(text, space + 1, "\"',;");
    if (span.end - span.at < MASK_TOKEN_MIN) return (struct mask_span){0};
    return span;
}

/* An access token, or a part of one; also with its "_" percent-encoded, as it may stand in a target. */
static struct mask_span mask_in_token(struct slice text, size_t at)
{
    static const char *const prefixes[] = {TOKEN_PREFIX, "stl%5F"};
    size_t digits = 0;

    for (size_t i = 0; i < countof(prefixes); i++) {
        const size_t len = strlen(prefixes[i]);

        if (text.len - at >= len && strncasecmp(text.data + at, prefixes[i], len) == 0) digits = at + len;
    }
    size_t end = digits;

    while (digits > 0 && end < text.len && hex_value(text.data[end]) >= 0) end++;
    return (struct mask_span){digits, end};
}

static struct mask_span mask_look(struct slice text, size_t at)
{
    switch (text.data[at]) {
    case '=':
        return mask_behind_equals(text, at);
    case ' ':
        return mask_behind_space(text, at);
    case 's':
    case 'S':
        return mask_in_token(text, at);
    case ':':
        if (text.len - at > 3 && memcmp(text.data + at, "://", 3) == 0) return mask_in_url(text, at);
    }
    return (struct mask_span){0};
}

bool mask_finds(struct slice text)
{
    for (size_t at = 0; at < text.len; at++) {
        const struct mask_span secret = mask_look(text, at);

        if (secret.end != secret.at) return true;
    }
    return false;
}

/* Copies what stands before the span, and a sign in its place. */
static void mask_add(struct slice text, struct mask_span secret, size_t *copied, struct buf *scratch)
{
    if (*copied == 0) buf_reset(scratch);
    buf_add(scratch, text.data + *copied, secret.at - *copied);
    buf_add_str(scratch, "***");
    *copied = secret.end;
}

/* What leads to a secret may have another one in it: "://stl_…:password@". */
static void mask_add_before(struct slice text, size_t at, size_t end, size_t *copied, struct buf *scratch)
{
    for (; at < end; at++) {
        struct mask_span secret = mask_look(text, at);

        if (secret.at >= end || secret.end == secret.at) continue;
        if (secret.end > end) secret.end = end;
        mask_add(text, secret, copied, scratch);
        at = secret.end - 1;
    }
}

struct slice mask_text(struct slice text, struct buf *scratch)
{
    size_t copied = 0;

    for (size_t at = 0; at < text.len; at++) {
        const struct mask_span secret = mask_look(text, at);

        if (secret.end == secret.at) continue;
        mask_add_before(text, at + 1, secret.at, &copied, scratch);
        mask_add(text, secret, &copied, scratch);
        at = secret.end - 1;
    }
    if (copied == 0) return text;
    buf_add(scratch, text.data + copied, text.len - copied);
    return buf_slice(scratch);
}

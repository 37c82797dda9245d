#include "http/syntax.h"

#include <arpa/inet.h>
#include <stdint.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/percent.h"
#include "base/utf8.h"

enum {
    CHAR_TOKEN = 1,
    CHAR_PATH = 2, /* pchar and "/", but for "%" */
    CHAR_HOST = 4, /* reg-name, but for "%" */
    CHAR_QUERY = 8,
    CHAR_ALL = CHAR_TOKEN | CHAR_PATH | CHAR_HOST | CHAR_QUERY,
    CHAR_URI = CHAR_PATH | CHAR_HOST | CHAR_QUERY,
};

static const unsigned char classes[256] = {
    ['a' ... 'z'] = CHAR_ALL,
    ['A' ... 'Z'] = CHAR_ALL,
    ['0' ... '9'] = CHAR_ALL,
    ['-'] = CHAR_ALL,
    ['.'] = CHAR_ALL,
    ['_'] = CHAR_ALL,
    ['~'] = CHAR_ALL,
    ['!'] = CHAR_ALL,
    ['$'] = CHAR_ALL,
    ['&'] = CHAR_ALL,
    ['\''] = CHAR_ALL,
    ['*'] = CHAR_ALL,
    ['+'] = CHAR_ALL,
    ['('] = CHAR_URI,
    [')'] = CHAR_URI,
    [','] = CHAR_URI,
    [';'] = CHAR_URI,
    ['='] = CHAR_URI,
    [':'] = CHAR_PATH | CHAR_QUERY,
    ['@'] = CHAR_PATH | CHAR_QUERY,
    ['/'] = CHAR_PATH | CHAR_QUERY,
    ['?'] = CHAR_QUERY,
    ['#'] = CHAR_TOKEN,
    ['%'] = CHAR_TOKEN,
    ['^'] = CHAR_TOKEN,
    ['`'] = CHAR_TOKEN,
    ['|'] = CHAR_TOKEN,
};

static bool syntax_has_class(char c, unsigned wanted)
{
    return (classes[(unsigned char)c] & wanted) != 0;
}

bool http_is_token_char(char c)
{
    return syntax_has_class(c, CHAR_TOKEN);
}

bool http_is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!http_is_token_char(text.data[i])) return false;
    }
    return text.len > 0;
}

/* Only characters of the class, and "%" before two hexadecimal digits (any "%" if `loose`). */
static bool syntax_is_encoded(struct slice text, unsigned class, bool loose)
{
    for (size_t i = 0; i < text.len; i++) {
        if (syntax_has_class(text.data[i], class)) continue;
        if (text.data[i] != '%') return false;
        if (loose) continue;
        if (text.len - i < 3 || hex_value(text.data[i + 1]) < 0 || hex_value(text.data[i + 2]) < 0) return false;
        i += 2;
    }
    return true;
}

bool http_host_is_valid(struct slice host)
{
    struct slice name;
    struct slice port = host;
    uint64_t number;

    if (host.len > 0 && host.data[0] == '[') {
        const char *end = memchr(host.data, ']', host.len);
        char text[INET6_ADDRSTRLEN];
        struct in6_addr address;

        if (end == NULL) return false;
        name = (struct slice){host.data + 1, (size_t)(end - host.data) - 1};
        port = (struct slice){end + 1, host.len - name.len - 2};
        if (port.len > 0 && port.data[0] != ':') return false;
        if (name.len >= sizeof(text)) return false;
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        if (inet_pton(AF_INET6, text, &address) != 1) return false;
        if (port.len > 0) port.data++, port.len--;
    } else {
        name = slice_cut(&port, ':');
        if (name.len == 0 || !syntax_is_encoded(name, CHAR_HOST, false)) return false;
    }
    return port.len == 0 || (number_parse_u64(port, &number) && number <= UINT16_MAX);
}

static bool syntax_skip_scheme(struct slice *text)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < countof(schemes); i++) {
        const size_t len = strlen(schemes[i]);

        if (text->len >= len && strncasecmp(text->data, schemes[i], len) == 0) {
            text->data += len;
            text->len -= len;
            return true;
        }
    }
    return false;
}

enum http_refusal_id http_target_parse(struct slice text, struct http_target *ret_target)
{
    *ret_target = (struct http_target){.asterisk = slice_is(text, "*")};
    if (ret_target->asterisk) return HTTP_REFUSAL_NONE;
    if (text.len == 0) return HTTP_REFUSAL_TARGET_EMPTY;
    if (text.data[0] != '/') {
        if (!syntax_skip_scheme(&text)) return HTTP_REFUSAL_TARGET_FORM;
        size_t end = 0;

        while (end < text.len && text.data[end] != '/' && text.data[end] != '?') end++;
        ret_target->authority = (struct slice){text.data, end};
        if (!http_host_is_valid(ret_target->authority)) return HTTP_REFUSAL_TARGET_HOST;
        text.data += end;
        text.len -= end;
    }
    struct slice rest = text;

    ret_target->path = slice_cut(&rest, '?');
    ret_target->query = rest;
    if (ret_target->path.len == 0) ret_target->path = SLICE_LIT("/");
    if (memchr(text.data, '#', text.len) != NULL) return HTTP_REFUSAL_TARGET_FRAGMENT;
    const bool is_path = syntax_is_encoded(ret_target->path, CHAR_PATH, false);

    if ((!is_path && !syntax_is_encoded(ret_target->path, CHAR_PATH, true)) ||
        !syntax_is_encoded(ret_target->query, CHAR_QUERY, true)) {
        return HTTP_REFUSAL_TARGET_CHARACTER;
    }
    return is_path ? HTTP_REFUSAL_NONE : HTTP_REFUSAL_PATH_ESCAPE;
}

static bool syntax_is_text(struct slice text)
{
    return memchr(text.data, '\0', text.len) == NULL && utf8_is_valid(text.data, text.len);
}

bool http_percent_decode(struct arena *arena, struct slice text, bool plus, struct slice *ret_text)
{
    if (text.len == 0 || (memchr(text.data, '%', text.len) == NULL && !(plus && memchr(text.data, '+', text.len)))) {
        *ret_text = text;
        return text.len == 0 || syntax_is_text(text);
    }
    char *out = arena_alloc(arena, text.len);
    size_t len = 0;

    while (text.len > 0) {
        const bool is_space = plus && text.data[0] == '+';

        if (!percent_next(&text, &out[len])) return false;
        if (is_space) out[len] = ' ';
        len++;
    }
    *ret_text = (struct slice){out, len};
    return syntax_is_text(*ret_text);
}

static bool syntax_list_element(struct slice *list, struct slice *ret_element)
{
    bool quoted = false;
    size_t end = 0;

    if (list->data == NULL) return false;
    for (; end < list->len && (quoted || list->data[end] != ','); end++) {
        if (list->data[end] == '"') quoted = !quoted;
        if (quoted && list->data[end] == '\\' && end + 1 < list->len) end++;
    }
    *ret_element = slice_trim((struct slice){list->data, end});
    *list = end < list->len ? (struct slice){list->data + end + 1, list->len - end - 1} : SLICE_NONE;
    return true;
}

bool http_list_next(struct slice *list, struct slice *ret_element)
{
    while (syntax_list_element(list, ret_element)) {
        if (ret_element->len > 0) return true;
    }
    return false;
}

bool http_list_has(struct slice list, const char *word)
{
    struct slice element;

    while (http_list_next(&list, &element)) {
        if (slice_is_nocase(element, word)) return true;
    }
    return false;
}

#include "http/http.h"

/* etagc: visible, but no double quote (RFC 9110 section 8.8.3). */
static bool conditional_is_etag_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f) return false;
    }
    return true;
}

/* Entity tags may hold commas, so this is not a plain list. */
enum http_etag http_etag_next(struct slice *list, struct slice *ret_tag)
{
    struct slice rest = *list;
    enum http_etag kind = HTTP_ETAG_STRONG;

    while (rest.len > 0 && (rest.data[0] == ',' || rest.data[0] == ' ' || rest.data[0] == '\t'))
        rest.data++, rest.len--;
    if (rest.len == 0) return HTTP_ETAG_END;
    if (rest.len >= 2 && memcmp(rest.data, "W/", 2) == 0) {
        kind = HTTP_ETAG_WEAK;
        rest.data += 2, rest.len -= 2;
    }
    const char *end = rest.len > 1 && rest.data[0] == '"' ? memchr(rest.data + 1, '"', rest.len - 1) : NULL;

    if (end == NULL) return HTTP_ETAG_MALFORMED;
    const struct slice tag = {rest.data, (size_t)(end - rest.data) + 1};

    rest = slice_trim((struct slice){rest.data + tag.len, rest.len - tag.len});
    if (!conditional_is_etag_text(tag) || (rest.len > 0 && rest.data[0] != ',')) return HTTP_ETAG_MALFORMED;
    *ret_tag = tag;
    *list = rest;
    return kind;
}

bool http_if_none_match(struct http_exchange *x, struct slice etag)
{
    struct slice list = http_exchange_header(x, "If-None-Match");
    struct slice tag;
    enum http_etag kind;

    if (list.data == NULL) return false;
    if (slice_is(list, "*")) return true;
    if (etag.len >= 2 && memcmp(etag.data, "W/", 2) == 0) etag.data += 2, etag.len -= 2;
    while ((kind = http_etag_next(&list, &tag)) == HTTP_ETAG_STRONG || kind == HTTP_ETAG_WEAK) {
        if (slice_eq(tag, etag)) return true;
    }
    return false;
}

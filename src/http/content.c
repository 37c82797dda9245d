#include <stdio.h>

#include "base/digest.h"
#include "http/http.h"
#include "http/negotiate.h"

void http_content_init(struct http_content *content, const char *type, struct slice plain, struct slice gzip)
{
    char digest[DIGEST_SHA256_HEX_BYTES];

    *content = (struct http_content){.type = type, .plain = plain, .gzip = gzip};
    digest_sha256_hex(plain.data, plain.len, digest);
    snprintf(content->etag, sizeof(content->etag), "\"%.20s\"", digest);
    snprintf(content->gzip_etag, sizeof(content->gzip_etag), "\"%.20s-gzip\"", digest);
}

void http_respond_content(struct http_exchange *x, const struct http_content *content, const char *cache_control)
{
    const bool is_packed =
        content->gzip.data != NULL && http_accepts_coding(http_exchange_header(x, "Accept-Encoding"), "gzip");
    const struct slice etag = slice_of(is_packed ? content->gzip_etag : content->etag);

    http_exchange_add_header(x, "ETag", etag);
    http_exchange_set_caching(x, cache_control);
    if (content->gzip.data != NULL) http_exchange_vary(x, HTTP_VARY_ACCEPT_ENCODING);
    if (http_if_none_match(x, etag)) {
        http_respond(x, 304, NULL, SLICE_NONE);
        return;
    }
    if (is_packed) http_exchange_add_header(x, "Content-Encoding", SLICE_LIT("gzip"));
    http_respond(x, 200, content->type, is_packed ? content->gzip : content->plain);
}

#include "http/refusal.h"

#include "http/status.h"

/* By status. */
/* clang-format off */
const struct http_refusal http_refusals[HTTP_REFUSAL_COUNT] = {
    /* What cannot be read, in our words: llhttp's own differ from version to version, and speak of its insides. */
    [HTTP_REFUSAL_TLS] =
        {.status = 400, .detail = "This looks like TLS; this port speaks plain HTTP."},
    [HTTP_REFUSAL_NO_METHOD] =
        {.status = 400, .detail = "The request does not start with a method and a space."},
    [HTTP_REFUSAL_REQUEST_LINE] =
        {.status = 400, .detail = "The request line is not \"method target HTTP/1.1\", with one space between each."},
    [HTTP_REFUSAL_NO_VERSION] =
        {.status = 400, .detail = "The request line has no HTTP version."},
    [HTTP_REFUSAL_VERSION_SYNTAX] =
        {.status = 400, .detail = "The request line does not end with HTTP/1.1, CR and LF."},
    [HTTP_REFUSAL_LINE_END] =
        {.status = 400, .detail = "A line does not end with CR and LF."},
    [HTTP_REFUSAL_CHUNK_END] =
        {.status = 400, .detail = "A chunk is longer than its size says, or a line does not end with CR and LF."},
    [HTTP_REFUSAL_SPACE] =
        {.status = 400, .detail = "There is a space where a line begins, or around a colon."},
    [HTTP_REFUSAL_FIELD_LINE] =
        {.status = 400,
         .detail = "A field line is not \"name: value\" in allowed characters, with CR and LF at its end."},
    [HTTP_REFUSAL_NOT_HTTP] =
        {.status = 400, .detail = "The request is not HTTP/1.1."},
    [HTTP_REFUSAL_TRUNCATED] =
        {.status = 400, .detail = "The connection ended before the request did."},
    [HTTP_REFUSAL_TARGET_SYNTAX] =
        {.status = 400,
         .detail = "The request target is not a path or URL, or has a character that must be percent-encoded."},
    [HTTP_REFUSAL_TARGET_EMPTY] =
        {.status = 400, .detail = "The request target is empty."},
    [HTTP_REFUSAL_TARGET_FORM] =
        {.status = 400, .detail = "The request target must be a path or an http URL."},
    [HTTP_REFUSAL_TARGET_HOST] =
        {.status = 400, .detail = "The host of the request target is not valid."},
    [HTTP_REFUSAL_TARGET_FRAGMENT] =
        {.status = 400, .detail = "The request target must not have a fragment (#)."},
    [HTTP_REFUSAL_TARGET_CHARACTER] =
        {.status = 400, .detail = "The request target has a character that must be percent-encoded."},
    [HTTP_REFUSAL_TARGET_ASTERISK] =
        {.status = 400, .detail = "The target * is for OPTIONS only."},
    [HTTP_REFUSAL_PATH_ESCAPE] =
        {.status = 400, .detail = "The path has a % that is not followed by two hexadecimal digits."},
    [HTTP_REFUSAL_PATH_TEXT] =
        {.status = 400, .detail = "The path does not decode to UTF-8 text without NUL."},
    [HTTP_REFUSAL_FRAMING_TWICE] =
        {.status = 400, .detail = "Content-Length is given more than once, or together with Transfer-Encoding."},
    [HTTP_REFUSAL_FRAMING_BOTH] =
        {.status = 400, .detail = "Transfer-Encoding and Content-Length exclude each other."},
    [HTTP_REFUSAL_LENGTH_TWICE] =
        {.status = 400, .detail = "Content-Length is given more than once."},
    [HTTP_REFUSAL_LENGTH_NUMBER] =
        {.status = 400, .detail = "Content-Length is not a number."},
    [HTTP_REFUSAL_CODING_TWICE] =
        {.status = 400, .detail = "Transfer-Encoding is given more than once."},
    [HTTP_REFUSAL_CODING_HTTP10] =
        {.status = 400, .detail = "Transfer-Encoding is not part of HTTP/1.0."},
    [HTTP_REFUSAL_CODING_EMPTY] =
        {.status = 400, .detail = "Transfer-Encoding is empty."},
    [HTTP_REFUSAL_CODING_SYNTAX] =
        {.status = 400, .detail = "Transfer-Encoding is not chunked, or is given together with Content-Length."},
    [HTTP_REFUSAL_CHUNK_SIZE] =
        {.status = 400, .detail = "A chunk's size is not a hexadecimal number."},
    [HTTP_REFUSAL_NO_HOST] =
        {.status = 400, .detail = "An HTTP/1.1 request must have a Host field."},
    [HTTP_REFUSAL_HOST_TWICE] =
        {.status = 400, .detail = "Host is given more than once."},
    [HTTP_REFUSAL_HOST_SYNTAX] =
        {.status = 400, .detail = "Host is not valid."},
    [HTTP_REFUSAL_TYPE_TWICE] =
        {.status = 400, .detail = "Content-Type is given more than once."},
    [HTTP_REFUSAL_NO_CONTENT] =
        {.status = 400, .detail = "%s needs a body here, and the request has none.", .sample = {"POST"}},
    [HTTP_REFUSAL_ORIGIN] =
        {.status = 403,
         .code = "cross_site_request",
         .detail = "A page of another site has sent this request; nothing was changed. If that page may make changes "
                   "here, list its origin in STRATSLAB_CORS_ORIGINS."},
    [HTTP_REFUSAL_NOT_FOUND] =
        {.status = 404, .detail = "There is nothing at %s.", .sample = {"/api/v2"}},
    [HTTP_REFUSAL_NOT_FOUND_SLASH] =
        {.status = 404,
         .detail = "There is nothing at %s. Without the slash at its end there is.",
         .sample = {"/api/v1/strategies/"}},
    [HTTP_REFUSAL_METHOD] =
        {.status = 405,
         .detail = "%s does not take %s. It takes these: %s.",
         .sample = {"/", "POST", "GET, HEAD, OPTIONS"}},
    [HTTP_REFUSAL_ACCEPT] =
        {.status = 406, .detail = "The answer is %s, which the Accept field excludes.", .sample = {"application/json"}},
    [HTTP_REFUSAL_HEAD_LATE] =
        {.status = 408, .detail = "The request's header section did not come in time."},
    [HTTP_REFUSAL_CONTENT_LATE] =
        {.status = 408, .detail = "The request's body did not come in time."},
    [HTTP_REFUSAL_CONTENT_UNWANTED] =
        {.status = 413, .detail = "%s takes no body here.", .sample = {"GET"}},
    [HTTP_REFUSAL_CONTENT_LARGE] =
        {.status = 413, .detail = "The body is larger than %s bytes.", .sample = {"1048576"}},
    [HTTP_REFUSAL_CHUNK_LARGE] =
        {.status = 413, .detail = "The request's body is larger than this server takes."},
    [HTTP_REFUSAL_FRAMING_LARGE] =
        {.status = 413, .detail = "The chunks' framing is larger than this server takes."},
    [HTTP_REFUSAL_LINE_LONG] =
        {.status = 414, .detail = "The request line is longer than this server takes."},
    [HTTP_REFUSAL_CONTENT_CODING] =
        {.status = 415, .detail = "Content-Encoding must be identity or absent."},
    [HTTP_REFUSAL_CONTENT_TYPE] =
        {.status = 415, .detail = "Content-Type must be %s, in UTF-8.", .sample = {"application/json"}},
    [HTTP_REFUSAL_EXPECT] =
        {.status = 417, .detail = "The only expectation that this server meets is 100-continue."},
    [HTTP_REFUSAL_HOST] =
        {.status = 421,
         .detail = "This service does not answer for the host \"%s\". If it should, list the name in "
                   "STRATSLAB_ALLOWED_HOSTS.",
         .sample = {"example.net"}},
    [HTTP_REFUSAL_FIELDS_MANY] =
        {.status = 431, .detail = "The request has more header fields than this server takes."},
    [HTTP_REFUSAL_FIELDS_LARGE] =
        {.status = 431, .detail = "The request's header section is longer than this server takes."},
    [HTTP_REFUSAL_METHOD_UNKNOWN] =
        {.status = 501, .detail = "This server does not know the request's method."},
    [HTTP_REFUSAL_CODING_UNKNOWN] =
        {.status = 501, .detail = "The only transfer coding that this server knows is chunked."},
    [HTTP_REFUSAL_PLACES] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "overloaded",
         .detail = "This client has too many connections to the service; nothing was changed. Use fewer, or try again "
                   "later."},
    [HTTP_REFUSAL_MEMORY_OUT] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "overloaded",
         .detail = "The service holds as much for its clients as it may; nothing was changed. Try again later."},
    [HTTP_REFUSAL_ENDING] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "stopping",
         .detail = "The process that reads this request has to end, and the request has not come whole in time; nothing "
                   "was changed. Send it again."},
    [HTTP_REFUSAL_INPUT_FULL] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "overloaded",
         .detail = "The service is receiving too much at once; nothing was changed. Try again later."},
    [HTTP_REFUSAL_OUTPUT_FULL] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "overloaded",
         .detail = "The clients of this service read their answers too slowly; nothing was changed. Try again "
                   "later, or ask for less."},
    [HTTP_REFUSAL_VERSION] =
        {.status = 505, .detail = "This server speaks HTTP/1.1 and HTTP/1.0."},
    [HTTP_REFUSAL_HTTP2] =
        {.status = 505, .detail = "This server speaks HTTP/1.1, not HTTP/2."},
};
/* clang-format on */

const char *http_refusal_code(const struct http_refusal *refusal)
{
    return refusal->code == NULL ? http_status_code(refusal->status) : refusal->code;
}

void http_refusal_detail(const struct http_refusal *refusal, const struct slice words[static HTTP_REFUSAL_WORDS_MAX],
                         struct buf *out)
{
    const char *at = refusal->detail;
    unsigned count = 0;

    for (const char *place; count < HTTP_REFUSAL_WORDS_MAX && (place = strstr(at, "%s")) != NULL; at = place + 2) {
        buf_add(out, at, (size_t)(place - at));
        buf_add_slice(out, words[count++]);
    }
    buf_add_str(out, at);
}

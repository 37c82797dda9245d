#include "http/status.h"

#include "base/attr.h"
#include "http/http.h"

struct http_status_row {
    const char *phrase;
    const char *code;
    struct slice line;
};

enum { STATUS_FIRST = 100 };

#define STATUS(number, text, name) \
    [number - STATUS_FIRST] = {    \
        text, name, {"HTTP/1.1 " #number " " text "\r\n", sizeof("HTTP/1.1 " #number " " text "\r\n") - 1}}

/* RFC 9110 section 15; 428, 429, 431: RFC 6585. */
static const struct http_status_row rows[] = {
    STATUS(200, "OK", "ok"),
    STATUS(201, "Created", "created"),
    STATUS(202, "Accepted", "accepted"),
    STATUS(204, "No Content", "no_content"),
    STATUS(206, "Partial Content", "partial_content"),
    STATUS(301, "Moved Permanently", "moved_permanently"),
    STATUS(302, "Found", "found"),
    STATUS(303, "See Other", "see_other"),
    STATUS(304, "Not Modified", "not_modified"),
    STATUS(307, "Temporary Redirect", "temporary_redirect"),
    STATUS(308, "Permanent Redirect", "permanent_redirect"),
    STATUS(400, "Bad Request", "bad_request"),
    STATUS(401, "Unauthorized", "unauthorized"),
    STATUS(403, "Forbidden", "forbidden"),
    STATUS(404, "Not Found", "not_found"),
    STATUS(405, "Method Not Allowed", "method_not_allowed"),
    STATUS(406, "Not Acceptable", "not_acceptable"),
    STATUS(408, "Request Timeout", "request_timeout"),
    STATUS(409, "Conflict", "conflict"),
    STATUS(410, "Gone", "gone"),
    STATUS(411, "Length Required", "length_required"),
    STATUS(412, "Precondition Failed", "precondition_failed"),
    STATUS(413, "Content Too Large", "content_too_large"),
    STATUS(414, "URI Too Long", "uri_too_long"),
    STATUS(415, "Unsupported Media Type", "unsupported_media_type"),
    STATUS(416, "Range Not Satisfiable", "range_not_satisfiable"),
    STATUS(417, "Expectation Failed", "expectation_failed"),
    STATUS(421, "Misdirected Request", "misdirected_request"),
    STATUS(422, "Unprocessable Content", "unprocessable_content"),
    STATUS(428, "Precondition Required", "precondition_required"),
    STATUS(429, "Too Many Requests", "too_many_requests"),
    STATUS(431, "Request Header Fields Too Large", "header_fields_too_large"),
    STATUS(500, "Internal Server Error", "internal_error"),
    STATUS(501, "Not Implemented", "not_implemented"),
    STATUS(502, "Bad Gateway", "bad_gateway"),
    STATUS(503, "Service Unavailable", "service_unavailable"),
    STATUS(504, "Gateway Timeout", "gateway_timeout"),
    STATUS(505, "HTTP Version Not Supported", "http_version_not_supported"),
};

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
};

static const struct http_status_row *http_status_row(unsigned status)
{
    static const struct http_status_row none = {"", "error", {NULL, 0}};
    const unsigned at = status - STATUS_FIRST;

    return at < countof(rows) && rows[at].phrase != NULL ? &rows[at] : &none;
}

const char *http_status_phrase(unsigned status)
{
    return http_status_row(status)->phrase;
}

const char *http_status_code(unsigned status)
{
    return http_status_row(status)->code;
}

struct slice http_status_line(unsigned status)
{
    return http_status_row(status)->line;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

bool http_method_parse(struct slice text, enum http_method *ret_method)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (slice_is(text, method_names[i])) {
            *ret_method = (enum http_method)i;
            return true;
        }
    }
    return false;
}

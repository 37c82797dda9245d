#include "http/parse.h"

#include <llhttp.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/number.h"
#include "http/syntax.h"

enum { METHOD_BYTES_MAX = 32, FIELDS_FIRST = 16, CRLF_BYTES = 2 };

struct span {
    size_t at;
    size_t len;
};

struct field_span {
    struct span name;
    struct span value;
};

enum parser_phase { PHASE_METHOD, PHASE_LINE, PHASE_FIELDS, PHASE_BODY };

struct http_parser {
    llhttp_t llhttp;
    const struct http_limits *limits;
    enum parser_phase phase;
    size_t seen; /* bytes of the head that were read */
    struct span method;
    struct span target;
    struct span version; /* "1.1" */
    struct field_span *fields;
    size_t field_count;
    size_t field_cap;
    bool field_open;  /* the last field's value is still coming */
    const char *base; /* of the input, during llhttp_execute */
    struct buf *body;
    size_t raw_bytes;             /* of a chunked body: content and framing */
    enum http_refusal_id failure; /* set by a callback that stops llhttp */
};

static struct http_parser *parser_of(llhttp_t *llhttp)
{
    return container_of(llhttp, struct http_parser, llhttp);
}

static int parser_stop(struct http_parser *p, enum http_refusal_id why)
{
    p->failure = why;
    return -1;
}

/* A span may come in pieces, which lie one after the other. */
static void parse_span_extend(struct span *span, const struct http_parser *p, const char *at, size_t len)
{
    if (span->len == 0) span->at = (size_t)(at - p->base);
    span->len += len;
}

static int parse_on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = parser_of(llhttp);

    parse_span_extend(&p->target, p, at, len);
    return 0;
}

static int parse_on_version(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = parser_of(llhttp);

    parse_span_extend(&p->version, p, at, len);
    return 0;
}

static int parse_on_version_complete(llhttp_t *llhttp)
{
    struct http_parser *p = parser_of(llhttp);

    p->phase = PHASE_FIELDS;
    if (p->version.at + p->version.len > p->limits->request_line_bytes) {
        return parser_stop(p, HTTP_REFUSAL_LINE_LONG);
    }
    return 0;
}

static int parse_on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = parser_of(llhttp);

    if (p->phase == PHASE_BODY) return 0;
    if (!p->field_open) {
        if (p->field_count == p->field_cap) {
            p->field_cap = p->field_cap == 0 ? FIELDS_FIRST : p->field_cap * 2;
            p->fields = mem_realloc(p->fields, p->field_cap * sizeof(*p->fields));
        }
        p->fields[p->field_count++] = (struct field_span){0};
        p->field_open = true;
    }
    parse_span_extend(&p->fields[p->field_count - 1].name, p, at, len);
    return 0;
}

/* Here, and not with the name's first byte: of a name that is wrong llhttp shows only what came in earlier pieces, and
 * the answer must not depend on the pieces. */
static int parse_on_header_field_complete(llhttp_t *llhttp)
{
    struct http_parser *p = parser_of(llhttp);

    if (p->phase == PHASE_BODY || p->field_count <= p->limits->header_fields) return 0;
    return parser_stop(p, HTTP_REFUSAL_FIELDS_MANY);
}

static int parse_on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = parser_of(llhttp);

    if (p->phase != PHASE_BODY) parse_span_extend(&p->fields[p->field_count - 1].value, p, at, len);
    return 0;
}

static int parse_on_header_value_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->field_open = false;
    return 0;
}

static int parse_on_chunk_header(llhttp_t *llhttp)
{
    struct http_parser *p = parser_of(llhttp);

    if (llhttp->content_length > p->limits->body_bytes - p->body->len) {
        return parser_stop(p, HTTP_REFUSAL_CHUNK_LARGE);
    }
    return 0;
}

static int parse_on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    buf_add(parser_of(llhttp)->body, at, len);
    return 0;
}

/* The head's end, and the message's: the caller decides what comes next. The stop at the message's end also comes
 * before llhttp's own for an upgrade, which we ignore. */
static int parse_on_end(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = parse_on_url,
    .on_version = parse_on_version,
    .on_version_complete = parse_on_version_complete,
    .on_header_field = parse_on_header_field,
    .on_header_field_complete = parse_on_header_field_complete,
    .on_header_value = parse_on_header_value,
    .on_header_value_complete = parse_on_header_value_complete,
    .on_headers_complete = parse_on_end,
    .on_chunk_header = parse_on_chunk_header,
    .on_body = parse_on_body,
    .on_message_complete = parse_on_end,
};

struct http_parser *http_parser_new(const struct http_limits *limits)
{
    struct http_parser *p = mem_zalloc(sizeof(*p));

    p->limits = limits;
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    return p;
}

void http_parser_free(struct http_parser *p)
{
    if (p == NULL) return;
    free(p->fields);
    free(p);
}

void http_parser_reset(struct http_parser *p)
{
    *p = (struct http_parser){.llhttp = p->llhttp, .limits = p->limits, .fields = p->fields, .field_cap = p->field_cap};
    llhttp_reset(&p->llhttp);
}

static enum http_parse parser_fail(enum http_refusal_id *ret_failure, enum http_refusal_id why)
{
    *ret_failure = why;
    return PARSE_FAILED;
}

/*
 * The method is looked at before llhttp sees it: llhttp knows methods that we do not serve, stops at the first letter
 * that begins none of its own, and skips empty lines without end.
 */
static enum http_parse parse_scan_method(struct http_parser *p, const char *data, size_t len,
                                         enum http_refusal_id *ret_failure)
{
    static const char *const served[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    size_t end = 0;

    while (end < len && end < METHOD_BYTES_MAX && http_is_token_char(data[end])) end++;
    if (end == METHOD_BYTES_MAX) return parser_fail(ret_failure, HTTP_REFUSAL_METHOD_UNKNOWN);
    if (end == len) return PARSE_MORE;
    if (end == 0 && data[0] == 0x16) {
        return parser_fail(ret_failure, HTTP_REFUSAL_TLS);
    }
    if (end == 0 || data[end] != ' ') {
        return parser_fail(ret_failure, HTTP_REFUSAL_NO_METHOD);
    }
    const struct slice method = {data, end};

    p->method = (struct span){0, end};
    if (slice_is(method, "PRI")) return parser_fail(ret_failure, HTTP_REFUSAL_HTTP2);
    for (size_t i = 0; i < countof(served); i++) {
        if (slice_is(method, served[i])) {
            p->phase = PHASE_LINE;
            return PARSE_DONE;
        }
    }
    return parser_fail(ret_failure, HTTP_REFUSAL_METHOD_UNKNOWN);
}

/* Where the fields start. */
static size_t parse_fields_at(const struct http_parser *p)
{
    return p->version.at + p->version.len + CRLF_BYTES;
}

/* The bounds hold whether the bytes came at once or one by one, and go before any other fault after them. */
static bool parse_scan_bounds(const struct http_parser *p, const char *data, size_t at, size_t slack,
                              enum http_refusal_id *ret_failure)
{
    const char *line_end = p->phase == PHASE_LINE ? memchr(data, '\n', at) : NULL;
    const size_t line_bytes = line_end == NULL ? at : (size_t)(line_end - data);

    if (p->phase == PHASE_LINE && line_bytes > p->limits->request_line_bytes) {
        parser_fail(ret_failure, HTTP_REFUSAL_LINE_LONG);
        return false;
    }
    if (p->phase == PHASE_FIELDS && at > parse_fields_at(p) &&
        at - parse_fields_at(p) > p->limits->header_bytes + slack) {
        parser_fail(ret_failure, HTTP_REFUSAL_FIELDS_LARGE);
        return false;
    }
    return true;
}

static const enum http_refusal_id faults[] = {
    [HPE_STRICT] = HTTP_REFUSAL_CHUNK_END,
    [HPE_CR_EXPECTED] = HTTP_REFUSAL_LINE_END,
    [HPE_LF_EXPECTED] = HTTP_REFUSAL_LINE_END,
    [HPE_UNEXPECTED_CONTENT_LENGTH] = HTTP_REFUSAL_FRAMING_TWICE,
    [HPE_UNEXPECTED_SPACE] = HTTP_REFUSAL_SPACE,
    [HPE_INVALID_URL] = HTTP_REFUSAL_TARGET_SYNTAX,
    [HPE_INVALID_CONSTANT] = HTTP_REFUSAL_REQUEST_LINE,
    [HPE_INVALID_VERSION] = HTTP_REFUSAL_VERSION_SYNTAX,
    [HPE_INVALID_HEADER_TOKEN] = HTTP_REFUSAL_FIELD_LINE,
    [HPE_INVALID_CONTENT_LENGTH] = HTTP_REFUSAL_LENGTH_NUMBER,
    [HPE_INVALID_CHUNK_SIZE] = HTTP_REFUSAL_CHUNK_SIZE,
    [HPE_INVALID_TRANSFER_ENCODING] = HTTP_REFUSAL_CODING_SYNTAX,
};

static enum http_parse parser_explain(const struct http_parser *p, llhttp_errno_t code,
                                      enum http_refusal_id *ret_failure)
{
    if (p->failure != HTTP_REFUSAL_NONE) return parser_fail(ret_failure, p->failure);
    if (code == HPE_INVALID_VERSION && p->phase == PHASE_LINE && p->version.len == 3) {
        return parser_fail(ret_failure, HTTP_REFUSAL_VERSION);
    }
    const bool is_known = (size_t)code < countof(faults) && faults[code] != HTTP_REFUSAL_NONE;

    return parser_fail(ret_failure, is_known ? faults[code] : HTTP_REFUSAL_NOT_HTTP);
}

enum http_parse http_parser_scan(struct http_parser *p, const char *data, size_t len, enum http_refusal_id *ret_failure)
{
    if (p->phase == PHASE_METHOD) {
        const enum http_parse method = parse_scan_method(p, data, len, ret_failure);

        if (method != PARSE_DONE) return method;
    }
    p->base = data;
    const llhttp_errno_t code = llhttp_execute(&p->llhttp, data + p->seen, len - p->seen);

    const bool is_fault = code != HPE_OK && code != HPE_PAUSED;

    p->seen = code == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&p->llhttp) - data);
    if (!parse_scan_bounds(p, data, p->seen, is_fault ? 0 : CRLF_BYTES, ret_failure)) return PARSE_FAILED;
    /* HTTP/0.9: to llhttp the head may go on, and in pieces it is not asked about what comes after this line. */
    if (p->phase == PHASE_LINE && memchr(data, '\n', p->seen) != NULL) {
        return parser_fail(ret_failure, HTTP_REFUSAL_NO_VERSION);
    }
    if (is_fault) return parser_explain(p, code, ret_failure);
    return code == HPE_OK ? PARSE_MORE : PARSE_DONE;
}

size_t http_parser_head_bytes(const struct http_parser *p)
{
    return p->seen;
}

static struct slice parse_span_slice(struct span span, const char *data)
{
    return (struct slice){data + span.at, span.len};
}

struct slice http_parser_target(const struct http_parser *p, const char *data)
{
    return p->target.len == 0 ? SLICE_NONE : parse_span_slice(p->target, data);
}

static void parse_head_note_known(struct http_head *head, const struct http_field *field)
{
    static const struct slice names[KNOWN_COUNT] = {
        [KNOWN_HOST] = SLICE_LIT("Host"),
        [KNOWN_CONNECTION] = SLICE_LIT("Connection"),
        [KNOWN_CONTENT_LENGTH] = SLICE_LIT("Content-Length"),
        [KNOWN_TRANSFER_ENCODING] = SLICE_LIT("Transfer-Encoding"),
        [KNOWN_CONTENT_TYPE] = SLICE_LIT("Content-Type"),
        [KNOWN_CONTENT_ENCODING] = SLICE_LIT("Content-Encoding"),
        [KNOWN_EXPECT] = SLICE_LIT("Expect"),
        [KNOWN_ACCEPT] = SLICE_LIT("Accept"),
        [KNOWN_REQUEST_ID] = SLICE_LIT("X-Request-ID"),
    };

    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        if (field->name.len != names[i].len || strncasecmp(field->name.data, names[i].data, names[i].len) != 0) {
            continue;
        }
        if (head->known[i].count++ == 0) head->known[i].value = field->value;
        return;
    }
}

/* llhttp takes several spaces, RTSP, and a line without a version. */
static bool parse_check_request_line(const struct http_parser *p, const char *data, enum http_refusal_id *ret_failure)
{
    static const struct slice name = SLICE_LIT(" HTTP/");
    const size_t target_end = p->target.at + p->target.len;

    if (p->target.at != p->method.len + 1 || p->version.len != 3 || p->version.at != target_end + name.len ||
        memcmp(data + target_end, name.data, name.len) != 0) {
        parser_fail(ret_failure, HTTP_REFUSAL_REQUEST_LINE);
        return false;
    }
    if (data[p->version.at] != '1') {
        parser_fail(ret_failure, HTTP_REFUSAL_VERSION);
        return false;
    }
    return true;
}

/* RFC 9112 sections 6.1 to 6.3: what is ambiguous is refused. */
static enum http_refusal_id parse_check_framing(struct http_head *head)
{
    const struct slice codings = head->known[KNOWN_TRANSFER_ENCODING].value;
    const unsigned coding_count = head->known[KNOWN_TRANSFER_ENCODING].count;
    const unsigned length_count = head->known[KNOWN_CONTENT_LENGTH].count;

    if (coding_count > 0 && length_count > 0) return HTTP_REFUSAL_FRAMING_BOTH;
    if (coding_count > 1) return HTTP_REFUSAL_CODING_TWICE;
    if (length_count > 1) return HTTP_REFUSAL_LENGTH_TWICE;
    if (coding_count == 1) {
        if (head->minor == 0) return HTTP_REFUSAL_CODING_HTTP10;
        if (codings.len == 0) return HTTP_REFUSAL_CODING_EMPTY;
        if (!slice_is_nocase(codings, "chunked")) return HTTP_REFUSAL_CODING_UNKNOWN;
        head->framing = FRAMING_CHUNKED;
    } else if (length_count == 1) {
        if (!number_parse_u64(head->known[KNOWN_CONTENT_LENGTH].value, &head->content_length)) {
            return HTTP_REFUSAL_LENGTH_NUMBER;
        }
        head->framing = FRAMING_LENGTH;
    }
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal_id parse_check_singletons(const struct http_head *head)
{
    const unsigned hosts = head->known[KNOWN_HOST].count;

    if (hosts == 0 && head->minor > 0) return HTTP_REFUSAL_NO_HOST;
    if (hosts > 1) return HTTP_REFUSAL_HOST_TWICE;
    if (hosts == 1 && !http_host_is_valid(head->known[KNOWN_HOST].value)) return HTTP_REFUSAL_HOST_SYNTAX;
    if (head->known[KNOWN_CONTENT_TYPE].count > 1) return HTTP_REFUSAL_TYPE_TWICE;
    return HTTP_REFUSAL_NONE;
}

bool http_parser_head(struct http_parser *p, struct arena *arena, const char *data, struct http_head *ret_head,
                      enum http_refusal_id *ret_failure)
{
    *ret_head = (struct http_head){
        .method = parse_span_slice(p->method, data),
        .target = parse_span_slice(p->target, data),
        .fields = arena_alloc(arena, p->field_count * sizeof(*ret_head->fields)),
        .field_count = p->field_count,
    };
    for (size_t i = 0; i < p->field_count; i++) {
        ret_head->fields[i].name = parse_span_slice(p->fields[i].name, data);
        ret_head->fields[i].value = slice_trim(parse_span_slice(p->fields[i].value, data));
        parse_head_note_known(ret_head, &ret_head->fields[i]);
    }
    if (!parse_check_request_line(p, data, ret_failure)) return false;
    ret_head->minor = (unsigned)(data[p->version.at + 2] - '0');
    *ret_failure = parse_check_framing(ret_head);
    if (*ret_failure == HTTP_REFUSAL_NONE) *ret_failure = parse_check_singletons(ret_head);
    return *ret_failure == HTTP_REFUSAL_NONE;
}

enum http_parse http_parser_chunked(struct http_parser *p, const char *data, size_t len, struct buf *body,
                                    size_t *ret_used, enum http_refusal_id *ret_failure)
{
    if (p->phase != PHASE_BODY) {
        p->phase = PHASE_BODY;
        llhttp_resume(&p->llhttp);
    }
    p->body = body;
    p->base = data;
    const llhttp_errno_t code = llhttp_execute(&p->llhttp, data, len);

    *ret_used = code == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&p->llhttp) - data);
    p->raw_bytes += *ret_used;
    /* Chunk sizes, extensions and trailers: as much again as content, so that no one feeds us framing for ever. */
    if (p->raw_bytes - body->len > p->limits->body_bytes) {
        return parser_fail(ret_failure, HTTP_REFUSAL_FRAMING_LARGE);
    }
    if (code == HPE_OK) return PARSE_MORE;
    return code == HPE_PAUSED ? PARSE_DONE : parser_explain(p, code, ret_failure);
}

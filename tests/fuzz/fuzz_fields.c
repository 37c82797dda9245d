/*
 * The small texts that come from outside, each read by a function of its own: Host, Accept, Accept-Encoding,
 * Content-Type, lists of entity tags, queries, targets, percent-encoding, what is masked, a log line. The first byte
 * picks the reader (readers[] below).
 *
 * Promised: each comes to an end, gives out pieces of what it was given, and none that its header rules out; a host
 * that is taken is one that a second look finds in the list; no token is left unmasked; and a log line is one line, on
 * which no terminal acts.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/pgtext.h"
#include "base/sink.h"
#include "base/token.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "http/host.h"
#include "http/http.h"
#include "http/negotiate.h"
#include "http/syntax.h"
#include "ipc/control.h"

enum { HOST_BYTES = 512 };

static bool is_within(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static bool is_text(struct slice text)
{
    return utf8_is_valid(text.data, text.len) && (text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
}

/* Written without a look at src/http/host.c: the name alone, in lower case, looked up by strcmp. */
static void read_host(struct slice text)
{
    static const char *const names[] = {"api.example", "*.example.org", "[::1]", "localhost"};
    static const char *const plain[] = {"api.example", "[::1]", "localhost"};
    static const char below[] = ".example.org";
    const bool listed = http_host_is_listed(text, names, countof(names));
    char host[HOST_BYTES];
    bool found = false;

    if (!http_host_is_valid(text) || !listed) return; /* others were refused before */
    FUZZ_CHECK(text.len < sizeof(host) && memchr(text.data, '\0', text.len) == NULL, "a strange host is listed");
    snprintf(host, sizeof(host), "%.*s", SLICE_FMT(text));
    for (char *c = host; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    }
    char *const bracket = strrchr(host, ']');
    char *const colon = strchr(bracket == NULL ? host : bracket, ':');

    if (colon != NULL) *colon = '\0';
    size_t len = strlen(host);

    if (len > 0 && host[len - 1] == '.') host[--len] = '\0';
    for (size_t i = 0; i < countof(plain); i++) found = found || strcmp(host, plain[i]) == 0;
    found = found || (len > strlen(below) && strcmp(host + len - strlen(below), below) == 0);
    FUZZ_CHECK(found, "%.*s is listed", SLICE_FMT(text));
}

static void read_accept(struct slice text)
{
    const unsigned weight = http_accept_weight(text, "application/json");

    FUZZ_CHECK(weight <= ACCEPT_WEIGHT_MAX, "weight %u", weight);
    FUZZ_CHECK(http_accepts(text, "application/json") == (weight > 0), "weight %u", weight);
    FUZZ_CHECK(http_accepts(text, HTTP_ANY_TYPE), "what has no type is refused");
}

static void read_accept_encoding(struct slice text)
{
    const bool gzip = http_accepts_coding(text, "gzip");

    FUZZ_CHECK(!gzip || memmem(text.data, text.len, "*", 1) != NULL || text.len >= 4, "gzip of nothing");
}

static void read_content_type(struct slice text)
{
    const struct slice type = http_media_type(text);

    if (type.data == NULL) return;
    FUZZ_CHECK(is_within(type, text) && type.len >= 3, "no media type");
    for (size_t i = 0; i < type.len; i++) {
        FUZZ_CHECK(type.data[i] == '/' || http_is_token_char(type.data[i]), "no media type: %.*s", SLICE_FMT(type));
    }
}

static void read_entity_tags(struct slice text)
{
    struct slice rest = text;
    struct slice tag;
    enum http_etag kind;
    size_t left = rest.len + 1;

    while ((kind = http_etag_next(&rest, &tag)) == HTTP_ETAG_STRONG || kind == HTTP_ETAG_WEAK) {
        FUZZ_CHECK(rest.len < left, "no step");
        left = rest.len;
        FUZZ_CHECK(is_within(tag, text) && tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"' &&
                       memchr(tag.data + 1, '"', tag.len - 2) == NULL,
                   "no tag: %.*s", SLICE_FMT(tag));
    }
}

static void read_query(struct slice text)
{
    struct arena *arena = arena_new();
    struct slice rest = text;
    struct slice name;
    struct slice value;
    bool valid;
    size_t pairs = 0;

    while (http_query_next(arena, &rest, &name, &value, &valid)) {
        FUZZ_CHECK(++pairs <= text.len + 1, "no end");
        FUZZ_CHECK(value.data != NULL, "an absent value");
        FUZZ_CHECK(!valid || (is_text(name) && is_text(value)), "no text: %.*s", SLICE_FMT(value));
    }
    arena_free(arena);
}

static void read_target(struct slice text)
{
    struct http_target target;

    if (http_target_parse(text, &target) != HTTP_REFUSAL_NONE) return;
    FUZZ_CHECK(is_within(target.authority, text) && is_within(target.query, text), "parts of something else");
    FUZZ_CHECK(target.asterisk || (target.path.len > 0 && target.path.data[0] == '/'), "no path");
    FUZZ_CHECK(target.authority.data == NULL || http_host_is_valid(target.authority), "no authority: %.*s",
               SLICE_FMT(target.authority));
}

static void read_percent(struct slice text)
{
    struct arena *arena = arena_new();
    struct slice decoded;

    if (http_percent_decode(arena, text, true, &decoded)) {
        FUZZ_CHECK(decoded.len <= text.len && is_text(decoded), "no text: %.*s", SLICE_FMT(decoded));
    }
    arena_free(arena);
}

static void read_list(struct slice text)
{
    struct slice rest = text;
    struct slice element;
    size_t elements = 0;

    while (http_list_next(&rest, &element)) {
        FUZZ_CHECK(++elements <= text.len, "no end");
        FUZZ_CHECK(is_within(element, text) && element.len > 0, "no element");
        FUZZ_CHECK(slice_eq(slice_trim(element), element), "it is not trimmed: %.*s", SLICE_FMT(element));
    }
}

/* Of our tokens nothing is shown, wherever one stands. */
static void read_secret(struct slice text)
{
    static const char token[] = "stl_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const size_t at = text.len / 2;
    struct buf whole = {0};
    struct buf scratch = {0};

    buf_add(&whole, text.data, at);
    buf_add_str(&whole, token);
    buf_add(&whole, text.data + at, text.len - at);
    const struct slice masked = mask_text(buf_slice(&whole), &scratch);

    FUZZ_CHECK(memmem(masked.data, masked.len, token, strlen(token)) == NULL, "a token is left: %.*s",
               SLICE_FMT(masked));
    (void)mask_text(text, &scratch);
    buf_clear(&whole);
    buf_clear(&scratch);
}

static void check_line(const char *line, size_t len, enum log_format format)
{
    FUZZ_CHECK(len > 0 && len <= SINK_WHOLE_BYTES && line[len - 1] == '\n', "a line of %zu bytes", len);
    for (size_t i = 0; i + 1 < len; i++) {
        const bool is_c1 = line[i] == '\xc2' && (unsigned char)line[i + 1] < 0xa0;

        FUZZ_CHECK((unsigned char)line[i] >= ' ' && line[i] != 0x7f && !is_c1, "a control character: %.*s", (int)len,
                   line);
    }
    FUZZ_CHECK(utf8_is_valid(line, len), "not UTF-8: %.*s", (int)len, line);
    if (format != LOG_FORMAT_JSON) return;
    struct json_tokener *tokener = json_tokener_new();

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, line, (int)len - 1);

    FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success && json_object_is_type(object, json_type_object),
               "no JSON: %.*s", (int)len, line);
    json_object_put(object);
    json_tokener_free(tokener);
}

static void read_log_value(struct slice text, enum log_format format)
{
    static int fd = -1;
    static char line[2 * SINK_WHOLE_BYTES];

    if (fd < 0) fd = memfd_create("log", MFD_CLOEXEC);
    if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0) abort();
    log_configure(&(struct log_options){.lines = {.level = LOG_LEVEL_INFO, .format = format}, .fd = fd});
    log_write(LOG_LEVEL_INFO, "a request",
              (struct log_field[]){LOG_SLICE("target", text), LOG_ID("request_id", text), LOG_UINT("status", 200)}, 3);
    const ssize_t len = pread(fd, line, sizeof(line), 0);

    check_line(line, len < 0 ? 0 : (size_t)len, format);
}

static void read_log_line(struct slice text)
{
    read_log_value(text, LOG_FORMAT_LOGFMT);
}

static void read_log_json(struct slice text)
{
    read_log_value(text, LOG_FORMAT_JSON);
}

/* What needs an end: libpq's texts, and names. */
static void read_words(struct slice text)
{
    char *words = strndup(text.data == NULL ? "" : text.data, text.len);
    unsigned char sha256[DIGEST_SHA256_BYTES];
    char sqlstate[PGTEXT_SQLSTATE_BYTES];
    struct slice rest = slice_of(words);
    struct slice line;
    size_t lines = 0;

    pgtext_sqlstate(words, sqlstate);
    FUZZ_CHECK(strlen(sqlstate) == 0 || strlen(sqlstate) == 5, "SQLSTATE %s", sqlstate);
    while (pgtext_next_line(&rest, &line)) {
        FUZZ_CHECK(++lines <= text.len && memchr(line.data, '\n', line.len) == NULL, "no line");
    }
    FUZZ_CHECK(!control_is_instance(words) || strlen(words) == CONTROL_INSTANCE_BYTES - 1, "instance %s", words);
    FUZZ_CHECK(!token_digest(text, sha256) || text.len == TOKEN_LENGTH, "a token of %zu bytes", text.len);
    free(words);
}

static void (*const readers[])(struct slice text) = {
    read_host,    read_accept, read_accept_encoding, read_content_type, read_entity_tags, read_query, read_target,
    read_percent, read_list,   read_secret,          read_log_line,     read_log_json,    read_words,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    readers[data[0] % countof(readers)]((struct slice){(const char *)data + 1, size - 1});
    return 0;
}

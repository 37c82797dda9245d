/* The parts that need no connection. */
#include "http/host.h"
#include "http/negotiate.h"
#include "http/parse.h"
#include "http/router.h"
#include "http/status.h"
#include "http/syntax.h"
#include "rig.h"

static void handle(struct http_exchange *x)
{
    (void)x;
}

static int add_routes(const struct http_route *routes, size_t count, struct http_router **ret, struct error *err)
{
    const struct http_route *table[16];

    for (size_t i = 0; i < count; i++) table[i] = &routes[i];
    return http_router_new(table, count, ret, err);
}

static const struct http_route good[] = {
    {.method = HTTP_GET, .path = "/", .handle = handle, .index = 1},
    {.method = HTTP_GET, .path = "/a", .handle = handle, .index = 2},
    {.method = HTTP_POST, .path = "/a", .handle = handle, .index = 3},
    {.method = HTTP_GET, .path = "/a/{id}", .handle = handle, .index = 4},
    {.method = HTTP_GET, .path = "/a/new", .handle = handle, .index = 5},
    {.method = HTTP_PUT, .path = "/a/{key}/b/{n}", .handle = handle, .index = 6},
    {.method = HTTP_GET, .path = "/a/new/c", .handle = handle, .index = 7},
    {.method = HTTP_GET, .path = "/docs/", .handle = handle, .index = 8},
    {.method = HTTP_OPTIONS, .path = "/own", .handle = handle, .index = 9},
};

static void test_router_finds(void)
{
    static const struct {
        enum http_method method;
        const char *path;
        unsigned index;     /* 0: none */
        const char *allow;  /* NULL: no such path */
        const char *params; /* joined by "," */
    } cases[] = {
        {HTTP_GET, "/", 1, "GET, HEAD, OPTIONS", ""},
        {HTTP_HEAD, "/", 1, "GET, HEAD, OPTIONS", ""},
        {HTTP_POST, "/", 0, "GET, HEAD, OPTIONS", ""},
        {HTTP_GET, "/a", 2, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_POST, "/a", 3, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_OPTIONS, "/a", 0, "GET, HEAD, POST, OPTIONS", ""},
        {HTTP_GET, "/a/7", 4, "GET, HEAD, OPTIONS", "7"},
        {HTTP_GET, "/a/a%20b", 4, "GET, HEAD, OPTIONS", "a b"},
        {HTTP_GET, "/a/new", 5, "GET, HEAD, OPTIONS", ""},
        {HTTP_PUT, "/a/x/b/y", 6, "PUT, OPTIONS", "x,y"},
        {HTTP_PUT, "/a/new/b/y", 6, "PUT, OPTIONS", "new,y"},
        {HTTP_HEAD, "/a/x/b/y", 0, "PUT, OPTIONS", "x,y"},
        {HTTP_GET, "/a/new/c", 7, "GET, HEAD, OPTIONS", ""},
        {HTTP_GET, "/a/old/c", 0, NULL, ""},
        {HTTP_GET, "/a/x/b", 0, NULL, ""},
        {HTTP_GET, "/a/", 0, NULL, ""},
        {HTTP_GET, "/A", 0, NULL, ""},
        {HTTP_GET, "/docs/", 8, "GET, HEAD, OPTIONS", ""},
        {HTTP_GET, "/docs", 0, NULL, ""},
        {HTTP_OPTIONS, "/own", 9, "OPTIONS", ""},
        {HTTP_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s", 0, NULL, ""},
    };
    struct http_router *router = NULL;
    struct arena *arena = arena_new();
    struct error err;

    CU_ASSERT_EQUAL_FATAL(add_routes(good, countof(good), &router, &err), 0);
    for (size_t i = 0; i < countof(cases); i++) {
        struct http_match match;
        struct buf params = {0};

        http_router_find(router, arena, cases[i].method, slice_of(cases[i].path), &match);
        UNIT_INT(match.path_found, cases[i].allow != NULL);
        UNIT_INT(match.route == NULL ? 0 : match.route->index, cases[i].index);
        UNIT_STR(match.path_found ? match.allow : NULL, cases[i].allow);
        for (unsigned j = 0; match.path_found && j < match.param_count; j++) {
            if (j > 0) buf_add_char(&params, ',');
            buf_add_slice(&params, match.params[j]);
        }
        UNIT_SLICE(buf_slice(&params), cases[i].params);
        buf_clear(&params);
    }
    UNIT_STR(http_router_allow(router), "GET, HEAD, POST, PUT, OPTIONS");
    http_router_free(router);
    http_router_free(NULL);
    arena_free(arena);
}

/* clang-format off */
#define R(p, h)                                        \
    {                                                  \
        .method = HTTP_GET, .path = (p), .handle = (h) \
    }
/* clang-format on */

static void test_router_refuses(void)
{
    static const struct http_route bad[][2] = {
        {R("a", handle), R("/", handle)},     {R("", handle), R("/", handle)},
        {R("/a", handle), R("/a", handle)},   {R("/{a}", handle), R("/{b}", handle)},
        {R("/a//b", handle), R("/", handle)}, {R("/a{b}", handle), R("/", handle)},
        {R("/{}", handle), R("/", handle)},   {R("/{a", handle), R("/", handle)},
        {R("/a?b", handle), R("/", handle)},  {R("/{a}/{b}/{c}/{d}/{e}", handle), R("/", handle)},
        {R("/a", NULL), R("/", handle)},
    };

    for (size_t i = 0; i < countof(bad); i++) {
        struct http_router *router = NULL;
        struct error err = {0};

        UNIT_INT(add_routes(bad[i], 2, &router, &err), -1);
        CU_ASSERT_PTR_NULL(router);
        CU_ASSERT_EQUAL(err.code, ERROR_INVALID);
        CU_ASSERT(err.message[0] != '\0');
    }
}

static void test_query(void)
{
    static const struct {
        const char *query;
        const char *pairs; /* name=value; with "!" before what is malformed */
    } cases[] = {
        {"", ""},
        {"a=b", "a=b;"},
        {"a=b&c=d", "a=b;c=d;"},
        {"&&a=b&&", "a=b;"},
        {"a", "a=;"},
        {"a=", "a=;"},
        {"=b", "=b;"},
        {"a=b=c", "a=b=c;"},
        {"a+b=c%20d%2B", "a b=c d+;"},
        {"a=%C3%A9", "a=\xc3\xa9;"},
        {"a=%zz&b=1", "!a=%zz;b=1;"},
        {"a=%4", "!a=%4;"},
        {"a=%", "!a=%;"},
        {"%00=1", "!%00=1;"},
        {"a=%ff", "!a=%ff;"},
        {"a=%C3", "!a=%C3;"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice query = slice_of(cases[i].query);
        struct slice name;
        struct slice value;
        bool valid;
        struct buf found = {0};

        while (http_query_next(arena, &query, &name, &value, &valid)) {
            CU_ASSERT_PTR_NOT_NULL(value.data);
            if (!valid) buf_add_char(&found, '!');
            buf_add_slice(&found, name);
            buf_add_char(&found, '=');
            buf_add_slice(&found, value);
            buf_add_char(&found, ';');
        }
        UNIT_SLICE(buf_slice(&found), cases[i].pairs);
        buf_clear(&found);
    }
    struct slice absent = SLICE_NONE;
    struct slice ignored;
    bool valid;

    CU_ASSERT_FALSE(http_query_next(arena, &absent, &ignored, &ignored, &valid));
    arena_free(arena);
}

static void test_accept(void)
{
    static const struct {
        const char *accept;
        bool accepted; /* application/json */
    } cases[] = {
        {"", true},
        {"*/*", true},
        {"application/*", true},
        {"application/json", true},
        {"APPLICATION/JSON", true},
        {"text/html", false},
        {"text/html, */*;q=0.8", true},
        {"application/json;q=0", false},
        {"application/json;q=0, */*", false},
        {"application/*;q=0, application/json", true},
        {"*/*;q=0, application/json;q=0.001", true},
        {"*/*;q=0", false},
        {"text/*, application/json; charset=utf-8; Q=0.5", true},
        {"application/json;q=2", true}, /* no weight: the range is passed over, and no other is there */
        {"application/json;q=0.0000, text/html", false},
        {"text/html;a=\"b, application/json\"", false},
        {"garbage", true},
        {"garbage, text/html", false},
        {"*/json", true}, /* no range: passed over */
        {" , ,", true},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (http_accepts(slice_of(cases[i].accept), "application/json") != cases[i].accepted) {
            UNIT_STR(cases[i].accept, cases[i].accepted ? "to be accepted" : "to be refused");
        }
    }
    CU_ASSERT(http_accepts(SLICE_NONE, "text/html"));
    CU_ASSERT(http_accepts(SLICE_LIT("text/html"), HTTP_ANY_TYPE));
}

static void test_accept_weighs(void)
{
    static const struct {
        const char *accept;
        unsigned html;
        unsigned json;
    } cases[] = {
        {"", 1000, 1000},
        {"*/*", 1000, 1000},
        {"text/html", 1000, 0},
        {"application/json", 0, 1000},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1000, 800},
        {"application/json, text/html;q=0.25", 250, 1000},
        {"text/*;q=0.5, */*;q=0.125", 500, 125},
        {"garbage", 1000, 1000},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_INT(http_accept_weight(slice_of(cases[i].accept), "text/html"), cases[i].html);
        UNIT_INT(http_accept_weight(slice_of(cases[i].accept), "application/json"), cases[i].json);
    }
}

static void test_accept_coding(void)
{
    static const struct {
        const char *accept;
        bool accepted; /* gzip */
    } cases[] = {
        {"", false},
        {"gzip, deflate, br, zstd", true},
        {"GZIP", true},
        {"gzip;q=0", false},
        {"gzip;q=0.001", true},
        {"gzip ; Q=1", true},
        {"gzip;q=2", false}, /* no weight: better the form that everybody can read */
        {"identity", false},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0, *", false},
        {"br, deflate", false},
        {"gzipped", false},
        {" , ,", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (http_accepts_coding(slice_of(cases[i].accept), "gzip") != cases[i].accepted) {
            UNIT_STR(cases[i].accept, cases[i].accepted ? "to take gzip" : "not to take gzip");
        }
    }
    CU_ASSERT_FALSE(http_accepts_coding(SLICE_NONE, "gzip"));
}

static void test_media_type(void)
{
    static const struct {
        const char *field;
        const char *type; /* NULL: refused */
    } cases[] = {
        {"application/json", "application/json"},
        {"Application/JSON ; charset=utf-8", "Application/JSON"},
        {"text/plain;charset=\"UTF-8\"", "text/plain"},
        {"text/plain;charset=latin1", NULL},
        {"text/plain;charset", NULL},
        {"text/plain;;a=b;", "text/plain"},
        {"text/plain; b c=d", NULL},
        {"text", NULL},
        {"text/", NULL},
        {"/plain", NULL},
        {"text/plain, text/html", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct slice type = http_media_type(slice_of(cases[i].field));

        UNIT_INT(type.data == NULL, cases[i].type == NULL);
        UNIT_SLICE(type, cases[i].type);
    }
}

static void test_host(void)
{
    static const char *const valid[] = {"a", "a.b", "a:1", "127.0.0.1:80", "[::1]", "[fe80::1]:8000", "a%20b", "a:"};
    static const char *const invalid[] = {"",     ":80",  "a b",   "a/b",  "a?b",     "a#b",    "u@a",
                                          "[::1", "::1",  "[a]",   "[]",   "[::1]80", "a:-1",   "a:99999",
                                          "a%2",  "a\"b", "a,,;<", "a:8a", "\x80",    "[::1]]", "[::1]x:1"};

    for (size_t i = 0; i < countof(valid); i++) {
        if (!http_host_is_valid(slice_of(valid[i]))) UNIT_STR(valid[i], "to be valid");
    }
    for (size_t i = 0; i < countof(invalid); i++) {
        if (http_host_is_valid(slice_of(invalid[i]))) UNIT_STR(invalid[i], "to be invalid");
    }
}

static void test_list(void)
{
    struct slice list = SLICE_LIT(" a ,, \"b,\\\",c\" ,d");
    struct slice element;

    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "a");
    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "\"b,\\\",c\"");
    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "d");
    CU_ASSERT_FALSE(http_list_next(&list, &element));
    CU_ASSERT(http_list_has(SLICE_LIT("keep-alive, Close"), "close"));
    CU_ASSERT_FALSE(http_list_has(SLICE_LIT("closed, enclose"), "close"));
}

static void test_status(void)
{
    enum http_method method = HTTP_GET;

    UNIT_STR(http_status_phrase(404), "Not Found");
    UNIT_STR(http_status_phrase(299), "");
    UNIT_STR(http_status_phrase(0), "");
    UNIT_STR(http_status_phrase(99999), "");
    UNIT_SLICE(http_status_line(431), "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    UNIT_STR(http_status_code(505), "http_version_not_supported");
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        CU_ASSERT(http_method_parse(slice_of(http_method_name((enum http_method)i)), &method));
        UNIT_INT(method, i);
    }
    CU_ASSERT_FALSE(http_method_parse(SLICE_LIT("get"), &method));
    CU_ASSERT_FALSE(http_method_parse(SLICE_LIT(""), &method));
}

static void test_host_is_listed(void)
{
    static const char *const names[] = {"api.example", "*.example.org", "[::1]", "192.0.2.1"};
    static const struct {
        const char *host;
        bool listed;
    } cases[] = {
        {"api.example", true},
        {"API.Example", true},
        {"api.example:8000", true},
        {"api.example.", true},
        {"api.example.:80", true},
        {"a.example.org", true},
        {"a.b.EXAMPLE.org:1", true},
        {"[::1]", true},
        {"[::1]:8000", true},
        {"192.0.2.1:80", true},
        {"example.org", false},
        {".example.org", false},
        {"xexample.org", false},
        {"api.example.evil", false},
        {"evil-api.example", false},
        {"", false},
        {":80", false},
        {"[::2]", false},
        {"192.0.2.10", false},
        {"*.example.org.x", false},
        {".", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        CU_ASSERT_EQUAL(http_host_is_listed(slice_of(cases[i].host), names, countof(names)), cases[i].listed);
    }
    CU_ASSERT_FALSE(http_host_is_listed(SLICE_NONE, names, countof(names)));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_router_finds), UNIT_TEST(test_router_refuses), UNIT_TEST(test_query),
    UNIT_TEST(test_accept),       UNIT_TEST(test_accept_weighs),  UNIT_TEST(test_accept_coding),
    UNIT_TEST(test_media_type),   UNIT_TEST(test_host),           UNIT_TEST(test_list),
    UNIT_TEST(test_status),       UNIT_TEST(test_host_is_listed),
};
const struct unit_part piece_tests = UNIT_PART(tests);

#include "http/router.h"
#include "http/status.h"
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_router_finds),
    UNIT_TEST(test_router_refuses),
};
const struct unit_part router_tests = UNIT_PART(tests);

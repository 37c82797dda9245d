#include "http/router.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "http/syntax.h"

enum { ROUTER_DEPTH_MAX = 16 };

/*
 * A tree of segments: "/a/{id}" is root → "a" → parameter, and "/" is root → "". A literal goes before a parameter;
 * if it leads nowhere the parameter is tried, so that "/a/b/c" and "/a/{id}/d" live together.
 */
struct router_node {
    struct slice literal;
    struct router_node *next; /* sibling literal */
    struct router_node *literals;
    struct router_node *param;
    const struct http_route *routes[HTTP_METHOD_COUNT];
    const char *allow; /* NULL: no path ends here */
};

struct http_router {
    struct arena *arena; /* all nodes */
    struct router_node root;
    unsigned depth; /* segments of the longest path */
    const char *allow;
};

struct router_walk {
    const struct slice *segments;
    unsigned count;
    struct http_match *match;
};

static struct router_node *router_node_new(struct http_router *router, struct slice literal)
{
    struct router_node *node = arena_zalloc(router->arena, sizeof(*node));

    node->literal = literal;
    return node;
}

static struct router_node *router_child(struct http_router *router, struct router_node *node, struct slice segment)
{
    if (segment.len > 0 && segment.data[0] == '{') {
        if (node->param == NULL) node->param = router_node_new(router, SLICE_NONE);
        return node->param;
    }
    for (struct router_node *child = node->literals; child != NULL; child = child->next) {
        if (slice_eq(child->literal, segment)) return child;
    }
    struct router_node *child = router_node_new(router, arena_copy(router->arena, segment));

    child->next = node->literals;
    node->literals = child;
    return child;
}

/* A literal of unreserved characters, "{name}", or nothing at the very end. */
static bool router_segment_is_valid(struct slice segment, bool last)
{
    const bool param = segment.len > 2 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}';

    if (segment.len == 0) return last;
    if (param) segment.data++, segment.len -= 2;
    for (size_t i = 0; i < segment.len; i++) {
        const char c = segment.data[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        const bool unreserved = plain || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '~';

        if (!(param ? plain : unreserved)) return false;
    }
    return true;
}

static int router_add(struct http_router *router, const struct http_route *route, struct error *err)
{
    struct slice rest = slice_of(route->path);
    struct router_node *node = &router->root;
    unsigned params = 0;
    unsigned depth = 0;

    if (rest.len == 0 || rest.data[0] != '/') {
        return error_set(err, ERROR_INVALID, "route path \"%s\" does not start with /", route->path);
    }
    if (route->handle == NULL) return error_set(err, ERROR_INVALID, "route %s has no handler", route->path);
    rest.data++, rest.len--;
    do {
        const struct slice segment = slice_cut(&rest, '/');

        if (!router_segment_is_valid(segment, rest.data == NULL)) {
            return error_set(err, ERROR_INVALID, "route path \"%s\": segment \"%.*s\" is malformed", route->path,
                             SLICE_FMT(segment));
        }
        params += segment.len > 0 && segment.data[0] == '{';
        depth++;
        node = router_child(router, node, segment);
    } while (rest.data != NULL);
    if (params > HTTP_PATH_PARAMS_MAX || depth > ROUTER_DEPTH_MAX) {
        return error_set(err, ERROR_INVALID, "route path \"%s\" has too many parameters or segments", route->path);
    }
    if (node->routes[route->method] != NULL) {
        return error_set(err, ERROR_INVALID, "%s %s is routed twice", http_method_name(route->method), route->path);
    }
    node->routes[route->method] = route;
    if (depth > router->depth) router->depth = depth;
    return 0;
}

/* The text of Allow for a set of methods. HEAD comes with GET, OPTIONS always. */
static const char *router_allow_text(struct http_router *router, const bool has[HTTP_METHOD_COUNT])
{
    struct buf text = {0};

    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (!has[i] && i != HTTP_OPTIONS && !(i == HTTP_HEAD && has[HTTP_GET])) continue;
        if (text.len > 0) buf_add_str(&text, ", ");
        buf_add_str(&text, http_method_name((enum http_method)i));
    }
    const char *copy = arena_copy(router->arena, buf_slice(&text)).data;

    buf_clear(&text);
    return copy;
}

static void router_finish(struct http_router *router, struct router_node *node, bool all[HTTP_METHOD_COUNT])
{
    bool has[HTTP_METHOD_COUNT] = {0};
    bool any = false;

    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        has[i] = node->routes[i] != NULL;
        any = any || has[i];
        all[i] = all[i] || has[i];
    }
    if (any) node->allow = router_allow_text(router, has);
    for (struct router_node *child = node->literals; child != NULL; child = child->next) {
        router_finish(router, child, all);
    }
    if (node->param != NULL) router_finish(router, node->param, all);
}

int http_router_new(const struct http_route *const *routes, size_t count, struct http_router **ret_router,
                    struct error *err)
{
    struct http_router *router = mem_zalloc(sizeof(*router));
    bool all[HTTP_METHOD_COUNT] = {0};

    router->arena = arena_new();
    for (size_t i = 0; i < count; i++) {
        if (router_add(router, routes[i], err) != 0) {
            http_router_free(router);
            return -1;
        }
    }
    router_finish(router, &router->root, all);
    router->allow = router_allow_text(router, all);
    *ret_router = router;
    return 0;
}

void http_router_free(struct http_router *router)
{
    if (router == NULL) return;
    arena_free(router->arena);
    free(router);
}

const char *http_router_allow(const struct http_router *router)
{
    return router->allow;
}

/* The recursion is as deep as the longest route. */
static const struct router_node *router_walk(const struct router_walk *walk, const struct router_node *node,
                                             unsigned at, unsigned params)
{
    const struct router_node *found;

    if (at == walk->count) {
        walk->match->param_count = params;
        return node->allow == NULL ? NULL : node;
    }
    const struct slice segment = walk->segments[at];

    for (const struct router_node *child = node->literals; child != NULL; child = child->next) {
        if (!slice_eq(child->literal, segment)) continue;
        found = router_walk(walk, child, at + 1, params);
        if (found != NULL) return found;
        break;
    }
    if (node->param == NULL || segment.len == 0) return NULL;
    walk->match->params[params] = segment;
    return router_walk(walk, node->param, at + 1, params + 1);
}

void http_router_find(const struct http_router *router, struct arena *arena, enum http_method method, struct slice path,
                      struct http_match *ret_match)
{
    struct slice segments[ROUTER_DEPTH_MAX];
    struct router_walk walk = {.segments = segments, .match = ret_match};
    struct slice rest = {path.data + 1, path.len - 1};

    *ret_match = (struct http_match){.path_valid = true};
    do {
        struct slice segment = slice_cut(&rest, '/');

        if (!http_percent_decode(arena, segment, false, &segment)) {
            ret_match->path_valid = false;
            return;
        }
        /* Too long for any route: the rest is still looked at, so that what is malformed is called so. */
        if (walk.count < router->depth) segments[walk.count] = segment;
        walk.count++;
    } while (rest.data != NULL);
    if (walk.count > router->depth) return;
    const struct router_node *node = router_walk(&walk, &router->root, 0, 0);

    if (node == NULL) return;
    ret_match->path_found = true;
    ret_match->allow = node->allow;
    ret_match->route = node->routes[method];
    if (ret_match->route == NULL && method == HTTP_HEAD) ret_match->route = node->routes[HTTP_GET];
}

#include "api/docs.h"

#include <errno.h>
#include <stdlib.h>

#include "api/operation.h"
#include "api/refusal.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"

enum { DOCS_PACKED_MAX = 4 * 1024 * 1024, DOCS_PLAIN_MAX = 16 * 1024 * 1024 };

/* No script or style but from here, none that stands in the page, and no request to anybody else. Swagger UI's style
 * sheet has its small images in itself (data:). */
static const char docs_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* A file's address holds its digest, so that it can be kept for ever; asked for in another way it is asked for again.
 */
static const char docs_immutable[] = "public, max-age=31536000, immutable";
static const char docs_revalidated[] = "no-cache";

/* What the page needs, in its order. In `dir` each has ".gz" after its name. */
static const struct docs_file {
    const char *name;
    const char *type;
    const char *before; /* what stands in the page around the address; NULL: nothing */
    const char *after;
} docs_files[] = {
    {"favicon.svg", "image/svg+xml", "<link rel=\"icon\" type=\"image/svg+xml\" href=\"", "\">\n"},
    {"swagger-ui.css", "text/css; charset=utf-8", "<link rel=\"stylesheet\" href=\"", "\">\n"},
    {"docs.css", "text/css; charset=utf-8", "<link rel=\"stylesheet\" href=\"", "\">\n"},
    {"swagger-ui-bundle.js", "text/javascript; charset=utf-8", "<script defer src=\"", "\"></script>\n"},
    {"docs.js", "text/javascript; charset=utf-8", "<script defer src=\"", "\"></script>\n"},
    {"licences.txt", "text/plain; charset=utf-8", NULL, NULL},
};

struct api_docs {
    struct buf packed[countof(docs_files)];
    struct buf plain[countof(docs_files)];
    struct http_content content[countof(docs_files)];
};

/* ---- The files ---- */

static int docs_file_load(struct api_docs *docs, size_t i, const char *dir, struct error *err)
{
    char *path = mem_printf("%s/%s.gz", dir, docs_files[i].name);
    int rc = 0;

    if (!file_read(path, DOCS_PACKED_MAX, &docs->packed[i])) {
        rc = error_set_errno(err, "cannot read %s", path);
    } else if (!gzip_read(buf_slice(&docs->packed[i]), DOCS_PLAIN_MAX, &docs->plain[i])) {
        rc = error_set(err, ERROR_INVALID, "%s is not a whole gzip file", path);
    } else {
        http_content_init(&docs->content[i], docs_files[i].type, buf_slice(&docs->plain[i]),
                          buf_slice(&docs->packed[i]));
    }
    free(path);
    return rc;
}

int api_docs_load(const char *dir, struct api_docs **ret_docs, struct error *err)
{
    struct api_docs *docs = mem_zalloc(sizeof(*docs));

    for (size_t i = 0; i < countof(docs_files); i++) {
        if (docs_file_load(docs, i, dir, err) != 0) {
            api_docs_free(docs);
            return -1;
        }
    }
    *ret_docs = docs;
    return 0;
}

void api_docs_free(struct api_docs *docs)
{
    if (docs == NULL) return;
    for (size_t i = 0; i < countof(docs_files); i++) {
        buf_clear(&docs->packed[i]);
        buf_clear(&docs->plain[i]);
    }
    free(docs);
}

/* The part of a file's tag that is its digest. */
static struct slice docs_file_version(const struct http_content *content)
{
    return (struct slice){content->etag + 1, strlen(content->etag) - 2};
}

/* ---- The page ---- */

static void docs_add_address(const struct api_docs *docs, size_t i, const char *path, struct buf *out)
{
    buf_printf(out, "%s/%s?v=%.*s", path, docs_files[i].name, SLICE_FMT(docs_file_version(&docs->content[i])));
}

static void docs_add_body(const char *path, const char *document, struct buf *out)
{
    buf_printf(out,
               "<header class=\"bar\"><div>\n"
               "<a class=\"name\" href=\"%s\">StratsLab API</a>\n"
               "<span class=\"version\">" PACKAGE_STRING "</span>\n"
               "<a href=\"%s\">OpenAPI document</a>\n"
               "<a href=\"%s/licences.txt\">Licences</a>\n"
               "</div></header>\n"
               "<noscript><p class=\"plain\">This page needs JavaScript. All that it shows is in the "
               "<a href=\"%s\">OpenAPI document</a>.</p></noscript>\n"
               "<main id=\"swagger-ui\" data-document=\"%s\"></main>\n",
               path, document, path, document, document);
}

static void docs_add_plain_body(const char *document, struct buf *out)
{
    buf_printf(out,
               "<main>\n"
               "<h1>StratsLab API</h1>\n"
               "<p>" PACKAGE_STRING "</p>\n"
               "<p>Everything about this API is in its OpenAPI document: <a href=\"%s\">%s</a>.</p>\n"
               "<p>There is no Swagger UI here to show it: this service was built without it, or its files are not "
               "where STRATSLAB_DOCS_DIR says. The log has the reason.</p>\n"
               "</main>\n",
               document, document);
}

/* In HTML. The paths are the page's and the document's, from settings that take no character which means something in
 * HTML. */
static void docs_page_write(const struct api_docs *docs, const char *path, const char *document, struct buf *out)
{
    buf_add_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<title>StratsLab API</title>\n");
    for (size_t i = 0; docs != NULL && i < countof(docs_files); i++) {
        if (docs_files[i].before == NULL) continue;
        buf_add_str(out, docs_files[i].before);
        docs_add_address(docs, i, path, out);
        buf_add_str(out, docs_files[i].after);
    }
    if (docs == NULL) buf_add_str(out, "<link rel=\"icon\" href=\"data:,\">\n");
    buf_add_str(out, "</head>\n<body>\n");
    if (docs == NULL) {
        docs_add_plain_body(document, out);
    } else {
        docs_add_body(path, document, out);
    }
    buf_add_str(out, "</body>\n</html>\n");
}

void api_docs_init(struct api *api, const struct api_options *options)
{
    const char *path = options->paths[API_BASE_DOCS];
    const char *document = options->paths[API_BASE_OPENAPI];

    if (path == NULL || document == NULL) return;
    api->docs = options->docs;
    docs_page_write(api->docs, path, document, &api->docs_html);
    http_content_init(&api->docs_page, "text/html; charset=utf-8", buf_slice(&api->docs_html), SLICE_NONE);
}

/* ---- The endpoints ---- */

static void api_docs_page(struct http_exchange *x)
{
    http_exchange_add_header(x, "Content-Security-Policy", slice_of(docs_policy));
    http_exchange_add_header(x, "Referrer-Policy", SLICE_LIT("no-referrer"));
    http_respond_content(x, &api_of(x)->docs_page, docs_revalidated);
}

/* With a slash at its end, as many type it. The page has one address, so that it is kept once. */
static void api_docs_elsewhere(struct http_exchange *x)
{
    struct slice path = slice_of(http_exchange_route(x)->path);
    const struct slice query = http_exchange_query(x);
    struct buf location = {0};

    path.len--;
    buf_add_slice(&location, path);
    if (query.data != NULL) buf_printf(&location, "?%.*s", SLICE_FMT(query));
    http_exchange_add_header(x, "Location", buf_slice(&location));
    http_exchange_set_caching(x, docs_revalidated);
    http_respond(x, 308, NULL, SLICE_NONE);
    buf_clear(&location);
}

static void api_docs_file(struct http_exchange *x)
{
    const struct api_docs *docs = api_of(x)->docs;
    const struct slice name = http_exchange_path_param(x, 0);
    struct slice query = http_exchange_query(x);

    for (size_t i = 0; docs != NULL && i < countof(docs_files); i++) {
        if (!slice_is(name, docs_files[i].name)) continue;
        const bool is_this =
            slice_is(slice_cut(&query, '='), "v") && slice_eq(query, docs_file_version(&docs->content[i]));

        http_respond_content(x, &docs->content[i], is_this ? docs_immutable : docs_revalidated);
        return;
    }
    http_refuse(x, &api_refusals[API_REFUSAL_NO_FILE]);
}

static const struct api_param api_docs_file_params[] = {
    {
        .in = API_IN_PATH,
        .type = DB_TYPE_TEXT,
        .field = {.name = "file", .type = JSON_TYPE_STRING, .required = true, .example = "\"docs.js\""},
    },
};

static const struct api_endpoint api_docs_endpoints[] = {
    {
        .id = "getDocs",
        .summary = "A page for people that shows this document, and sends requests",
        .link = "docs",
        .method = HTTP_GET,
        .base = API_BASE_DOCS,
        .path = "",
        .handle = api_docs_page,
        .produces = "text/html",
        .has_etag = true,
    },
    {
        .id = "getDocsElsewhere",
        .summary = "Leads to the page, for whoever ends its path with a slash; the query is kept",
        .method = HTTP_GET,
        .base = API_BASE_DOCS,
        .path = "/",
        .handle = api_docs_elsewhere,
        .statuses = {308},
        .produces = HTTP_ANY_TYPE,
        .is_unlisted = true,
    },
    {
        .id = "getDocsFile",
        .summary = "A file that the page needs",
        .method = HTTP_GET,
        .base = API_BASE_DOCS,
        .path = "/{file}",
        API_PARAMS(api_docs_file_params),
        .handle = api_docs_file,
        .produces = HTTP_ANY_TYPE,
        .has_etag = true,
    },
};

const struct api_resource api_documentation = {
    .tag = "Documentation",
    .tag_description = "The page that shows this document",
    .endpoints = api_docs_endpoints,
    .count = countof(api_docs_endpoints),
};

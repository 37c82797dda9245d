/* /docs: Swagger UI on the service's own OpenAPI document, or, if this build has none, a page that links the document.
 */
#include "api/operation.h"
#include "api/refusal.h"
#include "api/site.h"

/* ---- The page ---- */

static void docs_add_address(const struct api_site *site, size_t i, const char *path, struct buf *out)
{
    buf_printf(out, "%s/%s?v=%.*s", path, api_site_file_name(site, i), SLICE_FMT(api_site_file_version(site, i)));
}

static void docs_add_body(const char *path, const char *document, struct buf *out)
{
    buf_printf(out,
               "<header class=\"bar\"><div>\n"
               "<a class=\"name\" href=\"%s\">StratsLab API</a>\n"
               "<span class=\"version\">" PACKAGE_STRING "</span>\n"
               "<a href=\"/\">The lab</a>\n"
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
               "<p>There is no Swagger UI here to show it. In a checkout, <code>./scripts/dev.sh docs</code> brings it "
               "in. Elsewhere, this service was built without npm, or its files are not where STRATSLAB_DOCS_DIR says: "
               "the log has the reason.</p>\n"
               "</main>\n",
               document, document);
}

/* In HTML. The paths are the page's and the document's, from settings that take no character which means something in
 * HTML. */
static void docs_page_write(const struct api_site *docs, const char *path, const char *document, struct buf *out)
{
    api_site_write_head(docs, "StratsLab API", docs_add_address, path, out);
    if (docs == NULL) {
        docs_add_plain_body(document, out);
    } else {
        docs_add_body(path, document, out);
    }
    api_site_write_end(out);
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
    api_site_respond_page(x, api_of(x)->docs, &api_of(x)->docs_page);
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
    http_exchange_set_caching(x, API_SITE_ASKED_AGAIN);
    http_respond(x, 308, NULL, SLICE_NONE);
    buf_clear(&location);
}

static void api_docs_file(struct http_exchange *x)
{
    const struct api_site *docs = api_of(x)->docs;
    const int i = api_site_find(docs, http_exchange_path_param(x, 0));
    struct slice query = http_exchange_query(x);

    if (i < 0) {
        http_refuse(x, &api_refusals[API_REFUSAL_NO_FILE]);
        return;
    }
    api_site_respond_file(x, docs, (size_t)i,
                          slice_is(slice_cut(&query, '='), "v") &&
                              slice_eq(query, api_site_file_version(docs, (size_t)i)));
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

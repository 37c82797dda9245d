/* The page for people at /, and its files below /ui. It is made of modules (web-ui/) that ask the API alone. */
#include "api/operation.h"
#include "api/refusal.h"
#include "api/site.h"

/* Modules import each other by name ("./chart.js"), so their version is a folder, and one for all of them. */
static void ui_add_address(const struct api_site *site, size_t i, const char *path, struct buf *out)
{
    buf_printf(out, "%s/%.*s/%s", path, SLICE_FMT(api_site_version(site)), api_site_file_name(site, i));
}

static void ui_add_attribute(struct buf *out, const char *name, const char *value)
{
    if (value != NULL) buf_printf(out, " data-%s=\"%s\"", name, value);
}

static void ui_add_body(const struct api *api, const struct api_options *options, struct buf *out)
{
    const char *docs = options->paths[API_BASE_DOCS], *document = options->paths[API_BASE_OPENAPI];
    const int licences = api_site_find(api->ui, SLICE_LIT("licences.txt"));

    buf_add_str(out, "<div id=\"app\" data-version=\"" PACKAGE_VERSION "\"");
    ui_add_attribute(out, "docs", document == NULL ? NULL : docs);
    if (licences >= 0) {
        buf_add_str(out, " data-licences=\"");
        ui_add_address(api->ui, (size_t)licences, "/ui", out);
        buf_add_char(out, '"');
    }
    buf_add_str(out, "></div>\n"
                     "<noscript><p class=\"plain\">This page needs JavaScript.");
    if (document != NULL) {
        buf_printf(out, " All that it does is done by the API: <a href=\"%s\">%s</a>.", document, document);
    }
    buf_add_str(out, "</p></noscript>\n");
}

/* What there is without the files: where the API is. */
static void ui_add_plain_body(const struct api_options *options, struct buf *out)
{
    const char *docs = options->paths[API_BASE_DOCS], *document = options->paths[API_BASE_OPENAPI];

    buf_add_str(out, "<main>\n<h1>StratsLab</h1>\n<p>" PACKAGE_STRING "</p>\n"
                     "<p>The API serves, but the page for people is not here. In a checkout, "
                     "<code>./scripts/dev.sh docs</code> brings it in, and this address is the lab.</p>\n"
                     "<p>Elsewhere, this service was built without npm, or the files of the page are not where "
                     "STRATSLAB_UI_DIR says: the log has the reason.</p>\n"
                     "<ul>\n");
    if (docs != NULL && document != NULL) {
        buf_printf(out, "<li><a href=\"%s\">%s</a>: the API for people</li>\n", docs, docs);
    }
    if (document != NULL) {
        buf_printf(out, "<li><a href=\"%s\">%s</a>: the API for programs</li>\n", document, document);
    }
    buf_add_str(out, "<li><a href=\"/health\">/health</a>: how the service is doing</li>\n</ul>\n</main>\n");
}

void api_ui_init(struct api *api, const struct api_options *options)
{
    api->ui = options->ui;
    api_site_write_head(api->ui, "StratsLab", ui_add_address, "/ui", &api->ui_html);
    if (api->ui == NULL) {
        ui_add_plain_body(options, &api->ui_html);
    } else {
        ui_add_body(api, options, &api->ui_html);
    }
    api_site_write_end(&api->ui_html);
    http_content_init(&api->ui_page, "text/html; charset=utf-8", buf_slice(&api->ui_html), SLICE_NONE);
}

void api_ui_file(struct http_exchange *x)
{
    const struct api_site *ui = api_of(x)->ui;
    const int i = api_site_find(ui, http_exchange_path_param(x, 1));

    if (i < 0) {
        http_refuse(x, &api_refusals[API_REFUSAL_NO_FILE]);
        return;
    }
    api_site_respond_file(x, ui, (size_t)i, slice_eq(http_exchange_path_param(x, 0), api_site_version(ui)));
}

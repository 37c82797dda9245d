/*
 * Pages for people and the files that they are made of: /docs (docs.c) and / (ui.c).
 *
 * The files are made at build time (docs-ui/, web-ui/), and installed compressed, with a list of them. They are read
 * once, by the master before it forks, so that the workers share the memory; no request reads a file.
 */
#ifndef API_SITE_H
#define API_SITE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "http/http.h"

/* No script or style but from here, none that stands in the page, and no request to anybody else. The style sheets have
 * their small images in themselves (data:). */
#define API_SITE_POLICY                                                                                   \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* A file's address holds its version, so that it can be kept for ever; asked for in another way it is asked for again.
 */
#define API_SITE_KEPT "public, max-age=31536000, immutable"
#define API_SITE_ASKED_AGAIN "no-cache"

struct api_site;

/* Reads the files that `dir`/list names, all or none: -1 if one is missing or damaged. A line of the list is a name
 * ("docs.css", found as docs.css.gz) and what the page does with it: icon, style, script, module, preload (a module
 * that others import) or link (nothing). */
int api_site_load(const char *dir, struct api_site **ret_site, struct error *err) ATTR_CHECKED;
void api_site_free(struct api_site *site); /* takes NULL */

/* The digest of all files together, and of one of them. As long as the site. */
struct slice api_site_version(const struct api_site *site);
struct slice api_site_file_version(const struct api_site *site, size_t i);

/* The index of a file, or -1; `site` may be NULL, which has none. */
int api_site_find(const struct api_site *site, struct slice name);
void api_site_respond_file(struct http_exchange *x, const struct api_site *site, size_t i, bool is_this_version);
/* `site` is what the page was made with, or NULL: a plain page may have the style that api_site_write_head gave it. */
void api_site_respond_page(struct http_exchange *x, const struct api_site *site, const struct http_content *page);

/* Appends the address of a file to `out`. */
typedef void api_site_address_fn(const struct api_site *site, size_t i, const char *path, struct buf *out);
const char *api_site_file_name(const struct api_site *site, size_t i);

/* The beginning of a page, up to <body>: with what it needs of the files, whose addresses begin at `path`. `site` may
 * be NULL. */
void api_site_write_head(const struct api_site *site, const char *title, api_site_address_fn *address, const char *path,
                         struct buf *out);
void api_site_write_end(struct buf *out);

#endif

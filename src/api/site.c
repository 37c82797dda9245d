#include "api/site.h"

#include <errno.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"

enum {
    SITE_FILES_MAX = 64,
    SITE_NAME_MAX = 64,
    SITE_LIST_MAX = 8 * 1024,
    SITE_PACKED_MAX = 4 * 1024 * 1024,
    SITE_PLAIN_MAX = 16 * 1024 * 1024
};

/* By the end of the name. */
static const struct {
    const char *end;
    const char *type;
} site_types[] = {
    {".svg", "image/svg+xml"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
};

/* What stands in the page around the address; NULL: nothing. */
static const struct site_use {
    const char *name;
    const char *before;
    const char *after;
} site_uses[] = {
    {"icon", "<link rel=\"icon\" type=\"image/svg+xml\" href=\"", "\">\n"},
    {"style", "<link rel=\"stylesheet\" href=\"", "\">\n"},
    {"script", "<script defer src=\"", "\"></script>\n"},
    {"module", "<script type=\"module\" src=\"", "\"></script>\n"},
    {"preload", "<link rel=\"modulepreload\" href=\"", "\">\n"},
    {"link", NULL, NULL},
};

struct site_file {
    char name[SITE_NAME_MAX + 1];
    const struct site_use *use;
    const char *type;
    struct buf packed;
    struct buf plain;
    struct http_content content;
};

struct api_site {
    struct site_file files[SITE_FILES_MAX];
    size_t count;
    char digest[DIGEST_SHA256_HEX_BYTES];
};

/* ---- Reading ---- */

static bool site_ends_with(struct slice name, const char *end)
{
    const size_t len = strlen(end);

    return name.len > len && memcmp(name.data + name.len - len, end, len) == 0;
}

static const char *site_type(struct slice name)
{
    for (size_t i = 0; i < countof(site_types); i++) {
        if (site_ends_with(name, site_types[i].end)) return site_types[i].type;
    }
    return NULL;
}

static const struct site_use *site_use(struct slice name)
{
    for (size_t i = 0; i < countof(site_uses); i++) {
        if (slice_is(name, site_uses[i].name)) return &site_uses[i];
    }
    return NULL;
}

/* A name goes into a path and into HTML as it is. */
static bool site_is_name(struct slice name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

    if (name.len == 0 || name.len > SITE_NAME_MAX || name.data[0] == '.') return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '\0' || strchr(allowed, name.data[i]) == NULL) return false;
    }
    return true;
}

static int site_file_load(struct site_file *file, const char *dir, struct error *err)
{
    char *path = mem_printf("%s/%s.gz", dir, file->name);
    int rc = 0;

    if (!file_read(path, SITE_PACKED_MAX, &file->packed)) {
        rc = error_set_errno(err, "cannot read %s", path);
    } else if (!gzip_read(buf_slice(&file->packed), SITE_PLAIN_MAX, &file->plain)) {
        rc = error_set(err, ERROR_INVALID, "%s is not a whole gzip file", path);
    } else {
        http_content_init(&file->content, file->type, buf_slice(&file->plain), buf_slice(&file->packed));
    }
    free(path);
    return rc;
}

static int site_add(struct api_site *site, struct slice line, const char *dir, struct error *err)
{
    const struct slice whole = line;
    const struct slice name = slice_cut(&line, ' ');
    const struct site_use *use = site_use(slice_trim(line));
    const char *type = site_type(name);

    if (!site_is_name(name) || type == NULL || use == NULL || site->count == SITE_FILES_MAX) {
        return error_set(err, ERROR_INVALID,
                         "%s/list has a line that is not a file's name and its use; install the files again: %.*s", dir,
                         SLICE_FMT(whole));
    }
    struct site_file *file = &site->files[site->count++];

    *file = (struct site_file){.type = type, .use = use};
    memcpy(file->name, name.data, name.len);
    return site_file_load(file, dir, err);
}

static int site_load_all(struct api_site *site, const char *dir, struct error *err)
{
    char *path = mem_printf("%s/list", dir);
    struct buf list = {0}, tags = {0};
    int rc = 0;

    if (!file_read(path, SITE_LIST_MAX, &list)) rc = error_set_errno(err, "cannot read %s", path);
    for (struct slice rest = buf_slice(&list); rc == 0 && rest.len > 0;) {
        const struct slice line = slice_trim(slice_cut(&rest, '\n'));

        if (line.len > 0) rc = site_add(site, line, dir, err);
    }
    if (rc == 0 && site->count == 0) {
        rc = error_set(err, ERROR_INVALID, "%s names no file; install the files again", path);
    }
    for (size_t i = 0; rc == 0 && i < site->count; i++) {
        buf_printf(&tags, "%s %s\n", site->files[i].name, site->files[i].content.etag);
    }
    digest_sha256_hex(tags.data, tags.len, site->digest);
    buf_clear(&tags);
    buf_clear(&list);
    free(path);
    return rc;
}

int api_site_load(const char *dir, struct api_site **ret_site, struct error *err)
{
    struct api_site *site = mem_zalloc(sizeof(*site));

    if (site_load_all(site, dir, err) != 0) {
        api_site_free(site);
        return -1;
    }
    *ret_site = site;
    return 0;
}

void api_site_free(struct api_site *site)
{
    if (site == NULL) return;
    for (size_t i = 0; i < site->count; i++) {
        buf_clear(&site->files[i].packed);
        buf_clear(&site->files[i].plain);
    }
    free(site);
}

/* ---- Files ---- */

struct slice api_site_version(const struct api_site *site)
{
    return (struct slice){site->digest, 20};
}

/* The part of a file's tag that is its digest. */
struct slice api_site_file_version(const struct api_site *site, size_t i)
{
    const char *etag = site->files[i].content.etag;

    return (struct slice){etag + 1, strlen(etag) - 2};
}

const char *api_site_file_name(const struct api_site *site, size_t i)
{
    return site->files[i].name;
}

int api_site_find(const struct api_site *site, struct slice name)
{
    for (size_t i = 0; site != NULL && i < site->count; i++) {
        if (slice_is(name, site->files[i].name)) return (int)i;
    }
    return -1;
}

void api_site_respond_file(struct http_exchange *x, const struct api_site *site, size_t i, bool is_this_version)
{
    http_respond_content(x, &site->files[i].content, is_this_version ? API_SITE_KEPT : API_SITE_ASKED_AGAIN);
}

/* ---- Pages ---- */

/* Of a page without files, which has no style sheet to link. A browser takes it for its digest in the policy. */
static const char site_plain_style[] =
    ":root{color-scheme:light dark}body{max-width:42rem;margin:12vh auto;padding:0 1.5rem;"
    "font:1rem/1.6 system-ui,sans-serif}h1{font-size:1.4rem}code{padding:.1em .3em;border-radius:4px;"
    "background:#8882}li{margin:.3em 0}a{color:light-dark(#1c5cc4,#7fb0ff)}";

static void site_add_plain_policy(struct buf *out)
{
    char digest[DIGEST_SHA256_BASE64_BYTES];

    digest_sha256_base64(site_plain_style, sizeof(site_plain_style) - 1, digest);
    buf_printf(out,
               "default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'; "
               "frame-ancestors 'none'",
               digest);
}

void api_site_respond_page(struct http_exchange *x, const struct api_site *site, const struct http_content *page)
{
    struct buf policy = {0};

    if (site == NULL) {
        site_add_plain_policy(&policy);
    } else {
        buf_add_str(&policy, API_SITE_POLICY);
    }
    http_exchange_add_header(x, "Content-Security-Policy", buf_slice(&policy));
    http_exchange_add_header(x, "Referrer-Policy", SLICE_LIT("no-referrer"));
    http_respond_content(x, page, API_SITE_ASKED_AGAIN);
    buf_clear(&policy);
}

void api_site_write_head(const struct api_site *site, const char *title, api_site_address_fn *address, const char *path,
                         struct buf *out)
{
    buf_printf(out,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<title>%s</title>\n",
               title);
    for (size_t i = 0; site != NULL && i < site->count; i++) {
        const struct site_use *use = site->files[i].use;

        if (use->before == NULL) continue;
        buf_add_str(out, use->before);
        address(site, i, path, out);
        buf_add_str(out, use->after);
    }
    if (site == NULL) buf_printf(out, "<link rel=\"icon\" href=\"data:,\">\n<style>%s</style>\n", site_plain_style);
    buf_add_str(out, "</head>\n<body>\n");
}

void api_site_write_end(struct buf *out)
{
    buf_add_str(out, "</body>\n</html>\n");
}

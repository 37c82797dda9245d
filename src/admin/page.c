#include "admin/page.h"

#include "base/attr.h"
#include "base/digest.h"

static const char page_text[] =
#include "admin/page.inc" /* made from page.html */
    ;

struct slice admin_page(void)
{
    return (struct slice){page_text, sizeof(page_text) - 1};
}

/* The text between the first `open` and the next `close`: this is the part of an element that a browser hashes. */
static struct slice page_between(const char *open, const char *close)
{
    const char *begin = strstr(page_text, open);

    if (begin == NULL) return SLICE_NONE;
    begin += strlen(open);
    const char *end = strstr(begin, close);

    return end == NULL ? SLICE_NONE : (struct slice){begin, (size_t)(end - begin)};
}

void admin_page_policy(struct buf *out)
{
    static const struct {
        const char *directive;
        const char *open;
        const char *close;
    } parts[] = {{"script-src", "<script>", "</script>"}, {"style-src", "<style>", "</style>"}};

    buf_add_str(out, "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'");
    for (size_t i = 0; i < countof(parts); i++) {
        struct slice part = page_between(parts[i].open, parts[i].close);
        char digest[DIGEST_SHA256_BASE64_BYTES];

        digest_sha256_base64(part.data, part.len, digest);
        buf_printf(out, "; %s 'sha256-%s'", parts[i].directive, digest);
    }
}

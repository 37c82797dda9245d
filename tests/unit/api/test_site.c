#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/site.h"
#include "base/mem.h"
#include "test_api.h"

/* gzip -9n of aaaaaaaaaabbbbbbbbbbaaaaaaaaaa */
static const char packed[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4c\x84\x81\x24\x38\x80\x0b\x25\x02\x00\x2b\xbd\x40\xc9"
    "\x1e\x00\x00\x00\x00";
enum { PACKED_BYTES = sizeof(packed) - 2 };

static void site_put(const char *folder, const char *name, const void *data, size_t len)
{
    char *path = mem_printf("%s/%s", folder, name);
    FILE *f = fopen(path, "wb");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    if (f != NULL) {
        UNIT_INT(fwrite(data, 1, len, f), len);
        fclose(f);
    }
    free(path);
}

/* What comes of a folder with a.css, b.js, and this list. */
static int site_load(const char *list, struct api_site **ret_site, struct error *err)
{
    static const char *const names[] = {"a.css.gz", "b.js.gz", "list"};
    char folder[] = "/tmp/stratslab-site.XXXXXX";
    int rc;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    site_put(folder, names[0], packed, PACKED_BYTES);
    site_put(folder, names[1], packed, PACKED_BYTES);
    site_put(folder, names[2], list, strlen(list));
    rc = api_site_load(folder, ret_site, err);
    for (size_t i = 0; i < countof(names); i++) {
        char *path = mem_printf("%s/%s", folder, names[i]);

        CU_ASSERT(unlink(path) == 0);
        free(path);
    }
    CU_ASSERT(rmdir(folder) == 0);
    return rc;
}

static void site_address(const struct api_site *site, size_t i, const char *path, struct buf *out)
{
    buf_printf(out, "%s/%s", path, api_site_file_name(site, i));
}

static void test_a_page_names_its_files_in_their_order(void)
{
    struct api_site *site;
    struct error err;
    struct buf page = {0};

    UNIT_INT(site_load("b.js module\n\na.css style\n", &site, &err), 0);
    UNIT_INT(api_site_find(site, SLICE_LIT("b.js")), 0);
    UNIT_INT(api_site_find(site, SLICE_LIT("a.css")), 1);
    UNIT_INT(api_site_find(site, SLICE_LIT("a.css.gz")), -1);
    UNIT_INT(api_site_find(NULL, SLICE_LIT("a.css")), -1);
    UNIT_INT(api_site_version(site).len, 20);
    UNIT_INT(api_site_file_version(site, 0).len, 20);
    api_site_write_head(site, "Title", site_address, "/at", &page);
    const char *module = strstr(buf_cstr(&page), "<script type=\"module\" src=\"/at/b.js\">");
    const char *style = strstr(buf_cstr(&page), "<link rel=\"stylesheet\" href=\"/at/a.css\">");

    CU_ASSERT(module != NULL && style != NULL && module < style);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&page), "<title>Title</title>"));
    buf_clear(&page);
    api_site_free(site);
}

/* A name is part of a path and of the page, so there is little that it may have. */
static void test_a_list_that_is_not_one_is_refused(void)
{
    static const char *const lists[] = {"",
                                        "\n",
                                        "a.css\n",
                                        "a.css run\n",
                                        "../a.css style\n",
                                        "A.css style\n",
                                        "a.png style\n",
                                        ".css style\n",
                                        "missing.js module\n",
                                        "a.css style x\n",
                                        "a.css\tstyle\n",
                                        "\"a.css style\n"};

    for (size_t i = 0; i < countof(lists); i++) {
        struct api_site *site;
        struct error err;

        UNIT_INT(site_load(lists[i], &site, &err), -1);
        CU_ASSERT(strlen(err.message) > 0);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_page_names_its_files_in_their_order),
    UNIT_TEST(test_a_list_that_is_not_one_is_refused),
};
const struct unit_part site_tests = UNIT_PART(tests);

/*
 * The settings file, and what a reload that is taken back relies on: settings that were taken come back from
 * conf_export as they were.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "conf/internal.h"
#include "fuzz.h"

/* Those that name files would have us read what is no input of ours. */
static bool names_a_file(struct slice text)
{
    static const char suffix[] = "_FILE";

    return memmem(text.data, text.len, suffix, strlen(suffix)) != NULL;
}

static void check_export(const struct conf *conf)
{
    const char *kept[CONF_EXPORT_MAX + 1] = {NULL};
    struct buf first = {0};
    struct buf second = {0};
    struct conf *again = NULL;
    struct error err = {.message = ""};
    size_t count = 0;

    conf_export(conf, &first);
    for (size_t at = 0; at < first.len; at += strlen(first.data + at) + 1) kept[count++] = first.data + at;
    FUZZ_CHECK(conf_load(CONF_STRATSLABD, kept, NULL, 0, &again, &err) == 0, "what was exported is not taken: %s",
               err.message);
    conf_export(again, &second);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0,
               "what was exported comes back as something else");
    conf_free(again);
    buf_clear(&first);
    buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char variable[64];
    const char *environment[] = {variable, NULL};
    struct conf *conf = NULL;
    struct error err = {.message = ""};
    struct buf out = {0};

    if (names_a_file((struct slice){(const char *)data, size})) return 0;
    if (fd < 0) fd = memfd_create("settings", MFD_CLOEXEC);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    snprintf(variable, sizeof(variable), "STRATSLAB_CONFIG=/proc/self/fd/%d", fd);
    if (conf_load(CONF_STRATSLABD, environment, NULL, 0, &conf, &err) != 0) {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        return 0;
    }
    conf_print_text(conf, &out);
    conf_print_json(conf, &out);
    check_export(conf);
    buf_clear(&out);
    conf_free(conf);
    return 0;
}

/*
 * What a process has copied of the one that it was forked from, and must not have. The maps of proc(5) say where it may
 * write; there the texts are looked for, wherever a library has put its copies. The texts that are looked for are kept
 * in a form of their own meanwhile, so that none is left at the end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/job_internal.h"

enum {
    FORGET_BYTES_MIN = 8,   /* shorter ones could be numbers of candles */
    FORGET_BYTES_MAX = 512, /* of a longer text its beginning */
    FORGET_TEXTS_MAX = 8,
    FORGET_MAPS_BYTES = 16 * 1024, /* read at a time; a line is shorter */
    FORGET_MASK = 0x5a,
};

struct forget_text {
    unsigned char masked[FORGET_BYTES_MAX];
    size_t len;
};

static void forget_overwrite(unsigned char *at, size_t len)
{
    explicit_bzero(at, len);
}

static bool forget_is_at(const struct forget_text *text, const unsigned char *at)
{
    for (size_t i = 0; i < text->len; i++) {
        if ((at[i] ^ FORGET_MASK) != text->masked[i]) return false;
    }
    return true;
}

/* Sanitizers guard what lies between their objects, and this reads all of it. */
__attribute__((no_sanitize("address"))) static void forget_between(const struct forget_text *text, unsigned char *from,
                                                                   const unsigned char *end)
{
    const int first = text->masked[0] ^ FORGET_MASK;

    while ((size_t)(end - from) >= text->len) {
        from = memchr(from, first, (size_t)(end - from) - text->len + 1);
        if (from == NULL) return;
        if (forget_is_at(text, from)) forget_overwrite(from, text->len);
        from++;
    }
}

/* "55d0c0a00000-55d0c0a21000 rw-p …": private memory that can be written. */
static bool forget_parse(const char *line, uintptr_t *ret_from, uintptr_t *ret_end)
{
    char *at;

    *ret_from = strtoul(line, &at, 16);
    if (*at != '-') return false;
    *ret_end = strtoul(at + 1, &at, 16);
    return strncmp(at, " rw-p ", strlen(" rw-p ")) == 0;
}

static void forget_line(const char *line, const struct forget_text *texts, size_t count, const void *kept,
                        size_t kept_bytes)
{
    const uintptr_t skip = (uintptr_t)kept;
    uintptr_t from, end;

    if (!forget_parse(line, &from, &end)) return;
    for (size_t i = 0; i < count; i++) {
        /* Neighbours may be one line. */
        if (skip >= from && skip < end) {
            forget_between(&texts[i], (unsigned char *)from, (const unsigned char *)skip);
            forget_between(&texts[i], (unsigned char *)(skip + kept_bytes), (const unsigned char *)end);
        } else {
            forget_between(&texts[i], (unsigned char *)from, (const unsigned char *)end);
        }
    }
}

struct forget {
    struct forget_text texts[FORGET_TEXTS_MAX];
    size_t count;
    const void *kept;
    size_t kept_bytes;
};

/* Goes through the lines that are whole, and moves the rest to the beginning. Returns its length. */
static size_t forget_lines(const struct forget *f, char *maps, size_t len)
{
    char *line = maps, *end;

    while ((end = memchr(line, '\n', len - (size_t)(line - maps))) != NULL) {
        *end = '\0';
        forget_line(line, f->texts, f->count, f->kept, f->kept_bytes);
        line = end + 1;
    }
    len -= (size_t)(line - maps);
    memmove(maps, line, len);
    return len;
}

/* A process has any number of maps. False: they cannot be read whole. */
static bool forget_in_maps(const struct forget *f)
{
    static char maps[FORGET_MAPS_BYTES];
    const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = -1;

    if (fd < 0) return false;
    while (len < sizeof(maps) && (n = read(fd, maps + len, sizeof(maps) - len)) > 0) {
        len = forget_lines(f, maps, len + (size_t)n);
    }
    close(fd);
    return n == 0 && len == 0;
}

void job_forget(const struct slice *secrets, size_t count, const void *kept, size_t kept_bytes, bool everywhere)
{
    struct forget f = {.kept = kept, .kept_bytes = kept_bytes};

    for (size_t i = 0; i < count && f.count < FORGET_TEXTS_MAX; i++) {
        struct forget_text *text = &f.texts[f.count];

        if (secrets[i].len < FORGET_BYTES_MIN) continue;
        text->len = secrets[i].len < FORGET_BYTES_MAX ? secrets[i].len : FORGET_BYTES_MAX;
        for (size_t j = 0; j < text->len; j++) text->masked[j] = (unsigned char)secrets[i].data[j] ^ FORGET_MASK;
        f.count++;
    }
    if (f.count == 0) return;
    if (everywhere && forget_in_maps(&f)) return;
    for (size_t i = 0; i < count; i++) {
        if (secrets[i].len > 0) forget_overwrite((unsigned char *)(uintptr_t)secrets[i].data, secrets[i].len);
    }
}

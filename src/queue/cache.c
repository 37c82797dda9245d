#include "queue/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

/* A file that is written is called so until it is whole. */
#define CACHE_NEW "new-"

enum {
    CACHE_FILES_MAX = 4096,         /* looking at all takes some milliseconds */
    CACHE_PAUSE_MAX_MS = 60 * 1000, /* after trouble */
    CACHE_CALM_MS = 600 * 1000,     /* without trouble: what comes then is told again */
    CACHE_ORPHAN_S = 10 * 60,       /* whoever writes adds a page every few milliseconds */
    CACHE_SETTLED_S = 2,            /* times of change are as coarse as the kernel's tick */
    CACHE_HEADS_PER_SYMBOL = 8,     /* that are looked at, for as many symbols */
};

struct cache {
    char *path;
    int folder; /* -1: none */
    uint64_t bytes_max, bytes;
    unsigned pause_ms, pause_next_ms;
    uint64_t paused_until_ms;
    uint64_t failed_ms; /* when there was trouble last */
    int told;           /* errno of the trouble that was told last; 0: none since it was well */
    char *trouble;
    bool is_untold;
    /* The symbols as they were found, and the folder's time of change then. */
    struct buf symbols;
    unsigned symbols_max;
    struct timespec symbols_of;
};

struct cache_file {
    char name[SHEET_NAME_BYTES];
    struct timespec used;
    uint64_t bytes;
    bool is_new;
};

struct cache_files {
    struct cache_file *items;
    size_t count, capacity;
};

static void cache_fail(struct cache *cache, int problem, const char *what)
{
    cache->failed_ms = clock_monotonic_ms();
    cache->paused_until_ms = cache->failed_ms + cache->pause_next_ms;
    cache->pause_next_ms *= 2;
    if (cache->pause_next_ms > CACHE_PAUSE_MAX_MS) cache->pause_next_ms = CACHE_PAUSE_MAX_MS;
    if (cache->told == problem) return;
    free(cache->trouble);
    cache->trouble =
        mem_printf("the cache of candles in %s %s (%s): candles that are not there yet are read from the database for "
                   "each job, until it can be used again",
                   cache->path, what, strerror(problem));
    cache->told = problem;
    cache->is_untold = true;
}

static void cache_well(struct cache *cache)
{
    cache->pause_next_ms = cache->pause_ms;
    /* A disk that is full now and then is one trouble. */
    if (clock_monotonic_ms() - cache->failed_ms > CACHE_CALM_MS) cache->told = 0;
}

/* Nobody else may write there, or have put it there: /tmp is everybody's. */
static int cache_open_folder(const struct cache *cache, struct stat *ret_about)
{
    const int fd = open(cache->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) return -1;
    if (fstat(fd, ret_about) == 0 && ret_about->st_uid == geteuid() &&
        (ret_about->st_mode & (S_IWGRP | S_IWOTH)) == 0) {
        return fd;
    }
    close(fd);
    errno = EPERM;
    return -1;
}

void cache_make_folder(const char *path)
{
    if (path == NULL || path[0] == '\0' || mkdir(path, 0700) != 0) return;
    /* Whatever the umask is. */
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) return;
    if (fchmod(fd, 0700) != 0) errno = 0; /* cache_new finds out */
    close(fd);
}

static void cache_trim(struct cache *cache);

struct cache *cache_new(const struct cache_options *options)
{
    struct cache *cache = mem_zalloc(sizeof(*cache));
    struct stat about;

    cache->folder = -1;
    cache->bytes_max = options->bytes_max;
    cache->pause_ms = cache->pause_next_ms = options->pause_ms;
    if (options->folder == NULL || options->folder[0] == '\0') return cache;
    cache->path = mem_strdup(options->folder);
    cache_make_folder(cache->path);
    cache->folder = cache_open_folder(cache, &about);
    if (cache->folder >= 0) {
        cache_trim(cache);
    } else {
        cache_fail(cache, errno,
                   errno == EPERM ? "cannot be used, because it is not the user's own, or others may write there"
                                  : "cannot be opened");
    }
    return cache;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL) return;
    if (cache->folder >= 0) close(cache->folder);
    buf_clear(&cache->symbols);
    free(cache->trouble);
    free(cache->path);
    free(cache);
}

bool cache_is_on(const struct cache *cache)
{
    return cache->folder >= 0 && clock_monotonic_ms() >= cache->paused_until_ms;
}

/* Whether the folder could be made if it is missing. */
static bool cache_may_make_folder(const struct cache *cache)
{
    char *parent = mem_strdup(cache->path), *slash;
    size_t len = strlen(parent);
    bool may;

    while (len > 1 && parent[len - 1] == '/') parent[--len] = '\0';
    slash = strrchr(parent, '/');
    if (slash != NULL) slash[slash == parent ? 1 : 0] = '\0';
    may = faccessat(AT_FDCWD, slash == NULL ? "." : parent, W_OK | X_OK, AT_EACCESS) == 0;
    free(parent);
    return may;
}

bool cache_has_moved(const struct cache *cache)
{
    struct stat there, ours;

    if (cache->path == NULL) return false;
    const int fd = cache_open_folder(cache, &there);

    if (fd < 0) return errno == ENOENT && cache->folder >= 0 && cache_may_make_folder(cache);
    close(fd);
    return cache->folder < 0 || fstat(cache->folder, &ours) != 0 || ours.st_ino != there.st_ino ||
           ours.st_dev != there.st_dev;
}

const char *cache_trouble(struct cache *cache)
{
    if (!cache->is_untold) return NULL;
    cache->is_untold = false;
    return cache->trouble;
}

uint64_t cache_bytes(const struct cache *cache)
{
    return cache->bytes;
}

/* --- what is in the folder --- */

/* A name that is ours to remove: new-…, or that of a sheet of whatever version. */
static bool cache_is_ours(const char *name, bool *ret_new)
{
    const size_t hex = strspn(name, "0123456789abcdef");

    *ret_new = strncmp(name, CACHE_NEW, strlen(CACHE_NEW)) == 0;
    return strlen(name) < SHEET_NAME_BYTES &&
           (*ret_new || (hex == DIGEST_SHA256_HEX_BYTES - 1 && name[hex] == '-' && strstr(name, ".v") != NULL));
}

static void cache_list_add(struct cache *cache, struct cache_files *files, const char *name)
{
    struct cache_file file = {.used = {0}};
    struct stat about;

    if (!cache_is_ours(name, &file.is_new)) return;
    if (fstatat(cache->folder, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(about.st_mode)) return;
    snprintf(file.name, sizeof(file.name), "%s", name);
    file.used = about.st_mtim;
    file.bytes = (uint64_t)about.st_size;
    if (files->count == files->capacity) {
        files->capacity = files->capacity == 0 ? 64 : files->capacity * 2;
        files->items = mem_realloc(files->items, files->capacity * sizeof(*files->items));
    }
    files->items[files->count++] = file;
}

static int cache_compare(const void *a, const void *b)
{
    const struct cache_file *x = a, *y = b;

    if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec > y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec > y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* What was used last comes first. `files` is the caller's to free. */
static void cache_list(struct cache *cache, struct cache_files *files)
{
    const int fd = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (folder == NULL) {
        if (fd >= 0) close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) cache_list_add(cache, files, entry->d_name);
    closedir(folder);
    if (files->count > 0) qsort(files->items, files->count, sizeof(*files->items), cache_compare);
}

static bool cache_is_orphan(const struct cache_file *file, const struct timespec *now)
{
    return file->is_new && now->tv_sec - file->used.tv_sec > CACHE_ORPHAN_S;
}

/* Removes what a crash left, and what is too much, the one that was used the longest ago first. Others may do the same
 * at this moment. */
static void cache_trim(struct cache *cache)
{
    struct cache_files files = {0};
    uint64_t bytes = 0;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    cache_list(cache, &files);
    for (size_t i = 0; i < files.count; i++) {
        const struct cache_file *file = &files.items[i];
        const bool is_too_much = !file->is_new && (i >= CACHE_FILES_MAX || file->bytes > cache->bytes_max ||
                                                   bytes > cache->bytes_max - file->bytes);

        if (!cache_is_orphan(file, &now) && !is_too_much) {
            bytes += file->bytes;
        } else if (unlinkat(cache->folder, file->name, 0) != 0 && errno != ENOENT) {
            cache_fail(cache, errno, "cannot be written");
        }
    }
    cache->bytes = bytes;
    free(files.items);
}

/* There was no room for a file of so many bytes, though it is within the bound: the disk is full. Files that were used
 * the longest ago make room for the next one, if that is enough: so a bound that is larger than the disk does no harm.
 */
static void cache_make_room(struct cache *cache, int problem, uint64_t wanted)
{
    struct cache_files files = {0};
    uint64_t all = 0, freed = 0;
    struct statvfs disk;
    struct timespec now;
    unsigned count = 0;

    clock_gettime(CLOCK_REALTIME, &now);
    if (problem == ENOSPC && fstatvfs(cache->folder, &disk) == 0) {
        const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;

        wanted = wanted > room ? wanted - room : 0; /* if there is room, names (inodes) are what is missing */
    }
    cache_list(cache, &files);
    for (size_t i = 0; i < files.count; i++) all += files.items[i].bytes;
    for (size_t i = files.count; all >= wanted && i-- > 0 && (freed < wanted || count == 0);) {
        const struct cache_file *file = &files.items[i];

        if (file->is_new && !cache_is_orphan(file, &now)) continue;
        if (unlinkat(cache->folder, file->name, 0) == 0) count++, freed += file->bytes;
    }
    free(files.items);
}

static void cache_fail_to_write(struct cache *cache, int problem, const struct sheet_about *about)
{
    if (problem == ENOSPC || problem == EDQUOT) cache_make_room(cache, problem, sheet_bytes(about->count));
    cache_fail(cache, problem, "cannot be written");
}

/* --- files --- */

struct sheet *cache_find(struct cache *cache, const struct sheet_key *key)
{
    char name[SHEET_NAME_BYTES];
    struct stat about;
    struct sheet *sheet;

    if (cache->folder < 0) return NULL;
    sheet_name(key, name);
    const int fd = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) return NULL;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid()) {
        close(fd);
        return NULL;
    }
    /* It was used now; if that cannot be kept, the file looks older than it is. */
    if (futimens(fd, NULL) != 0) errno = 0;
    sheet = sheet_open(fd, key);
    if (sheet == NULL) cache_forget(cache, key);
    return sheet;
}

void cache_forget(struct cache *cache, const struct sheet_key *key)
{
    char name[SHEET_NAME_BYTES];

    sheet_name(key, name);
    if (cache->folder >= 0) unlinkat(cache->folder, name, 0);
}

struct sheet *cache_create(struct cache *cache, const struct sheet_about *about)
{
    char name[SHEET_NAME_BYTES];
    int fd = -1;

    snprintf(name, sizeof(name), CACHE_NEW "%016" PRIx64 "%016" PRIx64, random_u64(), random_u64());
    if (cache_is_on(cache) && sheet_bytes(about->count) <= cache->bytes_max) {
        fd = openat(cache->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) cache_fail_to_write(cache, errno, about);
    }
    return sheet_new(fd, name, about);
}

void cache_keep(struct cache *cache, struct sheet *sheet)
{
    const char *file = sheet_file(sheet);
    char name[SHEET_NAME_BYTES];
    int problem = sheet_errno(sheet);

    if (file == NULL) return;
    sheet_name(&sheet_about(sheet)->key, name);
    if (problem == 0 && renameat(cache->folder, file, cache->folder, name) != 0) problem = errno;
    if (problem == 0) {
        cache_well(cache);
        cache_trim(cache);
    } else {
        unlinkat(cache->folder, file, 0);
        cache_fail_to_write(cache, problem, sheet_about(sheet));
    }
}

void cache_drop(struct cache *cache, struct sheet *sheet)
{
    if (sheet == NULL) return;
    if (sheet_file(sheet) != NULL) unlinkat(cache->folder, sheet_file(sheet), 0);
    sheet_free(sheet);
}

/* --- symbols --- */

/* An element of text[], as PostgreSQL reads arrays ("Array Input and Output Syntax"). */
static void cache_add_symbol(struct buf *out, const char *symbol)
{
    buf_add_str(out, out->len > 1 ? ",\"" : "\"");
    for (; *symbol != '\0'; symbol++) {
        if (*symbol == '"' || *symbol == '\\') buf_add_char(out, '\\');
        buf_add_char(out, *symbol);
    }
    buf_add_char(out, '"');
}

static bool cache_read_symbol(const struct cache *cache, const char *name, struct sheet_about *ret_about)
{
    const int fd = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    const bool is_read = fd >= 0 && sheet_read_about(fd, ret_about);

    if (fd >= 0) close(fd);
    return is_read;
}

static void cache_find_symbols(struct cache *cache, unsigned max)
{
    char(*found)[SHEET_SYMBOL_BYTES] = mem_array(max + 1, sizeof(*found));
    struct cache_files files = {0};
    struct sheet_about about;
    unsigned count = 0;

    cache_list(cache, &files);
    buf_reset(&cache->symbols);
    buf_add_char(&cache->symbols, '{');
    for (size_t i = 0; i < files.count && i < (size_t)max * CACHE_HEADS_PER_SYMBOL && count < max; i++) {
        unsigned at = 0;

        if (files.items[i].is_new || !cache_read_symbol(cache, files.items[i].name, &about)) continue;
        while (at < count && strcmp(found[at], about.symbol) != 0) at++;
        if (at < count) continue;
        memcpy(found[count++], about.symbol, sizeof(about.symbol));
        cache_add_symbol(&cache->symbols, about.symbol);
    }
    buf_add_char(&cache->symbols, '}');
    free(files.items);
    free(found);
}

void cache_symbols(struct cache *cache, unsigned max, struct buf *out)
{
    struct timespec now;
    struct stat about;

    if (cache->folder < 0 || fstat(cache->folder, &about) != 0) {
        buf_add_str(out, "{}");
        return;
    }
    if (cache->symbols.len == 0 || cache->symbols_max != max || about.st_mtim.tv_sec != cache->symbols_of.tv_sec ||
        about.st_mtim.tv_nsec != cache->symbols_of.tv_nsec) {
        cache_find_symbols(cache, max);
        cache->symbols_max = max;
        /* Of a change that is this young, there may be more in the same tick. */
        clock_gettime(CLOCK_REALTIME, &now);
        cache->symbols_of = about.st_mtim;
        if (now.tv_sec - about.st_mtim.tv_sec < CACHE_SETTLED_S) cache->symbols_of = (struct timespec){0};
    }
    buf_add_slice(out, buf_slice(&cache->symbols));
}

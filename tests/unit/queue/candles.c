#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_queue.h"

void candles_grow(struct candles_series *series, int64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t slot = first + (int64_t)i;
        const uint64_t noise = (uint64_t)slot * UINT64_C(0x9e3779b97f4a7c15);
        const double open = (double)(100000 + noise % 5000) / 100, close = (double)(100000 + noise / 64 % 5000) / 100;
        const double top = open > close ? open : close, bottom = open > close ? close : open;

        candles_series_add(
            series, &(struct candles_bar){slot * MINUTE, open, top + 1, bottom - 1, close, (double)(noise >> 60) / 8});
    }
}

struct candles_series *candles_made(int64_t first, size_t count)
{
    struct candles_series *series = candles_series_new(MINUTE);

    candles_series_digits(series, 2, 3);
    candles_grow(series, first, count);
    return series;
}

bool candles_same(const struct candles *a, const struct candles *b)
{
    if (a->count != b->count || a->timeframe_ms != b->timeframe_ms) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct candles_bar x = candles_bar_at(a, i), y = candles_bar_at(b, i);

        if (!candles_bar_equal(&x, &y)) return false;
    }
    return true;
}

char *folder_make(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = mem_printf("%s/stratslab-unit.XXXXXX", parent == NULL ? "/tmp" : parent);

    if (mkdtemp(path) == NULL) {
        perror(path);
        exit(1);
    }
    return path;
}

static unsigned folder_walk(const char *folder, const char *prefix, bool removes)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;

    if (dir == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
        if (removes) unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return count;
}

unsigned folder_count(const char *folder, const char *prefix)
{
    return folder_walk(folder, prefix, false);
}

void folder_remove(char *folder)
{
    folder_walk(folder, "", true);
    rmdir(folder);
    free(folder);
}

struct sheet_about about_of(const struct candles *candles, const char *symbol, unsigned number)
{
    struct sheet_about about;

    memset(&about, 0, sizeof(about));
    snprintf(about.key.fingerprint, sizeof(about.key.fingerprint), "%064x", number);
    about.key.timeframe_ms = candles->timeframe_ms;
    snprintf(about.symbol, sizeof(about.symbol), "%s", symbol);
    about.count = candles->count;
    return about;
}

void cache_fill(struct cache *cache, const struct sheet_about *about, const struct candles *candles)
{
    struct sheet *sheet = cache_create(cache, about);

    sheet_add(sheet, candles);
    sheet_end(sheet);
    cache_keep(cache, sheet);
    sheet_free(sheet);
}

bool cache_has(struct cache *cache, const struct sheet_about *about, const struct candles *candles)
{
    struct sheet *sheet = cache_find(cache, &about->key);
    int verdict = 0;

    if (sheet == NULL) return false;
    while (verdict == 0) verdict = sheet_check(sheet, 4096);
    const struct candles found = sheet_candles(sheet);
    const bool is_same = verdict == 1 && candles_same(&found, candles) &&
                         strcmp(sheet_about(sheet)->symbol, about->symbol) == 0 &&
                         sheet_about(sheet)->last_is_closed == about->last_is_closed;

    sheet_free(sheet);
    return is_same;
}

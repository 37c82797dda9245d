#include "queue/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_queue.h"

enum { BARS = 200, SHEETS = 6 };

static struct cache *cache_of(const char *folder, uint64_t sheets)
{
    return cache_new(
        &(struct cache_options){.folder = folder, .bytes_max = sheets * sheet_bytes(BARS), .pause_ms = 60 * 1000});
}

/* As if it had been used so long ago. */
static void file_age(const char *folder, const struct sheet_about *about, time_t seconds)
{
    const struct timespec then = {time(NULL) - seconds, 0}, both[2] = {then, then};
    char name[SHEET_NAME_BYTES], *path;

    sheet_name(&about->key, name);
    path = mem_printf("%s/%s", folder, name);
    UNIT_INT(utimensat(AT_FDCWD, path, both, 0), 0);
    free(path);
}

static void test_cache_round_trip(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    struct sheet_about about = about_of(candles, "X:\"Y\"", 1), other = about;
    char *folder = folder_make();
    struct cache *cache = cache_of(folder, SHEETS);
    struct stat stat;

    CU_ASSERT(cache_is_on(cache));
    CU_ASSERT_PTR_NULL(cache_find(cache, &about.key));
    about.last_is_closed = true;
    cache_fill(cache, &about, candles);
    CU_ASSERT(cache_has(cache, &about, candles));
    UNIT_INT(cache_bytes(cache), sheet_bytes(BARS));
    UNIT_INT(folder_count(folder, ""), 1);
    /* Another timeframe of the same chunks is another sheet. */
    other.key.timeframe_ms = 2 * MINUTE;
    CU_ASSERT_PTR_NULL(cache_find(cache, &other.key));
    char name[SHEET_NAME_BYTES], *path;

    sheet_name(&about.key, name);
    path = mem_printf("%s/%s", folder, name);
    UNIT_INT(lstat(path, &stat), 0);
    UNIT_INT(stat.st_mode & 07777, 0600);
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    free(path);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* What was used the longest ago goes first, and looking for it is a use. */
static void test_cache_bound(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    struct sheet_about abouts[SHEETS];
    char *folder = folder_make();
    struct cache *cache = cache_of(folder, 3);

    for (unsigned i = 0; i < 3; i++) {
        abouts[i] = about_of(candles, "A", i);
        cache_fill(cache, &abouts[i], candles);
        file_age(folder, &abouts[i], 1000 - i);
    }
    CU_ASSERT(cache_has(cache, &abouts[0], candles));
    /* It is mapped when its file goes. */
    struct sheet *mapped = cache_find(cache, &abouts[1].key);

    file_age(folder, &abouts[1], 900);
    file_age(folder, &abouts[2], 800);
    abouts[3] = about_of(candles, "A", 3);
    cache_fill(cache, &abouts[3], candles);
    CU_ASSERT(cache_has(cache, &abouts[0], candles));
    CU_ASSERT(!cache_has(cache, &abouts[1], candles));
    CU_ASSERT(cache_has(cache, &abouts[2], candles));
    CU_ASSERT(cache_has(cache, &abouts[3], candles));
    CU_ASSERT_PTR_NOT_NULL_FATAL(mapped);
    const struct candles still = sheet_candles(mapped);

    CU_ASSERT(candles_same(&still, candles));
    sheet_free(mapped);
    UNIT_INT(cache_bytes(cache), 3 * sheet_bytes(BARS));
    cache_free(cache);
    /* A smaller bound holds at once. */
    file_age(folder, &abouts[3], 700);
    cache = cache_of(folder, 1);
    UNIT_INT(folder_count(folder, ""), 1);
    CU_ASSERT(!cache_has(cache, &abouts[3], candles));
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* What is larger than all of the cache may be is not written at all. */
static void test_cache_too_large(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1);
    char *folder = folder_make();
    struct cache *cache = cache_new(&(struct cache_options){.folder = folder, .bytes_max = sheet_bytes(BARS) - 1});
    struct sheet *sheet = cache_create(cache, &about);

    CU_ASSERT_PTR_NULL(sheet_file(sheet));
    UNIT_INT(folder_count(folder, ""), 0);
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    cache_drop(cache, sheet);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* A file that is half there, as a crash leaves it, goes when it is old; one that is written now stays. */
static void test_cache_orphans(void)
{
    const struct timespec old[2] = {{time(NULL) - 3600, 0}, {time(NULL) - 3600, 0}};
    struct candles_series *series = candles_made(0, BARS);
    const struct sheet_about about = about_of(candles_series_view(series), "A", 1);
    char *folder = folder_make(), *foreign = mem_printf("%s/readme", folder);
    struct cache *cache = cache_of(folder, SHEETS);
    struct sheet *fresh = cache_create(cache, &about), *orphan = cache_create(cache, &about);
    char *path = mem_printf("%s/%s", folder, sheet_file(orphan));

    close(open(foreign, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    UNIT_INT(utimensat(AT_FDCWD, path, old, 0), 0);
    UNIT_INT(utimensat(AT_FDCWD, foreign, old, 0), 0);
    UNIT_INT(folder_count(folder, ""), 3);
    cache_free(cache_of(folder, SHEETS));
    UNIT_INT(folder_count(folder, ""), 2);
    UNIT_INT(access(path, F_OK), -1);
    cache_drop(cache, fresh);
    UNIT_INT(folder_count(folder, ""), 1);
    UNIT_INT(access(foreign, F_OK), 0);
    sheet_free(orphan);
    cache_free(cache);
    free(path);
    free(foreign);
    folder_remove(folder);
    candles_series_free(series);
}

/* A damaged file is made again, and never used. */
static void test_cache_damage(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1);
    char *folder = folder_make(), name[SHEET_NAME_BYTES], *path;
    struct cache *cache = cache_of(folder, SHEETS);

    cache_fill(cache, &about, candles);
    sheet_name(&about.key, name);
    path = mem_printf("%s/%s", folder, name);
    /* In the head: found at once, and removed. */
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    UNIT_INT(pwrite(fd, "x", 1, 20), 1);
    CU_ASSERT_PTR_NULL(cache_find(cache, &about.key));
    UNIT_INT(folder_count(folder, ""), 0);
    close(fd);
    /* In a column. */
    cache_fill(cache, &about, candles);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    UNIT_INT(pwrite(fd, "x", 1, SHEET_HEAD_BYTES + 5000), 1);
    close(fd);
    CU_ASSERT(!cache_has(cache, &about, candles));
    cache_forget(cache, &about.key);
    UNIT_INT(folder_count(folder, ""), 0);
    cache_fill(cache, &about, candles);
    CU_ASSERT(cache_has(cache, &about, candles));
    free(path);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* Several processes write and read the same few sheets with room for fewer: nobody ever sees a wrong one. */
static void test_cache_processes(void)
{
    enum { PROCESSES = 3, ROUNDS = 200 };
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    char *folder = folder_make();
    pid_t pids[PROCESSES];

    for (unsigned p = 0; p < PROCESSES; p++) {
        if ((pids[p] = fork()) != 0) continue;
        struct cache *cache = cache_of(folder, 3);
        int wrong = 0;

        for (unsigned i = 0; i < ROUNDS; i++) {
            const struct sheet_about about = about_of(candles, "A", (i * (p + 1)) % SHEETS);
            struct sheet *sheet = cache_find(cache, &about.key);

            sheet_free(sheet);
            if (sheet == NULL) {
                cache_fill(cache, &about, candles);
            } else if (!cache_has(cache, &about, candles)) {
                /* It may be gone by now; but then it is not there. */
                struct sheet *again = cache_find(cache, &about.key);

                wrong += again != NULL && sheet_check(again, 1 << 20) < 0;
                sheet_free(again);
            }
        }
        wrong += cache_trouble(cache) != NULL;
        cache_free(cache);
        _exit(wrong > 0);
    }
    for (unsigned p = 0; p < PROCESSES; p++) {
        int status = -1;

        while (waitpid(pids[p], &status, 0) < 0 && errno == EINTR) continue;
        UNIT_INT(status, 0);
    }
    struct cache *cache = cache_of(folder, 3);

    CU_ASSERT(folder_count(folder, "") <= 3);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* A sheet whose file cannot be written to its end. */
static void cache_fill_in_vain(struct cache *cache, const struct sheet_about *about, const struct candles *candles)
{
    struct rlimit before;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){SHEET_HEAD_BYTES + 3000, before.rlim_max});
    struct sheet *sheet = cache_create(cache, about);

    sheet_add(sheet, candles);
    sheet_end(sheet);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    cache_keep(cache, sheet);
    const struct candles found = sheet_candles(sheet);

    CU_ASSERT(candles_same(&found, candles));
    sheet_free(sheet);
}

/* The candles are there all the same, the trouble is told once, and what was begun is gone. */
static void test_cache_disk_full(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1);
    char *folder = folder_make();
    struct cache *cache = cache_of(folder, SHEETS);

    cache_fill_in_vain(cache, &about, candles);
    UNIT_INT(folder_count(folder, ""), 0);
    CU_ASSERT(!cache_is_on(cache));
    const char *trouble = cache_trouble(cache);

    CU_ASSERT_PTR_NOT_NULL_FATAL(trouble);
    if (trouble == NULL) abort();
    CU_ASSERT_PTR_NOT_NULL(strstr(trouble, folder));
    CU_ASSERT_PTR_NOT_NULL(strstr(trouble, "cannot be written (File too large)"));
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    /* For a while nothing is written. */
    cache_fill(cache, &about, candles);
    UNIT_INT(folder_count(folder, ""), 0);
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* It is tried again after a pause; what goes wrong in the same way soon after is not told again. */
static void test_cache_recovers(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1), other = about_of(candles, "A", 2);
    char *folder = folder_make();
    struct cache *cache =
        cache_new(&(struct cache_options){.folder = folder, .bytes_max = SHEETS * sheet_bytes(BARS), .pause_ms = 1});

    cache_fill_in_vain(cache, &about, candles);
    CU_ASSERT_PTR_NOT_NULL(cache_trouble(cache));
    for (unsigned i = 0; i < 60 * 1000 && !cache_is_on(cache); i++) usleep(1000);
    cache_fill(cache, &about, candles);
    CU_ASSERT(cache_has(cache, &about, candles));
    cache_fill_in_vain(cache, &other, candles);
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    CU_ASSERT(cache_has(cache, &about, candles));
    UNIT_INT(folder_count(folder, ""), 1);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

/* A process that began now would have another folder than this one. */
static void test_cache_has_moved(void)
{
    char *parent = folder_make(), *folder = mem_printf("%s/cache", parent), *away = mem_printf("%s/away", parent);
    char *slashed = mem_printf("%s//", folder);
    struct cache *none = cache_of(NULL, SHEETS), *cache = cache_of(folder, SHEETS), *same = cache_of(slashed, SHEETS);

    CU_ASSERT(!cache_has_moved(none));
    CU_ASSERT(!cache_has_moved(cache));
    UNIT_INT(rename(folder, away), 0);
    CU_ASSERT(cache_has_moved(cache));
    CU_ASSERT(cache_has_moved(same));
    cache_free(same);
    free(slashed);
    /* What is there now cannot be used. */
    UNIT_INT(symlink(away, folder), 0);
    CU_ASSERT(!cache_has_moved(cache));
    UNIT_INT(unlink(folder), 0);
    UNIT_INT(mkdir(folder, 0700), 0);
    CU_ASSERT(cache_has_moved(cache));
    UNIT_INT(chmod(folder, 0777), 0);
    CU_ASSERT(!cache_has_moved(cache));
    cache_free(cache);
    /* There was none that could be used, and now there is. */
    cache = cache_of(folder, SHEETS);
    CU_ASSERT(!cache_has_moved(cache));
    UNIT_INT(chmod(folder, 0700), 0);
    CU_ASSERT(cache_has_moved(cache));
    cache_free(cache);
    /* None can be made: the parent is missing. */
    cache = cache_of(folder, SHEETS);
    rmdir(folder);
    rmdir(away);
    CU_ASSERT(cache_has_moved(cache));
    UNIT_INT(rmdir(parent), 0);
    CU_ASSERT(!cache_has_moved(cache));
    cache_free(cache);
    cache_free(none);
    free(parent);
    free(folder);
    free(away);
}

static void test_cache_folder_vanishes(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1), other = about_of(candles, "A", 2);
    char *folder = folder_make();
    struct cache *cache = cache_of(folder, SHEETS);
    struct buf symbols = {0};
    struct sheet *begun = cache_create(cache, &other);

    cache_fill(cache, &about, candles);
    folder_remove(folder);
    sheet_add(begun, candles);
    sheet_end(begun);
    cache_keep(cache, begun);
    const struct candles found = sheet_candles(begun);

    CU_ASSERT(candles_same(&found, candles));
    sheet_free(begun);
    CU_ASSERT_PTR_NOT_NULL(cache_trouble(cache));
    CU_ASSERT_PTR_NULL(cache_find(cache, &about.key));
    cache_symbols(cache, 4, &symbols);
    UNIT_STR(buf_cstr(&symbols), "{}");
    cache_fill(cache, &about, candles);
    CU_ASSERT_PTR_NULL(cache_trouble(cache));
    buf_clear(&symbols);
    cache_free(cache);
    candles_series_free(series);
}

/* None, one that is missing, one that others may write, a link to one, a file: no files, and candles all the same. */
static void test_cache_unusable(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "A", 1);
    char *folder = folder_make(), *missing = mem_printf("%s/a/b", folder), *link = mem_printf("%s/link", folder);
    char *open_to_all = mem_printf("%s/open", folder), *file = mem_printf("%s/file", folder);
    const struct {
        const char *folder, *trouble;
    } cases[] = {{NULL, NULL},
                 {"", NULL},
                 {missing, "cannot be opened (No such file or directory)"},
                 {open_to_all, "not the user's own, or others may write there"},
                 {link, "cannot be opened"},
                 {file, "cannot be opened (Not a directory)"}};

    UNIT_INT(mkdir(open_to_all, 0700), 0);
    UNIT_INT(chmod(open_to_all, 0777), 0);
    UNIT_INT(symlink(folder, link), 0);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (size_t i = 0; i < countof(cases); i++) {
        struct cache *cache = cache_of(cases[i].folder, SHEETS);
        const char *trouble = cache_trouble(cache);
        struct sheet *sheet = cache_create(cache, &about);

        CU_ASSERT(!cache_is_on(cache));
        CU_ASSERT((trouble != NULL) == (cases[i].trouble != NULL));
        if (trouble != NULL && cases[i].trouble != NULL) CU_ASSERT_PTR_NOT_NULL(strstr(trouble, cases[i].trouble));
        sheet_add(sheet, candles);
        sheet_end(sheet);
        cache_keep(cache, sheet);
        const struct candles found = sheet_candles(sheet);

        CU_ASSERT(candles_same(&found, candles));
        CU_ASSERT_PTR_NULL(cache_find(cache, &about.key));
        sheet_free(sheet);
        cache_free(cache);
    }
    rmdir(open_to_all);
    free(missing);
    free(link);
    free(open_to_all);
    free(file);
    folder_remove(folder);
    candles_series_free(series);
}

/* It is made if only it is missing, for its owner alone whatever the umask is. */
static void test_cache_makes_folder(void)
{
    char *folder = folder_make(), *below = mem_printf("%s/below", folder);
    const mode_t before = umask(0);
    struct cache *cache = cache_of(below, SHEETS);
    struct stat stat;

    umask(before);
    CU_ASSERT(cache_is_on(cache));
    UNIT_INT(lstat(below, &stat), 0);
    UNIT_INT(stat.st_mode & 07777, 0700);
    cache_free(cache);
    rmdir(below);
    free(below);
    folder_remove(folder);
}

/* Each once, what was used last first, as an array that PostgreSQL reads. */
static void test_cache_symbols(void)
{
    static const char *const symbols[] = {"A", "B\"\\C", "A", "D,E", "F"};
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    char *folder = folder_make();
    struct cache *cache = cache_of(folder, SHEETS);
    struct buf out = {0};

    cache_symbols(cache, 8, &out);
    UNIT_STR(buf_cstr(&out), "{}");
    for (unsigned i = 0; i < countof(symbols); i++) {
        const struct sheet_about about = about_of(candles, symbols[i], i);

        cache_fill(cache, &about, candles);
        file_age(folder, &about, 1000 - i);
    }
    buf_reset(&out);
    cache_symbols(cache, 8, &out);
    UNIT_STR(buf_cstr(&out), "{\"F\",\"D,E\",\"A\",\"B\\\"\\\\C\"}");
    buf_reset(&out);
    cache_symbols(cache, 2, &out);
    UNIT_STR(buf_cstr(&out), "{\"F\",\"D,E\"}");
    const struct sheet_about about = about_of(candles, "G", 9);

    cache_fill(cache, &about, candles);
    buf_reset(&out);
    cache_symbols(cache, 2, &out);
    UNIT_STR(buf_cstr(&out), "{\"G\",\"F\"}");
    buf_clear(&out);
    cache_free(cache);
    folder_remove(folder);
    candles_series_free(series);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_cache_round_trip),      UNIT_TEST(test_cache_bound),    UNIT_TEST(test_cache_too_large),
    UNIT_TEST(test_cache_orphans),         UNIT_TEST(test_cache_damage),   UNIT_TEST(test_cache_processes),
    UNIT_TEST(test_cache_disk_full),       UNIT_TEST(test_cache_unusable), UNIT_TEST(test_cache_makes_folder),
    UNIT_TEST(test_cache_folder_vanishes), UNIT_TEST(test_cache_symbols),  UNIT_TEST(test_cache_recovers),
    UNIT_TEST(test_cache_has_moved),
};
const struct unit_part cache_tests = UNIT_PART(tests);

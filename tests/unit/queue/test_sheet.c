#include "queue/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_queue.h"

enum { BARS = 1000 };

/* A file in a folder, open for reading and writing. */
static int file_make(const char *folder, char **ret_path)
{
    *ret_path = mem_printf("%s/sheet", folder);
    return open(*ret_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static struct sheet *sheet_made(int fd, const struct sheet_about *about, const struct candles *candles, size_t piece)
{
    struct sheet *sheet = sheet_new(fd, "sheet", about);

    for (size_t at = 0; at < candles->count; at += piece) {
        const struct candles part = candles_view(candles, at, piece);

        sheet_add(sheet, &part);
    }
    sheet_end(sheet);
    return sheet;
}

/* In memory as in a file, in pieces of any size: the same candles, and the same bytes. */
static void test_sheet_round_trip(void)
{
    static const size_t pieces[] = {1, 3, 7, 64, BARS};
    struct candles_series *series = candles_made(500, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "X:Y", 7);
    char *folder = folder_make(), *path;

    for (size_t i = 0; i < countof(pieces); i++) {
        struct sheet *memory = sheet_made(-1, &about, candles, pieces[i]);
        struct sheet *file = sheet_made(file_make(folder, &path), &about, candles, pieces[i]);
        const struct candles in_memory = sheet_candles(memory), in_file = sheet_candles(file);

        CU_ASSERT(candles_same(&in_memory, candles));
        CU_ASSERT(candles_same(&in_file, candles));
        CU_ASSERT_PTR_NULL(sheet_file(memory));
        UNIT_STR(sheet_file(file), "sheet");
        UNIT_INT(sheet_errno(file), 0);
        sheet_free(memory);
        sheet_free(file);

        struct sheet *again = sheet_open(open(path, O_RDONLY | O_CLOEXEC), &about.key);
        int verdict = 0;
        unsigned turns = 0;

        CU_ASSERT_PTR_NOT_NULL_FATAL(again);
        for (; verdict == 0; turns++) verdict = sheet_check(again, 1 + i * 5000);
        UNIT_INT(verdict, 1);
        CU_ASSERT(turns > 1);
        const struct candles found = sheet_candles(again);

        CU_ASSERT(candles_same(&found, candles));
        sheet_free(again);
        free(path);
    }
    folder_remove(folder);
    candles_series_free(series);
}

/* Whether the file with a byte changed is taken. */
static bool is_taken(const char *path, const struct sheet_key *key, off_t at)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    int verdict = 0;

    if (pread(fd, &byte, 1, at) != 1) CU_FAIL("there is no such byte");
    byte ^= 0x10;
    if (pwrite(fd, &byte, 1, at) != 1) CU_FAIL("it cannot be changed");
    struct sheet *sheet = sheet_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), key);

    while (sheet != NULL && verdict == 0) verdict = sheet_check(sheet, 1 << 20);
    byte ^= 0x10;
    if (pwrite(fd, &byte, 1, at) != 1) CU_FAIL("it cannot be changed back");
    close(fd);
    sheet_free(sheet);
    return verdict == 1;
}

/* Any bit that is another one is found, but in what fills the page of the head. */
static void test_sheet_damage(void)
{
    struct candles_series *series = candles_made(0, 40);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "BTC", 1);
    char *folder = folder_make(), *path;
    struct stat stat;
    unsigned taken = 0;
    off_t filling = SHEET_HEAD_BYTES, found = 0;

    sheet_free(sheet_made(file_make(folder, &path), &about, candles, 40));
    UNIT_INT(lstat(path, &stat), 0);
    UNIT_INT(stat.st_size, sheet_bytes(40));
    for (off_t at = 0; at < stat.st_size; at++) {
        const bool is_in_head = at < SHEET_HEAD_BYTES;

        if (!is_taken(path, &about.key, at)) {
            if (is_in_head) found = at;
        } else if (!is_in_head) {
            taken++;
        } else if (at < filling) {
            filling = at;
        }
    }
    UNIT_INT(taken, 0);
    CU_ASSERT(found > SHEET_SYMBOL_BYTES);
    UNIT_INT(filling, found + 1);
    free(path);
    folder_remove(folder);
    candles_series_free(series);
}

static void test_sheet_wrong(void)
{
    struct candles_series *series = candles_made(0, 40);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "BTC", 1), other = about_of(candles, "BTC", 2);
    char *folder = folder_make(), *path;
    struct sheet_about found;

    sheet_free(sheet_made(file_make(folder, &path), &about, candles, 40));
    CU_ASSERT_PTR_NULL(sheet_open(open(path, O_RDONLY | O_CLOEXEC), &other.key));
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    CU_ASSERT(sheet_read_about(fd, &found));
    UNIT_STR(found.symbol, "BTC");
    UNIT_INT(ftruncate(fd, (off_t)sheet_bytes(40) - 1), 0);
    CU_ASSERT(!sheet_read_about(fd, &found));
    CU_ASSERT_PTR_NULL(sheet_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &about.key));
    UNIT_INT(ftruncate(fd, 0), 0);
    CU_ASSERT_PTR_NULL(sheet_open(fd, &about.key));
    free(path);
    folder_remove(folder);
    candles_series_free(series);
}

/* A file that cannot grow any further: what it has and what comes are in memory, wherever the limit is. */
static void test_sheet_disk_full(void)
{
    struct candles_series *series = candles_made(0, BARS);
    const struct candles *candles = candles_series_view(series);
    const struct sheet_about about = about_of(candles, "BTC", 1);
    char *folder = folder_make();
    struct rlimit before;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    for (rlim_t limit = 0; limit < sheet_bytes(BARS); limit += 1777) {
        const struct rlimit now = {limit, before.rlim_max};
        char *path;
        const int fd = file_make(folder, &path);

        setrlimit(RLIMIT_FSIZE, &now);
        struct sheet *sheet = sheet_made(fd, &about, candles, 100);
        const struct candles found = sheet_candles(sheet);

        setrlimit(RLIMIT_FSIZE, &before);
        CU_ASSERT(candles_same(&found, candles));
        UNIT_INT(sheet_errno(sheet), EFBIG);
        UNIT_STR(sheet_file(sheet), "sheet");
        sheet_free(sheet);
        free(path);
    }
    signal(SIGXFSZ, SIG_DFL);
    folder_remove(folder);
    candles_series_free(series);
}

static const struct unit_test tests[] = {UNIT_TEST(test_sheet_round_trip), UNIT_TEST(test_sheet_damage),
                                         UNIT_TEST(test_sheet_wrong), UNIT_TEST(test_sheet_disk_full)};
const struct unit_part sheet_tests = UNIT_PART(tests);

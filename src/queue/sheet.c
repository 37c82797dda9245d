#include "queue/sheet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef SHEET_VERSION /* tests/builds/newer.h has another: the next version */
#define SHEET_VERSION 2
#endif

enum { SHEET_COLUMNS = 6, SHEET_LANES = 4 };

/* In the byte order of the machine: a file of another one has another number. */
#define SHEET_MAGIC UINT64_C(0x31736c6e64636c73)

struct sheet_head {
    uint64_t magic;
    uint64_t version;
    struct sheet_about about;
    uint64_t sums[SHEET_COLUMNS];
    uint64_t sum; /* of all before it */
};
_Static_assert(sizeof(struct sheet_head) <= SHEET_HEAD_BYTES, "the head is a page");
_Static_assert(sizeof(double) == sizeof(uint64_t), "every column is of 8 bytes");

/* Four lanes of the round of xxHash64 (Collet): each is a bijection of the word that comes and of what was before, so
 * that no change of one word alone goes unseen. */
struct sheet_sum {
    uint64_t lanes[SHEET_LANES];
    uint64_t words;
};

struct sheet {
    struct sheet_about about;
    int fd;
    bool is_file;
    int err;
    char name[SHEET_NAME_BYTES];
    char *memory; /* if it is not in a file */
    const char *map;
    size_t bytes;
    uint64_t rows; /* that are there so far, or have been checked */
    unsigned column;
    struct sheet_sum sums[SHEET_COLUMNS];
    uint64_t expected[SHEET_COLUMNS];
};

static uint64_t sum_round(uint64_t lane, uint64_t word)
{
    lane += word * UINT64_C(0xc2b2ae3d27d4eb4f);
    lane = lane << 31 | lane >> 33;
    return lane * UINT64_C(0x9e3779b185ebca87);
}

/* Pieces of any number of words make the same sum. */
static void sum_add(struct sheet_sum *sum, const void *data, uint64_t words)
{
    const char *at = data, *end = at + words * sizeof(uint64_t);
    uint64_t word[SHEET_LANES];

    while (at < end && sum->words % SHEET_LANES != 0) {
        memcpy(word, at, sizeof(word[0]));
        sum->lanes[sum->words % SHEET_LANES] = sum_round(sum->lanes[sum->words % SHEET_LANES], word[0]);
        sum->words++, at += sizeof(word[0]);
    }
    uint64_t a = sum->lanes[0], b = sum->lanes[1], c = sum->lanes[2], d = sum->lanes[3];

    for (; (size_t)(end - at) >= sizeof(word); at += sizeof(word), sum->words += SHEET_LANES) {
        memcpy(word, at, sizeof(word));
        a = sum_round(a, word[0]), b = sum_round(b, word[1]), c = sum_round(c, word[2]), d = sum_round(d, word[3]);
    }
    sum->lanes[0] = a, sum->lanes[1] = b, sum->lanes[2] = c, sum->lanes[3] = d;
    while (at < end) {
        memcpy(word, at, sizeof(word[0]));
        sum->lanes[sum->words % SHEET_LANES] = sum_round(sum->lanes[sum->words % SHEET_LANES], word[0]);
        sum->words++, at += sizeof(word[0]);
    }
}

static uint64_t sum_end(const struct sheet_sum *sum)
{
    uint64_t all = sum->words;

    for (unsigned i = 0; i < SHEET_LANES; i++) all = sum_round(all, sum->lanes[i]);
    return all;
}

static uint64_t sheet_head_sum(const struct sheet_head *head)
{
    struct sheet_sum sum = {0};

    sum_add(&sum, head, offsetof(struct sheet_head, sum) / sizeof(uint64_t));
    return sum_end(&sum);
}
_Static_assert(offsetof(struct sheet_head, sum) % sizeof(uint64_t) == 0, "the head's sum is of whole words");

void sheet_name(const struct sheet_key *key, char out[SHEET_NAME_BYTES])
{
    snprintf(out, SHEET_NAME_BYTES, "%s-%" PRId64 ".v%d", key->fingerprint, key->timeframe_ms, SHEET_VERSION);
}

uint64_t sheet_bytes(uint64_t count)
{
    return SHEET_HEAD_BYTES + count * SHEET_COLUMNS * sizeof(uint64_t);
}

static size_t sheet_column_at(const struct sheet *sheet, unsigned column)
{
    return SHEET_HEAD_BYTES + (size_t)sheet->about.count * column * sizeof(uint64_t);
}

static char *sheet_map_memory(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) mem_die(bytes);
    return memory;
}

struct sheet *sheet_new(int fd, const char *name, const struct sheet_about *about)
{
    struct sheet *sheet = mem_zalloc(sizeof(*sheet));

    sheet->about = *about;
    sheet->bytes = sheet_bytes(about->count);
    sheet->fd = fd;
    sheet->is_file = fd >= 0;
    snprintf(sheet->name, sizeof(sheet->name), "%s", name);
    if (fd < 0) sheet->memory = sheet_map_memory(sheet->bytes);
    return sheet;
}

/* 0, or -1 with errno. */
static int sheet_put(struct sheet *sheet, const void *data, size_t len, size_t at)
{
    const char *from = data;

    if (sheet->memory != NULL) {
        memcpy(sheet->memory + at, data, len);
        return 0;
    }
    while (len > 0) {
        const ssize_t put = pwrite(sheet->fd, from, len, (off_t)at);

        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            if (put == 0) errno = ENOSPC;
            return -1;
        }
        from += put, at += (size_t)put, len -= (size_t)put;
    }
    return 0;
}

/* The file cannot be written any further: what it has goes to memory. */
static void sheet_move(struct sheet *sheet)
{
    const size_t len = (size_t)sheet->rows * sizeof(uint64_t);

    sheet->err = errno;
    sheet->memory = sheet_map_memory(sheet->bytes);
    for (unsigned column = 0; column < SHEET_COLUMNS; column++) {
        const size_t at = sheet_column_at(sheet, column);

        for (size_t done = 0; done < len;) {
            const ssize_t got = pread(sheet->fd, sheet->memory + at + done, len - done, (off_t)(at + done));

            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) mem_die(sheet->bytes); /* what was written a moment ago: as if memory could not be read */
            done += (size_t)got;
        }
    }
    close(sheet->fd);
    sheet->fd = -1;
}

static void sheet_columns(const struct candles *bars, const void *out[SHEET_COLUMNS])
{
    out[0] = bars->time_ms;
    out[1] = bars->open;
    out[2] = bars->high;
    out[3] = bars->low;
    out[4] = bars->close;
    out[5] = bars->volume;
}

void sheet_add(struct sheet *sheet, const struct candles *bars)
{
    const size_t len = bars->count * sizeof(uint64_t), before = (size_t)sheet->rows * sizeof(uint64_t);
    const void *columns[SHEET_COLUMNS];
    unsigned put = 0;

    if (len == 0) return;
    sheet_columns(bars, columns);
    for (unsigned i = 0; i < SHEET_COLUMNS; i++) sum_add(&sheet->sums[i], columns[i], bars->count);
    while (put < SHEET_COLUMNS) {
        if (sheet_put(sheet, columns[put], len, sheet_column_at(sheet, put) + before) == 0) {
            put++;
        } else {
            sheet_move(sheet);
            put = 0;
        }
    }
    sheet->rows += bars->count;
}

/* The descriptor is not needed any longer then. */
static bool sheet_map(struct sheet *sheet)
{
    void *map = mmap(NULL, sheet->bytes, PROT_READ, MAP_SHARED, sheet->fd, 0);

    if (map == MAP_FAILED) return false;
    sheet->map = map;
    close(sheet->fd);
    sheet->fd = -1;
    return true;
}

void sheet_end(struct sheet *sheet)
{
    struct sheet_head head;

    memset(&head, 0, sizeof(head)); /* what lies between the members is summed up too */
    head.magic = SHEET_MAGIC;
    head.version = SHEET_VERSION;
    head.about = sheet->about;
    for (unsigned i = 0; i < SHEET_COLUMNS; i++) head.sums[i] = sum_end(&sheet->sums[i]);
    head.sum = sheet_head_sum(&head);
    if (sheet_put(sheet, &head, sizeof(head), 0) != 0 || (sheet->memory == NULL && !sheet_map(sheet)))
        sheet_move(sheet);
    if (sheet->memory != NULL) {
        mprotect(sheet->memory, sheet->bytes, PROT_READ);
        sheet->map = sheet->memory;
    }
}

int sheet_errno(const struct sheet *sheet)
{
    return sheet->err;
}

const char *sheet_file(const struct sheet *sheet)
{
    return sheet->is_file ? sheet->name : NULL;
}

static bool sheet_read_head(int fd, struct sheet_head *head)
{
    struct stat about;

    if (pread(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head) || fstat(fd, &about) != 0) return false;
    return head->magic == SHEET_MAGIC && head->version == SHEET_VERSION && head->sum == sheet_head_sum(head) &&
           about.st_size > 0 && head->about.count <= (uint64_t)about.st_size &&
           (uint64_t)about.st_size == sheet_bytes(head->about.count);
}

struct sheet *sheet_open(int fd, const struct sheet_key *key)
{
    struct sheet_head head;

    if (!sheet_read_head(fd, &head) || head.about.key.timeframe_ms != key->timeframe_ms ||
        strcmp(head.about.key.fingerprint, key->fingerprint) != 0) {
        close(fd);
        return NULL;
    }
    struct sheet *sheet = mem_zalloc(sizeof(*sheet));

    sheet->about = head.about;
    sheet->fd = fd;
    sheet->is_file = true;
    sheet->bytes = (size_t)sheet_bytes(head.about.count);
    memcpy(sheet->expected, head.sums, sizeof(sheet->expected));
    sheet_name(key, sheet->name);
    if (sheet_map(sheet)) return sheet;
    sheet_free(sheet);
    return NULL;
}

bool sheet_read_about(int fd, struct sheet_about *ret_about)
{
    struct sheet_head head;

    if (!sheet_read_head(fd, &head)) return false;
    *ret_about = head.about;
    return true;
}

int sheet_check(struct sheet *sheet, size_t bytes)
{
    uint64_t words = bytes / sizeof(uint64_t) + 1;

    for (; sheet->column < SHEET_COLUMNS; sheet->column++, sheet->rows = 0) {
        struct sheet_sum *sum = &sheet->sums[sheet->column];
        const uint64_t left = sheet->about.count - sheet->rows, some = left < words ? left : words;

        sum_add(sum, sheet->map + sheet_column_at(sheet, sheet->column) + sheet->rows * sizeof(uint64_t), some);
        sheet->rows += some, words -= some;
        if (sheet->rows < sheet->about.count) return 0;
        if (sum_end(sum) != sheet->expected[sheet->column]) return -1;
    }
    return 1;
}

const struct sheet_about *sheet_about(const struct sheet *sheet)
{
    return &sheet->about;
}

struct candles sheet_candles(const struct sheet *sheet)
{
    const void *at[SHEET_COLUMNS];

    for (unsigned i = 0; i < SHEET_COLUMNS; i++) at[i] = sheet->map + sheet_column_at(sheet, i);
    return (struct candles){.count = (size_t)sheet->about.count,
                            .time_ms = at[0],
                            .open = at[1],
                            .high = at[2],
                            .low = at[3],
                            .close = at[4],
                            .volume = at[5],
                            .timeframe_ms = sheet->about.key.timeframe_ms,
                            .tick = 1,
                            .lot = 1};
}

void sheet_free(struct sheet *sheet)
{
    if (sheet == NULL) return;
    if (sheet->memory != NULL) {
        munmap(sheet->memory, sheet->bytes);
    } else if (sheet->map != NULL) {
        munmap((void *)(uintptr_t)sheet->map, sheet->bytes);
    }
    if (sheet->fd >= 0) close(sheet->fd);
    free(sheet);
}

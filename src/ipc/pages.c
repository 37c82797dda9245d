#include "ipc/pages.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

/* Nobody changes its size: whoever reads past the end of a file that shrank gets SIGBUS. fcntl(2), "File Sealing". */
enum { PAGES_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static const size_t pages_master_bytes = offsetof(struct scoreboard, of_worker);

_Static_assert(offsetof(struct scoreboard, of_worker) % SCOREBOARD_PAGE_BYTES == 0, "the master's pages are its own");
_Static_assert(sizeof(struct scoreboard_worker_pages) % SCOREBOARD_PAGE_BYTES == 0, "a worker's pages are its own");
_Static_assert(offsetof(struct scoreboard, of_other) % SCOREBOARD_PAGE_BYTES == 0, "a worker's pages are its own");
_Static_assert(sizeof(struct scoreboard_other_pages) % SCOREBOARD_PAGE_BYTES == 0, "a child's pages are its own");

struct span {
    size_t at; /* in the file */
    size_t bytes;
};

static struct span pages_span(const struct pages_owner *owner)
{
    if (owner->is_worker) {
        const size_t bytes = sizeof(struct scoreboard_worker_pages);

        return (struct span){offsetof(struct scoreboard, of_worker) + owner->at * bytes, bytes};
    }
    const size_t bytes = sizeof(struct scoreboard_other_pages);

    return (struct span){offsetof(struct scoreboard, of_other) + owner->at * bytes, bytes};
}

/* In place of what is mapped there. */
static int pages_map(const struct pages *pages, struct span span, bool writes, struct error *err)
{
    char *at = (char *)pages->board + span.at;
    const int fd = writes ? pages->fd : pages->read_fd;

    if (mmap(at, span.bytes, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)span.at) ==
        MAP_FAILED) {
        return error_set_errno(err, "cannot map shared memory");
    }
    return 0;
}

static int pages_make(struct pages *pages, struct error *err)
{
    pages->fd = memfd_create("scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (pages->fd < 0) return error_set_errno(err, "cannot make shared memory");
    if (ftruncate(pages->fd, (off_t)sizeof(struct scoreboard)) != 0 ||
        fcntl(pages->fd, F_ADD_SEALS, PAGES_SEALS) != 0) {
        return error_set_errno(err, "cannot make shared memory of one size");
    }
    return 0;
}

static int pages_take(const struct pages *pages, struct error *err)
{
    const int seals = fcntl(pages->fd, F_GET_SEALS);

    if (lseek(pages->fd, 0, SEEK_END) != (off_t)sizeof(struct scoreboard)) {
        return error_set(err, ERROR_INVALID, "the shared memory has another size than this build's");
    }
    if (seals < 0 || (seals & PAGES_SEALS) != PAGES_SEALS) {
        return error_set(err, ERROR_INVALID,
                         "the size of the shared memory can be changed: it is not as this build makes it");
    }
    return 0;
}

/* What is mapped from a descriptor that only reads can never be written, even if the process asks for it later. */
static int pages_open_read(struct pages *pages, struct error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", pages->fd);
    pages->read_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (pages->read_fd < 0) return error_set_errno(err, "cannot open %s, the shared memory, to read it", path);
    return 0;
}

int pages_open(struct pages *pages, struct error *err)
{
    const bool made = pages->fd < 0;

    pages->board = NULL;
    pages->read_fd = -1;
    if ((made ? pages_make(pages, err) : pages_take(pages, err)) != 0) goto fail;
    if (pages_open_read(pages, err) != 0) goto fail;
    void *at = mmap(NULL, sizeof(struct scoreboard), PROT_READ, MAP_SHARED, pages->read_fd, 0);

    if (at == MAP_FAILED) {
        error_set_errno(err, "cannot map shared memory");
        goto fail;
    }
    pages->board = at;
    if (pages_map(pages, (struct span){0, pages_master_bytes}, true, err) == 0) return 0;
fail:
    if (made) {
        pages_close(pages);
    } else if (pages->read_fd >= 0) {
        close(pages->read_fd);
        pages->read_fd = -1;
    }
    return -1;
}

static void pages_close_fds(struct pages *pages)
{
    if (pages->fd >= 0) close(pages->fd);
    if (pages->read_fd >= 0) close(pages->read_fd);
    pages->fd = pages->read_fd = -1;
}

void pages_close(struct pages *pages)
{
    if (pages->board != NULL) munmap(pages->board, sizeof(*pages->board));
    pages->board = NULL;
    pages_close_fds(pages);
}

static void pages_prepare_worker(const struct scoreboard *board, struct scoreboard_worker_pages *own)
{
    const uint64_t requests = own->worker.requests;
    const uint64_t counted_ms = scoreboard_counted_ms(board);

    own->worker = (struct scoreboard_worker){.requests = metrics_believe(requests, METRICS_COUNT, counted_ms),
                                             .heartbeat_ms = clock_monotonic_ms()};
    metrics_repair(&board->metrics, &own->counted, counted_ms);
}

int pages_prepare(const struct pages *pages, const struct pages_owner *owner, struct error *err)
{
    const struct span span = pages_span(owner);
    void *at = mmap(NULL, span.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pages->fd, (off_t)span.at);

    if (at == MAP_FAILED) return error_set_errno(err, "cannot map a child's part of the shared memory");
    if (owner->is_worker) {
        pages_prepare_worker(pages->board, at);
    } else {
        ((struct scoreboard_other_pages *)at)->heartbeat_ms = clock_monotonic_ms();
    }
    munmap(at, span.bytes);
    return 0;
}

int pages_enter(struct pages *pages, const struct pages_owner *owner, struct error *err)
{
    const struct span span = pages_span(owner);

    if (pages_map(pages, (struct span){0, pages_master_bytes}, false, err) != 0) return -1;
    if (pages_map(pages, span, true, err) != 0) return -1;
    if (madvise((char *)pages->board + span.at, span.bytes, MADV_DONTFORK) != 0) {
        return error_set_errno(err, "cannot keep shared memory from processes that this one forks");
    }
    pages_close_fds(pages);
    return 0;
}

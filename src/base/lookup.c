#include "base/lookup.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

struct lookup {
    atomic_int holders; /* the caller and the thread; the last one frees */
    atomic_bool done;   /* what follows is the thread's until it says so here */
    int fd;
    int status;
    struct addrinfo *found;
    lookup_fn *resolve;
    struct addrinfo hints;
    char *service; /* may be NULL */
    char name[];
};

static void lookup_release(struct lookup *l)
{
    if (atomic_fetch_sub(&l->holders, 1) > 1) return;
    if (l->found != NULL) freeaddrinfo(l->found);
    close(l->fd);
    free(l->service);
    free(l);
}

static void *lookup_run(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo *found = NULL;

    l->status = l->resolve(l->name, l->service, &l->hints, &found);
    l->found = l->status == 0 ? found : NULL;
    atomic_store(&l->done, true);
    (void)eventfd_write(l->fd, 1);
    lookup_release(l);
    return NULL;
}

struct lookup *lookup_start(const char *name, const char *service, const struct addrinfo *hints, lookup_fn *resolve)
{
    const size_t len = strlen(name) + 1;
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) return NULL;
    struct lookup *l = mem_zalloc(sizeof(*l) + len);

    atomic_init(&l->holders, 2);
    l->fd = fd;
    l->resolve = resolve == NULL ? getaddrinfo : resolve;
    l->hints = *hints;
    l->service = service == NULL ? NULL : mem_strdup(service);
    memcpy(l->name, name, len);
    const int rc = thread_detach(lookup_run, l);

    if (rc == 0) return l;
    atomic_store(&l->holders, 1);
    lookup_release(l);
    errno = rc;
    return NULL;
}

int lookup_fd(const struct lookup *l)
{
    return l->fd;
}

bool lookup_is_done(const struct lookup *l)
{
    return atomic_load(&l->done);
}

int lookup_status(const struct lookup *l)
{
    return l->status;
}

const struct addrinfo *lookup_found(const struct lookup *l)
{
    return l->found;
}

void lookup_drop(struct lookup *l)
{
    if (l != NULL) lookup_release(l);
}

static bool lookup_await(const struct lookup *l, unsigned timeout_ms)
{
    const uint64_t end_ms = clock_monotonic_ms() + timeout_ms;

    while (!lookup_is_done(l)) {
        const uint64_t now_ms = clock_monotonic_ms();

        if (now_ms >= end_ms) return false;
        (void)poll(&(struct pollfd){.fd = l->fd, .events = POLLIN}, 1, (int)(end_ms - now_ms));
    }
    return true;
}

int lookup_within(const char *name, const char *service, const struct addrinfo *hints, unsigned timeout_ms,
                  struct addrinfo **ret_found)
{
    struct addrinfo numeric = *hints;
    int status;

    numeric.ai_flags |= AI_NUMERICHOST;
    status = getaddrinfo(name, service, &numeric, ret_found);
    if (name == NULL || status != EAI_NONAME) return status;
    struct lookup *l = lookup_start(name, service, hints, NULL);

    if (l == NULL) return EAI_SYSTEM;
    if (lookup_await(l, timeout_ms)) {
        status = l->status;
        if (status == 0) {
            *ret_found = l->found;
            l->found = NULL;
        }
    } else {
        status = LOOKUP_NO_ANSWER;
    }
    lookup_release(l);
    return status;
}

const char *lookup_strerror(int status)
{
    if (status == LOOKUP_NO_ANSWER) return "no answer from the name server in time";
    return status == EAI_AGAIN ? "no answer from the name server" : gai_strerror(status);
}

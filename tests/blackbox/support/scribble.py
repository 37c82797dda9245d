"""A worker that writes where it should not: a library in the daemon's processes does what the test tells it, from inside."""
import mmap
import os
import struct
import subprocess

from .executables import COMPILER
from .wait import wait_until

OWN, ELSEWHERE, SAY, FLOOD = range(1, 5)
BYTES, TEXT = 4096, 24
SOURCE = r"""
#include <dlfcn.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OWN = 1, ELSEWHERE, SAY, FLOOD };
static volatile struct { uint32_t pid, what, seed, rounds, done, length; char text[512]; } *control;
static struct { char *at; size_t length; int writes; } maps[64];
static int map_count, channel = -1;

static void drop(void *at, size_t length)
{
    for (int i = 0; i < map_count; i++) {
        if (maps[i].at == at && maps[i].length == length) maps[i--] = maps[--map_count];
    }
}

void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
    void *got = (void *)syscall(SYS_mmap, at, length, prot, flags, fd, offset);

    if (got == MAP_FAILED || !(flags & MAP_SHARED) || fd < 0 || map_count == 64) return got;
    drop(got, length);
    maps[map_count].at = got;
    maps[map_count].length = length;
    maps[map_count++].writes = (prot & PROT_WRITE) != 0;
    return got;
}

void *mmap64(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
    return mmap(at, length, prot, flags, fd, offset);
}

int munmap(void *at, size_t length)
{
    drop(at, length);
    return (int)syscall(SYS_munmap, at, length);
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
    const int rc = (int)syscall(SYS_socketpair, domain, type, protocol, ends);

    if (rc == 0) channel = ends[1];
    return rc;
}

static void rest(int ms)
{
    (void)poll(NULL, 0, ms);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Bytes by chance, small numbers that may all mean something, all ones, all zeros. */
static void scribble(uint64_t *state, unsigned round)
{
    for (int i = 0; i < map_count; i++) {
        if (!maps[i].writes) continue;
        for (size_t at = 0; at + 8 <= maps[i].length; at += 8) {
            uint64_t word = next(state);

            if (round % 4 == 1) word &= 0x0000000700000007;
            if (round % 4 == 2) word = ~UINT64_C(0);
            if (round % 4 == 3) word = 0;
            memcpy(maps[i].at + at, &word, 8);
        }
    }
}

static void elsewhere(uint32_t offset)
{
    char *all = NULL;
    size_t most = 0;

    for (int i = 0; i < map_count; i++) {
        if (maps[i].length > most) all = maps[i].at, most = maps[i].length;
    }
    signal(SIGSEGV, SIG_DFL);
    all[offset % most] = 1;
}

static void act(void)
{
    uint64_t state = control->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    char noise[512];

    for (unsigned round = 0; round < control->rounds; round++) {
        switch (control->what) {
        case OWN:
            scribble(&state, round);
            rest(2);
            break;
        case ELSEWHERE:
            elsewhere(control->seed);
            break;
        case SAY:
            send(channel, (const char *)control->text, control->length, MSG_NOSIGNAL);
            break;
        case FLOOD:
            for (size_t i = 0; i < sizeof(noise); i++) noise[i] = (char)next(&state);
            if (send(channel, noise, 1 + next(&state) % (sizeof(noise) - 1), MSG_NOSIGNAL) < 0) rest(1);
            break;
        }
    }
}

static void *wait_for_orders(void *arg)
{
    for (;; rest(5)) {
        if (control == NULL || control->pid != (uint32_t)getpid()) continue;
        act();
        control->pid = 0;
        control->done = 1;
    }
    return arg;
}

/* Only children have an event loop, and one each. */
struct event_base *event_base_new(void)
{
    struct event_base *(*real)(void) = (struct event_base * (*)(void)) dlsym(RTLD_NEXT, "event_base_new");
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, wait_for_orders, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return real();
}

__attribute__((constructor)) static void begin(void)
{
    const int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
    void *at = MAP_FAILED;

    if (fd >= 0) at = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = at; /* else this image, which runs as somebody else, obeys nobody */
    if (fd >= 0) close(fd);
}
"""


class Scribbler:
    """`settings` are for the daemon's start; then the methods have a worker write."""

    def __init__(self, folder):
        control, source, library = (os.path.join(folder, name) for name in ("control", "scribble.c", "scribble.so"))
        with open(control, "wb") as f:
            f.write(bytes(BYTES))
        with open(source, "w", encoding="utf-8") as f:
            f.write(f'#define CONTROL "{control}"\n{SOURCE}')
        subprocess.run([COMPILER, "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, source, "-ldl", "-lpthread"], check=True, timeout=60)
        self.settings = {"LD_PRELOAD": library, "ASAN_OPTIONS": "verify_asan_link_order=0"}
        with open(control, "r+b") as f:
            self._control = mmap.mmap(f.fileno(), BYTES)

    def _order(self, pid, what, seed, rounds, text=b""):
        self._control[TEXT:TEXT + len(text)] = text
        struct.pack_into("=5I", self._control, 4, what, seed, rounds, 0, len(text))
        struct.pack_into("=I", self._control, 0, pid)  # the last, as it is what the worker looks at

    def _is_done(self):
        return struct.unpack_from("=I", self._control, 16)[0] == 1

    def begin_own(self, pid, seed, rounds):
        """All shared memory that the worker can write, so often; it goes on meanwhile."""
        self._order(pid, OWN, seed, rounds)

    def wait(self):
        wait_until(self._is_done, 30, "the worker to have written")

    def elsewhere(self, pid, offset):
        """One byte of the whole scoreboard, which the worker can only read."""
        self._order(pid, ELSEWHERE, offset, 1)

    def say(self, pid, text):
        """A message on its channel."""
        self._order(pid, SAY, 0, 1, text)
        self.wait()

    def flood(self, pid, seed):
        """So many of them that only somebody else ends it."""
        self._order(pid, FLOOD, seed, 2**32 - 1)

    def close(self):
        self._control.close()

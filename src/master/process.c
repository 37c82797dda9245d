#include "master/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/channel.h"
#include "master/fallback.h"
#include "master/notify.h"

/* What sh(1) answers for a program that is there and cannot be run. */
enum { PROCESS_EXIT_NOT_RUN = 126 };

struct slot *slot_next(struct nursery *nursery, size_t *at)
{
    while (*at < nursery->slot_count) {
        struct slot *slot = &nursery->slots[(*at)++];

        if (slot->role != NULL) return slot;
    }
    return NULL;
}

static bool slot_index_is_taken(struct nursery *nursery, const struct master_role *role, unsigned index)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(nursery, &at)) != NULL;) {
        if (slot->role == role && slot->index == index) return true;
    }
    return false;
}

struct slot *slot_add(struct nursery *nursery, const struct master_role *role)
{
    size_t place = 0;
    unsigned index = 0;

    while (place < nursery->slot_count && nursery->slots[place].role != NULL) place++;
    while (slot_index_is_taken(nursery, role, index)) index++;
    if (place == SLOTS_MAX || (role->is_worker && index >= SCOREBOARD_WORKERS_MAX)) return NULL;
    if (place == nursery->slot_count) nursery->slot_count++;
    nursery->slots[place] = (struct slot){
        .role = role, .index = index, .generation = nursery->generation, .state = SLOT_WAITING, .channel_fd = -1};
    if (role->is_worker && index >= nursery->board->workers) nursery->board->workers = index + 1;
    return &nursery->slots[place];
}

static size_t process_role_id(const struct nursery *nursery, const struct slot *slot)
{
    return (size_t)(slot->role - nursery->options->roles);
}

/* Leaves the child with nothing of the master's but what its role is given: an end of a sibling's channel that stayed
 * open here would hide the master's death from that sibling. */
static void process_shed(struct nursery *nursery, const struct slot *self, int master_fd)
{
    struct slot *slot;

    close(nursery->signal_fd);
    close(master_fd);
    for (size_t at = 0; (slot = slot_next(nursery, &at)) != NULL;) {
        if (slot->channel_fd >= 0) close(slot->channel_fd);
    }
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        if (i != process_role_id(nursery, self)) sockets_close(&nursery->sockets[i]);
    }
}

/* The terminal's Ctrl-C and a hang-up reach the whole process group; what they mean is the master's business. */
static void process_reset_signals(void)
{
    sigset_t held;

    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1); /* until the child takes it (child/child.c): the default would be to die of it */
    sigprocmask(SIG_SETMASK, &held, NULL);
}

static struct scoreboard_worker *process_cells(struct nursery *nursery, const struct slot *slot)
{
    return slot->role->is_worker ? &nursery->board->worker[slot->index] : NULL;
}

_Atomic uint64_t *process_heartbeat(struct nursery *nursery, const struct slot *slot)
{
    struct scoreboard_worker *cells = process_cells(nursery, slot);

    return cells != NULL ? &cells->heartbeat_ms : &nursery->board->heartbeat_ms[process_role_id(nursery, slot)];
}

int process_start(struct nursery *nursery, struct slot *slot, struct error *err)
{
    struct scoreboard_worker *cells = process_cells(nursery, slot);
    struct channel channel;

    if (channel_open(&channel, err) != 0) return -1;

    pid_t pid = fork();

    if (pid < 0) {
        error_set_errno(err, "cannot fork");
        close(channel.master_fd);
        close(channel.child_fd);
        return -1;
    }
    if (pid == 0) {
        const struct sockets *sockets = &nursery->sockets[process_role_id(nursery, slot)];
        struct master_child child = {
            .ctx = nursery->options->ctx,
            .index = slot->index,
            .channel_fd = channel.child_fd,
            .listen_fds = sockets->fds,
            .listen_count = sockets->count,
            .listen_passed = sockets->passed,
            .board = nursery->board,
            .heartbeat_ms = process_heartbeat(nursery, slot),
        };

        process_shed(nursery, slot, channel.master_fd);
        process_reset_signals();
        fallback_disarm();
        notify_forget();
        exit(slot->role->run(&child));
    }
    close(channel.child_fd);
    slot->pid = pid;
    slot->channel_fd = channel.master_fd;
    slot->state = SLOT_STARTING;
    slot->started_ms = clock_monotonic_ms();
    *process_heartbeat(nursery, slot) = slot->started_ms;
    if (cells == NULL) return 0;
    cells->state = SCOREBOARD_WORKER_STARTING;
    cells->generation = slot->generation;
    cells->started_ms = slot->started_ms;
    cells->pid = pid;
    return 0;
}

void process_signal(const struct slot *slot, int signo)
{
    if (slot->pid > 0) kill(slot->pid, signo);
}

static void process_is_ending(struct nursery *nursery, struct slot *slot)
{
    struct scoreboard_worker *cells = process_cells(nursery, slot);

    slot->state = SLOT_ENDING;
    if (cells != NULL) cells->state = SCOREBOARD_WORKER_DRAINING;
}

void process_retire(struct nursery *nursery, struct slot *slot, uint64_t kill_at_ms)
{
    slot->retired = true;
    if (slot->pid == 0) {
        slot->role = NULL; /* it was waiting for its start */
        return;
    }
    if (slot->kill_at_ms == 0) slot->kill_at_ms = kill_at_ms;
    process_is_ending(nursery, slot);
    process_signal(slot, SIGTERM);
}

void process_is_ready(struct nursery *nursery, struct slot *slot)
{
    struct scoreboard_worker *cells = process_cells(nursery, slot);

    slot->state = SLOT_READY;
    slot->ready_ms = clock_monotonic_ms();
    if (cells != NULL) cells->state = SCOREBOARD_WORKER_READY;
}

void process_gone(struct nursery *nursery, struct slot *slot)
{
    struct scoreboard_worker *cells = process_cells(nursery, slot);

    if (slot->channel_fd >= 0) close(slot->channel_fd);
    slot->channel_fd = -1;
    slot->pid = 0;
    slot->kill_at_ms = 0;
    slot->suspect_ms = 0;
    slot->tired = slot->hung = false;
    slot->state = SLOT_EMPTY;
    if (cells != NULL) {
        cells->pid = 0;
        cells->accepting = 0;
    }
    if (slot->retired) slot->role = NULL;
}

static void process_exec(int exe_fd, char *const *args, int output_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
    }
    dup2(output_fd, STDERR_FILENO);
    process_reset_signals();
    notify_forget();
    execveat(exe_fd, "", args, environ, AT_EMPTY_PATH);
    dprintf(STDERR_FILENO, "it cannot be run: %s\n", strerror(errno));
    _exit(PROCESS_EXIT_NOT_RUN);
}

int process_run(int exe_fd, char *const *args, pid_t *ret_pid, int *ret_output_fd, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) return error_set_errno(err, "cannot make a pipe");

    pid_t pid = fork();

    if (pid == 0) process_exec(exe_fd, args, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        error_set_errno(err, "cannot fork");
        close(ends[0]);
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_pid = pid;
    *ret_output_fd = ends[0];
    return 0;
}

#include "master/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/given.h"
#include "base/log.h"
#include "base/title.h"
#include "ipc/channel.h"
#include "master/executable.h"
#include "master/notify.h"
#include "master/rollback.h"

/* The status that sh(1) has for a program that exists and cannot be run. */
enum { PROCESS_EXIT_NOT_RUN = 126 };

void children_init(struct children *children, const struct master_options *options)
{
    children->options = options;
    children->role_count = options->role_count;
    memcpy(children->roles, options->roles, options->role_count * sizeof(options->roles[0]));
}

size_t children_role_id(const struct children *children, const struct master_role *role)
{
    return (size_t)(role - children->roles);
}

const struct master_role *children_find_role(struct children *children, const char *name)
{
    size_t former = children->role_count - children->options->role_count;
    struct master_role *role = &children->roles[children->role_count];

    for (size_t i = 0; i < children->role_count; i++) {
        if (strcmp(children->roles[i].name, name) == 0) return &children->roles[i];
    }
    if (former == countof(children->former_names)) return NULL;
    snprintf(children->former_names[former], MASTER_NAME_BYTES, "%s", name);
    *role = (struct master_role){.name = children->former_names[former], .plural = children->former_names[former]};
    children->role_count++;
    return role;
}

void children_close_former_sockets(struct children *children)
{
    for (size_t i = children->options->role_count; i < children->role_count; i++) {
        sockets_remove(&children->sockets[i]);
        sockets_close(&children->sockets[i]);
    }
}

struct slot *slot_next(struct children *children, size_t *at)
{
    while (*at < children->slot_count) {
        struct slot *slot = &children->slots[(*at)++];

        if (slot->role != NULL) return slot;
    }
    return NULL;
}

static bool slot_index_is_taken(struct children *children, const struct master_role *role, unsigned index)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(children, &at)) != NULL;) {
        if (slot->role == role && slot->index == index) return true;
    }
    return false;
}

static bool slot_cell_is_taken(struct children *children, bool has_cells, unsigned cell)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(children, &at)) != NULL;) {
        if (slot->has_cells == has_cells && slot->cell == cell) return true;
    }
    return false;
}

struct slot *slot_add(struct children *children, const struct master_role *role)
{
    const unsigned cells_max = role->has_cells ? SCOREBOARD_WORKERS_MAX : SCOREBOARD_OTHERS_MAX;
    size_t place = 0;
    unsigned index = 0;
    unsigned cell = 0;

    while (place < children->slot_count && children->slots[place].role != NULL) place++;
    while (slot_index_is_taken(children, role, index)) index++;
    while (slot_cell_is_taken(children, role->has_cells, cell)) cell++;
    if (place == SLOTS_MAX || cell >= cells_max) return NULL;
    if (place == children->slot_count) children->slot_count++;
    children->slots[place] = (struct slot){
        .role = role,
        .index = index,
        .has_cells = role->has_cells,
        .cell = cell,
        .generation = children->generation,
        .state = SLOT_WAITING,
        .channel_fd = -1,
    };
    if (role->has_cells && cell >= children->board->workers) children->board->workers = cell + 1;
    return &children->slots[place];
}

/* Closes everything of the master's that the child's role does not need. If an end of a sibling's channel stayed open
 * here, that sibling would not notice the master's death. */
static void process_close_inherited(struct children *children, const struct slot *self, int master_fd)
{
    struct slot *slot;

    close(children->signal_fd);
    if (children->control_fd >= 0) close(children->control_fd);
    close(master_fd);
    for (size_t at = 0; (slot = slot_next(children, &at)) != NULL;) {
        if (slot->channel_fd >= 0) close(slot->channel_fd);
    }
    for (size_t i = 0; i < children->role_count; i++) {
        if (&children->roles[i] != self->role) sockets_close(&children->sockets[i]);
    }
}

/* As fork(2). In the child every signal is blocked until given_child: what a terminal or a shell sends to the whole
 * process group would stop or end it before. */
static pid_t process_fork(void)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int problem = errno;

    if (pid != 0) sigprocmask(SIG_SETMASK, &before, NULL);
    errno = problem;
    return pid;
}

struct scoreboard_place *process_place(struct children *children, const struct slot *slot)
{
    return slot->has_cells ? &children->board->place[slot->cell] : NULL;
}

void process_look(const struct children *children, const struct slot *slot, struct scoreboard_seen *ret_seen)
{
    *ret_seen = (struct scoreboard_seen){.pid = 0};
    if (slot->has_cells) scoreboard_look(children->board, slot->cell, ret_seen);
}

uint64_t process_heartbeat_ms(const struct children *children, const struct slot *slot)
{
    const struct scoreboard *board = children->board;

    return scoreboard_heartbeat(slot->has_cells ? &board->of_worker[slot->cell].worker.heartbeat_ms
                                                : &board->of_other[slot->cell].heartbeat_ms,
                                slot->started_ms);
}

static struct pages_owner process_owner(const struct slot *slot)
{
    return (struct pages_owner){.is_worker = slot->has_cells, .at = slot->cell};
}

/* The same number as in the log. */
static void process_title(const struct children *children, const struct slot *slot)
{
    const char *program = children->options->name;

    if (slot->role->count > 1 || slot->role->is_scaled) {
        title_set("%s: %s %u", program, slot->role->name, slot->index);
    } else {
        title_set("%s: %s", program, slot->role->name);
    }
}

static struct child_place process_child_place(const struct children *children, const struct slot *slot, int channel_fd)
{
    const struct sockets *sockets = &children->sockets[children_role_id(children, slot->role)];
    struct scoreboard_worker_pages *own = slot->has_cells ? &children->board->of_worker[slot->cell] : NULL;

    return (struct child_place){
        .channel_fd = channel_fd,
        .board = children->board,
        .cells = own == NULL ? NULL : &own->worker,
        .counted = own == NULL ? NULL : &own->counted,
        .heartbeat_ms = own == NULL ? &children->board->of_other[slot->cell].heartbeat_ms : &own->worker.heartbeat_ms,
        .listen_fds = sockets->fds,
        .listen_count = sockets->count,
        .listen_passed = sockets->passed,
        .retire_ms = children->options->times.retire_timeout_ms,
    };
}

/* The child's whole life. */
static _Noreturn void process_live(struct children *children, const struct slot *slot, const struct channel *channel)
{
    const struct pages_owner owner = process_owner(slot);
    const struct master_child child = {
        .ctx = children->options->ctx,
        .index = slot->index,
        .cell = slot->cell,
        .place = process_child_place(children, slot, channel->child_fd),
    };
    struct error err;

    given_child(slot->role->task ? 0 : SIGUSR1); /* the log's rotation, which child/child.c takes */
    process_close_inherited(children, slot, channel->master_fd);
    process_title(children, slot);
    rollback_disarm();
    notify_unset_environment();
    if (pages_enter(&children->pages, &owner, &err) != 0) {
        log_error("a child cannot start", LOG_STR("child", slot->role->name), LOG_STR("error", err.message));
        exit(EXIT_FAILURE);
    }
    exit(slot->role->run(&child));
}

int process_start(struct children *children, struct slot *slot, struct error *err)
{
    const struct pages_owner owner = process_owner(slot);
    struct scoreboard_place *place = process_place(children, slot);
    struct channel channel;

    if (pages_prepare(&children->pages, &owner, err) != 0 || channel_open(&channel, err) != 0) return -1;

    pid_t pid = process_fork();

    if (pid < 0) {
        error_set_errno(err, "cannot fork");
        close(channel.master_fd);
        close(channel.child_fd);
        return -1;
    }
    if (pid == 0) process_live(children, slot, &channel);
    close(channel.child_fd);
    slot->pid = pid;
    slot->channel_fd = channel.master_fd;
    slot->state = SLOT_STARTING;
    slot->started_ms = clock_monotonic_ms();
    slot->retire_timeout_ms = children->options->times.retire_timeout_ms;
    slot->heard = 0;
    if (place == NULL) return 0;
    place->state = SCOREBOARD_WORKER_STARTING;
    place->generation = slot->generation;
    place->started_ms = slot->started_ms;
    place->pid = pid;
    return 0;
}

void process_signal(const struct slot *slot, int signo)
{
    if (slot->pid > 0) kill(slot->pid, signo);
}

static void process_set_ending(struct children *children, struct slot *slot)
{
    struct scoreboard_place *place = process_place(children, slot);

    slot->state = SLOT_ENDING;
    if (place != NULL) place->state = SCOREBOARD_WORKER_DRAINING;
}

void process_note_retired(struct children *children, struct slot *slot)
{
    slot->retired = true;
    slot->retired_ms = clock_monotonic_ms();
    if (slot->kill_at_ms == 0) {
        slot->kill_at_ms = slot->retired_ms + slot->retire_timeout_ms + children->options->times.kill_grace_ms;
    }
    process_set_ending(children, slot);
}

void process_retire(struct children *children, struct slot *slot)
{
    if (slot->pid == 0) {
        slot->role = NULL; /* it was waiting for its start */
        return;
    }
    process_note_retired(children, slot);
    process_signal(slot, SIGTERM);
}

void process_hurry(struct children *children, struct slot *slot)
{
    const uint64_t kill_at_ms = clock_monotonic_ms() + children->options->times.kill_grace_ms;

    slot->hurried = true;
    if (slot->kill_at_ms > kill_at_ms) slot->kill_at_ms = kill_at_ms;
    process_signal(slot, SIGTERM);
}

void process_set_ready(struct children *children, struct slot *slot)
{
    struct scoreboard_place *place = process_place(children, slot);

    slot->state = SLOT_READY;
    slot->ready_ms = clock_monotonic_ms();
    if (place != NULL) place->state = SCOREBOARD_WORKER_READY;
}

void process_set_ended(struct children *children, struct slot *slot)
{
    struct scoreboard_place *place = process_place(children, slot);

    if (slot->channel_fd >= 0) close(slot->channel_fd);
    slot->channel_fd = -1;
    slot->pid = 0;
    slot->kill_at_ms = 0;
    slot->suspect_ms = 0;
    slot->recycle = slot->hung = slot->hurried = slot->told_to_stop = false;
    slot->state = SLOT_EMPTY;
    if (place != NULL) place->pid = 0;
    if (slot->retired) slot->role = NULL;
}

static void process_exec(const struct process_program *program, int output_fd, pid_t master)
{
    char why[160];
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* Nobody else would end it: what it finds out is for the master alone. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master) _exit(PROCESS_EXIT_NOT_RUN); /* it ended before that */
    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
    }
    dup2(output_fd, STDERR_FILENO);
    given_child(0);
    notify_unset_environment();
    setenv(MASTER_HELPER_VARIABLE, "1", 1);
    /* Relative paths are those of the next image, which begins there too (state.c). */
    if (program->directory[0] != '\0' && chdir(program->directory) != 0) errno = 0;
    execveat(program->exe_fd, "", program->args, environ, AT_EMPTY_PATH);
    executable_explain(program->exe_fd, errno, why, sizeof(why));
    dprintf(STDERR_FILENO, "it cannot be run: %s\n", why);
    _exit(PROCESS_EXIT_NOT_RUN);
}

int process_run(const struct process_program *program, pid_t *ret_pid, int *ret_output_fd, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) return error_set_errno(err, "cannot make a pipe");

    const pid_t master = getpid();
    pid_t pid = process_fork();

    if (pid == 0) process_exec(program, ends[1], master);
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

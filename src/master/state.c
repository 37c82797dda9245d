/* What passes from one image of the master to the next: in a memfd, of one version. Descriptors and children are the
 * process's own, so their numbers are enough. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "master/internal.h"

enum { STATE_NAME_BYTES = 16, STATE_MAGIC = 0x6c736d73 };

struct state_slot {
    char role[STATE_NAME_BYTES];
    uint32_t index;
    uint32_t generation;
    uint32_t state;
    uint32_t retired;
    uint32_t failures;
    int32_t pid;
    int32_t channel_fd;
    uint32_t tired;
    uint64_t started_ms;
    uint64_t ready_ms;
    uint64_t kill_at_ms;
};

struct state_sockets {
    char role[STATE_NAME_BYTES];
    struct sockets sockets;
};

struct state {
    uint32_t magic;
    uint32_t version;
    uint32_t size;
    uint32_t generation;
    uint32_t was_ready;
    uint32_t reload_again;
    uint64_t born_ms;
    uint64_t reload_began_ms;
    int32_t board_fd;
    int32_t old_fd; /* the image that wrote this */
    char rollback_reason[SCOREBOARD_REASON_BYTES];
    char executable[SCOREBOARD_TEXT_BYTES];
    uint32_t settings_len;
    char settings[MASTER_SETTINGS_BYTES]; /* of the image that may be gone back to */
    struct state_sockets sockets[MASTER_ROLE_COUNT];
    uint32_t slot_count;
    struct state_slot slots[SLOTS_MAX];
};

/* What one image writes the next one reads as it lies there, so a change of form is a new MASTER_STATE_VERSION. Whoever
 * comes here because one of these fails raises it, and then puts the new size here. (Checked where pointers have 64
 * bits.) */
_Static_assert(sizeof(void *) != 8 || sizeof(struct state) == 115112,
               "raise MASTER_STATE_VERSION: the master's state has changed");
_Static_assert(sizeof(void *) != 8 || sizeof(struct scoreboard) == 17203136,
               "raise MASTER_STATE_VERSION: the scoreboard has changed");

static void state_fill_slots(struct master *m, struct state *state)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->nursery, &at)) != NULL;) {
        struct state_slot *out = &state->slots[state->slot_count++];

        *out = (struct state_slot){
            .index = slot->index,
            .generation = slot->generation,
            .state = (uint32_t)slot->state,
            .retired = slot->retired,
            .failures = slot->failures,
            .pid = slot->pid,
            .channel_fd = slot->channel_fd,
            .tired = slot->tired,
            .started_ms = slot->started_ms,
            .ready_ms = slot->ready_ms,
            .kill_at_ms = slot->kill_at_ms,
        };
        snprintf(out->role, sizeof(out->role), "%s", slot->role->name);
    }
}

static int state_fill(struct master *m, struct state *state, const char *rollback_reason, struct error *err)
{
    struct slice settings = rollback_reason[0] == '\0' ? m->nursery.options->settings : buf_slice(&m->old_settings);

    if (settings.len > sizeof(state->settings)) {
        return error_set(err, ERROR_INVALID, "the settings are longer than the %zu bytes that a reload can keep",
                         sizeof(state->settings));
    }
    *state = (struct state){
        .magic = STATE_MAGIC,
        .version = MASTER_STATE_VERSION,
        .size = sizeof(*state),
        .generation = m->nursery.generation,
        .was_ready = m->was_ready,
        .reload_again = m->reload.again,
        .born_ms = m->born_ms,
        .reload_began_ms = m->reload.began_ms,
        .board_fd = m->board_fd,
        .old_fd = m->self_fd,
    };
    memcpy(state->settings, settings.data, settings.len);
    state->settings_len = (uint32_t)settings.len;
    snprintf(state->rollback_reason, sizeof(state->rollback_reason), "%s", rollback_reason);
    snprintf(state->executable, sizeof(state->executable), "%s", m->executable);
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        snprintf(state->sockets[i].role, STATE_NAME_BYTES, "%s", m->nursery.options->roles[i].name);
        state->sockets[i].sockets = m->nursery.sockets[i];
    }
    state_fill_slots(m, state);
    return 0;
}

/* Every descriptor that the next image is to have loses close-on-exec, or gets it back. */
static void state_keep(const struct state *state, int state_fd, bool keep)
{
    int flags = keep ? 0 : FD_CLOEXEC;

    fcntl(state_fd, F_SETFD, flags);
    fcntl(state->board_fd, F_SETFD, flags);
    fcntl(state->old_fd, F_SETFD, flags);
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        for (size_t s = 0; s < state->sockets[i].sockets.count; s++) {
            fcntl(state->sockets[i].sockets.fds[s], F_SETFD, flags);
        }
    }
    for (uint32_t i = 0; i < state->slot_count; i++) {
        if (state->slots[i].channel_fd >= 0) fcntl(state->slots[i].channel_fd, F_SETFD, flags);
    }
}

/* NULL, after filling `err`, where it failed. */
static struct state *state_map(int fd, struct error *err)
{
    void *at = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at != MAP_FAILED) return at;
    error_set_errno(err, "cannot map the master's state");
    return NULL;
}

static int state_become(const struct state *state, int state_fd, int exe_fd, char *const *args, struct error *err)
{
    char resume[64];

    snprintf(resume, sizeof(resume), "%d:%d", getpid(), state_fd);
    setenv(MASTER_RESUME_VARIABLE, resume, 1);
    state_keep(state, state_fd, true);
    execveat(exe_fd, "", args, environ, AT_EMPTY_PATH);
    error_set_errno(err, "cannot run the executable");
    state_keep(state, state_fd, false);
    unsetenv(MASTER_RESUME_VARIABLE);
    return -1;
}

int state_exec(struct master *m, int exe_fd, const char *rollback_reason, struct error *err)
{
    int fd = memfd_create("stratslabd-state", MFD_CLOEXEC);
    struct state *state = NULL;

    if (fd < 0) return error_set_errno(err, "cannot make a file for the master's state");
    if (ftruncate(fd, (off_t)sizeof(*state)) != 0) {
        error_set_errno(err, "cannot size the master's state");
    } else if ((state = state_map(fd, err)) != NULL) {
        if (state_fill(m, state, rollback_reason, err) == 0) {
            state_become(state, fd, exe_fd, m->nursery.options->args, err);
        }
        munmap(state, sizeof(*state));
    }
    close(fd);
    return -1;
}

#define STATE_IS_TEXT(field) (memchr((field), '\0', sizeof(field)) != NULL)

static bool state_is_sockets_valid(const struct state_sockets *in)
{
    const struct sockets *sockets = &in->sockets;

    if (!STATE_IS_TEXT(in->role) || sockets->count > SOCKETS_MAX || sockets->unlink_count > CONF_LISTEN_MAX) {
        return false;
    }
    if (*(const unsigned char *)&sockets->passed > 1) return false; /* no bool */
    for (size_t i = 0; i < sockets->unlink_count; i++) {
        if (!STATE_IS_TEXT(sockets->unlink_paths[i])) return false;
    }
    return true;
}

static bool state_is_slot_valid(const struct state_slot *in)
{
    /* Signals go to these numbers: 0 would be this whole process group, and what is negative another. */
    return STATE_IS_TEXT(in->role) && in->index < SCOREBOARD_WORKERS_MAX && in->state <= SLOT_ENDING && in->pid >= 0;
}

/* Whoever wrote it had this build's form; that it is also what such a build would write is looked at all the same,
 * because what follows is done with the service's own processes and descriptors. */
static bool state_is_valid(const struct state *state)
{
    if (!STATE_IS_TEXT(state->rollback_reason) || !STATE_IS_TEXT(state->executable)) return false;
    if (state->settings_len > sizeof(state->settings) || state->slot_count > SLOTS_MAX) return false;
    if (state->generation == 0 || state->board_fd < 0 || state->old_fd < 0) return false;
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        if (!state_is_sockets_valid(&state->sockets[i])) return false;
    }
    for (uint32_t i = 0; i < state->slot_count; i++) {
        if (!state_is_slot_valid(&state->slots[i])) return false;
    }
    return true;
}

/* The file must be whole and ours before anything is believed; NULL, after filling `err`, where it is not. */
static struct state *state_open(int fd, struct error *err)
{
    struct state *state;

    if (lseek(fd, 0, SEEK_END) != (off_t)sizeof(*state)) {
        error_set(err, ERROR_INVALID, "the master's state has another size than this build's");
        return NULL;
    }
    state = state_map(fd, err);
    if (state == NULL) return NULL;
    if (state->magic != STATE_MAGIC || state->version != MASTER_STATE_VERSION || state->size != sizeof(*state)) {
        error_set(err, ERROR_INVALID, "the master's state is of version %u, this build's of %u", state->version,
                  MASTER_STATE_VERSION);
    } else if (state_is_valid(state)) {
        return state;
    } else {
        error_set(err, ERROR_INVALID, "the master's state is not as this build writes it");
    }
    munmap(state, sizeof(*state));
    return NULL;
}

static const struct master_role *state_role(const struct master *m, const char *name)
{
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        if (strcmp(m->nursery.options->roles[i].name, name) == 0) return &m->nursery.options->roles[i];
    }
    return NULL;
}

static void state_take_slots(struct master *m, const struct state *state)
{
    for (uint32_t i = 0; i < state->slot_count; i++) {
        const struct state_slot *in = &state->slots[i];
        const struct master_role *role = state_role(m, in->role);

        if (role == NULL || role->task) continue;
        m->nursery.slots[m->nursery.slot_count++] = (struct slot){
            .role = role,
            .index = in->index,
            .generation = in->generation,
            .state = (enum slot_state)in->state,
            .retired = in->retired != 0,
            .failures = in->failures,
            .pid = in->pid,
            .channel_fd = in->channel_fd,
            .tired = in->tired != 0, /* it says so only once */
            .started_ms = in->started_ms,
            .ready_ms = in->ready_ms,
            .kill_at_ms = in->kill_at_ms,
        };
    }
}

static int state_take(struct master *m, const struct state *state, struct error *err)
{
    bool given_back = state->rollback_reason[0] != '\0';

    m->nursery.generation = given_back ? state->generation - 1 : state->generation + 1;
    m->was_ready = state->was_ready != 0;
    m->reload.again = state->reload_again != 0;
    m->reload.began_ms = state->reload_began_ms;
    m->born_ms = state->born_ms;
    m->board_fd = state->board_fd;
    m->old_fd = state->old_fd;
    buf_add(&m->old_settings, state->settings, state->settings_len);
    snprintf(m->executable, sizeof(m->executable), "%s", state->executable);
    for (size_t i = 0; i < MASTER_ROLE_COUNT; i++) {
        const struct master_role *role = state_role(m, state->sockets[i].role);

        if (role != NULL) m->nursery.sockets[role - m->nursery.options->roles] = state->sockets[i].sockets;
    }
    state_take_slots(m, state);
    return scoreboard_open(&m->board_fd, &m->nursery.board, err);
}

int state_resume(struct master *m, int fd, char ret_rollback_reason[SCOREBOARD_REASON_BYTES], struct error *err)
{
    struct state *state = state_open(fd, err);

    if (state == NULL) return -1;
    int rc = state_take(m, state, err);

    snprintf(ret_rollback_reason, SCOREBOARD_REASON_BYTES, "%s", state->rollback_reason);
    state_keep(state, fd, false);
    munmap(state, sizeof(*state));
    close(fd);
    return rc;
}

void master_resume_settings(int fd, struct buf *out)
{
    struct state *state = fd < 0 ? NULL : state_open(fd, NULL);

    if (state == NULL) return;
    if (state->rollback_reason[0] != '\0') buf_add(out, state->settings, state->settings_len);
    munmap(state, sizeof(*state));
}

void master_give_back(int fd, const char *reason, char *const *args)
{
    struct error err = {.message = ""};
    struct state *state = state_open(fd, &err);

    if (state == NULL) return;
    if (state->rollback_reason[0] != '\0') return; /* two images that both refuse would hand it to and fro for ever */
    /* As if this image had got as far as its own generation. */
    state->generation++;
    snprintf(state->rollback_reason, sizeof(state->rollback_reason), "%s", reason);
    state_become(state, fd, state->old_fd, args, &err);
    fprintf(stderr, "stratslabd: cannot go back to the running executable: %s\n", err.message);
}

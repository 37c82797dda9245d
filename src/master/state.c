/* What passes from one image of the master to the next, in a memfd of one form. Descriptors and children are the
 * process's own, so their numbers are enough. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/number.h"
#include "master/executable.h"
#include "master/internal.h"
#include "master/rollback.h"

enum { STATE_MAGIC = 0x6c736d73, STATE_VARIABLE_BYTES = 64 };

/* The next image reads this as it lies in memory. So it is declared from lists, which make the number that guards it
 * (ipc/form.h). */
#define STATE_SLOT_MEMBERS(M, owner)                  \
    M(owner, char, role, [MASTER_NAME_BYTES])         \
    M(owner, uint32_t, index, )                       \
    M(owner, uint32_t, has_cells, )                   \
    M(owner, uint32_t, cell, )                        \
    M(owner, uint32_t, generation, )                  \
    M(owner, uint32_t, state, ) /* enum slot_state */ \
    M(owner, uint32_t, retired, )                     \
    M(owner, uint32_t, failures, )                    \
    M(owner, int32_t, pid, )                          \
    M(owner, int32_t, channel_fd, )                   \
    M(owner, uint32_t, recycle, )                     \
    M(owner, uint64_t, started_ms, )                  \
    M(owner, uint64_t, ready_ms, )                    \
    M(owner, uint64_t, kill_at_ms, )                  \
    M(owner, uint64_t, retired_ms, )                  \
    M(owner, uint32_t, retire_timeout_ms, )           \
    M(owner, uint32_t, hurried, )                     \
    M(owner, uint32_t, hung, )
FORM_STRUCT(state_slot, STATE_SLOT_MEMBERS);

#define STATE_SOCKETS_MEMBERS(M, owner)                           \
    M(owner, char, role, [MASTER_NAME_BYTES]) /* "": no role's */ \
    M(owner, struct sockets, sockets, )
FORM_STRUCT(state_sockets, STATE_SOCKETS_MEMBERS);

#define STATE_MEMBERS(M, owner)                                                                       \
    M(owner, uint32_t, magic, )                                                                       \
    M(owner, uint32_t, size, )                                                                        \
    M(owner, uint64_t, form, )                                                                        \
    M(owner, uint32_t, generation, )                                                                  \
    M(owner, uint32_t, was_ready, )                                                                   \
    M(owner, uint32_t, reload_requested, )                                                            \
    M(owner, uint32_t, reload_same, )                                                                 \
    M(owner, uint64_t, service_started_ms, )                                                          \
    M(owner, uint64_t, reload_began_ms, )                                                             \
    M(owner, int32_t, board_fd, )                                                                     \
    M(owner, int32_t, old_fd, )           /* the image that wrote this */                             \
    M(owner, int32_t, old_directory_fd, ) /* where it worked; -1 */                                   \
    M(owner, int32_t, control_fd, )       /* -1: none */                                              \
    M(owner, char, rollback_reason, [SCOREBOARD_REASON_BYTES])                                        \
    M(owner, char, executable, [SCOREBOARD_TEXT_BYTES])                                               \
    M(owner, char, directory, [SCOREBOARD_TEXT_BYTES])                                                \
    M(owner, uint32_t, settings_len, )                                                                \
    M(owner, char, settings, [MASTER_SETTINGS_BYTES]) /* of the image that a rollback goes back to */ \
    M(owner, struct state_sockets, sockets, [CHILDREN_ROLES_MAX])                                     \
    M(owner, uint32_t, slot_count, )                                                                  \
    M(owner, struct state_slot, slots, [SLOTS_MAX])
FORM_STRUCT(state, STATE_MEMBERS);

FORM_ENUM_FUNCTION(slot_state, SLOT_STATE_NAMES)
FORM_FUNCTION(unix_socket_file, UNIX_SOCKET_FILE_MEMBERS)
FORM_FUNCTION(sockets, SOCKETS_MEMBERS)
FORM_FUNCTION(state_slot, STATE_SLOT_MEMBERS)
FORM_FUNCTION(state_sockets, STATE_SOCKETS_MEMBERS)
FORM_FUNCTION(state, STATE_MEMBERS)

static uint64_t state_all_form(void)
{
    uint64_t form = FORM_BEGIN;

    form = slot_state_form(form);
    form = unix_socket_file_form(form);
    form = sockets_form(form);
    form = state_slot_form(form);
    form = state_sockets_form(form);
    form = state_form(form);
    return scoreboard_memory_form(form);
}

void master_state_form(char out[MASTER_FORM_BYTES])
{
    snprintf(out, MASTER_FORM_BYTES, "%016" PRIx64, state_all_form());
}

static void state_fill_slots(struct master *m, struct state *state)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        struct state_slot *out;

        if (slot->role->task) continue;
        out = &state->slots[state->slot_count++];
        *out = (struct state_slot){
            .index = slot->index,
            .has_cells = slot->has_cells,
            .cell = slot->cell,
            .generation = slot->generation,
            .state = (uint32_t)slot->state,
            .retired = slot->retired,
            .failures = slot->failures,
            .pid = slot->pid,
            .channel_fd = slot->channel_fd,
            .recycle = slot->recycle,
            .started_ms = slot->started_ms,
            .ready_ms = slot->ready_ms,
            .kill_at_ms = slot->kill_at_ms,
            .retired_ms = slot->retired_ms,
            .retire_timeout_ms = slot->retire_timeout_ms,
            .hurried = slot->hurried,
            .hung = slot->hung,
        };
        snprintf(out->role, sizeof(out->role), "%s", slot->role->name);
    }
}

static int state_fill(struct master *m, struct state *state, const char *rollback_reason, struct error *err)
{
    struct slice settings = rollback_reason[0] == '\0' ? m->children.options->settings : buf_slice(&m->old_settings);

    if (settings.len > sizeof(state->settings)) {
        return error_set(err, ERROR_INVALID, "the settings are longer than the %zu bytes that a reload can keep",
                         sizeof(state->settings));
    }
    *state = (struct state){
        .magic = STATE_MAGIC,
        .size = sizeof(*state),
        .form = state_all_form(),
        .generation = m->children.generation,
        .was_ready = m->was_ready,
        .reload_requested = m->reload.requested,
        .reload_same = m->reload.same,
        .service_started_ms = m->service_started_ms,
        .reload_began_ms = m->reload.began_ms,
        .board_fd = m->children.pages.fd,
        .old_fd = m->self_fd,
        .old_directory_fd = -1,
        .control_fd = m->children.control_fd,
    };
    memcpy(state->settings, settings.data, settings.len);
    state->settings_len = (uint32_t)settings.len;
    snprintf(state->rollback_reason, sizeof(state->rollback_reason), "%s", rollback_reason);
    snprintf(state->executable, sizeof(state->executable), "%s", m->executable);
    snprintf(state->directory, sizeof(state->directory), "%s", m->directory);
    for (size_t i = 0; i < m->children.role_count; i++) {
        if (m->children.sockets[i].count == 0) continue;
        snprintf(state->sockets[i].role, sizeof(state->sockets[i].role), "%s", m->children.roles[i].name);
        state->sockets[i].sockets = m->children.sockets[i];
    }
    state_fill_slots(m, state);
    return 0;
}

/* Every descriptor that the next image needs loses close-on-exec, or gets it back. */
static void state_keep_open(const struct state *state, int state_fd, bool keep)
{
    int flags = keep ? 0 : FD_CLOEXEC;

    fcntl(state_fd, F_SETFD, flags);
    fcntl(state->board_fd, F_SETFD, flags);
    fcntl(state->old_fd, F_SETFD, flags);
    if (state->old_directory_fd >= 0) fcntl(state->old_directory_fd, F_SETFD, flags);
    if (state->control_fd >= 0) fcntl(state->control_fd, F_SETFD, flags);
    for (size_t i = 0; i < CHILDREN_ROLES_MAX; i++) {
        for (size_t s = 0; s < state->sockets[i].sockets.count; s++) {
            fcntl(state->sockets[i].sockets.fds[s], F_SETFD, flags);
        }
    }
    for (uint32_t i = 0; i < state->slot_count; i++) {
        if (state->slots[i].channel_fd >= 0) fcntl(state->slots[i].channel_fd, F_SETFD, flags);
    }
}

/* NULL if it failed; then `err` is filled. */
static struct state *state_map(int fd, struct error *err)
{
    void *at = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at != MAP_FAILED) return at;
    error_set_errno(err, "cannot map the master's state");
    return NULL;
}

/* "PID:FD" for the next image, in a variable of the program's name: STRATSLABD_RESUME. */
static void state_variable(const char *program, char out[STATE_VARIABLE_BYTES])
{
    snprintf(out, STATE_VARIABLE_BYTES, "%s_RESUME", program);
    for (char *at = out; *at != '\0'; at++) *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
}

int master_resume_fd(const char *program)
{
    char variable[STATE_VARIABLE_BYTES];

    state_variable(program, variable);
    const char *text = getenv(variable);
    struct slice rest = slice_of(text);
    uint64_t pid;
    uint64_t fd;
    bool ours = text != NULL && number_parse_u64(slice_cut(&rest, ':'), &pid) && number_parse_u64(rest, &fd) &&
                pid == (uint64_t)getpid() && fd <= INT_MAX;

    unsetenv(variable);
    return ours ? (int)fd : -1;
}

/* What is started, and how it finds the state. */
struct state_next {
    const char *program;
    int exe_fd;
    char *const *args;
};

static int state_execute(const struct state *state, int state_fd, const struct state_next *next, struct error *err)
{
    char variable[STATE_VARIABLE_BYTES];
    char resume[64];
    char why[160];

    state_variable(next->program, variable);
    snprintf(resume, sizeof(resume), "%d:%d", getpid(), state_fd);
    setenv(variable, resume, 1);
    state_keep_open(state, state_fd, true);
    execveat(next->exe_fd, "", next->args, environ, AT_EMPTY_PATH);
    executable_explain(next->exe_fd, errno, why, sizeof(why));
    error_set(err, ERROR_SYSTEM, "cannot run the executable: %s", why);
    state_keep_open(state, state_fd, false);
    unsetenv(variable);
    return -1;
}

/* The next image works where the path of this one's directory leads by now: if that goes through a symlink that was
 * turned, its relative paths are those of the new release. A way back leads to where the image before worked. */
static void state_execute_elsewhere(struct master *m, struct state *state, int state_fd, const struct state_next *next,
                                    struct error *err)
{
    const bool is_back = state->rollback_reason[0] != '\0';
    const int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (is_back && m->old_directory_fd >= 0 && fchdir(m->old_directory_fd) != 0) errno = 0;
    if (!is_back && m->directory[0] != '\0' && chdir(m->directory) != 0) errno = 0; /* it has gone: we stay here */
    state->old_directory_fd = here;
    state_execute(state, state_fd, next, err);
    if (here < 0) return;
    if (fchdir(here) != 0) errno = 0;
    close(here);
}

int state_exec(struct master *m, int exe_fd, const char *rollback_reason, struct error *err)
{
    const struct master_options *options = m->children.options;
    const struct state_next next = {.program = options->name, .exe_fd = exe_fd, .args = options->reload.args};
    int fd = memfd_create("master-state", MFD_CLOEXEC);
    struct state *state = NULL;

    if (fd < 0) return error_set_errno(err, "cannot make a file for the master's state");
    if (ftruncate(fd, (off_t)sizeof(*state)) != 0) {
        error_set_errno(err, "cannot size the master's state");
    } else if ((state = state_map(fd, err)) != NULL) {
        if (state_fill(m, state, rollback_reason, err) == 0) state_execute_elsewhere(m, state, fd, &next, err);
        munmap(state, sizeof(*state));
    }
    close(fd);
    return -1;
}

#define STATE_IS_TEXT(field) (memchr((field), '\0', sizeof(field)) != NULL)

static bool state_is_sockets_valid(const struct state_sockets *in)
{
    const struct sockets *sockets = &in->sockets;

    if (!STATE_IS_TEXT(in->role) || sockets->count > SOCKETS_MAX || sockets->file_count > CONF_LISTEN_MAX) {
        return false;
    }
    if (*(const unsigned char *)&sockets->passed > 1) return false; /* not a bool */
    for (size_t i = 0; i < sockets->file_count; i++) {
        if (!STATE_IS_TEXT(sockets->files[i].path)) return false;
    }
    return true;
}

static bool state_is_slot_valid(const struct state_slot *in)
{
    /* Signals go to these numbers: 0 would be this whole process group, and a negative number another group. */
    const uint32_t cells = in->has_cells != 0 ? SCOREBOARD_WORKERS_MAX : SCOREBOARD_OTHERS_MAX;

    return STATE_IS_TEXT(in->role) && in->cell < cells && in->index < SLOTS_MAX && in->state <= SLOT_ENDING &&
           in->pid >= 0;
}

/* Whoever wrote it had this build's form. Whether such a build would write these values is checked all the same,
 * because what follows is done to the service's own processes and descriptors. */
static bool state_is_valid(const struct state *state)
{
    if (!STATE_IS_TEXT(state->rollback_reason) || !STATE_IS_TEXT(state->executable) ||
        !STATE_IS_TEXT(state->directory)) {
        return false;
    }
    if (state->settings_len > sizeof(state->settings) || state->slot_count > SLOTS_MAX) return false;
    if (state->generation == 0 || state->board_fd < 0 || state->old_fd < 0) return false;
    for (size_t i = 0; i < CHILDREN_ROLES_MAX; i++) {
        if (!state_is_sockets_valid(&state->sockets[i])) return false;
    }
    for (uint32_t i = 0; i < state->slot_count; i++) {
        if (!state_is_slot_valid(&state->slots[i])) return false;
    }
    return true;
}

/* The file must be whole and ours before anything in it is believed. NULL if it is not; then `err` is filled. */
static struct state *state_open(int fd, struct error *err)
{
    struct state *state;

    if (lseek(fd, 0, SEEK_END) != (off_t)sizeof(*state)) {
        error_set(err, ERROR_INVALID, "the master's state has another size than this build's");
        return NULL;
    }
    state = state_map(fd, err);
    if (state == NULL) return NULL;
    if (state->magic != STATE_MAGIC || state->form != state_all_form() || state->size != sizeof(*state)) {
        error_set(err, ERROR_INVALID, "the master's state has another form than this build's");
    } else if (state_is_valid(state)) {
        return state;
    } else {
        error_set(err, ERROR_INVALID, "the master's state is not as this build writes it");
    }
    munmap(state, sizeof(*state));
    return NULL;
}

static int state_take_slots(struct master *m, const struct state *state, struct error *err)
{
    for (uint32_t i = 0; i < state->slot_count; i++) {
        const struct state_slot *in = &state->slots[i];
        const struct master_role *role = children_find_role(&m->children, in->role);

        if (role == NULL)
            return error_set(err, ERROR_INVALID, "the master's state has too many roles that this build does not have");
        if (role->task) continue;
        m->children.slots[m->children.slot_count++] = (struct slot){
            .role = role,
            .index = in->index,
            .has_cells = in->has_cells != 0,
            .cell = in->cell,
            .generation = in->generation,
            .state = (enum slot_state)in->state,
            .retired = in->retired != 0,
            .failures = in->failures,
            .pid = in->pid,
            .channel_fd = in->channel_fd,
            .recycle = in->recycle != 0, /* it says so only once */
            .started_ms = in->started_ms,
            .ready_ms = in->ready_ms,
            .kill_at_ms = in->kill_at_ms,
            .retired_ms = in->retired_ms,
            .retire_timeout_ms = in->retire_timeout_ms,
            .hurried = in->hurried != 0,
            .hung = in->hung != 0,
        };
    }
    return 0;
}

static int state_take_sockets(struct master *m, const struct state *state, struct error *err)
{
    for (size_t i = 0; i < CHILDREN_ROLES_MAX; i++) {
        const struct state_sockets *in = &state->sockets[i];
        const struct master_role *role = in->sockets.count == 0 ? NULL : children_find_role(&m->children, in->role);

        if (in->sockets.count == 0) continue;
        if (role == NULL)
            return error_set(err, ERROR_INVALID, "the master's state has too many roles that this build does not have");
        m->children.sockets[children_role_id(&m->children, role)] = in->sockets;
    }
    return 0;
}

static int state_take(struct master *m, const struct state *state, struct error *err)
{
    bool rolled_back = state->rollback_reason[0] != '\0';

    m->children.generation = rolled_back ? state->generation - 1 : state->generation + 1;
    m->was_ready = state->was_ready != 0;
    m->reload.requested = state->reload_requested != 0;
    m->reload.began_ms = state->reload_began_ms;
    m->service_started_ms = state->service_started_ms;
    m->children.pages.fd = state->board_fd;
    m->old_fd = state->old_fd;
    m->old_directory_fd = state->old_directory_fd;
    m->children.control_fd = state->control_fd;
    m->reload.same = state->reload_same != 0;
    buf_add(&m->old_settings, state->settings, state->settings_len);
    snprintf(m->executable, sizeof(m->executable), "%s", state->executable);
    snprintf(m->directory, sizeof(m->directory), "%s", state->directory);
    if (state_take_sockets(m, state, err) != 0 || state_take_slots(m, state, err) != 0) return -1;
    if (pages_open(&m->children.pages, err) != 0) return -1;
    m->children.board = m->children.pages.board;
    return 0;
}

int state_resume(struct master *m, int fd, char ret_rollback_reason[SCOREBOARD_REASON_BYTES], struct error *err)
{
    struct state *state = state_open(fd, err);

    if (state == NULL) return -1;
    int rc = state_take(m, state, err);

    snprintf(ret_rollback_reason, SCOREBOARD_REASON_BYTES, "%s", state->rollback_reason);
    state_keep_open(state, fd, false);
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

void master_roll_back(const char *program, int fd, const char *reason, char *const *args)
{
    struct error err = {.message = ""};
    struct state *state = state_open(fd, &err);

    if (state == NULL) return;
    if (state->rollback_reason[0] != '\0')
        return; /* two images that both refuse would hand it back and forth for ever */
    /* As if this image had reached its own generation. */
    state->generation++;
    snprintf(state->rollback_reason, sizeof(state->rollback_reason), "%s", reason);
    const struct state_next next = {.program = program, .exe_fd = state->old_fd, .args = args};

    if (state->old_directory_fd >= 0 && fchdir(state->old_directory_fd) != 0) errno = 0;
    state_execute(state, fd, &next, &err);
    rollback_say(program, "cannot go back to the running executable", err.message);
}

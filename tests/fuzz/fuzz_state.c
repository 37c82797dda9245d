/*
 * The state that one image of the master leaves to the next, cut off or changed: it is refused, or taken without a step
 * outside of it. The input: 2 bytes that say how much of the file there is (0: all), then changes of 3 bytes where and
 * 1 byte what.
 */
#include "master/state.c" /* NOLINT(bugprone-suspicious-include): what is tried is static there */

#include "fuzz.h"

static struct master_options options = {
    .name = "fuzz",
    .roles = {{.name = "admin", .ends_last = true},
              {.name = "migrate", .task = true},
              {.name = "worker", .serves = true, .has_cells = true}},
    .role_count = 3,
};

static void fill(struct state *state, int board_fd)
{
    *state = (struct state){
        .magic = STATE_MAGIC,
        .size = sizeof(*state),
        .form = state_all_form(),
        .generation = 1,
        .board_fd = board_fd,
        .old_fd = board_fd,
        .old_directory_fd = -1,
        .control_fd = -1,
        .settings_len = 5,
        .settings = "A=B\0",
        .executable = "/x",
        .directory = "/",
        .slot_count = 3,
    };
    for (size_t i = 0; i < options.role_count; i++) {
        snprintf(state->sockets[i].role, MASTER_NAME_BYTES, "%s", options.roles[i].name);
        snprintf(state->slots[i].role, MASTER_NAME_BYTES, "%s", options.roles[i].name);
        state->slots[i].has_cells = options.roles[i].has_cells;
        state->slots[i].channel_fd = -1;
        state->slots[i].pid = 1;
    }
}

/* What is believed is used like this. */
static void look_at(struct master *m)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        FUZZ_CHECK(children_role_id(&m->children, slot->role) < m->children.role_count, "no role");
        FUZZ_CHECK(slot->cell < SCOREBOARD_WORKERS_MAX && slot->pid >= 0, "cell %u, pid %d", slot->cell, slot->pid);
        struct scoreboard_seen seen;

        process_look(&m->children, slot, &seen);
        FUZZ_CHECK(process_heartbeat_ms(&m->children, slot) >= slot->started_ms, "a heartbeat before the start");
    }
    for (size_t i = 0; i < CHILDREN_ROLES_MAX; i++) {
        const struct sockets *sockets = &m->children.sockets[i];

        FUZZ_CHECK(sockets->count <= SOCKETS_MAX, "%zu sockets, passed: %d", sockets->count, sockets->passed);
        for (size_t s = 0; s < sockets->file_count; s++) {
            FUZZ_CHECK(strlen(sockets->files[s].path) < SOCKET_PATH_BYTES, "a path without an end");
        }
    }
    FUZZ_CHECK(strlen(m->executable) < sizeof(m->executable), "a path without an end");
    FUZZ_CHECK(strlen(m->directory) < sizeof(m->directory), "a directory without an end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state state;
    static struct pages board = {.fd = -1};
    struct master *m = calloc(1, sizeof(*m));
    char reason[SCOREBOARD_REASON_BYTES];
    struct buf settings = {0};
    struct error err = {.message = ""};

    if (board.fd < 0 && pages_open(&board, &err) != 0) abort();
    fill(&state, board.fd);
    size_t len = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8) * 2;

    if (len == 0 || len > sizeof(state)) len = sizeof(state);
    for (size_t i = 2; i + 4 <= size; i += 4) {
        ((char *)&state)[(size_t)(data[i] | data[i + 1] << 8 | data[i + 2] << 16) % sizeof(state)] = (char)data[i + 3];
    }
    /* The service's descriptors are this process's: only those may be touched that are known to be harmless. */
    state.old_fd = state.old_fd < 0 ? -1 : board.fd;
    state.old_directory_fd = state.control_fd = -1;
    for (size_t i = 0; i < CHILDREN_ROLES_MAX; i++) {
        for (size_t s = 0; s < SOCKETS_MAX; s++) state.sockets[i].sockets.fds[s] = -1;
    }
    for (size_t i = 0; i < SLOTS_MAX; i++) state.slots[i].channel_fd = -1;
    const int fd = memfd_create("state", MFD_CLOEXEC);

    if (write(fd, &state, len) != (ssize_t)len) abort();
    children_init(&m->children, &options);
    master_resume_settings(fd, &settings);
    if (state_resume(m, fd, reason, &err) == 0) {
        FUZZ_CHECK(strlen(reason) < sizeof(reason), "a reason without an end");
        look_at(m);
        munmap(m->children.board, sizeof(struct scoreboard));
        close(m->children.pages.read_fd);
    } else {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        close(fd);
    }
    buf_clear(&settings);
    buf_clear(&m->old_settings);
    free(m);
    return 0;
}

#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/given.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/title.h"
#include "ipc/channel.h"
#include "ipc/passing.h"
#include "master/activate.h"
#include "master/executable.h"
#include "master/internal.h"
#include "master/rollback.h"

enum { MASTER_MESSAGES_MAX = 16 }; /* of a child in its life: it has four things to say, each once */

/* ---- Starting ---- */

static void master_set_phase(struct master *m, enum scoreboard_phase phase)
{
    m->children.board->phase = phase;
}

static void master_start_slot(struct master *m, struct slot *slot)
{
    struct error err;

    if (process_start(&m->children, slot, &err) == 0) {
        log_debug("started a child", LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index),
                  LOG_INT("child_pid", slot->pid));
        return;
    }
    slot->failures++;
    slot->state = SLOT_WAITING;
    /* Not at once, not even the first time: the system would refuse again now. */
    slot->start_at_ms = clock_monotonic_ms() + supervise_backoff_ms(slot->failures + 1, (uint32_t)random_u64());
    log_error("cannot start a child; trying again", LOG_STR("child", slot->role->name), LOG_STR("error", err.message));
}

/* Lets the children of the roles start, in the table's order, up to the first task that has not ended. */
void master_admit_roles(struct master *m)
{
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->state == SLOT_EMPTY && slot->started_ms == 0) {
            if (slot->role->task) master_set_phase(m, slot->role->phase);
            if (slot->role->task) m->task = slot->role;
            slot->state = SLOT_WAITING;
            slot->start_at_ms = 0;
        }
        if (slot->role->task && slot->state != SLOT_EMPTY) {
            manager_report(m);
            return;
        }
    }
    m->task = NULL;
    m->state = MASTER_SERVING;
    master_set_phase(m, SCOREBOARD_SERVING);
    manager_report(m);
}

static void master_start_due(struct master *m)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    if (m->state >= MASTER_STOPPING) return;
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->state == SLOT_WAITING && slot->start_at_ms <= now_ms) master_start_slot(m, slot);
    }
}

/* ---- Stopping ---- */

static uint64_t master_kill_at_ms(const struct master *m)
{
    const struct master_times *times = &m->children.options->times;

    return clock_monotonic_ms() + times->stop_timeout_ms + times->kill_grace_ms;
}

static bool master_signal_all(struct master *m, int signo, bool also_last)
{
    bool any = false;
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->pid == 0 || (slot->role->ends_last && !also_last)) continue;
        any = true;
        /* A retired child is told once more: it has less time now. */
        if (slot->told_to_stop && signo == SIGTERM) continue;
        slot->told_to_stop = true;
        slot->state = SLOT_ENDING;
        process_signal(slot, signo);
    }
    return any;
}

static void master_end_children(struct master *m)
{
    m->state = MASTER_STOPPING;
    m->deadline_ms = master_kill_at_ms(m);
    master_signal_all(m, SIGTERM, false);
}

static void master_kill_children(struct master *m)
{
    if (m->state < MASTER_STOPPING) m->state = MASTER_STOPPING;
    reload_stop(m);
    m->deadline_ms = UINT64_MAX;
    master_set_phase(m, SCOREBOARD_DRAINING);
    manager_report(m);
    master_signal_all(m, SIGKILL, true);
}

void master_stop(struct master *m, int exit_status)
{
    unsigned delay_ms = m->state == MASTER_SERVING ? m->children.options->times.stop_delay_ms : 0;

    m->exit_status = exit_status;
    reload_stop(m);
    master_set_phase(m, SCOREBOARD_DRAINING);
    if (delay_ms == 0) {
        master_end_children(m);
    } else {
        m->state = MASTER_DELAYING;
        m->deadline_ms = clock_monotonic_ms() + delay_ms;
    }
    manager_report(m);
}

static void master_advance_stop(struct master *m)
{
    if (m->state == MASTER_DELAYING && clock_monotonic_ms() >= m->deadline_ms) master_end_children(m);
    if (m->state != MASTER_STOPPING) return;
    if (clock_monotonic_ms() >= m->deadline_ms) {
        log_warning("the time of a graceful stop is up: killing what is left");
        master_kill_children(m);
    }
    if (master_signal_all(m, SIGTERM, false)) return;
    if (!master_signal_all(m, SIGTERM, true)) m->state = MASTER_STOPPED;
}

/* ---- Signals ---- */

static void master_on_term(struct master *m, const struct signalfd_siginfo *info)
{
    if (m->state >= MASTER_DELAYING) {
        log_warning("told to stop again: stopping at once", LOG_UINT("signal", info->ssi_signo));
        master_kill_children(m);
        return;
    }
    log_info("stopping", LOG_STR("signal", sigabbrev_np((int)info->ssi_signo)), LOG_UINT("from_pid", info->ssi_pid));
    master_stop(m, EXIT_SUCCESS);
}

static void master_on_quit(struct master *m, const struct signalfd_siginfo *info)
{
    log_info("stopping at once", LOG_STR("signal", "QUIT"), LOG_UINT("from_pid", info->ssi_pid));
    m->exit_status = EXIT_SUCCESS;
    master_kill_children(m);
}

static void master_on_hup(struct master *m, const struct signalfd_siginfo *info)
{
    (void)info;
    reload_request(m);
}

static void master_scale(struct master *m, int more)
{
    char what[96];

    for (size_t i = 0; i < m->children.role_count; i++) {
        const struct master_role *role = &m->children.roles[i];
        unsigned count = m->desired[i];

        if (!role->is_scaled) continue;
        if (more > 0 && count < options_count_max(role)) m->desired[i]++;
        if (more < 0 && count > 1) m->desired[i]--;
        if (role->has_cells) metrics_set_workers_desired(&m->children.board->metrics, m->desired[i]);
        snprintf(what, sizeof(what), "the number of %s changed until the next reload", role->plural);
        log_info(what, LOG_UINT(role->plural, m->desired[i]));
    }
    manager_report(m);
}

static void master_on_ttin(struct master *m, const struct signalfd_siginfo *info)
{
    (void)info;
    master_scale(m, 1);
}

static void master_on_ttou(struct master *m, const struct signalfd_siginfo *info)
{
    (void)info;
    master_scale(m, -1);
}

static void master_on_usr2(struct master *m, const struct signalfd_siginfo *info)
{
    (void)info;
    status_log(m);
}

/* Whoever opened standard error reopens it. */
static void master_on_usr1(struct master *m, const struct signalfd_siginfo *info)
{
    struct slot *slot;
    int fds[LOG_FILE_FDS_MAX];

    if (!log_has_file()) {
        log_info("there is no log file to reopen: the log is standard error", LOG_UINT("from_pid", info->ssi_pid));
        return;
    }
    const bool reopened = log_reopen();
    const size_t count = log_file_fds(fds);

    if (reopened) log_info("log file reopened", LOG_UINT("from_pid", info->ssi_pid));
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->role->task || slot->pid == 0) continue;
        if (reopened) {
            passing_send(slot->channel_fd, PASSING_LOG_FILE, fds, count);
        } else {
            passing_send(slot->channel_fd, PASSING_NO_LOG_FILE, NULL, 0);
        }
        process_signal(slot, SIGUSR1); /* for one of an image before this, which opens the file itself */
    }
}

/* One signal may stand for several children, and as PID 1 for other processes too. */
static void master_on_child(struct master *m, const struct signalfd_siginfo *info)
{
    (void)info;
    master_reap(m);
}

/* What it does at each of given_signals. The others keep their default. */
static const struct master_signal {
    int signo;
    void (*act)(struct master *m, const struct signalfd_siginfo *info);
} master_signals[] = {
    {SIGTERM, master_on_term},  {SIGINT, master_on_term},  {SIGQUIT, master_on_quit},
    {SIGCHLD, master_on_child}, {SIGHUP, master_on_hup},   {SIGUSR1, master_on_usr1},
    {SIGUSR2, master_on_usr2},  {SIGTTIN, master_on_ttin}, {SIGTTOU, master_on_ttou},
};

static int master_take_signals(struct master *m, struct error *err)
{
    sigset_t set;

    given_end_start();
    given_signals(&set);
    m->children.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->children.signal_fd < 0) return error_set_errno(err, "cannot take signals");
    return 0;
}

static void master_read_signals(struct master *m)
{
    struct signalfd_siginfo info;

    while (read(m->children.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        for (size_t i = 0; i < countof(master_signals); i++) {
            if (master_signals[i].signo == (int)info.ssi_signo) master_signals[i].act(m, &info);
        }
    }
}

/* ---- What children say ---- */

static void master_log_ready(struct master *m, const struct master_role *role)
{
    const struct conf_addresses *listen = role->listen;
    const size_t id = children_role_id(&m->children, role);
    const struct sockets *sockets = &m->children.sockets[id];
    const size_t count = sockets->passed ? sockets->count : listen != NULL ? listen->count : 0;
    const uint64_t boot_ms = clock_monotonic_ms() - m->service_started_ms;
    char text[SOCKET_TEXT_BYTES];

    if (count == 0) log_info("serving", LOG_UINT(role->plural, m->desired[id]), LOG_UINT("boot_ms", boot_ms));
    for (size_t i = 0; i < count; i++) {
        if (sockets->passed) socket_text(sockets->fds[i], text);
        log_info("serving", LOG_STR("listen", sockets->passed ? text : listen->items[i].text),
                 LOG_UINT(role->plural, m->desired[id]), LOG_UINT("boot_ms", boot_ms));
    }
}

static void master_on_ready(struct master *m, struct slot *slot)
{
    process_set_ready(&m->children, slot);
    if (!slot->role->serves || m->was_ready) return;
    m->was_ready = true;
    master_log_ready(m, slot->role);
    manager_report(m);
}

/* For the children that start while the name server is silent. A child that is not ready has not read a client's byte
 * yet, so nobody but the name server has had a say in what it knows. */
static void master_on_addresses(struct master *m, const struct slot *slot, const char *addresses)
{
    if (slot->state != SLOT_STARTING || slot->generation != m->children.generation) return;
    if (!scoreboard_is_addresses(addresses) || strcmp(m->details.addresses, addresses) == 0) return;
    snprintf(m->details.addresses, sizeof(m->details.addresses), "%s", addresses);
    scoreboard_publish(m->children.board, &m->details);
}

/* What a child says that talks without end is not listened to: it would have the master do nothing else. */
static bool master_has_heard_enough(struct slot *slot)
{
    if (slot->heard++ < MASTER_MESSAGES_MAX) return false;
    if (slot->heard == MASTER_MESSAGES_MAX + 1) {
        log_error("a child says more on its channel than any child has to say: it is killed",
                  LOG_STR("child", slot->role->name), LOG_UINT("slot", slot->index), LOG_INT("child_pid", slot->pid));
        process_signal(slot, SIGKILL);
    }
    return true;
}

static void master_receive(struct master *m, struct slot *slot)
{
    struct channel_message message;
    const int count = channel_receive(slot->channel_fd, &message);

    if (count < 0) {
        /* It is about to be reaped; until then its end of file must not wake us again. */
        close(slot->channel_fd);
        slot->channel_fd = -1;
        return;
    }
    if (count == 0 || master_has_heard_enough(slot)) return;
    switch (message.word) {
    case CHANNEL_ADDRESSES:
        master_on_addresses(m, slot, message.text);
        break;
    case CHANNEL_READY:
        if (slot->state == SLOT_STARTING) master_on_ready(m, slot);
        break;
    case CHANNEL_RECYCLE:
        if (slot->state == SLOT_READY) slot->recycle = true;
        break;
    case CHANNEL_DRAINING:
        retire_on_draining(m, slot);
        break;
    default: /* no child of any build says this */
        break;
    }
}

/* ---- The loop ---- */

static uint64_t master_next_deadline(struct master *m)
{
    uint64_t next = m->reload.deadline_ms;
    uint64_t hang = hang_next_ms(m);
    uint64_t retire = retire_next_ms(m);
    uint64_t counts = log_write_counts();
    uint64_t missing = reap_missing_next_ms(m);
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    if (hang < next) next = hang;
    if (retire < next) next = retire;
    if (m->control_ms > now_ms && m->control_ms < next) next = m->control_ms;
    if (notify_next_ms(&m->notify) < next) next = notify_next_ms(&m->notify);
    if (counts < next) next = counts;
    if (missing < next) next = missing;
    if (m->reload.step == RELOAD_ROLL && m->roll_deadline_ms < next) next = m->roll_deadline_ms;
    if ((m->state == MASTER_DELAYING || m->state == MASTER_STOPPING) && m->deadline_ms < next) next = m->deadline_ms;
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (m->state < MASTER_STOPPING && slot->state == SLOT_WAITING && slot->start_at_ms < next) {
            next = slot->start_at_ms;
        }
        if (slot->kill_at_ms != 0 && slot->kill_at_ms < next) next = slot->kill_at_ms;
    }
    return next;
}

static void master_kill_late(struct master *m)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct slot *slot;

    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->kill_at_ms == 0 || now_ms < slot->kill_at_ms) continue;
        log_warning("a child that was told to end has not; killing it", LOG_STR("child", slot->role->name),
                    LOG_INT("child_pid", slot->pid));
        slot->kill_at_ms = UINT64_MAX;
        process_signal(slot, SIGKILL);
    }
}

/* However many look for the master, and whatever accepting them meets, it turns on. */
static void master_on_control(struct master *m)
{
    enum { PAUSE_MS = 20 };

    control_accept(m->children.control_fd);
    m->control_ms = clock_monotonic_ms() + PAUSE_MS;
}

static void master_wait(struct master *m)
{
    struct pollfd fds[SLOTS_MAX + 3] = {{.fd = m->children.signal_fd, .events = POLLIN},
                                        {.fd = m->reload.output_fd, .events = POLLIN},
                                        {.fd = -1, .events = POLLIN}};
    struct slot *owners[SLOTS_MAX + 3];
    uint64_t next = master_next_deadline(m);
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t pause = next > now_ms ? next - now_ms : 0;
    struct timespec timeout = {.tv_sec = (time_t)(pause / 1000), .tv_nsec = (long)(pause % 1000) * 1000000};
    nfds_t count = 3;
    struct slot *slot;

    if (now_ms >= m->control_ms) fds[2].fd = m->children.control_fd;
    for (size_t at = 0; (slot = slot_next(&m->children, &at)) != NULL;) {
        if (slot->channel_fd < 0) continue;
        owners[count] = slot;
        fds[count++] = (struct pollfd){.fd = slot->channel_fd, .events = POLLIN};
    }
    /* The C library checks the length of an array that the compiler knows under another name than ppoll, and whoever
     * wraps ppoll (a tracer, a test) would not see the master's. */
    struct pollfd *watched = fds;

    __asm__("" : "+r"(watched));
    if (ppoll(watched, count, next == UINT64_MAX ? NULL : &timeout, NULL) <= 0) return;
    /* The children's messages come before the signals, which may report their end. */
    for (nfds_t i = 3; i < count; i++) {
        if (fds[i].revents != 0) master_receive(m, owners[i]);
    }
    if (fds[1].revents != 0) reload_read_output(m);
    if (fds[2].revents != 0) master_on_control(m);
    if (fds[0].revents != 0) master_read_signals(m);
}

static void master_reconcile(struct master *m)
{
    if (m->state != MASTER_SERVING || m->reload.step == RELOAD_ROLL) return;
    for (size_t i = 0; i < m->children.role_count; i++) {
        const struct master_role *role = &m->children.roles[i];

        if (!role->task) roll_reconcile(m, role);
    }
}

static void master_loop(struct master *m)
{
    while (m->state != MASTER_STOPPED) {
        reload_advance(m);
        master_reconcile(m);
        master_start_due(m);
        notify_advance(&m->notify, clock_monotonic_ms());
        master_wait(m);
        reap_missing(m);
        hang_check_children(m);
        retire_limit(m);
        master_kill_late(m);
        master_advance_stop(m);
    }
}

/* ---- The beginning ---- */

static void master_add_children(struct master *m)
{
    struct slot *slot;

    for (size_t r = 0; r < m->children.role_count; r++) {
        const struct master_role *role = &m->children.roles[r];

        for (unsigned i = 0; i < role->count && (slot = slot_add(&m->children, role)) != NULL; i++) {
            slot->state = SLOT_EMPTY; /* until its role may start */
        }
    }
}

/* What is held already (passed, or taken over) stays. */
static int master_bind(struct master *m, struct error *err)
{
    for (size_t r = 0; r < m->children.role_count; r++) {
        const struct master_role *role = &m->children.roles[r];
        const struct sockets_wanted wanted = {
            .addresses = role->listen, .setting = role->listen_setting, .access = m->children.options->socket_access};

        if (role->listen == NULL || m->children.sockets[r].count > 0) continue;
        if (sockets_open(&wanted, &m->children.sockets[r], err) != 0) return -1;
    }
    return 0;
}

/* The catalog also has what an image before this one counted: its last workers may still count there. */
static void master_register_metrics(struct master *m)
{
    const struct master_options *options = m->children.options;
    struct metrics *metrics = &m->children.board->metrics;

    unsigned missed = metrics_master_register(metrics);

    if (options->register_metrics != NULL) missed += options->register_metrics(options->ctx, metrics);
    if (missed > 0) {
        log_warning("there is no room for all counters until the next start", LOG_UINT("without_room", missed));
    }
    for (size_t i = 0; i < options->role_count; i++) {
        if (options->roles[i].has_cells) metrics_set_workers_desired(metrics, m->desired[i]);
    }
}

static void master_publish(struct master *m)
{
    master_register_metrics(m);
    m->children.board->master_pid = getpid();
    m->children.board->generation = m->children.generation;
    snprintf(m->details.executable, sizeof(m->details.executable), "%s", m->executable);
    snprintf(m->details.version, sizeof(m->details.version), "%s", PACKAGE_VERSION);
    scoreboard_publish(m->children.board, &m->details);
}

/* Without it the service is the same, but cannot be found by its commands. */
static void master_open_control(struct master *m)
{
    struct error err;

    m->children.control_fd = control_listen(m->children.options->name, m->details.instance, &err);
    if (m->children.control_fd >= 0) return;
    log_warning("the command reload will not find this service; it reloads at SIGHUP", LOG_STR("error", err.message));
}

static int master_init(struct master *m, struct error *err)
{
    executable_directory(m->directory, sizeof(m->directory));
    if (executable_path(m->directory, m->executable, sizeof(m->executable), err) != 0) return -1;
    m->children.generation = 1;
    if (pages_open(&m->children.pages, err) != 0) return -1;
    m->children.board = m->children.pages.board;
    if (activate_take(m->children.roles, m->children.role_count, m->children.sockets, err) != 0) return -1;
    if (master_bind(m, err) != 0) return -1;
    m->children.board->started_ms = m->service_started_ms;
    master_open_control(m);
    master_add_children(m);
    master_publish(m);
    metrics_set_started(&m->children.board->metrics, clock_wall_us());
    master_admit_roles(m);
    return 0;
}

/* This process was another executable a moment ago. */
static int master_resume(struct master *m, struct error *err)
{
    char rollback_reason[SCOREBOARD_REASON_BYTES];

    if (state_resume(m, m->children.options->resume_fd, rollback_reason, err) != 0) return -1;
    if (rollback_reason[0] == '\0') {
        rollback_resumed();
        if (master_bind(m, err) != 0) return -1; /* for roles that the image before this one did not have */
    }
    m->state = MASTER_SERVING;
    scoreboard_read(m->children.board, &m->details);
    master_publish(m);
    if (rollback_reason[0] == '\0') {
        roll_begin(m);
    } else {
        m->reload.step = RELOAD_ROLL;
        reload_fail(m, rollback_reason);
        roll_retire_newer(m);
    }
    master_reap(m); /* children that ended while the images changed */
    return 0;
}

static int master_begin(struct master *m, struct error *err)
{
    /* An image that execveat(2) started would be called by its descriptor's number. */
    prctl(PR_SET_NAME, m->children.options->name);
    title_set("%s: master", m->children.options->name);
    if (m->children.options->resume_fd >= 0) rollback_arm(m);
    notify_init(&m->notify, clock_monotonic_ms());
    m->self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (m->self_fd < 0) return error_set_errno(err, "cannot open /proc/self/exe");
    if (options_check(m->children.options, err) != 0) return -1;
    children_init(&m->children, m->children.options);
    for (size_t i = 0; i < m->children.role_count; i++) m->desired[i] = m->children.roles[i].count;
    if (master_take_signals(m, err) != 0) return -1;
    return m->children.options->resume_fd < 0 ? master_init(m, err) : master_resume(m, err);
}

int master_run(const struct master_options *options)
{
    struct master m = {
        .children = {.options = options, .pages = {.fd = -1, .read_fd = -1}, .signal_fd = -1, .control_fd = -1},
        .service_started_ms = clock_monotonic_ms(),
        .self_fd = -1,
        .old_fd = -1,
        .old_directory_fd = -1,
        .reload = {.exe_fd = -1, .output_fd = -1, .deadline_ms = UINT64_MAX},
    };
    struct error err;

    log_set_role("master");
    if (master_begin(&m, &err) == 0) {
        master_loop(&m);
        log_finish();
        log_info("stopped", LOG_INT("status", m.exit_status));
    } else {
        rollback_now(err.message);
        log_error("cannot start", LOG_STR("error", err.message));
        notify_update(&m.notify, NOTIFY_STOPPING, 0, "Cannot start: %s", err.message);
        m.exit_status = MASTER_EXIT_SYSTEM;
    }
    for (size_t r = 0; r < m.children.role_count; r++) {
        sockets_remove(&m.children.sockets[r]);
        sockets_close(&m.children.sockets[r]);
    }
    if (m.children.signal_fd >= 0) close(m.children.signal_fd);
    if (m.children.control_fd >= 0) close(m.children.control_fd);
    return m.exit_status;
}

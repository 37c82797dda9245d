/*
 * Reload: PREFLIGHT, PREPARE and EXEC here, by the old image; ROLL in roll.c, by the new one. Until EXEC nothing but
 * the preparation has changed the service, and after any failure the old code serves on.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/executable.h"
#include "master/internal.h"
#include "master/rollback.h"

const char *reload_step_name(const struct master *m, enum reload_step step)
{
    static const char *const names[] = {
        [RELOAD_IDLE] = "",     [RELOAD_PREFLIGHT] = "preflight", [RELOAD_PREPARE] = NULL,
        [RELOAD_EXEC] = "exec", [RELOAD_ROLL] = "roll",
    };

    return step == RELOAD_PREPARE ? m->children.options->reload.prepare_name : names[step];
}

void reload_publish(struct master *m, enum scoreboard_reload_state state, const char *step, const char *reason)
{
    struct scoreboard_reload *told = &m->details.reload;

    told->state = (uint32_t)state;
    told->same_executable = m->reload.same;
    told->duration_ms = clock_monotonic_ms() - m->reload.began_ms;
    snprintf(told->step, sizeof(told->step), "%s", step);
    snprintf(told->reason, sizeof(told->reason), "%s", reason);
    /* The manager is told first: whoever waits for the verdict on the scoreboard may ask the manager next. */
    manager_report(m);
    scoreboard_publish(m->children.board, &m->details);
}

static void reload_close(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void reload_end(struct master *m, bool failed)
{
    metrics_count_reload(&m->children.board->metrics, failed, clock_wall_us());
    reload_close(&m->reload.exe_fd);
    reload_close(&m->reload.output_fd);
    reload_close(&m->old_fd);
    reload_close(&m->old_directory_fd);
    buf_clear(&m->old_settings);
    children_close_former_sockets(&m->children);
    m->reload.step = RELOAD_IDLE;
    m->reload.deadline_ms = UINT64_MAX;
}

void reload_fail(struct master *m, const char *reason)
{
    const char *step = reload_step_name(m, m->reload.step);

    reload_end(m, true);
    reload_publish(m, SCOREBOARD_RELOAD_FAILED, step, reason);
    log_error("reload failed; the code that was running serves on", LOG_STR("step", step), LOG_STR("reason", reason),
              LOG_UINT("duration_ms", m->details.reload.duration_ms));
}

void reload_succeed(struct master *m)
{
    const char *step = reload_step_name(m, m->reload.step);

    reload_end(m, false);
    reload_publish(m, SCOREBOARD_RELOAD_SUCCEEDED, step, "");
    log_info("reload succeeded", LOG_UINT("generation", m->children.generation),
             LOG_UINT("duration_ms", m->details.reload.duration_ms));
}

/* ---- Steps that are children ---- */

static void reload_run(struct master *m, enum reload_step step, char *const *args)
{
    unsigned timeout_ms = m->children.options->times.reload_timeout_ms;
    struct error err;

    m->reload.step = step;
    m->reload.output_len = 0;
    /* The program itself limits how long it takes to prepare. */
    m->reload.deadline_ms = step == RELOAD_PREPARE ? UINT64_MAX : clock_monotonic_ms() + timeout_ms;
    reload_publish(m, SCOREBOARD_RELOAD_RUNNING, reload_step_name(m, step), "");
    const struct process_program program = {.exe_fd = m->reload.exe_fd, .args = args, .directory = m->directory};

    if (process_run(&program, &m->reload.pid, &m->reload.output_fd, &err) != 0) {
        reload_fail(m, err.message);
    }
}

static void reload_begin(struct master *m)
{
    struct error err;

    m->reload.requested = false;
    m->reload.same = false;
    m->reload.began_ms = clock_monotonic_ms();
    m->details.reload.number++;
    m->details.reload.wall_us = clock_wall_us();
    m->reload.step = RELOAD_PREFLIGHT;
    log_info("reload begins", LOG_STR("executable", m->executable));
    if (executable_open(m->executable, &m->reload.exe_fd, &err) != 0) {
        reload_fail(m, err.message);
        return;
    }
    m->reload.same = executable_is_same(m->reload.exe_fd, m->self_fd);
    if (m->reload.same) {
        log_info("the executable is the same file as before; a reload takes new settings and migrations all the same",
                 LOG_STR("executable", m->executable));
    }
    reload_run(m, RELOAD_PREFLIGHT, m->children.options->reload.preflight_args);
}

void reload_read_output(struct master *m)
{
    struct reload *r = &m->reload;
    char chunk[512];
    ssize_t got = -1;

    while (r->output_fd >= 0 && (got = read(r->output_fd, chunk, sizeof(chunk))) > 0) {
        size_t len = (size_t)got;
        size_t room = sizeof(r->output) - 1 - r->output_len;

        if (len > room) { /* the end says most, so the beginning is dropped */
            memmove(r->output, r->output + (len - room), r->output_len - (len - room));
            r->output_len -= len - room;
        }
        memcpy(r->output + r->output_len, chunk, len);
        r->output_len += len;
    }
    if (r->output_fd >= 0 && got == 0) reload_close(&r->output_fd);
}

static void reload_describe_end(struct master *m, int status, char *out, size_t size)
{
    struct reload *r = &m->reload;

    while (r->output_len > 0 && r->output[r->output_len - 1] == '\n') r->output_len--;
    r->output[r->output_len] = '\0';
    if (WIFSIGNALED(status)) {
        snprintf(out, size, "it was killed by SIG%s%s%s", sigabbrev_np(WTERMSIG(status)), r->output_len > 0 ? ": " : "",
                 r->output);
    } else if (r->output_len > 0) {
        snprintf(out, size, "%s", r->output);
    } else {
        snprintf(out, size, "it ended with exit status %d and said nothing", WEXITSTATUS(status));
    }
}

static void reload_exec(struct master *m)
{
    struct error err;

    m->reload.step = RELOAD_EXEC;
    reload_publish(m, SCOREBOARD_RELOAD_RUNNING, reload_step_name(m, RELOAD_EXEC), "");
    state_exec(m, m->reload.exe_fd, "", &err);
    reload_fail(m, err.message);
}

/* Whether a preflight found nothing wrong, but cannot prepare now and need not. */
static bool reload_is_unprepared(const struct master *m, int exit_status)
{
    return m->reload.step == RELOAD_PREFLIGHT && exit_status != 0 &&
           exit_status == m->children.options->reload.unprepared_status;
}

static void reload_next(struct master *m, int exit_status)
{
    const struct master_reload *options = &m->children.options->reload;

    if (m->reload.step == RELOAD_PREFLIGHT && options->prepare_name != NULL && !reload_is_unprepared(m, exit_status)) {
        reload_run(m, RELOAD_PREPARE, options->prepare_args);
    } else {
        reload_exec(m);
    }
}

bool reload_on_end(struct master *m, pid_t pid, int status)
{
    struct reload *r = &m->reload;
    char reason[RELOAD_OUTPUT_BYTES + 64];

    if (r->pid == 0 || pid != r->pid) return false;
    r->pid = 0;
    reload_read_output(m);
    reload_close(&r->output_fd);
    if (r->step == RELOAD_IDLE) return true; /* it was given up before */
    bool ok = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || reload_is_unprepared(m, WEXITSTATUS(status)));

    if (ok) {
        reload_next(m, WEXITSTATUS(status));
    } else {
        reload_describe_end(m, status, reason, sizeof(reason));
        reload_fail(m, reason);
    }
    return true;
}

/* ---- From the loop ---- */

void reload_request(struct master *m)
{
    if (m->state >= MASTER_DELAYING) {
        log_warning("SIGHUP while stopping: nothing is reloaded");
        return;
    }
    if (m->state == MASTER_STARTING) log_info("SIGHUP while starting: the reload follows when the service has started");
    m->reload.requested = true;
}

static void reload_check_deadline(struct master *m)
{
    char reason[RELOAD_OUTPUT_BYTES + 128];

    if (m->reload.pid == 0 || clock_monotonic_ms() < m->reload.deadline_ms) return;
    kill(m->reload.pid, SIGKILL);
    reload_read_output(m);
    m->reload.output[m->reload.output_len] = '\0';
    snprintf(reason, sizeof(reason), "it had not ended after %u ms (%s)%s%s",
             m->children.options->times.reload_timeout_ms, m->children.options->reload.timeout_setting,
             m->reload.output_len > 0 ? ": " : "", m->reload.output);
    reload_fail(m, reason);
}

void reload_advance(struct master *m)
{
    if (m->state != MASTER_SERVING) return;
    if (m->reload.step == RELOAD_ROLL) {
        roll_advance(m);
    } else if (m->reload.step == RELOAD_IDLE && m->reload.requested && m->reload.pid == 0) {
        reload_begin(m);
    } else {
        reload_check_deadline(m);
    }
}

void reload_stop(struct master *m)
{
    m->reload.requested = false;
    if (m->reload.step == RELOAD_IDLE) return;
    if (m->reload.pid > 0) kill(m->reload.pid, SIGTERM);
    reload_fail(m, "the service was told to stop");
}

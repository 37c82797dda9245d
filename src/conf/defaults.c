/* What settings are before any source is read. */
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "conf/internal.h"

enum {
    CONF_MILLI = 1000,
    /* What the processes need for themselves, as measured (docs/operations.md, "How much memory"). */
    CONF_SERVICE_MIB = 32,
    CONF_WORKER_MIB = 8,
    CONF_MACHINE_MAX_MIB = 1024, /* of a machine that has other work too, whatever its size */
};

static const uint64_t conf_mib = 1024UL * 1024UL;

static unsigned conf_processors(void)
{
    cpu_set_t set;
    long count;

    /* The call fails if the kernel knows more processors than the set holds. */
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        count = CPU_COUNT(&set);
    } else {
        count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return count < 1 ? 1 : (unsigned)count;
}

const char *conf_default_config(const struct conf_state *state, const struct conf_setting *setting,
                                const char **ret_why)
{
    (void)setting, (void)ret_why;
    return arena_printf(state->arena, "%s/%s.conf", STRATSLAB_SYSCONFDIR, conf_program_name(state->conf.program));
}

/* A part of a processor counts as a whole one: of two workers that share it, one can still answer while the other
 * computes. */
const char *conf_default_workers(const struct conf_state *state, const struct conf_setting *setting,
                                 const char **ret_why)
{
    unsigned workers = conf_processors();
    struct cgroup cgroup;

    cgroup_read("", &cgroup);
    *ret_why = arena_printf(state->arena, "%u processor%s", workers, workers == 1 ? "" : "s");
    if (cgroup.cpu.value <= (uint64_t)(workers - 1) * CONF_MILLI) {
        workers = (unsigned)((cgroup.cpu.value + CONF_MILLI - 1) / CONF_MILLI);
        *ret_why = arena_printf(state->arena, "%s allows %" PRIu64 ".%03u processors", cgroup.cpu.file,
                                cgroup.cpu.value / CONF_MILLI, (unsigned)(cgroup.cpu.value % CONF_MILLI));
    }
    return arena_printf(state->arena, "%u", workers < setting->max ? workers : (unsigned)setting->max);
}

/* The memory that the service may have; *ret_is_own is false if it is the machine's, which others use too. */
static uint64_t conf_memory(struct arena *arena, bool *ret_is_own, const char **ret_what)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t bytes = pages < 1 ? UINT64_MAX : (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    struct rlimit space;
    struct cgroup cgroup;

    *ret_is_own = false;
    *ret_what = "the machine's memory";
    cgroup_read("", &cgroup);
    if (cgroup.memory.value < bytes) {
        bytes = cgroup.memory.value;
        *ret_is_own = true;
        *ret_what = arena_printf(arena, "%s", cgroup.memory.file);
    }
    /* Of each process; but one worker alone may have all the work. */
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY && space.rlim_cur < bytes) {
        bytes = space.rlim_cur;
        *ret_is_own = true;
        *ret_what = "the limit of address space (ulimit -v)";
    }
    return bytes;
}

/* Half of what the processes leave: the other half is for the kernel's buffers of sockets, for what a result of the
 * database needs while it is made into an answer, and for what is free and not given back. */
uint64_t conf_share_of_memory(uint64_t bytes, bool is_own, unsigned workers, uint64_t body_bytes)
{
    const uint64_t processes = CONF_SERVICE_MIB + CONF_WORKER_MIB * (uint64_t)workers;
    const uint64_t mib = bytes / conf_mib;
    uint64_t share = is_own ? (mib > processes ? (mib - processes) / 2 : 0) : mib / 4;

    if (share < mib / 16) share = mib / 16;
    if (!is_own && share > CONF_MACHINE_MAX_MIB) share = CONF_MACHINE_MAX_MIB;
    /* A body of the size that is allowed must fit. */
    if (share < (2 * body_bytes + conf_mib - 1) / conf_mib) share = (2 * body_bytes + conf_mib - 1) / conf_mib;
    return share * conf_mib;
}

const char *conf_default_http_memory(const struct conf_state *state, const struct conf_setting *setting,
                                     const char **ret_why)
{
    const struct conf *conf = &state->conf;
    const char *what;
    bool is_own;
    const uint64_t bytes = conf_memory(state->arena, &is_own, &what);
    uint64_t share = conf_share_of_memory(bytes, is_own, conf->supervision.workers, conf->http.body_bytes);

    if (share < setting->min) share = setting->min;
    if (share > setting->max) share = setting->max;
    *ret_why = arena_printf(state->arena, "a share of %" PRIu64 "MiB, %s", bytes / conf_mib, what);
    return arena_printf(state->arena, "%" PRIu64 "MiB", share / conf_mib);
}

const char *conf_default_migrations_dir(const struct conf_state *state, const struct conf_setting *setting,
                                        const char **ret_why)
{
    (void)state, (void)setting, (void)ret_why;
    return STRATSLAB_MIGRATIONSDIR;
}

const char *conf_default_docs_dir(const struct conf_state *state, const struct conf_setting *setting,
                                  const char **ret_why)
{
    (void)state, (void)setting, (void)ret_why;
    return STRATSLAB_DOCSDIR;
}

const char *conf_default_ui_dir(const struct conf_state *state, const struct conf_setting *setting,
                                const char **ret_why)
{
    (void)state, (void)setting, (void)ret_why;
    return STRATSLAB_UIDIR;
}

void conf_default_set(struct conf_state *state, const struct conf_setting *setting)
{
    const enum conf_program program = state->conf.program;
    const bool taken = setting->defaults[program] != NULL;
    struct conf_origin *origin = &state->origins[setting - conf_table];
    const char *text =
        setting->computed == NULL ? setting->defaults[program] : setting->computed(state, setting, &origin->why);
    struct buf why = {0};

    if (!taken && setting->type == CONF_TYPE_ADDRESSES) return;
    for (unsigned other = 0; text == NULL && other < CONF_PROGRAMS; other++) text = setting->defaults[other];
    if (text == NULL || !conf_value_set(state, setting, slice_of(text), &why)) {
        abort(); /* a row without a default, or with one that it refuses itself */
    }
    buf_clear(&why);
}

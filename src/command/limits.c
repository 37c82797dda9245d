#include "command/limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/given.h"

enum {
    /* Beside the workers: the master, the admin process, a task, a preflight. */
    LIMITS_OTHER_PROCESSES = 4,
};

/* RLIM_INFINITY if it is not known. */
static rlim_t limits_get(__rlimit_resource_t resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/* Of a worker, and of the master, which has a channel to each child; in a reload there are twice as many. */
static void limits_descriptors(const struct conf *conf, struct buf *out)
{
    const size_t connections = conf->program == CONF_STRATSLABD ? conf->http.connections : 0;
    const size_t channels = 2 * (size_t)conf->supervision.workers;
    const size_t needed = (connections > channels ? connections : channels) + GIVEN_DESCRIPTORS_LEFT;
    const size_t given = given_descriptors();

    if (given >= needed) return;
    buf_printf(out, "a process may open %zu descriptors (RLIMIT_NOFILE), but the settings ask for %zu: ", given,
               needed);
    if (connections > channels) {
        buf_printf(out, "%zu connections (STRATSLAB_HTTP_CONNECTIONS) and %d others. Past the limit, clients wait. ",
                   connections, GIVEN_DESCRIPTORS_LEFT);
    } else {
        buf_printf(out, "%u workers (STRATSLAB_WORKERS), twice in a reload, and %d others. ", conf->supervision.workers,
                   GIVEN_DESCRIPTORS_LEFT);
    }
    buf_add_str(out, "Raise the hard limit (LimitNOFILE= of a unit, ulimits of a container), or lower the setting");
}

/* Root has no such limit. */
static void limits_processes(const struct conf *conf, struct buf *out)
{
    const rlim_t given = limits_get(RLIMIT_NPROC);
    const unsigned needed = conf->supervision.workers + LIMITS_OTHER_PROCESSES;

    if (geteuid() == 0 || given == RLIM_INFINITY || given >= needed) return;
    buf_printf(out,
               "this user may have %llu processes (RLIMIT_NPROC), but the settings ask for %u: %u workers "
               "(STRATSLAB_WORKERS) and %d others. Raise the limit (LimitNPROC= of a unit), or lower the setting",
               (unsigned long long)given, needed, conf->supervision.workers, LIMITS_OTHER_PROCESSES);
}

static void limits_file_size(const struct conf *conf, struct buf *out)
{
    const rlim_t given = limits_get(RLIMIT_FSIZE);

    (void)conf;
    if (given == RLIM_INFINITY) return;
    buf_printf(out,
               "a file may grow to %llu bytes (RLIMIT_FSIZE): what the log says past that is lost. Lift the limit "
               "(LimitFSIZE=infinity of a unit, ulimit -f unlimited)",
               (unsigned long long)given);
}

static void limits_processor_time(const struct conf *conf, struct buf *out)
{
    const rlim_t given = limits_get(RLIMIT_CPU);

    (void)conf;
    if (given == RLIM_INFINITY) return;
    buf_printf(out,
               "a process may use the processor for %llu s (RLIMIT_CPU); then the system ends it. Lift the limit "
               "(LimitCPU=infinity of a unit, ulimit -t unlimited)",
               (unsigned long long)given);
}

void limits_judge(const struct conf *conf, size_t index, struct buf *out)
{
    static void (*const judges[LIMITS_COUNT])(const struct conf *conf, struct buf *out) = {
        limits_descriptors, limits_processes, limits_file_size, limits_processor_time};

    judges[index](conf, out);
}

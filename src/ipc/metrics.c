#include "ipc/metrics.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#define US(n) (1000ULL * (n))
#define MS(n) (1000000ULL * (n))

/* From an answer out of memory (under 100 µs) over a query (1 ms) to the time-outs (seconds): two or three a decade. */
const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1] = {
    US(100), US(250), US(500), MS(1),   US(2500), MS(5),    MS(10),   MS(25),
    MS(50),  MS(100), MS(250), MS(500), MS(1000), MS(2500), MS(5000), MS(10000),
};

static const char *const metrics_class_names[METRICS_CLASSES] = {"none", "2xx", "3xx", "4xx", "5xx"};

static const struct {
    const char *name;
    int signo; /* 0: none */
} metrics_causes[METRICS_CAUSE_COUNT] = {
    [METRICS_CAUSE_SIGSEGV] = {"SIGSEGV", SIGSEGV},
    [METRICS_CAUSE_SIGABRT] = {"SIGABRT", SIGABRT},
    [METRICS_CAUSE_SIGBUS] = {"SIGBUS", SIGBUS},
    [METRICS_CAUSE_SIGFPE] = {"SIGFPE", SIGFPE},
    [METRICS_CAUSE_SIGILL] = {"SIGILL", SIGILL},
    [METRICS_CAUSE_SIGKILL] = {"SIGKILL", SIGKILL},
    [METRICS_CAUSE_SIGNAL] = {"signal", 0},
    [METRICS_CAUSE_HANG] = {"hang", 0},
    [METRICS_CAUSE_OUT_OF_MEMORY] = {"out_of_memory", 0},
    [METRICS_CAUSE_EXIT] = {"exit", 0},
    [METRICS_CAUSE_RECYCLED] = {"recycled", 0},
};

const char *metrics_class_name(unsigned class)
{
    return metrics_class_names[class];
}

const char *metrics_cause_name(enum metrics_cause cause)
{
    return metrics_causes[cause].name;
}

enum metrics_cause metrics_cause_of_signal(int signo)
{
    for (unsigned i = 0; i < METRICS_CAUSE_COUNT; i++) {
        if (metrics_causes[i].signo == signo) return (enum metrics_cause)i;
    }
    return METRICS_CAUSE_SIGNAL;
}

static void metrics_name_set(struct metrics_name *name, const char *method, const char *route)
{
    snprintf(name->method, sizeof(name->method), "%s", method);
    snprintf(name->route, sizeof(name->route), "%s", route);
}

unsigned metrics_find(const struct metrics_catalog *catalog, const char *method, const char *route)
{
    uint32_t count = atomic_load_explicit(&catalog->count, memory_order_acquire);
    struct metrics_name name = {.method = ""};

    metrics_name_set(&name, method, route);
    for (uint32_t i = METRICS_OTHER + 1; i < count && i < METRICS_NAMES_MAX; i++) {
        const struct metrics_name *at = &catalog->names[i];

        if (strcmp(at->method, name.method) == 0 && strcmp(at->route, name.route) == 0) return i;
    }
    return METRICS_OTHER;
}

static uint32_t metrics_append(struct metrics_catalog *catalog, const char *method, const char *route)
{
    uint32_t at = catalog->count;

    metrics_name_set(&catalog->names[at], method, route);
    atomic_store_explicit(&catalog->count, at + 1, memory_order_release);
    return at;
}

unsigned metrics_learn(struct metrics_catalog *catalog, unsigned max, const char *method, const char *route)
{
    if (catalog->count == 0) metrics_append(catalog, "other", "other");
    unsigned at = metrics_find(catalog, method, route);

    if (at != METRICS_OTHER || catalog->count >= max || catalog->count >= METRICS_NAMES_MAX) return at;
    return metrics_append(catalog, method, route);
}

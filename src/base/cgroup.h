/*
 * What the kernel's control groups let this process have: of both versions, side by side as well (a hybrid hierarchy),
 * with or without a cgroup namespace. A limit of any group above the process's own counts too, as far as it can be seen
 * from here: in a container the outer ones cannot.
 *
 * Sources: cgroups(7), cgroup_namespaces(7), proc_pid_mountinfo(5), proc_pid_cgroup(5); the kernel's
 * Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max, memory.high), cgroup-v1/memory.rst
 * (memory.limit_in_bytes, hierarchical_memory_limit in memory.stat) and scheduler/sched-bwc.rst (cpu.cfs_quota_us).
 */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stdint.h>

enum { CGROUP_FILE_BYTES = 512 };

#define CGROUP_NO_LIMIT UINT64_MAX

struct cgroup_limit {
    uint64_t value;               /* CGROUP_NO_LIMIT: there is none, or it cannot be read */
    char file[CGROUP_FILE_BYTES]; /* the file that says so, without the root; "" if there is no limit */
};

struct cgroup {
    struct cgroup_limit cpu;    /* thousandths of a processor, rounded up; at least 1 */
    struct cgroup_limit memory; /* bytes */
};

/* Looks below `root`: "" is this machine's own root; tests have others. What is missing or damaged limits nothing. */
void cgroup_read(const char *root, struct cgroup *ret_cgroup);

#endif

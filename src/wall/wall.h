/*
 * The second wall: what a process that speaks to clients gives up once it has all that it needs, so that whoever takes
 * it over (by a fault in a parser, say) has little of the machine. Nothing here can be taken back.
 *
 *   - a filter of system calls (seccomp(2)): no other program, no other process (fork, ptrace, another's memory,
 *     signals to others), no new file, name or mode, no sockets to listen on, no other families of sockets, no other
 *     identity, no mounts and namespaces, nothing of the kernel's that an ordinary user would not miss (bpf, perf,
 *     io_uring, userfaultfd, keys, modules, clocks), no memory that is both written and run. What is denied answers
 *     EPERM; calls that are newer than this table answer ENOSYS, as an older kernel would.
 *   - Landlock (landlock(7)), as much of it as the kernel has: no file can be written, made, removed or run but
 *     /dev/null, no TCP port be bound, and no process outside be sent a signal.
 *
 * What stays: descriptors that are open, reading files, connecting, threads. The master's log file comes by descriptor
 * (base/log.h), because it cannot be opened any more.
 *
 * A build with a sanitizer has neither filter nor Landlock, because its leak checker stops threads by ptrace and its
 * reports run a symbolizer; under valgrind(1), which writes code and runs it, they are left out too.
 */
#ifndef WALL_WALL_H
#define WALL_WALL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/* What this build, on this kernel, can do. */
struct wall_means {
    bool filter;
    int landlock;      /* the version of its interface; 0: the kernel has none, or it is switched off */
    const char *lack;  /* why there is no filter; NULL if there is one */
    bool is_by_choice; /* the lack is of how this was built or started: nobody has to be warned */
};

/* No other process of the same user looks into this one or traces it from here on, and it leaves no core file
 * (PR_SET_DUMPABLE of prctl(2)). Children have that too; what it executes does not. */
void wall_hide(void);

void wall_probe(struct wall_means *ret_means);

/*
 * What a process has behind the wall beyond what every one has. A worker of backtestd has both: it forks the process
 * that computes (queue/job.h), which has a wall of its own, and keeps candles in files that the machine's workers
 * share.
 *
 * `forks`: it may make processes, which begin as copies of it, in its own namespaces and behind its wall; and it may
 * learn of their end by a pidfd. It may still run no other program, and send no signal to any process but itself.
 * How many it makes is bounded by what its unit or container may have.
 *
 * `writes`: files may be made, written, renamed and removed in this folder, and folders below it that are there: no
 * folders, links, sockets or devices, and no modes or owners be changed. wall_enter makes the folder (0700) if its
 * parent is there; if there is none then, nothing is written there later either. On a kernel without Landlock the
 * user's own rights are all that bounds it, so that files elsewhere may be made and removed too.
 */
struct wall_options {
    bool forks;
    const char *writes; /* a path; NULL: none */
};

/* Enters what wall_probe said that there is. `more` may be NULL: nothing more. The caller has no threads, and has set
 * no_new_privs (wall/identity.h). Fails if the kernel refuses. */
int wall_enter(const struct wall_options *more, struct error *err) ATTR_CHECKED;

/*
 * For a process that was forked to compute: what it may still do is on a short list (memory of its own, writing to
 * what is open, the clock, handlers of signals, its own end; src/wall/job.c has it), and all else answers EPERM. With
 * Landlock it has no right on any file, port, abstract socket or process outside. It can open no descriptor, and leaves
 * no core file (setrlimit(2)). Sets no_new_privs. A process behind
 * wall_enter is behind both then. A build without the filter has none here either.
 */
int wall_enter_job(struct error *err) ATTR_CHECKED;

#endif

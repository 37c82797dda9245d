/* A program of classic BPF on its way, for the two filters of this room. Nobody else includes it. */
#ifndef WALL_PROGRAM_H
#define WALL_PROGRAM_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/error.h"

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

enum { FILTER_INSTRUCTIONS_MAX = 512 };

struct filter {
    struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
    unsigned short len;
};

static inline void filter_add(struct filter *f, struct sock_filter instruction)
{
    if (f->len < FILTER_INSTRUCTIONS_MAX) f->code[f->len] = instruction;
    f->len++;
}

static inline void filter_load(struct filter *f, size_t offset)
{
    filter_add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static inline void filter_return(struct filter *f, uint32_t verdict)
{
    filter_add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

static inline void filter_jump(struct filter *f, uint16_t test, uint32_t value, unsigned if_so, unsigned if_not)
{
    filter_add(
        f, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), value, (uint8_t)if_so, (uint8_t)if_not));
}

/* The calling process is behind it from here on. */
static inline int filter_load_program(const struct filter *f, struct error *err)
{
    const struct sock_fprog program = {.len = f->len, .filter = (struct sock_filter *)(uintptr_t)f->code};

    if (f->len > FILTER_INSTRUCTIONS_MAX) return error_set(err, ERROR_SYSTEM, "the filter of system calls is too long");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        return error_set_errno(err, "cannot enter the filter of system calls");
    return 0;
}

#endif

/* Landlock, by its system calls: glibc has no functions for it, and Debian 12's headers know less than its newer
 * kernels. The numbers are those of linux/landlock.h (Documentation/userspace-api/landlock.rst of the kernel). */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wall/internal.h"

/* These have the same numbers on every processor. */
enum { LANDLOCK_CREATE = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT = 446 };

enum { LANDLOCK_ASK_VERSION = 1, LANDLOCK_PATH_BENEATH = 1 };

/* Rights on files, by the version of the interface that brought them. */
#define LANDLOCK_EXECUTE (UINT64_C(1) << 0)
#define LANDLOCK_WRITE (UINT64_C(1) << 1)
#define LANDLOCK_READ (UINT64_C(3) << 2)                /* files and folders */
#define LANDLOCK_REMOVE_AND_MAKE (UINT64_C(0x1ff) << 4) /* of folders, files, devices, sockets, FIFOs, links */
#define LANDLOCK_REMOVE_FILE (UINT64_C(1) << 5)
#define LANDLOCK_MAKE_FILE (UINT64_C(1) << 8)
#define LANDLOCK_REFER (UINT64_C(1) << 13)        /* 2 */
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14)     /* 3 */
#define LANDLOCK_IOCTL_DEVICE (UINT64_C(1) << 15) /* 5 */
/* Of one who writes files in a folder: no folders, devices, sockets or links. */
#define LANDLOCK_OF_FILES (LANDLOCK_WRITE | LANDLOCK_REMOVE_FILE | LANDLOCK_MAKE_FILE | LANDLOCK_TRUNCATE)
#define LANDLOCK_BIND_TCP (UINT64_C(1) << 0)    /* 4, of the network */
#define LANDLOCK_CONNECT_TCP (UINT64_C(1) << 1) /* 4, of the network */
#define LANDLOCK_ABSTRACT (UINT64_C(1) << 0)    /* 6, a scope: sockets with abstract names */
#define LANDLOCK_SIGNALS (UINT64_C(1) << 1)     /* 6, a scope */

struct landlock_rules {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

struct landlock_beneath {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

int landlock_version(void)
{
    const long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_ASK_VERSION);

    return version > 0 ? (int)version : 0;
}

static struct landlock_rules landlock_rules(int version, size_t *ret_size)
{
    struct landlock_rules rules = {.files = LANDLOCK_EXECUTE | LANDLOCK_WRITE | LANDLOCK_REMOVE_AND_MAKE};

    if (version >= 2) rules.files |= LANDLOCK_REFER;
    if (version >= 3) rules.files |= LANDLOCK_TRUNCATE;
    if (version >= 4) rules.network = LANDLOCK_BIND_TCP;
    if (version >= 5) rules.files |= LANDLOCK_IOCTL_DEVICE;
    if (version >= 6) rules.scopes = LANDLOCK_SIGNALS;
    *ret_size = version >= 6 ? sizeof(rules) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    return rules;
}

/* What is not there has no exception. */
static void landlock_allow(int rules_fd, const char *path, uint64_t rights)
{
    struct landlock_beneath rule = {.allowed = rights, .fd = open(path, O_PATH | O_CLOEXEC)};

    if (rule.fd < 0) return;
    syscall(LANDLOCK_ADD_RULE, rules_fd, LANDLOCK_PATH_BENEATH, &rule, 0);
    close(rule.fd);
}

/* Closes the rules. */
static int landlock_restrict(int fd, struct error *err)
{
    const long rc = syscall(LANDLOCK_RESTRICT, fd, 0);
    const int problem = errno;

    close(fd);
    errno = problem;
    return rc == 0 ? 0 : error_set_errno(err, "cannot enter the rules of Landlock");
}

int landlock_enter(int version, const struct wall_options *options, struct error *err)
{
    size_t size;
    const struct landlock_rules rules = landlock_rules(version, &size); /* reading is left to the user's own rights */
    const int fd = (int)syscall(LANDLOCK_CREATE, &rules, size, 0);

    if (fd < 0) return error_set_errno(err, "cannot make the rules of Landlock");
    landlock_allow(fd, "/dev/null", LANDLOCK_WRITE); /* libraries write there what nobody wants */
    if (options->writes != NULL) landlock_allow(fd, options->writes, rules.files & LANDLOCK_OF_FILES);
    return landlock_restrict(fd, err);
}

int landlock_enter_nothing(int version, struct error *err)
{
    size_t size;
    struct landlock_rules rules = landlock_rules(version, &size);

    rules.files |= LANDLOCK_READ;
    if (version >= 4) rules.network |= LANDLOCK_CONNECT_TCP;
    if (version >= 6) rules.scopes |= LANDLOCK_ABSTRACT;
    const int fd = (int)syscall(LANDLOCK_CREATE, &rules, size, 0);

    if (fd < 0) return error_set_errno(err, "cannot make the rules of Landlock");
    return landlock_restrict(fd, err);
}

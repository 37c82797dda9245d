#include "wall/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/number.h"
#include "base/slice.h"

enum {
    IDENTITY_NOBODY = 65534, /* the kernel's own number for nobody (overflowuid of proc(5)) */
    IDENTITY_CAPABILITIES_MAX = 64,
};

/* ---- Whom ---- */

static void identity_take(struct identity *id, const struct passwd *user)
{
    int count = IDENTITY_GROUPS_MAX;

    id->uid = user->pw_uid;
    id->gid = user->pw_gid;
    snprintf(id->name, sizeof(id->name), "%s", user->pw_name);
    snprintf(id->home, sizeof(id->home), "%s", user->pw_dir);
    if (getgrouplist(user->pw_name, user->pw_gid, id->groups, &count) < 0) count = IDENTITY_GROUPS_MAX;
    id->group_count = (size_t)count;
}

/* A user who has a number and no name: as in an image without /etc/passwd. */
static void identity_take_number(struct identity *id, uint32_t number)
{
    id->uid = number;
    id->gid = number;
    id->groups[0] = number;
    id->group_count = 1;
    snprintf(id->name, sizeof(id->name), "%u", number);
    snprintf(id->home, sizeof(id->home), "/");
}

static void identity_take_usual(struct identity *id)
{
    static const char *const names[] = {"stratslab", "nobody"};

    for (size_t i = 0; i < countof(names); i++) {
        const struct passwd *user = getpwnam(names[i]);

        if (user == NULL || user->pw_uid == 0) continue;
        identity_take(id, user);
        return;
    }
    identity_take_number(id, IDENTITY_NOBODY);
}

int identity_find(const char *text, struct identity *ret_identity, struct error *err)
{
    struct identity id = {.stays = geteuid() != 0};
    const struct passwd *user = NULL;
    uint64_t number = UINT64_MAX;

    if (!id.stays && text[0] == '\0') {
        identity_take_usual(&id);
    } else if (!id.stays) {
        const bool is_number = number_parse_u64(slice_of(text), &number) && number < UINT32_MAX;

        user = is_number ? getpwuid((uid_t)number) : getpwnam(text);
        if (user == NULL && !is_number) {
            return error_set(
                err, ERROR_SETTINGS,
                "STRATSLAB_USER: there is no user \"%s\" on this machine. Make one (useradd --system %s), or "
                "name another one; root must be written to stay root",
                text, text);
        }
        if (user != NULL) identity_take(&id, user);
        if (user == NULL) identity_take_number(&id, (uint32_t)number);
        id.stays = id.uid == 0;
    }
    *ret_identity = id;
    return 0;
}

/* ---- To become somebody ---- */

static int identity_get_capabilities(struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(SYS_capget, &header, sets);
}

static bool identity_has_capabilities(void)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};

    if (identity_get_capabilities(sets) != 0) return true;
    for (size_t i = 0; i < countof(sets); i++) {
        if ((sets[i].effective | sets[i].permitted | sets[i].inheritable) != 0) return true;
    }
    return false;
}

static bool identity_has(unsigned capability)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};

    return identity_get_capabilities(sets) == 0 && (sets[capability / 32].effective >> capability % 32 & 1) != 0;
}

/* The bounding set first: that takes a capability. */
static int identity_drop_capabilities(struct error *err)
{
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!identity_has_capabilities()) return 0;
    if (syscall(SYS_capset, &header, none) != 0) return error_set_errno(err, "cannot give up the capabilities");
    return 0;
}

static void identity_drop_bounds(void)
{
    for (unsigned long i = 0; identity_has(CAP_SETPCAP) && i < IDENTITY_CAPABILITIES_MAX; i++) {
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    }
}

/* What is to be sent when the parent ends, which the kernel forgets when a process becomes another user
 * (PR_SET_PDEATHSIG of prctl(2)). */
struct identity_parent {
    pid_t pid;
    int signo; /* 0: nothing */
};

static struct identity_parent identity_note_parent(void)
{
    struct identity_parent parent = {.pid = getppid()};

    if (prctl(PR_GET_PDEATHSIG, &parent.signo, 0, 0, 0) != 0) parent.signo = 0;
    return parent;
}

static void identity_keep_parent(const struct identity_parent *parent)
{
    if (parent->signo == 0) return;
    prctl(PR_SET_PDEATHSIG, parent->signo, 0, 0, 0);
    if (getppid() != parent->pid) raise(parent->signo); /* it ended in between */
}

static int identity_change(const struct identity *id, struct error *err)
{
    const struct identity_parent parent = identity_note_parent();

    /* What root's login left there is not the user's. A kernel without keyrings has none to give away. */
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (setgroups(id->group_count, id->groups) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
        setresuid(id->uid, id->uid, id->uid) != 0) {
        return error_set_errno(err, "cannot become the user %s", id->name);
    }
    identity_keep_parent(&parent);
    setenv("HOME", id->home, 1);
    setenv("USER", id->name, 1);
    setenv("LOGNAME", id->name, 1);
    return 0;
}

static int identity_verify(const struct identity *id, struct error *err)
{
    const bool is_back = !id->stays && (setresuid(0, 0, 0) == 0 || seteuid(0) == 0 || setuid(0) == 0 ||
                                        setresgid(0, 0, 0) == 0 || getuid() != id->uid || geteuid() != id->uid);

    if (is_back || identity_has_capabilities()) {
        return error_set(err, ERROR_SYSTEM, "root could not be given up: the process could become root again");
    }
    return 0;
}

int identity_become(const struct identity *id, struct error *err)
{
    identity_drop_bounds();
    if (!id->stays && identity_change(id, err) != 0) return -1;
    if (identity_drop_capabilities(err) != 0) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return error_set_errno(err, "cannot set no_new_privs");
    return identity_verify(id, err);
}

/* ---- Whether that will work ---- */

/* What the trial found, through a pipe. */
struct identity_trial {
    int problem;          /* errno; 0: all is well */
    size_t path_at;       /* of the file that cannot be read; SIZE_MAX: the user cannot be become */
    bool is_out_of_reach; /* the user can be become, and root may not send it a signal */
};

static void identity_trial_run(const struct identity *id, const char *const *paths, size_t count, int fd)
{
    struct identity_trial trial = {.path_at = SIZE_MAX};

    if (identity_become(id, NULL) != 0) {
        trial.problem = errno != 0 ? errno : EPERM;
    }
    for (size_t i = 0; i < count && trial.problem == 0; i++) {
        if (access(paths[i], R_OK) == 0) continue;
        trial = (struct identity_trial){.problem = errno, .path_at = i};
    }
    _exit(write(fd, &trial, sizeof(trial)) == (ssize_t)sizeof(trial) ? 0 : 1);
}

static int identity_trial(const struct identity *id, const char *const *paths, size_t count,
                          struct identity_trial *ret_trial, struct error *err)
{
    int ends[2];
    int status;

    if (pipe2(ends, O_CLOEXEC) != 0) return error_set_errno(err, "cannot make a pipe");
    const pid_t pid = fork();

    if (pid == 0) identity_trial_run(id, paths, count, ends[1]);
    close(ends[1]);
    const bool is_told = pid > 0 && read(ends[0], ret_trial, sizeof(*ret_trial)) == (ssize_t)sizeof(*ret_trial);

    close(ends[0]);
    if (pid < 0) return error_set_errno(err, "cannot fork");
    /* Its number is its own until it is waited for. */
    if (is_told && ret_trial->problem == 0 && kill(pid, 0) != 0) {
        *ret_trial = (struct identity_trial){.problem = errno, .path_at = SIZE_MAX, .is_out_of_reach = true};
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return is_told ? 0 : error_set(err, ERROR_SYSTEM, "the trial to become the user %s ended without a word", id->name);
}

/* Whether root is root. In a namespace of an ordinary user number 0 is that user. */
static bool identity_is_machines_root(void)
{
    uint64_t inside = 1, outside = 0;
    FILE *file = fopen("/proc/self/uid_map", "re");

    if (file == NULL) return true;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the numbers, they fit */
    while (inside != 0 && fscanf(file, "%lu %lu %*u", &inside, &outside) == 2) {}
    fclose(file);
    return inside == 0 && outside == 0;
}

int identity_try(struct identity *id, const char *const *paths, size_t count, struct error *err)
{
    struct identity_trial trial = {0};

    if (id->stays) return 0;
    if (identity_trial(id, paths, count, &trial, err) != 0) return -1;
    if (trial.problem == 0) return 0;
    if (trial.path_at < count) {
        return error_set(err, ERROR_SETTINGS,
                         "the user %s cannot read %s, which the connection to the database needs: %s. The service was "
                         "started as root, and its processes that connect become that user (STRATSLAB_USER). Let the "
                         "user read it (chown %s %s, and chmod a+x for the folders above), or start the service as the "
                         "user who may",
                         id->name, paths[trial.path_at], strerror(trial.problem), id->name, paths[trial.path_at]);
    }
    if (!identity_is_machines_root()) {
        id->stays = true;
        return 0;
    }
    return error_set(err, ERROR_SETTINGS,
                     "the service was started as root, and %s the user %s (STRATSLAB_USER): %s. Start it as an "
                     "ordinary user, or with the capabilities SETUID, SETGID and KILL; or, to stay root, set "
                     "STRATSLAB_USER=root",
                     trial.is_out_of_reach ? "the master could not signal its processes once they are"
                                           : "its processes cannot become",
                     id->name, strerror(trial.problem));
}

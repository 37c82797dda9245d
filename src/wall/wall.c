#include "wall/wall.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/slice.h"
#include "wall/internal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WALL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WALL_SANITIZED 1
#endif
#endif
#ifndef WALL_SANITIZED
#define WALL_SANITIZED 0
#endif

static const char *wall_lack(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    if (WALL_SANITIZED) return "this build has a sanitizer, which needs what the filter denies";
    if (preloaded != NULL && strstr(preloaded, "/vgpreload_") != NULL) return "it runs under valgrind";
    return NULL;
}

void wall_probe(struct wall_means *ret_means)
{
    const char *lack = wall_lack();

    *ret_means = (struct wall_means){.lack = lack != NULL ? lack : filter_lack(), .is_by_choice = lack != NULL};
    ret_means->filter = ret_means->lack == NULL;
    if (lack == NULL) ret_means->landlock = landlock_version();
}

void wall_hide(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int wall_enter(const struct wall_options *more, struct error *err)
{
    static const struct wall_options nothing = {0};
    const struct wall_options *options = more == NULL ? &nothing : more;
    struct wall_means means;

    wall_probe(&means);
    if (options->writes != NULL) (void)mkdir(options->writes, 0700); /* who misses it finds out when it writes */
    if (means.landlock > 0 && landlock_enter(means.landlock, options, err) != 0) return -1;
    return means.filter ? filter_enter(options, err) : 0;
}

int wall_enter_job(struct error *err)
{
    static const __rlimit_resource_t nothing[] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_CORE};
    static const struct rlimit none = {0};
    struct wall_means means;

    wall_probe(&means);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return error_set_errno(err, "cannot set no_new_privs");
    if (means.landlock > 0 && landlock_enter_nothing(means.landlock, err) != 0) return -1;
    for (size_t i = 0; i < countof(nothing); i++) {
        if (setrlimit(nothing[i], &none) != 0) return error_set_errno(err, "cannot lower a limit");
    }
    return means.filter ? job_filter_enter(err) : 0;
}

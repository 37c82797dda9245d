/* As root these become somebody else; as an ordinary user they show that nobody changes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_wall.h"
#include "wall/identity.h"

static bool is_root(void)
{
    return geteuid() == 0;
}

static int become_nobody(void)
{
    struct identity who;
    gid_t groups[IDENTITY_GROUPS_MAX];
    int signo = 0;

    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0) return 9; /* as what a reload runs has it */
    if (identity_find("nobody", &who, NULL) != 0 || identity_try(&who, NULL, 0, NULL) != 0) return 1;
    if (identity_become(&who, NULL) != 0) return 2;
    if (!who.stays && (getuid() != who.uid || geteuid() != who.uid || getegid() != who.gid)) return 3;
    if (!who.stays && (size_t)getgroups(IDENTITY_GROUPS_MAX, groups) != who.group_count) return 4;
    if (!who.stays && (setuid(0) == 0 || setgid(0) == 0)) return 5;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 6;
    for (unsigned long i = 0; i < 64; i++) {
        if (is_root() && !who.stays && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) return 7;
    }
    if (prctl(PR_GET_PDEATHSIG, &signo, 0, 0, 0) != 0 || signo != SIGTERM) return 10;
    return who.stays || strcmp(getenv("HOME"), who.home) == 0 ? 0 : 8;
}

static void test_a_user_is_become_for_ever(void)
{
    UNIT_INT(wall_in_child(become_nobody), 0);
}

static void test_users_by_name_number_and_default(void)
{
    struct identity who;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(identity_find("", &who, &err), 0);
    CU_ASSERT_EQUAL(who.stays, !is_root());
    CU_ASSERT_TRUE(!is_root() || who.uid != 0);
    CU_ASSERT_EQUAL(identity_find("root", &who, &err), 0);
    CU_ASSERT_TRUE(who.stays);
    CU_ASSERT_EQUAL(identity_find("0", &who, &err), 0);
    CU_ASSERT_TRUE(who.stays);
    CU_ASSERT_EQUAL(identity_find("54321", &who, &err), 0);
    CU_ASSERT_TRUE(!is_root() || (who.uid == 54321 && who.gid == 54321 && who.group_count == 1));
    if (!is_root()) {
        CU_ASSERT_EQUAL(identity_find("nobody-has-this-name", &who, &err), 0); /* it is not used */
        return;
    }
    CU_ASSERT_EQUAL(identity_find("nobody-has-this-name", &who, &err), -1);
    UNIT_INT(err.code, ERROR_SETTINGS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "STRATSLAB_USER: there is no user \"nobody-has-this-name\""));
}

static void test_a_file_that_the_user_cannot_read_is_named(void)
{
    char path[] = "/tmp/test_identity.XXXXXX";
    const int fd = mkstemp(path);
    const char *const paths[] = {"/etc/passwd", path};
    struct identity who;
    struct error err = {0};

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fchmod(fd, 0600), 0);
    CU_ASSERT_EQUAL_FATAL(identity_find("nobody", &who, &err), 0);
    const int rc = identity_try(&who, paths, countof(paths), &err);

    if (who.stays) {
        UNIT_INT(rc, 0);
    } else {
        UNIT_INT(rc, -1);
        UNIT_INT(err.code, ERROR_SETTINGS);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "the user nobody cannot read /tmp/test_identity."));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "chown nobody /tmp/test_identity."));
    }
    UNIT_INT(fchmod(fd, 0644), 0);
    UNIT_INT(identity_try(&who, paths, countof(paths), &err), 0);
    close(fd);
    unlink(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_user_is_become_for_ever),
    UNIT_TEST(test_users_by_name_number_and_default),
    UNIT_TEST(test_a_file_that_the_user_cannot_read_is_named),
};
const struct unit_part identity_tests = UNIT_PART(tests);

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "test_base.h"

/* A made tree: /proc and /sys as a process of some machine would see them. */

enum { TREE_FILES_MAX = 8 };

struct tree_file {
    const char *path; /* below the root */
    const char *text;
};

struct tree {
    char root[32];
};

static void tree_add(const struct tree *tree, const struct tree_file *file)
{
    char path[512];
    FILE *out;

    snprintf(path, sizeof(path), "%s%s", tree->root, file->path);
    for (char *at = path + strlen(tree->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    out = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    if (out == NULL) return;
    fputs(file->text, out);
    fclose(out);
}

static void tree_remove(const struct tree *tree)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r '%s'", tree->root);
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
}

static struct cgroup tree_read(const char *mounts, const char *paths, const struct tree_file files[TREE_FILES_MAX])
{
    struct tree tree = {"/tmp/test_cgroup.XXXXXX"};
    struct cgroup cgroup;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tree.root));
    tree_add(&tree, &(struct tree_file){"/proc/self/mountinfo", mounts});
    tree_add(&tree, &(struct tree_file){"/proc/self/cgroup", paths});
    for (unsigned i = 0; i < TREE_FILES_MAX && files[i].path != NULL; i++) tree_add(&tree, &files[i]);
    cgroup_read(tree.root, &cgroup);
    tree_remove(&tree);
    return cgroup;
}

#define FILES(...) ((const struct tree_file[TREE_FILES_MAX]){__VA_ARGS__})

static void is_limit(const struct cgroup_limit *limit, uint64_t value, const char *file)
{
    UNIT_INT(limit->value, value);
    UNIT_STR(limit->file, file);
}

static void is_unlimited(const struct cgroup_limit *limit)
{
    is_limit(limit, CGROUP_NO_LIMIT, "");
}

#define ROOT_LINE "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
#define V2_LINE "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void test_v2_of_systemd(void)
{
    const struct cgroup c =
        tree_read(ROOT_LINE V2_LINE, "0::/system.slice/stratslabd.service\n",
                  FILES({"/sys/fs/cgroup/system.slice/stratslabd.service/cpu.max", "150000 100000\n"},
                        {"/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n"},
                        {"/sys/fs/cgroup/system.slice/stratslabd.service/memory.max", "max\n"},
                        {"/sys/fs/cgroup/system.slice/stratslabd.service/memory.high", "300000000\n"},
                        {"/sys/fs/cgroup/system.slice/memory.max", "500000000\n"}));

    is_limit(&c.cpu, 1500, "/sys/fs/cgroup/system.slice/stratslabd.service/cpu.max");
    is_limit(&c.memory, 300000000, "/sys/fs/cgroup/system.slice/stratslabd.service/memory.high");
}

static void test_v2_of_a_group_above(void)
{
    const struct cgroup c = tree_read(
        ROOT_LINE V2_LINE, "0::/a/b/c\n",
        FILES({"/sys/fs/cgroup/a/cpu.max", "20000 100000\n"}, {"/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n"},
              {"/sys/fs/cgroup/a/b/memory.max", "67108864\n"}, {"/sys/fs/cgroup/a/b/c/memory.max", "max\n"}));

    is_limit(&c.cpu, 200, "/sys/fs/cgroup/a/cpu.max");
    is_limit(&c.memory, 67108864, "/sys/fs/cgroup/a/b/memory.max");
}

/* Docker and Kubernetes with version 2: the container is the root of its own namespace. */
static void test_v2_of_a_container(void)
{
    const struct cgroup c =
        tree_read("700 600 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n", "0::/\n",
                  FILES({"/sys/fs/cgroup/cpu.max", "100000 100000\n"}, {"/sys/fs/cgroup/memory.max", "268435456\n"}));

    is_limit(&c.cpu, 1000, "/sys/fs/cgroup/cpu.max");
    is_limit(&c.memory, 268435456, "/sys/fs/cgroup/memory.max");
}

/* A process that was moved out of its own namespace: what is mounted is all that can be seen. */
static void test_v2_outside_of_its_namespace(void)
{
    const struct cgroup c =
        tree_read(V2_LINE, "0::/../../elsewhere\n",
                  FILES({"/sys/fs/cgroup/cpu.max", "300000 100000\n"}, {"/sys/elsewhere/cpu.max", "1 100000\n"}));

    is_limit(&c.cpu, 3000, "/sys/fs/cgroup/cpu.max");
}

#define V1_LINES                                                                                    \
    "31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n" \
    "32 22 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"                             \
    "33 22 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define V1_PATHS(path) "5:memory:" path "\n4:cpuset:/\n3:cpu,cpuacct:" path "\n1:name=systemd:" path "\n"

static void test_v1(void)
{
    const struct cgroup c =
        tree_read(ROOT_LINE V1_LINES, V1_PATHS("/user/one"),
                  FILES({"/sys/fs/cgroup/cpu,cpuacct/user/one/cpu.cfs_quota_us", "-1\n"},
                        {"/sys/fs/cgroup/cpu,cpuacct/user/one/cpu.cfs_period_us", "100000\n"},
                        {"/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_quota_us", "210000\n"},
                        {"/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_period_us", "100000\n"},
                        {"/sys/fs/cgroup/memory/user/one/memory.limit_in_bytes", "9223372036854771712\n"},
                        {"/sys/fs/cgroup/memory/user/memory.limit_in_bytes", "134217728\n"}));

    is_limit(&c.cpu, 2100, "/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_quota_us");
    is_limit(&c.memory, 134217728, "/sys/fs/cgroup/memory/user/memory.limit_in_bytes");
}

/* Docker with version 1 and no cgroup namespace: the path is the machine's, and what is mounted is the container's. */
static void test_v1_of_a_container(void)
{
    const struct cgroup c = tree_read(
        "90 80 0:27 /docker/f00d /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
        "91 80 0:29 /docker/f00d /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        V1_PATHS("/docker/f00d"),
        FILES({"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"},
              {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
              {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
              {"/sys/fs/cgroup/memory/memory.stat", "cache 1\nhierarchical_memory_limit 104857600\nrss 2\n"}));

    is_limit(&c.cpu, 500, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
    is_limit(&c.memory, 104857600, "/sys/fs/cgroup/memory/memory.stat");
}

/* Kubernetes with a bind mount of another pod's group beside one's own: only one's own counts. */
static void test_v1_of_a_pod(void)
{
    const struct cgroup c =
        tree_read("90 80 0:27 /kubepods/other /mnt/other rw - cgroup cgroup rw,cpu,cpuacct\n"
                  "91 80 0:27 /kubepods/pod1/c1 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n",
                  V1_PATHS("/kubepods/pod1/c1"),
                  FILES({"/mnt/other/cpu.cfs_quota_us", "1000\n"}, {"/mnt/other/cpu.cfs_period_us", "100000\n"},
                        {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"},
                        {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}));

    is_limit(&c.cpu, 4000, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    is_unlimited(&c.memory);
}

/* A path that begins like the mounted one is not below it. */
static void test_v1_of_a_neighbour(void)
{
    const struct cgroup c =
        tree_read("90 80 0:27 /a /mnt/a rw - cgroup cgroup rw,cpu\n"
                  "91 80 0:27 / /mnt/all rw - cgroup cgroup rw,cpu\n",
                  "3:cpu:/ab\n",
                  FILES({"/mnt/a/cpu.cfs_quota_us", "1000\n"}, {"/mnt/a/cpu.cfs_period_us", "100000\n"},
                        {"/mnt/all/ab/cpu.cfs_quota_us", "100000\n"}, {"/mnt/all/ab/cpu.cfs_period_us", "50000\n"}));

    is_limit(&c.cpu, 2000, "/mnt/all/ab/cpu.cfs_quota_us");
}

/* Version 2 for systemd alone, version 1 for the controllers; and the other way round. */
static void test_hybrid(void)
{
    const struct cgroup one = tree_read(V1_LINES "40 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                                        V1_PATHS("/one") "0::/two\n",
                                        FILES({"/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_quota_us", "100000\n"},
                                              {"/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_period_us", "100000\n"},
                                              {"/sys/fs/cgroup/unified/two/cgroup.procs", "1\n"},
                                              {"/sys/fs/cgroup/memory/one/memory.limit_in_bytes", "1000000\n"}));
    const struct cgroup two =
        tree_read(V1_LINES "40 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", V1_PATHS("/") "0::/two\n",
                  FILES({"/sys/fs/cgroup/unified/two/cpu.max", "200000 100000\n"},
                        {"/sys/fs/cgroup/unified/two/memory.max", "2000000\n"}));

    is_limit(&one.cpu, 1000, "/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_quota_us");
    is_limit(&one.memory, 1000000, "/sys/fs/cgroup/memory/one/memory.limit_in_bytes");
    is_limit(&two.cpu, 2000, "/sys/fs/cgroup/unified/two/cpu.max");
    is_limit(&two.memory, 2000000, "/sys/fs/cgroup/unified/two/memory.max");
}

static void test_names_with_spaces(void)
{
    const struct cgroup c = tree_read("30 22 0:26 / /mnt/a\\040b\\134c rw - cgroup2 cgroup2 rw\n", "0::/d e:f\n",
                                      FILES({"/mnt/a b\\c/d e:f/cpu.max", "100001 100000\n"}));

    is_limit(&c.cpu, 1001, "/mnt/a b\\c/d e:f/cpu.max");
}

static void test_a_sandbox_that_imitates_it(void)
{
    const struct cgroup c =
        tree_read(ROOT_LINE "31 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", "0::/a\n",
                  FILES({"/sys/fs/cgroup/cpu.max", "250000 100000\n"}, {"/sys/fs/cgroup/a/memory.max", "1000000\n"}));

    is_limit(&c.cpu, 2500, "/sys/fs/cgroup/cpu.max");
    is_limit(&c.memory, 1000000, "/sys/fs/cgroup/a/memory.max");
}

static void test_nothing_is_there(void)
{
    const struct cgroup bare = tree_read("", "", FILES({0}));
    const struct cgroup none = tree_read(ROOT_LINE, "0::/\n", FILES({0}));
    const struct cgroup gone = tree_read(V2_LINE, "0::/a (deleted)\n", FILES({"/sys/fs/cgroup/x", "\n"}));
    struct cgroup nowhere;

    cgroup_read("/nonexistent", &nowhere);
    is_unlimited(&bare.cpu);
    is_unlimited(&bare.memory);
    is_unlimited(&none.cpu);
    is_unlimited(&none.memory);
    is_unlimited(&gone.cpu);
    is_unlimited(&gone.memory);
    is_unlimited(&nowhere.cpu);
    is_unlimited(&nowhere.memory);
}

static void test_damaged(void)
{
    static const char *const values[] = {"",
                                         "\n",
                                         " ",
                                         "0 100000\n",
                                         "100000 0\n",
                                         "100000\n",
                                         "x 100000\n",
                                         "-1 100000\n",
                                         "99999999999999999999 100000\n",
                                         "18446744073709551615 1\n",
                                         "1 2 3\n",
                                         "max\n"};
    static const char *const mounts[] = {"\n",
                                         "x\n",
                                         "1 2 3 4 5 6 - cgroup2\n",
                                         "- cgroup2 x y\n",
                                         "1 2 3 / relative rw - cgroup2 a b\n",
                                         "1 2 3 / / rw -",
                                         "1 2 3  / rw - cgroup2 a b\n"};
    static const char *const paths[] = {"\n", "::\n", "0\n", "0:\n", "0::\n", "0::relative\n", "1:cpu\n", "x::/\n"};

    for (unsigned i = 0; i < countof(values); i++) {
        const struct cgroup c =
            tree_read(V2_LINE, "0::/\n",
                      FILES({"/sys/fs/cgroup/cpu.max", values[i]}, {"/sys/fs/cgroup/memory.max", "12x\n"},
                            {"/sys/fs/cgroup/memory.high", "-1\n"}));

        is_unlimited(&c.cpu);
        is_unlimited(&c.memory);
    }
    for (unsigned i = 0; i < countof(mounts); i++) {
        const struct cgroup c = tree_read(mounts[i], "0::/\n", FILES({"/cpu.max", "100000 100000\n"}));

        is_unlimited(&c.cpu);
    }
    for (unsigned i = 0; i < countof(paths); i++) {
        const struct cgroup c = tree_read(V2_LINE, paths[i], FILES({"/sys/fs/cgroup/cpu.max", "100000 100000\n"}));

        is_unlimited(&c.cpu);
    }
}

static void test_this_machine(void)
{
    struct cgroup c;

    cgroup_read("", &c); /* whatever it is */
    CU_ASSERT(c.cpu.value > 0);
    CU_ASSERT((c.cpu.value == CGROUP_NO_LIMIT) == (c.cpu.file[0] == '\0'));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_v2_of_systemd),     UNIT_TEST(test_v2_of_a_group_above),
    UNIT_TEST(test_v2_of_a_container), UNIT_TEST(test_v1),
    UNIT_TEST(test_v1_of_a_container), UNIT_TEST(test_v1_of_a_pod),
    UNIT_TEST(test_v1_of_a_neighbour), UNIT_TEST(test_hybrid),
    UNIT_TEST(test_names_with_spaces), UNIT_TEST(test_a_sandbox_that_imitates_it),
    UNIT_TEST(test_nothing_is_there),  UNIT_TEST(test_damaged),
    UNIT_TEST(test_this_machine),      UNIT_TEST(test_v2_outside_of_its_namespace),
};
const struct unit_part cgroup_tests = UNIT_PART(tests);

#include "base/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/number.h"

enum {
    CGROUP_TABLE_MAX = 16 << 20, /* of mountinfo: machines with many containers have thousands of lines */
    CGROUP_VALUE_MAX = 64 << 10,
    CGROUP_MILLI = 1000,
};

/* A kind of limit: where each version has it. */
struct cgroup_kind {
    const char *controller; /* of version 1 */
    void (*read_v1)(const char *root, const char *folder, struct cgroup_limit *limit);
    void (*read_v2)(const char *root, const char *folder, struct cgroup_limit *limit);
};

static void cgroup_take(struct cgroup_limit *limit, uint64_t value, const char *file)
{
    if (value >= limit->value) return;
    limit->value = value;
    snprintf(limit->file, sizeof(limit->file), "%s", file);
}

/* The first line of folder/name, without its end. False if there is none. */
static bool cgroup_read_line(const char *root, const char *folder, const char *name, struct buf *path, struct buf *line)
{
    struct buf whole = {0};
    struct slice rest;
    bool found;

    buf_reset(path);
    buf_reset(line);
    buf_printf(path, "%s%s/%s", root, folder, name);
    found = file_read(buf_cstr(path), CGROUP_VALUE_MAX, &whole);
    rest = buf_slice(&whole);
    buf_add_slice(line, slice_trim(slice_cut(&rest, '\n')));
    buf_clear(&whole);
    return found && line->len > 0;
}

/* A file that holds one number. */
static void cgroup_read_number(const char *root, const char *folder, const char *name, struct cgroup_limit *limit)
{
    struct buf path = {0}, line = {0};
    uint64_t value;

    /* "max" and -1 are not numbers. */
    if (cgroup_read_line(root, folder, name, &path, &line) && number_parse_u64(buf_slice(&line), &value)) {
        cgroup_take(limit, value, buf_cstr(&path) + strlen(root));
    }
    buf_clear(&path);
    buf_clear(&line);
}

static bool cgroup_quota(struct slice quota, struct slice period, uint64_t *ret_milli)
{
    uint64_t allowed, of, scaled;

    if (!number_parse_u64(quota, &allowed) || !number_parse_u64(period, &of) || allowed == 0 || of == 0) return false;
    if (__builtin_mul_overflow(allowed, (uint64_t)CGROUP_MILLI, &scaled)) return false;
    *ret_milli = scaled / of + (scaled % of > 0);
    return true;
}

static void cgroup_cpu_v2(const char *root, const char *folder, struct cgroup_limit *limit)
{
    struct buf path = {0}, line = {0};
    uint64_t milli;

    if (cgroup_read_line(root, folder, "cpu.max", &path, &line)) {
        struct slice period = buf_slice(&line);
        const struct slice quota = slice_cut(&period, ' ');

        if (cgroup_quota(quota, slice_trim(period), &milli)) cgroup_take(limit, milli, buf_cstr(&path) + strlen(root));
    }
    buf_clear(&path);
    buf_clear(&line);
}

static void cgroup_cpu_v1(const char *root, const char *folder, struct cgroup_limit *limit)
{
    struct buf path = {0}, quota = {0}, period = {0};
    uint64_t milli;

    if (cgroup_read_line(root, folder, "cpu.cfs_period_us", &path, &period) &&
        cgroup_read_line(root, folder, "cpu.cfs_quota_us", &path, &quota) &&
        cgroup_quota(buf_slice(&quota), buf_slice(&period), &milli)) {
        cgroup_take(limit, milli, buf_cstr(&path) + strlen(root));
    }
    buf_clear(&path);
    buf_clear(&quota);
    buf_clear(&period);
}

/* Above memory.high the kernel slows a group down so much that the limit may as well be there. */
static void cgroup_memory_v2(const char *root, const char *folder, struct cgroup_limit *limit)
{
    cgroup_read_number(root, folder, "memory.max", limit);
    cgroup_read_number(root, folder, "memory.high", limit);
}

/* memory.stat tells of groups above that cannot be seen from here. */
static void cgroup_memory_v1(const char *root, const char *folder, struct cgroup_limit *limit)
{
    static const char name[] = "hierarchical_memory_limit ";
    struct buf path = {0}, text = {0};
    struct slice rest;
    uint64_t value;

    cgroup_read_number(root, folder, "memory.limit_in_bytes", limit);
    buf_printf(&path, "%s%s/memory.stat", root, folder);
    rest = file_read(buf_cstr(&path), CGROUP_VALUE_MAX, &text) ? buf_slice(&text) : SLICE_NONE;
    while (rest.data != NULL) {
        const struct slice line = slice_cut(&rest, '\n');

        if (line.len < sizeof(name) || memcmp(line.data, name, sizeof(name) - 1) != 0) continue;
        if (number_parse_u64((struct slice){line.data + sizeof(name) - 1, line.len - (sizeof(name) - 1)}, &value)) {
            cgroup_take(limit, value, buf_cstr(&path) + strlen(root));
        }
    }
    buf_clear(&path);
    buf_clear(&text);
}

static const struct cgroup_kind cgroup_cpu = {"cpu", cgroup_cpu_v1, cgroup_cpu_v2};
static const struct cgroup_kind cgroup_memory = {"memory", cgroup_memory_v1, cgroup_memory_v2};

/* A mount of a hierarchy, from a line of mountinfo. */
struct cgroup_mount {
    bool is_v2;
    struct buf top;     /* of the hierarchy, what is mounted: "/", or "/docker/…" */
    struct buf folder;  /* where */
    struct slice names; /* of version 1: "rw,cpu,cpuacct" */
};

/* Words of the file have spaces, tabs, line ends and backslashes as \040 and so on. */
static void cgroup_unescape(struct slice word, struct buf *out)
{
    buf_reset(out);
    for (size_t i = 0; i < word.len; i++) {
        const char *c = word.data + i;
        const bool octal = c[0] == '\\' && i + 3 < word.len && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' &&
                           c[2] <= '7' && c[3] >= '0' && c[3] <= '7';

        if (octal) {
            buf_add_char(out, (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0')));
            i += 3;
        } else {
            buf_add_char(out, *c);
        }
    }
}

/* id parent major:minor ROOT MOUNTPOINT options [tags] - TYPE source SUPEROPTIONS */
static bool cgroup_mount_parse(struct slice line, struct cgroup_mount *mount)
{
    struct slice top = SLICE_NONE, folder = SLICE_NONE, word = SLICE_NONE;

    for (unsigned i = 0; i < 6 && line.data != NULL; i++) {
        word = slice_cut(&line, ' ');
        if (i == 3) top = word;
        if (i == 4) folder = word;
    }
    while (line.data != NULL && !slice_is(word, "-")) word = slice_cut(&line, ' ');
    if (line.data == NULL) return false;
    word = slice_cut(&line, ' ');
    mount->is_v2 = slice_is(word, "cgroup2");
    if (!mount->is_v2 && !slice_is(word, "cgroup")) return false;
    (void)slice_cut(&line, ' ');
    mount->names = slice_cut(&line, ' ');
    cgroup_unescape(top, &mount->top);
    cgroup_unescape(folder, &mount->folder);
    return mount->top.len > 0 && mount->folder.len > 0 && mount->folder.data[0] == '/';
}

static bool cgroup_list_has(struct slice list, const char *name)
{
    while (list.data != NULL) {
        if (slice_is(slice_cut(&list, ','), name)) return true;
    }
    return false;
}

/* The process's path in the hierarchy, from lines id:controllers:path; version 2 has no controllers there. */
static bool cgroup_find_path(struct slice lines, bool is_v2, const char *controller, struct slice *ret_path)
{
    while (lines.data != NULL) {
        struct slice line = slice_cut(&lines, '\n');
        const struct slice id = slice_cut(&line, ':');
        const struct slice names = slice_cut(&line, ':');

        if (line.len == 0 || line.data[0] != '/') continue;
        if (is_v2 ? !slice_is(id, "0") || names.len > 0 : !cgroup_list_has(names, controller)) continue;
        *ret_path = line;
        return true;
    }
    return false;
}

/* What of the path is below the top that is mounted. False if the process is not in there: it is in another part of the
 * hierarchy, or outside of its own cgroup namespace ("/../…"). */
static bool cgroup_below(struct slice top, struct slice path, struct slice *ret_below)
{
    if (slice_is(top, "/")) top.len = 0;
    if (path.len < top.len || (top.len > 0 && memcmp(path.data, top.data, top.len) != 0)) return false;
    if (path.len > top.len && path.data[top.len] != '/') return false;
    *ret_below = (struct slice){path.data + top.len, path.len - top.len};
    return !(ret_below->len >= 3 && memcmp(ret_below->data, "/..", 3) == 0);
}

/* The limits of a group and of those above it, up to where the hierarchy is mounted. */
static void cgroup_read_up(const char *root, const struct cgroup_kind *kind, const struct cgroup_mount *mount,
                           struct slice below, struct cgroup_limit *limit)
{
    struct buf folder = {0};

    for (;;) {
        while (below.len > 0 && below.data[below.len - 1] == '/') below.len--;
        buf_reset(&folder);
        buf_add_slice(&folder, buf_slice(&mount->folder));
        buf_add_slice(&folder, below);
        (mount->is_v2 ? kind->read_v2 : kind->read_v1)(root, buf_cstr(&folder), limit);
        if (below.len == 0) break;
        while (below.len > 0 && below.data[below.len - 1] != '/') below.len--;
    }
    buf_clear(&folder);
}

/* With `anywhere` a mount counts that the process is not found in: without a cgroup namespace a container's path may
 * be one that only the machine outside understands, and then what is mounted is the container's own group. */
static bool cgroup_read_mounts(const char *root, const struct cgroup_kind *kind, bool is_v2, struct slice mounts,
                               struct slice paths, bool anywhere, struct cgroup_limit *limit)
{
    struct cgroup_mount mount = {0};
    struct slice path, below;
    bool found = false;

    if (!cgroup_find_path(paths, is_v2, kind->controller, &path)) return false;
    while (mounts.data != NULL) {
        if (!cgroup_mount_parse(slice_cut(&mounts, '\n'), &mount) || mount.is_v2 != is_v2) continue;
        if (!is_v2 && !cgroup_list_has(mount.names, kind->controller)) continue;
        if (!cgroup_below(buf_slice(&mount.top), path, &below)) {
            if (!anywhere) continue;
            below = SLICE_LIT("");
        }
        cgroup_read_up(root, kind, &mount, below, limit);
        found = true;
    }
    buf_clear(&mount.top);
    buf_clear(&mount.folder);
    return found;
}

/* Where everybody has version 2: sandboxes that only imitate it have the files, and no such mount. */
static void cgroup_read_usual(const char *root, const struct cgroup_kind *kind, struct slice paths,
                              struct cgroup_limit *limit)
{
    struct cgroup_mount mount = {.is_v2 = true};
    struct slice path, below;

    if (!cgroup_find_path(paths, true, kind->controller, &path)) return;
    if (!cgroup_below(SLICE_LIT("/"), path, &below)) below = SLICE_LIT("");
    buf_add_str(&mount.folder, "/sys/fs/cgroup");
    cgroup_read_up(root, kind, &mount, below, limit);
    buf_clear(&mount.folder);
}

static void cgroup_read_kind(const char *root, const struct cgroup_kind *kind, struct slice mounts, struct slice paths,
                             struct cgroup_limit *limit)
{
    *limit = (struct cgroup_limit){.value = CGROUP_NO_LIMIT};
    for (unsigned version = 1; version <= 2; version++) {
        if (cgroup_read_mounts(root, kind, version == 2, mounts, paths, false, limit)) continue;
        (void)cgroup_read_mounts(root, kind, version == 2, mounts, paths, true, limit);
    }
    if (limit->value == CGROUP_NO_LIMIT) cgroup_read_usual(root, kind, paths, limit);
}

void cgroup_read(const char *root, struct cgroup *ret_cgroup)
{
    struct buf mounts = {0}, paths = {0}, name = {0};

    buf_printf(&name, "%s/proc/self/mountinfo", root);
    if (!file_read(buf_cstr(&name), CGROUP_TABLE_MAX, &mounts)) buf_reset(&mounts);
    buf_reset(&name);
    buf_printf(&name, "%s/proc/self/cgroup", root);
    if (!file_read(buf_cstr(&name), CGROUP_VALUE_MAX, &paths)) buf_reset(&paths);
    cgroup_read_kind(root, &cgroup_cpu, buf_slice(&mounts), buf_slice(&paths), &ret_cgroup->cpu);
    cgroup_read_kind(root, &cgroup_memory, buf_slice(&mounts), buf_slice(&paths), &ret_cgroup->memory);
    buf_clear(&mounts);
    buf_clear(&paths);
    buf_clear(&name);
}

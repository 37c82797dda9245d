/* The directory of migrations. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "migrate/file.h"

enum { FILES_BYTES_MAX = 16 << 20 }; /* a migration is text that somebody wrote */

/* x.SQL and "x.sql " as well: they are refused later, instead of being passed over without a word. */
static int files_wants(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    while (len > 0 && entry->d_name[len - 1] == ' ') len--;
    return entry->d_name[0] != '.' && len >= 4 && strncasecmp(entry->d_name + len - 4, ".sql", 4) == 0;
}

/* By bytes, whatever the locale. */
static int files_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int files_scan(const char *dir, struct dirent ***ret_entries, int *ret_count, struct error *err)
{
    int count = scandir(dir, ret_entries, files_wants, files_order);

    if (count >= 0) {
        *ret_count = count;
        return 0;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        return error_set(err, ERROR_SETTINGS, "there is no directory of migrations at %s (STRATSLAB_MIGRATIONS_DIR)",
                         dir);
    }
    return error_set_errno(err, "cannot read the directory of migrations %s", dir);
}

static int files_read(const char *dir, const char *base, struct buf *out, struct error *err)
{
    char *path = mem_printf("%s/%s", dir, base);
    int outcome = 0;

    if (!file_read(path, FILES_BYTES_MAX, out)) {
        outcome = errno == EFBIG ? error_set(err, ERROR_INVALID, "%s: larger than %d MiB", path, FILES_BYTES_MAX >> 20)
                                 : error_set_errno(err, "cannot read %s", path);
    }
    free(path);
    return outcome;
}

static int files_add(struct migrate_files *files, const char *base, struct error *err)
{
    struct buf content = {0};
    struct migrate_file *file = &files->items[files->count];
    int outcome;

    if (!migrate_file_name_is_valid(base)) {
        return error_set(err, ERROR_INVALID,
                         "%s/%s: is not the name of a migration: write YYYYMMDDHHMMSS_name.sql, with letters, digits, "
                         "_ and - in the name, and .sql in small letters",
                         files->dir, base);
    }
    outcome = files_read(files->dir, base, &content, err);
    if (outcome == 0) outcome = migrate_file_parse(files->dir, base, buf_slice(&content), file, err);
    buf_clear(&content);
    if (outcome != 0) return -1;
    if (files->count++ > 0 && strcmp(file[-1].version, file->version) == 0) {
        return error_set(err, ERROR_INVALID, "%s: has the same version as %s: give one of them another", file->path,
                         file[-1].path);
    }
    return 0;
}

int migrate_files_load(const char *dir, struct migrate_files **ret_files, struct error *err)
{
    struct dirent **entries = NULL;
    int count = 0;
    int outcome = 0;

    if (files_scan(dir, &entries, &count, err) != 0) return -1;
    struct migrate_files *files = mem_zalloc(sizeof(*files));

    files->dir = mem_strdup(dir);
    files->items = mem_array((size_t)count, sizeof(files->items[0]));
    for (int i = 0; i < count; i++) {
        if (outcome == 0) outcome = files_add(files, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    if (outcome != 0) {
        migrate_files_free(files);
        return -1;
    }
    *ret_files = files;
    return 0;
}

void migrate_files_free(struct migrate_files *files)
{
    if (files == NULL) return;
    for (size_t i = 0; i < files->count; i++) migrate_file_clear(&files->items[i]);
    free(files->items);
    free(files->dir);
    free(files);
}

size_t migrate_files_count(const struct migrate_files *files)
{
    return files->count;
}

const char *migrate_files_version(const struct migrate_files *files, size_t index)
{
    return files->items[index].version;
}

size_t migrate_files_find(const struct migrate_files *files, const char *version)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->items[i].version, version) == 0) return i;
    }
    return SIZE_MAX;
}

void migrate_files_array(const struct migrate_files *files, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < files->count; i++) {
        if (i > 0) buf_add_char(out, ',');
        buf_add_str(out, files->items[i].version);
    }
    buf_add_char(out, '}');
}

int migrate_versions_load(const char *dir, struct buf *out, struct error *err)
{
    struct migrate_files *files = NULL;

    if (migrate_files_load(dir, &files, err) != 0) return -1;
    migrate_files_array(files, out);
    migrate_files_free(files);
    return 0;
}

/* The version of the newest file in the directory, whatever the files hold; "" if there is none. */
static int files_newest(const char *dir, char out[MIGRATE_VERSION_BYTES], struct error *err)
{
    struct dirent **entries = NULL;
    int count = 0;

    out[0] = '\0';
    if (files_scan(dir, &entries, &count, err) != 0) return -1;
    for (int i = 0; i < count; i++) {
        if (migrate_file_name_is_valid(entries[i]->d_name)) {
            memcpy(out, entries[i]->d_name, MIGRATE_VERSION_BYTES - 1);
            out[MIGRATE_VERSION_BYTES - 1] = '\0';
        }
        free(entries[i]);
    }
    free(entries);
    return 0;
}

static void files_version_of(time_t when, char out[MIGRATE_VERSION_BYTES])
{
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(out, MIGRATE_VERSION_BYTES, "%Y%m%d%H%M%S", &tm);
}

/* One second after `version`, if that is a time. */
static time_t files_time_after(const char *version)
{
    struct tm tm = {0};

    if (strptime(version, "%Y%m%d%H%M%S", &tm) == NULL) return 0;
    return timegm(&tm) + 1;
}

static int files_write_new(const char *path, struct error *err)
{
    static const char template[] = "-- migrate:up\n\n\n-- migrate:down\n\n";
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0) return error_set_errno(err, "cannot create %s", path);
    ssize_t written = write(fd, template, sizeof(template) - 1);
    int outcome = 0;

    if (close(fd) != 0 || written != (ssize_t)sizeof(template) - 1) {
        outcome = error_set_errno(err, "cannot write %s", path);
        unlink(path);
    }
    return outcome;
}

int migrate_files_new(const char *dir, const char *name, uint64_t wall_us, struct buf *ret_path, struct error *err)
{
    char newest[MIGRATE_VERSION_BYTES];
    char version[MIGRATE_VERSION_BYTES];

    if (name[0] == '\0' || strlen(name) > 100 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name)) {
        return error_set(
            err, ERROR_USAGE,
            "\"%s\" is not a name for a migration: write small letters, digits and _, for example add_strategy_tags",
            name);
    }
    if (files_newest(dir, newest, err) != 0) return -1;
    files_version_of((time_t)(wall_us / 1000000), version);
    /* A clock that runs behind, or two in one second, must not make a file that comes before its predecessor. */
    if (strcmp(version, newest) <= 0) files_version_of(files_time_after(newest), version);
    if (strcmp(version, newest) <= 0) {
        return error_set(err, ERROR_INVALID,
                         "%s: the newest version, %s, is not a time, so that no later one can be made", dir, newest);
    }
    char *path = mem_printf("%s/%s_%s.sql", dir, version, name);
    int outcome = files_write_new(path, err);

    if (outcome == 0) buf_add_str(ret_path, path);
    free(path);
    return outcome;
}

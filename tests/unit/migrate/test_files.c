#include "migrate/migrate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_migrate.h"

/* A directory with these files, removed by end(). */
struct directory {
    char path[64];
    char *files[8];
    size_t count;
};

static void begin(struct directory *d)
{
    *d = (struct directory){.path = "/tmp/test_migrate.XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d->path));
}

static void put(struct directory *d, const char *base, const char *text)
{
    char *path = mem_printf("%s/%s", d->path, base);
    FILE *file = unit_open(path, "w");

    fputs(text, file);
    fclose(file);
    d->files[d->count++] = path;
}

static void end(struct directory *d)
{
    for (size_t i = 0; i < d->count; i++) {
        unlink(d->files[i]);
        free(d->files[i]);
    }
    CU_ASSERT_EQUAL(rmdir(d->path), 0);
}

#define EMPTY "-- migrate:up\n-- migrate:down\n"

static void test_files_are_sorted_and_listed(void)
{
    struct directory d;
    struct migrate_files *files = NULL;
    struct error err = {0};
    struct buf array = {0};

    begin(&d);
    CU_ASSERT_FATAL(migrate_files_load(d.path, &files, &err) == 0);
    migrate_files_array(files, &array);
    UNIT_SLICE(buf_slice(&array), "{}");
    migrate_files_free(files);
    buf_reset(&array);

    put(&d, "20261124090000_b.sql", EMPTY);
    put(&d, "20261123140000_z.sql", EMPTY);
    put(&d, "README.md", "no SQL");
    put(&d, ".#20261124090000_b.sql", "an editor's");
    CU_ASSERT_FATAL(migrate_files_load(d.path, &files, &err) == 0);
    UNIT_INT(migrate_files_count(files), 2);
    UNIT_STR(migrate_files_version(files, 0), "20261123140000");
    migrate_files_array(files, &array);
    UNIT_SLICE(buf_slice(&array), "{20261123140000,20261124090000}");
    migrate_files_free(files);
    buf_clear(&array);
    end(&d);
}

static void test_files_names_are_checked(void)
{
    struct directory d;
    struct migrate_files *files = NULL;
    struct error err = {0};

    begin(&d);
    put(&d, "20261123140000_a.sql", EMPTY);
    put(&d, "20261123140000_b.sql", EMPTY);
    CU_ASSERT_EQUAL(migrate_files_load(d.path, &files, &err), -1);
    UNIT_INT(err.code, ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "20261123140000_a.sql"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "20261123140000_b.sql"));
    unlink(d.files[1]);
    put(&d, "seed.sql", EMPTY);
    CU_ASSERT_EQUAL(migrate_files_load(d.path, &files, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/seed.sql: is not the name"));
    end(&d);
}

static void test_files_missing_directory(void)
{
    struct migrate_files *files = NULL;
    struct error err = {0};

    CU_ASSERT_EQUAL(migrate_files_load("/nowhere/at/all", &files, &err), -1);
    UNIT_INT(err.code, ERROR_SETTINGS);
}

static void test_files_new(void)
{
    static const uint64_t noon_us = UINT64_C(1795435200) * 1000000; /* 2026-11-23T12:00:00Z */
    struct directory d;
    struct migrate_files *files = NULL;
    struct error err = {0};
    struct buf path = {0};

    begin(&d);
    /* The same second twice, and a clock that went back. */
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_FATAL(migrate_files_new(d.path, "x", noon_us - (i == 2 ? 5000000 : 0), &path, &err) == 0);
        d.files[d.count++] = buf_steal(&path);
    }
    UNIT_STR(strrchr(d.files[0], '/'), "/20261123120000_x.sql");
    UNIT_STR(strrchr(d.files[1], '/'), "/20261123120001_x.sql");
    UNIT_STR(strrchr(d.files[2], '/'), "/20261123120002_x.sql");
    CU_ASSERT_FATAL(migrate_files_load(d.path, &files, &err) == 0);
    UNIT_INT(migrate_files_count(files), 3);
    migrate_files_free(files);
    CU_ASSERT_EQUAL(migrate_files_new(d.path, "../x", noon_us, &path, &err), -1);
    UNIT_INT(err.code, ERROR_USAGE);
    put(&d, "99999999999999_x.sql", EMPTY);
    CU_ASSERT_EQUAL(migrate_files_new(d.path, "y", noon_us, &path, &err), -1);
    UNIT_INT(err.code, ERROR_INVALID);
    buf_clear(&path);
    end(&d);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_files_are_sorted_and_listed),
    UNIT_TEST(test_files_names_are_checked),
    UNIT_TEST(test_files_missing_directory),
    UNIT_TEST(test_files_new),
};
const struct unit_part files_tests = UNIT_PART(tests);

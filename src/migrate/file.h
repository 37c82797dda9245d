/* One migration file: read, taken apart by dbmate's rules, and checked. */
#ifndef MIGRATE_FILE_H
#define MIGRATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"
#include "migrate/lexer.h"
#include "migrate/migrate.h"

enum migrate_direction { MIGRATE_DIRECTION_UP, MIGRATE_DIRECTION_DOWN };

/* A block's SQL, after the line of its directive, and what that line said. */
struct migrate_block {
    enum migrate_direction direction;
    struct slice sql; /* in the file's text */
    bool transaction;
    int64_t lock_timeout_ms; /* -1: not given */
    int64_t statement_timeout_ms;
};

struct migrate_file {
    char *path; /* for people: directory and name */
    char version[MIGRATE_VERSION_BYTES];
    char *name; /* between the version and ".sql" */
    char *text; /* line ends are LF */
    size_t text_bytes;
    struct migrate_block up;
    struct migrate_block down;
    bool irreversible;
    char checksum[DIGEST_SHA256_HEX_BYTES]; /* of the up block, without white space at its end */
};

struct migrate_files {
    char *dir;
    struct migrate_file *items; /* by version */
    size_t count;
};

/* YYYYMMDDHHMMSS_name.sql, the name of letters, digits, _ and -. */
bool migrate_file_name_is_valid(const char *base);
/* `base` is a valid name. Fails with file:line:column in the message; `ret_file` is then not to be cleared. */
int migrate_file_parse(const char *dir, const char *base, struct slice content, struct migrate_file *ret_file,
                       struct error *err) ATTR_CHECKED;
void migrate_file_clear(struct migrate_file *file);
/* The statements of a block; ERROR_INVALID if it cannot be split or holds what a migration may not. */
int migrate_file_split(const struct migrate_file *file, const struct migrate_block *block,
                       struct lexer_script *ret_script, struct error *err) ATTR_CHECKED;
/* Where the byte `offset` of a block stands in its file. */
struct lexer_place migrate_file_place(const struct migrate_file *file, const struct migrate_block *block,
                                      size_t offset);
/* The index of `version`, or SIZE_MAX. */
size_t migrate_files_find(const struct migrate_files *files, const char *version);

#endif

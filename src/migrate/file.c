#include "migrate/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"

/* What Go's \s matches, which dbmate's expressions are made of. */
static const char file_space[] = " \t\r\f\n";

bool migrate_file_name_is_valid(const char *base)
{
    static const char digits[] = "0123456789";
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

    if (strspn(base, digits) != MIGRATE_VERSION_BYTES - 1 || base[MIGRATE_VERSION_BYTES - 1] != '_') return false;
    const char *name = base + MIGRATE_VERSION_BYTES;
    size_t len = strspn(name, letters);

    return len > 0 && strcmp(name + len, ".sql") == 0;
}

static int file_fail(const struct migrate_file *file, size_t offset, struct error *err, const char *what)
{
    struct lexer_place place = lexer_place((struct slice){file->text, file->text_bytes}, offset);

    return error_set(err, ERROR_INVALID, "%s:%u:%u: %s", file->path, place.line, place.column, what);
}

/* A copy with LF line ends, so that a checkout on Windows has the same checksum and runs the same text. */
static void file_take_text(struct migrate_file *file, struct slice content)
{
    file->text = mem_alloc(content.len + 1);
    for (size_t i = 0; i < content.len; i++) {
        if (content.data[i] == '\r' && i + 1 < content.len && content.data[i + 1] == '\n') continue;
        file->text[file->text_bytes++] = content.data[i];
    }
    file->text[file->text_bytes] = '\0';
}

static int file_check_text(const struct migrate_file *file, struct error *err)
{
    size_t at = 0;

    if (strncmp(file->text, "\xef\xbb\xbf", 3) == 0) return file_fail(file, 0, err, "begins with a byte order mark");
    while (at < file->text_bytes) {
        size_t wide = file->text[at] == '\0' ? 0 : utf8_length(file->text + at, file->text_bytes - at);

        if (wide == 0) return file_fail(file, at, err, "not UTF-8 text");
        at += wide;
    }
    return 0;
}

/*
 * The rest of the line after `-- migrate:up` or `-- migrate:down`; absent if it is neither. dbmate's expression is
 * ^--\s*migrate:up(\s*$|\s+\S+), so an indented one is a comment, and so is `-- migrate:upwards`.
 */
static struct slice file_directive(struct slice line, enum migrate_direction *ret_direction)
{
    static const char *const names[] = {"migrate:up", "migrate:down"};
    size_t at = 2;

    if (line.len < 2 || memcmp(line.data, "--", 2) != 0) return SLICE_NONE;
    while (at < line.len && strchr(file_space, line.data[at]) != NULL) at++;
    for (size_t i = 0; i < countof(names); i++) {
        size_t len = strlen(names[i]);

        if (line.len - at < len || memcmp(line.data + at, names[i], len) != 0) continue;
        struct slice rest = {line.data + at + len, line.len - at - len};

        if (rest.len > 0 && strchr(file_space, rest.data[0]) == NULL) continue;
        *ret_direction = (enum migrate_direction)i;
        return rest;
    }
    return SLICE_NONE;
}

static bool file_bool(struct slice text, bool *ret_value)
{
    *ret_value = slice_is(text, "true");
    return *ret_value || slice_is(text, "false");
}

static bool file_timeout(struct slice text, int64_t *ret_ms)
{
    uint64_t ms;

    /* PostgreSQL's timeouts are int milliseconds. */
    if (!number_parse_duration_ms(text, &ms) || ms > INT32_MAX) return false;
    *ret_ms = (int64_t)ms;
    return true;
}

static int file_option(struct migrate_file *file, struct migrate_block *block, struct slice option, struct error *err)
{
    static const char known[] = "transaction:false, lock_timeout:5s, statement_timeout:10min, irreversible:true";
    char what[256];
    struct slice value = option;
    struct slice key = slice_cut(&value, ':');
    size_t offset = (size_t)(option.data - file->text);
    bool ok = false;

    if (value.data == NULL) {
        snprintf(what, sizeof(what), "\"%.*s\" is not an option. Options are key:value, and these exist: %s",
                 SLICE_FMT(option), known);
        return file_fail(file, offset, err, what);
    }
    if (slice_is(key, "transaction")) {
        ok = file_bool(value, &block->transaction);
    } else if (slice_is(key, "irreversible")) {
        ok = file_bool(value, &file->irreversible);
    } else if (slice_is(key, "lock_timeout")) {
        ok = file_timeout(value, &block->lock_timeout_ms);
    } else if (slice_is(key, "statement_timeout")) {
        ok = file_timeout(value, &block->statement_timeout_ms);
    } else {
        snprintf(what, sizeof(what), "the option \"%.*s\" is unknown; these exist: %s", SLICE_FMT(key), known);
        return file_fail(file, offset, err, what);
    }
    if (ok) return 0;
    snprintf(what, sizeof(what), "\"%.*s\" is not a value of %.*s. Examples of options: %s", SLICE_FMT(value),
             SLICE_FMT(key), known);
    return file_fail(file, offset, err, what);
}

static int file_options(struct migrate_file *file, struct migrate_block *block, struct slice rest, struct error *err)
{
    while (rest.len > 0) {
        size_t len = 0;

        if (strchr(file_space, rest.data[0]) != NULL) {
            rest.data++, rest.len--;
            continue;
        }
        while (len < rest.len && strchr(file_space, rest.data[len]) == NULL) len++;
        if (file_option(file, block, (struct slice){rest.data, len}, err) != 0) return -1;
        rest.data += len, rest.len -= len;
    }
    return 0;
}

static bool file_is_comment(struct slice line)
{
    while (line.len > 0 && strchr(file_space, line.data[0]) != NULL) line.data++, line.len--;
    return line.len == 0 || (line.len >= 2 && memcmp(line.data, "--", 2) == 0);
}

/* One directive at `line`; `open` is the block that it ends, or NULL. */
static int file_begin_block(struct migrate_file *file, struct migrate_block **open, enum migrate_direction direction,
                            struct slice line, struct slice rest, struct error *err)
{
    struct migrate_block *block = direction == MIGRATE_DIRECTION_UP ? &file->up : &file->down;
    size_t offset = (size_t)(line.data - file->text);

    if (*open == NULL && direction == MIGRATE_DIRECTION_DOWN)
        return file_fail(file, offset, err, "-- migrate:down comes before -- migrate:up");
    if (block->sql.data != NULL) {
        return file_fail(file, offset, err,
                         direction == MIGRATE_DIRECTION_UP
                             ? "a second -- migrate:up: a file has one up and one down"
                             : "a second -- migrate:down: a file has one up and one down");
    }
    if (*open != NULL) (*open)->sql.len = (size_t)(line.data - (*open)->sql.data);
    const char *end = file->text + file->text_bytes;
    const char *sql = line.data + line.len < end ? line.data + line.len + 1 : end;

    block->sql = (struct slice){sql, (size_t)(end - sql)};
    *open = block;
    return file_options(file, block, rest, err);
}

static int file_blocks(struct migrate_file *file, struct error *err)
{
    struct slice rest = {file->text, file->text_bytes};
    struct migrate_block *open = NULL;

    while (rest.data != NULL) {
        struct slice line = slice_cut(&rest, '\n');
        enum migrate_direction direction;
        struct slice options = file_directive(line, &direction);

        if (options.data != NULL) {
            if (file_begin_block(file, &open, direction, line, options, err) != 0) return -1;
        } else if (open == NULL && !file_is_comment(line)) {
            return file_fail(file, (size_t)(line.data - file->text), err,
                             "only comments that begin with -- may come before -- migrate:up");
        }
    }
    if (file->up.sql.data == NULL) return file_fail(file, 0, err, "has no line -- migrate:up");
    if (file->down.sql.data == NULL) {
        return file_fail(file, file->text_bytes, err,
                         "has no line -- migrate:down (one without statements says that it cannot be undone)");
    }
    return 0;
}

static void file_checksum(struct migrate_file *file)
{
    size_t len = file->up.sql.len;

    while (len > 0 && strchr(file_space, file->up.sql.data[len - 1]) != NULL) len--;
    digest_sha256_hex(file->up.sql.data, len, file->checksum);
}

int migrate_file_parse(const char *dir, const char *base, struct slice content, struct migrate_file *ret_file,
                       struct error *err)
{
    struct migrate_file file = {
        .path = mem_printf("%s/%s", dir, base),
        .name = mem_strndup(base + MIGRATE_VERSION_BYTES, strlen(base) - MIGRATE_VERSION_BYTES - strlen(".sql")),
        .up = {.direction = MIGRATE_DIRECTION_UP,
               .transaction = true,
               .lock_timeout_ms = -1,
               .statement_timeout_ms = -1},
        .down = {.direction = MIGRATE_DIRECTION_DOWN,
                 .transaction = true,
                 .lock_timeout_ms = -1,
                 .statement_timeout_ms = -1},
    };

    memcpy(file.version, base, MIGRATE_VERSION_BYTES - 1);
    file_take_text(&file, content);
    if (file_check_text(&file, err) != 0 || file_blocks(&file, err) != 0) {
        migrate_file_clear(&file);
        return -1;
    }
    file_checksum(&file);
    *ret_file = file;
    return 0;
}

void migrate_file_clear(struct migrate_file *file)
{
    free(file->path);
    free(file->name);
    free(file->text);
    *file = (struct migrate_file){0};
}

struct lexer_place migrate_file_place(const struct migrate_file *file, const struct migrate_block *block, size_t offset)
{
    return lexer_place((struct slice){file->text, file->text_bytes}, (size_t)(block->sql.data - file->text) + offset);
}

int migrate_file_split(const struct migrate_file *file, const struct migrate_block *block,
                       struct lexer_script *ret_script, struct error *err)
{
    struct lexer_script script;
    struct lexer_problem problem;
    size_t start = (size_t)(block->sql.data - file->text);

    if (lexer_split(block->sql, &script, &problem) != 0) return file_fail(file, start + problem.at, err, problem.what);
    const unsigned before = migrate_file_place(file, block, 0).line - 1;

    for (size_t i = 0; i < script.count; i++) {
        const char *refusal = lexer_refusal(&script.items[i], block->transaction);

        script.items[i].line += before;
        if (refusal == NULL) continue;
        file_fail(file, start + script.items[i].start, err, refusal);
        lexer_script_clear(&script);
        return -1;
    }
    *ret_script = script;
    return 0;
}

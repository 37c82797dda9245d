/* Migration files: whatever the text, statements lie in it in order, and each of them is one statement. */
#include <string.h>

#include "base/error.h"
#include "fuzz.h"
#include "migrate/file.h"

static void check_script(struct slice text, const struct lexer_script *script)
{
    size_t at = 0;

    for (size_t i = 0; i < script->count; i++) {
        const struct lexer_statement *statement = &script->items[i];
        struct lexer_script again;
        struct lexer_problem problem;

        FUZZ_CHECK(at <= statement->start && statement->start < statement->end && statement->end <= text.len,
                   "statement %zu: %zu to %zu of %zu", i, statement->start, statement->end, text.len);
        at = statement->end;
        const struct slice one = {text.data + statement->start, statement->end - statement->start};

        FUZZ_CHECK(lexer_split(one, &again, &problem) == 0, "statement %zu alone does not split: %s", i, problem.what);
        FUZZ_CHECK(again.count == 1, "statement %zu alone is %zu statements", i, again.count);
        lexer_script_clear(&again);
    }
}

static void check_block(const struct migrate_file *file, const struct migrate_block *block)
{
    struct lexer_script script;
    struct error err = {.message = ""};

    FUZZ_CHECK(block->sql.data >= file->text && block->sql.data + block->sql.len <= file->text + file->text_bytes,
               "a block outside of its file");
    if (migrate_file_split(file, block, &script, &err) != 0) {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        return;
    }
    check_script(block->sql, &script);
    for (size_t i = 0; i < script.count; i++) {
        const struct lexer_place place = migrate_file_place(file, block, script.items[i].start);

        FUZZ_CHECK(place.line > 0 && place.column > 0, "no place");
    }
    lexer_script_clear(&script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    struct lexer_script script;
    struct lexer_problem problem;
    struct migrate_file file;
    struct error err = {.message = ""};

    if (lexer_split(text, &script, &problem) == 0) {
        check_script(text, &script);
        lexer_script_clear(&script);
    } else {
        FUZZ_CHECK(problem.what != NULL && problem.at <= size, "a problem outside of the text");
        (void)lexer_place(text, problem.at);
    }
    if (migrate_file_parse("d", "20260101000000_a.sql", text, &file, &err) == 0) {
        check_block(&file, &file.up);
        check_block(&file, &file.down);
        migrate_file_clear(&file);
    } else {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
    }
    return 0;
}

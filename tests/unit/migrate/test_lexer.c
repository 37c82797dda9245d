#include "migrate/lexer.h"

#include <stdio.h>

#include "base/buf.h"
#include "test_migrate.h"

/* Statements with " | " between them, or "! what @ offset". */
static void split(const char *text, struct buf *out)
{
    struct lexer_script script;
    struct lexer_problem problem;

    if (lexer_split(slice_of(text), &script, &problem) != 0) {
        buf_printf(out, "! %s @ %zu", problem.what, problem.at);
        return;
    }
    for (size_t i = 0; i < script.count; i++) {
        if (i > 0) buf_add_str(out, " | ");
        buf_add(out, text + script.items[i].start, script.items[i].end - script.items[i].start);
    }
    lexer_script_clear(&script);
}

static void test_lexer_splits(void)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", ""},
        {" ; ;; ", ""},
        {"SELECT 1", "SELECT 1"},
        {"SELECT 1;SELECT 2;", "SELECT 1 | SELECT 2"},
        {"-- a; b\nSELECT 1; -- c\n-- d", "SELECT 1"},
        {"/* a; /* b; */ c; */ SELECT /* ; */ 1; SELECT 2", "SELECT /* ; */ 1 | SELECT 2"},
        {"SELECT 1 -- x\n, 2;", "SELECT 1 -- x\n, 2"},
        {"SELECT ';'; SELECT 'it''s;';", "SELECT ';' | SELECT 'it''s;'"},
        /* A backslash is an escape in E'' only. */
        {"SELECT '\\'; SELECT 2", "SELECT '\\' | SELECT 2"},
        {"SELECT E'\\';'; SELECT 2", "SELECT E'\\';' | SELECT 2"},
        {"SELECT e'a\\\\'; SELECT 2", "SELECT e'a\\\\' | SELECT 2"},
        {"SELECT E'a' -- c\n 'b\\';'; SELECT 2", "SELECT E'a' -- c\n 'b\\';' | SELECT 2"},
        {"SELECT E'a' || '\\'; SELECT 2", "SELECT E'a' || '\\' | SELECT 2"},
        {"SELECT the'\\'; SELECT 2", "SELECT the'\\' | SELECT 2"},
        {"SELECT U&'\\0041;'; SELECT U&\";\"", "SELECT U&'\\0041;' | SELECT U&\";\""},
        {"SELECT B'1;', X'F;', N';'; SELECT 2", "SELECT B'1;', X'F;', N';' | SELECT 2"},
        {"SELECT \"a;\"\"b;\"; SELECT 2", "SELECT \"a;\"\"b;\" | SELECT 2"},
        {"SELECT \"\\\"; SELECT 2", "SELECT \"\\\" | SELECT 2"},
        {"SELECT $$;$$; SELECT $a$;$$;$b$;$a$; SELECT 3", "SELECT $$;$$ | SELECT $a$;$$;$b$;$a$ | SELECT 3"},
        {"SELECT $\xc3\xa9_1$;$\xc3\xa9_1$; SELECT 2", "SELECT $\xc3\xa9_1$;$\xc3\xa9_1$ | SELECT 2"},
        /* Inside a word, and before a digit, a dollar opens nothing. */
        {"SELECT a$b$; SELECT c$b$", "SELECT a$b$ | SELECT c$b$"},
        {"SELECT $1; SELECT $1$;$1$", "SELECT $1 | SELECT $1$ | $1$"},
        {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
         "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2) | SELECT 3"},
        {"SELECT 1); SELECT 2", "SELECT 1) | SELECT 2"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 END; END; SELECT 2",
         "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 END; END | SELECT 2"},
        {"create or replace procedure p() begin atomic select case case a when 1 then 2 end when 2 then 3 end; end; x",
         "create or replace procedure p() begin atomic select case case a when 1 then 2 end when 2 then 3 end; end | "
         "x"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.end AS case; END; SELECT 2",
         "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.end AS case; END | SELECT 2"},
        {"BEGIN; SELECT 1; END; SELECT CASE WHEN a THEN 1 END; SELECT 2",
         "BEGIN | SELECT 1 | END | SELECT CASE WHEN a THEN 1 END | SELECT 2"},
        {"\\connect x", "! a backslash outside quotes: psql's meta-commands do not work in a migration @ 0"},
        {"SELECT 1;\n\\.\n", "! a backslash outside quotes: psql's meta-commands do not work in a migration @ 10"},
        {"SELECT 'a", "! a string has no end @ 7"},
        {"SELECT E'a\\", "! a string has no end @ 8"},
        {"SELECT \"a", "! a quoted identifier has no end @ 7"},
        {"SELECT 1 /* /* */", "! a comment /* has no end */ @ 9"},
        {"SELECT $x$ $y$", "! a dollar-quoted string has no end @ 7"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf found = {0};

        split(cases[i].text, &found);
        UNIT_SLICE(buf_slice(&found), cases[i].expected);
        buf_clear(&found);
    }
}

static void test_lexer_refuses_transaction_control(void)
{
    static const struct {
        const char *text;
        bool in_transaction; /* refused in a file that is one transaction */
        bool outside;        /* refused with transaction:false */
    } cases[] = {
        {"COMMIT", true, false},
        {"commit work", true, false},
        {"/* x */ Rollback", true, false},
        {"ROLLBACK TO SAVEPOINT a", false, false},
        {"ROLLBACK WORK TO a", false, false},
        {"BEGIN", true, false},
        {"START TRANSACTION", true, false},
        {"END", true, false},
        {"ABORT", true, false},
        {"PREPARE TRANSACTION 'x'", true, false},
        {"PREPARE transactions AS SELECT 1", false, false},
        {"SAVEPOINT a", false, false},
        {"RELEASE a", false, false},
        {"DISCARD ALL", true, true},
        {"DISCARD TEMP", false, false},
        {"SELECT 'COMMIT'", false, false},
        {"DO $$ BEGIN COMMIT; END $$", false, false},
        {"COMMENT ON TABLE t IS 'x'", false, false},
        {"(SELECT 1)", false, false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct lexer_script script;
        struct lexer_problem problem;

        CU_ASSERT_FATAL(lexer_split(slice_of(cases[i].text), &script, &problem) == 0);
        CU_ASSERT_EQUAL_FATAL(script.count, 1);
        UNIT_INT(lexer_refusal(&script.items[0], true) != NULL, cases[i].in_transaction);
        UNIT_INT(lexer_refusal(&script.items[0], false) != NULL, cases[i].outside);
        lexer_script_clear(&script);
    }
}

/* Whatever the bytes, the lexer ends, inside the text. */
static void test_lexer_survives_every_cut(void)
{
    static const char text[] =
        "E'\\'' U&\"x\" $a$ $$ $a$ /* /* */ */ -- x\n 'y''z' (;) CREATE BEGIN ATOMIC CASE END; END;";

    for (size_t from = 0; from < sizeof(text) - 1; from++) {
        for (size_t to = from; to < sizeof(text); to++) {
            struct lexer_script script = {0};
            struct lexer_problem problem = {0};
            struct buf copy = {0};

            buf_add(&copy, text + from, to - from);
            if (lexer_split(buf_slice(&copy), &script, &problem) != 0) {
                CU_ASSERT(problem.at <= copy.len);
            } else {
                for (size_t i = 0; i < script.count; i++) CU_ASSERT(script.items[i].end <= copy.len);
            }
            lexer_script_clear(&script);
            buf_clear(&copy);
        }
    }
}

static void test_lexer_place_counts_characters(void)
{
    struct slice text = SLICE_LIT("a\n\xc3\xa9\xe2\x82\xac"
                                  "b\n");
    struct lexer_place place = lexer_place(text, 7);

    UNIT_INT(place.line, 2);
    UNIT_INT(place.column, 3);
    place = lexer_place(text, 0);
    UNIT_INT(place.line, 1);
    UNIT_INT(place.column, 1);
    UNIT_INT(lexer_place(text, text.len).line, 3);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_lexer_splits),
    UNIT_TEST(test_lexer_refuses_transaction_control),
    UNIT_TEST(test_lexer_survives_every_cut),
    UNIT_TEST(test_lexer_place_counts_characters),
};
const struct unit_part lexer_tests = UNIT_PART(tests);

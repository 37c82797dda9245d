#include "migrate/file.h"

#include "base/digest.h"
#include "test_migrate.h"

#define NAME "20260101000001_x.sql"

static int parse(const char *text, struct migrate_file *file, struct error *err)
{
    return migrate_file_parse("d", NAME, slice_of(text), file, err);
}

static void test_file_names(void)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        {"20261123140000_create_strategies.sql", true},
        {"20261123140000_Add-2.sql", true},
        {"20261123140000_.sql", false},
        {"20261123140000.sql", false},
        {"2026112314000_x.sql", false},
        {"202611231400000_x.sql", false},
        {"20261123140000-x.sql", false},
        {"20261123140000_x.sql.sql", false},
        {"20261123140000_x y.sql", false},
        {"20261123140000_x.SQL", false},
        {"2026112314000a_x.sql", false},
        {"x.sql", false},
        {"", false},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(migrate_file_name_is_valid(cases[i].name), cases[i].valid);
}

/* Files that dbmate takes, and what it makes of them. */
static void test_file_as_dbmate_reads_it(void)
{
    static const struct {
        const char *text;
        const char *up;
        bool up_transaction;
        const char *down;
        bool down_transaction;
    } cases[] = {
        {"-- migrate:up\ncreate table a ();\n-- migrate:down\ndrop table a;\n", "create table a ();\n", true,
         "drop table a;\n", true},
        {"\n--migrate:up\nA\n\n--migrate:down\nB\n", "A\n\n", true, "B\n", true},
        {"--\t migrate:up\t \nA\n--  migrate:down", "A\n", true, "", true},
        {"\n-- why\n  -- and more\n \t\n-- migrate:up\nA\n-- migrate:down\nB", "A\n", true, "B", true},
        {"-- migrate:up transaction:false\nA\n-- migrate:down transaction:false\nB\n", "A\n", false, "B\n", false},
        {"-- migrate:up   transaction:true \nA\n-- migrate:down\nB\n", "A\n", true, "B\n", true},
        {"-- migrate:up\r\nA\r\n-- migrate:down transaction:false\r\nB\r\n", "A\n", true, "B\n", false},
        /* Neither of these is a directive. */
        {"-- migrate:up\nA\n -- migrate:down\n-- migrate:downwards\n-- Migrate:down\n-- migrate:down\nB",
         "A\n -- migrate:down\n-- migrate:downwards\n-- Migrate:down\n", true, "B", true},
        /* A directive is one even inside a string. */
        {"-- migrate:up\nSELECT '\n-- migrate:down\n'", "SELECT '\n", true, "'", true},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct migrate_file file = {0};
        struct error err = {0};

        CU_ASSERT_FATAL(parse(cases[i].text, &file, &err) == 0);
        UNIT_SLICE(file.up.sql, cases[i].up);
        UNIT_SLICE(file.down.sql, cases[i].down);
        UNIT_INT(file.up.transaction, cases[i].up_transaction);
        UNIT_INT(file.down.transaction, cases[i].down_transaction);
        migrate_file_clear(&file);
    }
}

static void test_file_refused(void)
{
    static const struct {
        const char *text;
        const char *message; /* begins so */
    } cases[] = {
        {"", "d/" NAME ":1:1: has no line -- migrate:up"},
        {"\nALTER TABLE a;\n", "d/" NAME ":2:1: only comments"},
        {"CREATE TYPE x;\n-- migrate:up\n-- migrate:down\n", "d/" NAME ":1:1: only comments"},
        {"/* x */\n-- migrate:up\n-- migrate:down\n", "d/" NAME ":1:1: only comments"},
        {"-- migrate:down\nB\n", "d/" NAME ":1:1: -- migrate:down comes before"},
        {"-- migrate:down\n-- migrate:up\n", "d/" NAME ":1:1: -- migrate:down comes before"},
        {"-- migrate:up\nA\n", "d/" NAME ":3:1: has no line -- migrate:down"},
        {"-- migrate:up\n-- migrate:up\n-- migrate:down\n", "d/" NAME ":2:1: a second -- migrate:up"},
        {"-- migrate:up\n-- migrate:down\n-- migrate:down\n", "d/" NAME ":3:1: a second -- migrate:down"},
        {"-- migrate:up\n-- migrate:down\n-- migrate:up\n", "d/" NAME ":3:1: a second -- migrate:up"},
        {"-- migrate:up\n-- migrate:down now:1\n", "d/" NAME ":2:17: the option \"now\" is unknown"},
        {"-- migrate:up transaction\n-- migrate:down\n",
         "d/" NAME ":1:15: \"transaction\" is not an option. Options are key:value"},
        {"-- migrate:up transaction:no\n-- migrate:down\n", "d/" NAME ":1:15: \"no\" is not a value"},
        {"-- migrate:up transaction:\n-- migrate:down\n", "d/" NAME ":1:15: \"\" is not a value"},
        {"-- migrate:up lock_timeout:-5s\n-- migrate:down\n", "d/" NAME ":1:15: \"-5s\" is not a value"},
        {"-- migrate:up statement_timeout:30d\n-- migrate:down\n", "d/" NAME ":1:15: \"30d\" is not a value"},
        {"\xef\xbb\xbf-- migrate:up\n-- migrate:down\n", "d/" NAME ":1:1: begins with a byte order mark"},
        {"-- migrate:up\n'\xff'\n-- migrate:down\n", "d/" NAME ":2:2: not UTF-8"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct migrate_file file = {0};
        struct error err = {0};

        CU_ASSERT_EQUAL(parse(cases[i].text, &file, &err), -1);
        UNIT_INT(err.code, ERROR_INVALID);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            UNIT_STR(err.message, cases[i].message);
        CU_ASSERT_PTR_NULL(file.text);
    }
}

static void test_file_nul_is_refused(void)
{
    static const char text[] = "-- migrate:up\n\0\n-- migrate:down\n";
    struct migrate_file file = {0};
    struct error err = {0};

    CU_ASSERT_EQUAL(migrate_file_parse("d", NAME, (struct slice){text, sizeof(text) - 1}, &file, &err), -1);
    UNIT_STR(err.message, "d/" NAME ":2:1: not UTF-8 text");
}

static void test_file_options(void)
{
    struct migrate_file file = {0};
    struct error err = {0};

    CU_ASSERT_FATAL(parse("-- migrate:up lock_timeout:5s statement_timeout:10min\n-- migrate:down irreversible:true\n",
                          &file, &err) == 0);
    UNIT_INT(file.up.lock_timeout_ms, 5000);
    UNIT_INT(file.up.statement_timeout_ms, 600000);
    UNIT_INT(file.down.lock_timeout_ms, -1);
    CU_ASSERT_TRUE(file.irreversible);
    CU_ASSERT_TRUE(file.up.transaction);
    UNIT_STR(file.version, "20260101000001");
    UNIT_STR(file.name, "x");
    UNIT_STR(file.path, "d/" NAME);
    migrate_file_clear(&file);
}

static void test_file_checksum(void)
{
    static const char *const same[] = {
        "-- migrate:up\nA;\nB;\n-- migrate:down\n",
        "-- migrate:up\r\nA;\r\nB;\r\n\r\n  \r\n-- migrate:down\r\n",
        "-- why\n\n--migrate:up lock_timeout:1s\nA;\nB;\n-- migrate:down\nC;\n",
    };
    static const char *const other[] = {
        "-- migrate:up\nA;\nB; -- b\n-- migrate:down\n",
        "-- migrate:up\nA; \nB;\n-- migrate:down\n",
        "-- migrate:up\n\nA;\nB;\n-- migrate:down\n",
    };
    char expected[DIGEST_SHA256_HEX_BYTES];
    struct migrate_file file;
    struct error err;

    digest_sha256_hex("A;\nB;", strlen("A;\nB;"), expected);
    for (size_t i = 0; i < countof(same); i++) {
        CU_ASSERT_FATAL(parse(same[i], &file, &err) == 0);
        UNIT_STR(file.checksum, expected);
        migrate_file_clear(&file);
    }
    for (size_t i = 0; i < countof(other); i++) {
        CU_ASSERT_FATAL(parse(other[i], &file, &err) == 0);
        CU_ASSERT_STRING_NOT_EQUAL(file.checksum, expected);
        migrate_file_clear(&file);
    }
}

static void test_file_split_says_where(void)
{
    static const struct {
        const char *text;
        const char *message; /* begins so; NULL: it can be split */
    } cases[] = {
        {"-- migrate:up\nSELECT 1;\n COMMIT;\n-- migrate:down\n", "d/" NAME ":3:2: each file is one transaction"},
        {"-- migrate:up transaction:false\nBEGIN; COMMIT;\n-- migrate:down\n", NULL},
        {"-- migrate:up\nSELECT '\xc3\xa9', 'x;\n-- migrate:down\n", "d/" NAME ":2:13: a string has no end"},
        {"-- migrate:up\n\\restrict x\n-- migrate:down\n", "d/" NAME ":2:1: a backslash"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct migrate_file file = {0};
        struct lexer_script script = {0};
        struct error err = {0};

        CU_ASSERT_FATAL(parse(cases[i].text, &file, &err) == 0);
        int outcome = migrate_file_split(&file, &file.up, &script, &err);

        UNIT_INT(outcome, cases[i].message == NULL ? 0 : -1);
        if (cases[i].message != NULL && strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            UNIT_STR(err.message, cases[i].message);
        lexer_script_clear(&script);
        migrate_file_clear(&file);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_file_names),
    UNIT_TEST(test_file_as_dbmate_reads_it),
    UNIT_TEST(test_file_refused),
    UNIT_TEST(test_file_nul_is_refused),
    UNIT_TEST(test_file_options),
    UNIT_TEST(test_file_checksum),
    UNIT_TEST(test_file_split_says_where),
};
const struct unit_part file_tests = UNIT_PART(tests);

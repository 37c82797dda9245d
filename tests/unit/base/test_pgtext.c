#include "base/buf.h"
#include "base/pgtext.h"
#include "test_base.h"

static void test_pgtext_sqlstate(void)
{
    static const struct {
        const char *text;
        const char *sqlstate;
    } cases[] = {
        {"connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed\n"
         "LOCATION:  auth_failed, auth.c:335\n",
         "28P01"},
        {"connection to server failed: FATAL:  28P01: password authentication failed\nLOCATION: x", "28P01"},
        {"connection to server failed: FATAL:  3D000: database \"x\" does not exist", "3D000"},
        {"failed: FATALE:  28000: kein Recht", "28000"},
        /* Several hosts: the last one that was tried counts. */
        {"a failed: FATAL:  57P03: the database system is starting up\nb failed: FATAL:  28000: no role\n", "28000"},
        {"host a failed: FATAL:  57P03: starting\nhost b failed: FATAL:  3D000: no database\n", "3D000"},
        {"connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running?", ""},
        {"could not connect:  refused", ""},
        {"FATAL:  28p01: lower case is none", ""},
        {"FATAL:  28P010: six are none", ""},
        {"FATAL:  28P0", ""},
        {"cut:  28P", ""},
        {"cut:  28P01", ""},
        {"", ""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char sqlstate[PGTEXT_SQLSTATE_BYTES] = "xxxxx";

        pgtext_sqlstate(cases[i].text, sqlstate);
        UNIT_STR(sqlstate, cases[i].sqlstate);
    }
}

static void test_pgtext_lines(void)
{
    static const struct {
        const char *text;
        const char *lines; /* each with a "|" behind it */
    } cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"refused", "refused|"},
        {"refused\n\tIs the server running?\n\n", "refused|Is the server running?|"},
        {"FATAL:  28P01: no\nLOCATION:  auth_failed, auth.c:326\nnext\n", "FATAL:  28P01: no|next|"},
        {"FATAL:  28P01: nein\nORT:  auth_failed, auth.c:326\n", "FATAL:  28P01: nein|"},
        {"FATAL:  42601: no\nORT:  scanner_yyerror, scan.l:1244\n", "FATAL:  42601: no|"},
        {"no digits: a.c:\nport 127.0.0.1:5432\n.c:1\n1", "no digits: a.c:|port 127.0.0.1:5432|1|"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice rest = slice_of(cases[i].text);
        struct slice line = SLICE_NONE;
        struct buf lines = {0};

        while (pgtext_next_line(&rest, &line)) buf_printf(&lines, "%.*s|", SLICE_FMT(line));
        UNIT_STR(buf_cstr(&lines), cases[i].lines);
        buf_clear(&lines);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_pgtext_sqlstate),
    UNIT_TEST(test_pgtext_lines),
};
const struct unit_part pgtext_tests = UNIT_PART(tests);

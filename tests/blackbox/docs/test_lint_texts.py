"""tests/lint/texts: what it finds in C, and what it leaves alone."""
import os
import subprocess

import pytest

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lint", "texts")


def lint(path, source):
    path.write_text(source, encoding="utf-8")
    done = subprocess.run([LINT, str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert done.returncode == (1 if len(lines) > 1 else 0)
    return [line.removeprefix(f"{path}:") for line in lines[:-1]]


GOOD = r'''
#define COLUMNS      \
    "t.a, t.b,\n"    \
    "    t.\"end\""
static const char sql[] = "WITH w AS (\n"
                          "    SELECT " COLUMNS "\n"
                          "    FROM (SELECT *\n"
                          "          FROM t\n"
                          "          WHERE a IS DISTINCT FROM 'select from'\n"
                          "              AND EXISTS (\n"
                          "                  SELECT\n"
                          "                  FROM u)) AS t\n"
                          "    [? WHERE b = $1 ?]\n"
                          "    FOR NO KEY UPDATE)\n"
                          "UPDATE t\n"
                          "SET a = CASE WHEN b THEN array_agg(c ORDER BY c)\n"
                          "        ELSE extract(epoch FROM d) END,\n"
                          "    c = 'x'\n"
                          "        || 'y'\n"
                          "FROM w";
static const char third[] = "SELECT u.a\n"
                            "FROM unnest($1) WITH ORDINALITY AS u(a, n)";
static const char other[] = "ROLLBACK", *word = "Select one from a list.";
const struct command_entry x = {
    .about = "Does x.\n"
             "Does it twice.\n",
    .settings = true,
};
#define Y_ABOUT \
    "Does y.\n"
'''


def test_what_is_set_well_passes(tmp_path):
    assert lint(tmp_path / "good.c", GOOD) == []


@pytest.mark.parametrize("before, after, fault", [
    (r'FROM t\n"', r'FROM t WHERE true\n"', "SQL: 2 clauses on one line"),
    (r'FROM u)) AS t\n"', r'FROM u WHERE v)) AS t\n"', "SQL: 2 clauses on one line"),
    (r'"    c = ', '"    c\\n"\n"= ', 'SQL: a clause is broken before "="'),
    (r'"UPDATE t\n"', r'"UPDATE t"', "SQL: does not end with \\n"),
    (r'"    SELECT " COLUMNS "\n"', r'"    SELECT " COLUMNS', 'SQL: begins or ends with a macro: put "" there'),
    (r'"    SELECT " COLUMNS "\n"', r'"    SELECT " COLUMNS(a, (b)) "\n"', "SQL: something follows a macro's call"),
    (r'"FROM w"', r'"from w"', 'SQL: the keyword "from" is not in upper case'),
    ('FROM t\\n"', 'FROM t \\n "', "SQL: has a line end within"),
    ('"    t.\\"end\\""', '"    t.a as x"', 'SQL: the keyword "as" is not in upper case'),
    (r'x.\n"' + "\n" + 13 * " " + '"Does', r'x.\nDoes', "help: the line is not one printed line"),
    (r'"Does x.\n"', '"Does "\n"x.\\n"', "help: the line is not one printed line"),
    (r'"Does y.\n"', '"Does y."', "help: the line is not one printed line"),
])
def test_what_is_not_is_found(tmp_path, before, after, fault):
    number = GOOD.count("\n", 0, GOOD.index(before)) + 1
    source = GOOD.replace(before, after, 1)
    found = lint(tmp_path / "bad.c", source)
    assert any(line.startswith((f"{number}: {fault}", f"{number + 1}: {fault}")) for line in found), found

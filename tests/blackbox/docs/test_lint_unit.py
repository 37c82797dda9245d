"""tests/lint/unit: each unit test is found by the file that it tests, and run."""
import os
import subprocess

import pytest

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lint", "unit")

HEADER = "extern const struct unit_part buf_tests;\n"
PROGRAM = "int main(void)\n{\n    static const struct unit_part *const parts[] = {&buf_tests};\n}\n"
BUF = """static void test_buf_grows(void)
{
}

static const struct unit_test tests[] = {UNIT_TEST(test_buf_grows)};
const struct unit_part buf_tests = UNIT_PART(tests);
"""
GOOD = {
    "src/base/buf.c": "", "src/base/mem.c": "", "src/top/main.c": "",
    "tests/unit/base/room.am": "SOURCES = tests/unit/base/test_base.c tests/unit/base/test_base.h tests/unit/base/test_buf.c\n",
    "tests/unit/base/test_base.h": HEADER, "tests/unit/base/test_base.c": PROGRAM, "tests/unit/base/test_buf.c": BUF,
}


def lint(top, files):
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = subprocess.run([LINT, str(top)], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert done.returncode == (1 if len(lines) > 1 else 0)
    return lines


def test_what_is_right_passes_and_what_has_no_tests_is_counted(tmp_path):
    assert lint(tmp_path, GOOD) == ["lint unit: 2 files of 1 rooms, 0 wrong; 2 source files have no unit test file "
                                    "(the rooms top have none)"]


@pytest.mark.parametrize("changed, told", [
    ({"src/base/buf.c": None}, "test_buf.c: there is no src/base/buf.c or buf.h; a test of the whole room belongs in test_base.c"),
    ({"tests/unit/base/room.am": "SOURCES = tests/unit/base/test_base.c tests/unit/base/test_base.h\n"},
     "test_buf.c: it is not in the sources of room.am"),
    ({"tests/unit/base/test_base.c": PROGRAM.replace("&buf_tests", "")}, "test_base.c: buf_tests is declared and not in the list of parts"),
    ({"tests/unit/base/test_base.c": PROGRAM.replace("&buf_tests", ""), "tests/unit/base/test_base.h": ""},
     "test_buf.c: test_base.c does not run buf_tests; add it to the list of parts"),
    ({"tests/unit/base/test_base.c": PROGRAM.replace("&buf_tests", "&buf_tests, &buf_tests")},
     "test_base.c: buf_tests is in the list of parts twice"),
    ({"tests/unit/base/test_buf.c": BUF.replace("buf_tests =", "others ="), "tests/unit/base/test_base.c": PROGRAM.replace("&buf", "&others, &buf")},
     "test_buf.c: its part is called buf_tests, and it has no other part; found others"),
    ({"tests/unit/base/test_buf.c": BUF.replace("UNIT_TEST(test_buf_grows)", "")},
     "test_buf.c: test_buf_grows is in the list of tests 0 times instead of once"),
    ({"tests/unit/base/test_base.c": None}, "there is no test_base.c, the room's program"),
])
def test_what_is_wrong_is_told(tmp_path, changed, told):
    lines = lint(tmp_path, {name: text for name, text in {**GOOD, **changed}.items() if text is not None})
    assert any(line.endswith(told) for line in lines[:-1]), lines

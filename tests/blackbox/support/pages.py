"""What pages of docs/ name by a word in backticks, and whether it is there: tests, files of tests, fuzz targets."""
import functools
import glob
import os
import re

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
TESTS = ("tests/unit/**/*.c", "tests/**/*.py")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def sources(pattern):
    return sorted(os.path.relpath(path, TOP) for path in glob.glob(os.path.join(TOP, pattern), recursive=True))


def words(page):
    """Of a page's text, but not of its blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL))


@functools.cache
def tests():
    """The names of all tests."""
    return frozenset(name for pattern in TESTS for path in sources(pattern)
                     for name in re.findall(r"\b(?:void|def) (test_\w+)\(", read(path)))


def named_tests(page):
    """What a page calls a test: a whole name, or the beginning of one, with "…" behind it. Parameters in [] do not count."""
    return {word.split("[")[0] for word in words(page) if re.fullmatch(r"test_\w+(?:…|\[.*\])?", word)}


def is_test(name):
    return any(test.startswith(name[:-1]) for test in tests()) if name.endswith("…") else name in tests()


def missing_tests(page):
    return sorted(name for name in named_tests(page) if not is_test(name))


def missing_files(page):
    """Of the files of tests: "http/test_budgets.py" may stand anywhere below tests/."""
    files = [path for pattern in TESTS for path in sources(pattern)]
    named = {word for word in words(page) if re.fullmatch(r"[\w/]*\btest_\w+\.(?:py|c)", word)}
    return sorted(name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in files))


def fuzz_targets():
    return {os.path.basename(path)[len("fuzz_"):-len(".c")] for path in sources("tests/fuzz/fuzz_*.c")}


def missing_targets(page):
    """Of "fuzz target `http`"."""
    named = {name for said in re.findall(r"fuzz targets? ((?:`\w+`(?:,? and |, )?)+)", page) for name in re.findall(r"\w+", said.replace(" and ", " "))}
    return sorted(named - fuzz_targets())

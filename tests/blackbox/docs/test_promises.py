"""docs/reliability.md and docs/security.md: each promise has a test, and each test that they name is there."""
import re

import pytest
from support import pages

PAGES = {"docs/reliability.md": 150, "docs/security.md": 12}  # and how many tests each names at least


@pytest.mark.parametrize("page", PAGES)
def test_tests_are_there(page):
    text = pages.read(page)
    assert len(pages.named_tests(text)) >= PAGES[page]
    assert pages.missing_tests(text) == []
    assert pages.missing_files(text) == []
    assert pages.missing_targets(text) == []


def test_what_is_not_there_is_told():
    page = "`test_tests_are_there`, `test_no_such_thing`, `test_tests_ar…`, `test_no_suc…`, `docs/test_promises.py`, `docs/test_no.py`; fuzz target `http`, fuzz targets `api` and `no`"
    assert set(pages.missing_tests(page)) == {"test_no_suc…", "test_no_such_thing"}
    assert pages.missing_files(page) == ["docs/test_no.py"]
    assert pages.missing_targets(page) == ["no"]


def test_every_target_is_run_and_told():
    run = re.search(r"^\[ \$# -gt 0 \] \|\| set -- (.*)$", pages.read("tests/fuzz/run"), re.MULTILINE).group(1).split()
    told = re.findall(r"^\| (\w+) \|", pages.read("docs/reliability.md").split("## Fuzzing")[1].split("\n## ")[0], re.MULTILINE)
    assert sorted(run) == sorted(pages.fuzz_targets())
    assert set(told) - {"target"} == pages.fuzz_targets()


def sections(text):
    """(title, text) of each "##" and "###"."""
    parts = re.split(r"^#{2,3} (.*)$", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_each_threat_has_its_test():
    """A section about a threat names a test, and says what is not promised; one that only has sections in it is empty."""
    parts = sections(pages.read("docs/security.md").split("## Clients of the API")[1].split("\n## What is left")[0])
    assert len(parts) > 5
    for title, text in parts:
        if text.strip():
            assert pages.named_tests(text) or "fuzz target" in text, f"{title}: names no test"
            assert re.search("not promised", text, re.IGNORECASE), f"{title}: does not say what is not promised"

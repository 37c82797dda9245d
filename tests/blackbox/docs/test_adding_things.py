"""docs/adding-things.md: its diffs apply and compile, each takes one file of code, and what it names is there. And the places that no
compiler and no other test misses."""
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support import pages
from support.pages import TOP, read, sources, words

COMPILER = shlex.split(os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "cc"))
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", '-DPACKAGE_VERSION="0"', "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
LISTS = {"src/conf/table.c", "src/stratslabd/main.c"}  # files of C that are one table: a row there is data
SECTIONS = ("An endpoint", "A setting", "A counter", "A command")


PAGE = read("docs/adding-things.md")


def diff_of(section):
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL).group(1)
    return re.search(r"^```diff\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1)


def files_of(diff):
    return re.findall(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE)


@pytest.fixture
def tree(tmp_path):
    """tree(diff): a copy of the sources with it."""
    def apply(diff):
        if shutil.which("git") is None:
            pytest.skip("git is not installed")
        for path in [path for pattern in ("src/**", "man/*", "etc/*", "tests/lint/*") for path in sources(pattern)]:
            if os.path.isfile(os.path.join(TOP, path)):
                os.makedirs(os.path.dirname(tmp_path / path), exist_ok=True)
                shutil.copy(os.path.join(TOP, path), tmp_path / path)
        # No repository above: git then takes the paths as they are.
        env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "LC_ALL": "C"}
        done = subprocess.run(["git", "apply", "-C1", "-"], input=diff, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"the page's diff does not apply any more; make it anew:\n{done.stderr}"
        assert all(line[1:] in (tmp_path / path).read_text(encoding="utf-8") for path in files_of(diff)
                   for line in re.findall(r"^\+(?!\+\+).*", diff.split(f"+++ b/{path}\n")[1].split("\n--- ")[0], re.MULTILINE))
        return tmp_path
    return apply


# ---- the diffs ----

@pytest.mark.parametrize("section", SECTIONS)
def test_it_takes_one_file_of_code(section):
    code = [path for path in files_of(diff_of(section)) if path.endswith(".c") and path not in LISTS]
    assert len(code) == 1, code


@pytest.mark.parametrize("section", SECTIONS)
def test_the_diff_is_real(section, tree):
    diff = diff_of(section)
    top = tree(diff)
    if shutil.which(COMPILER[0]) is None:
        pytest.skip(f"there is no compiler {COMPILER[0]}")
    flags = [*FLAGS, f"-I{top / 'src'}", *packages("libevent", "libpq", "json-c")]
    for path in files_of(diff):
        if path.endswith(".c"):
            done = subprocess.run([*COMPILER, *flags, str(top / path)], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr


def packages(*names):
    if shutil.which("pkg-config") is None:
        return []
    done = subprocess.run(["pkg-config", "--cflags", *names], capture_output=True, text=True, timeout=60)
    return shlex.split(done.stdout)


def test_a_setting_that_is_in_no_sample_is_told(tree):
    """The diff stops before `make settings`."""
    top = tree(diff_of("A setting"))
    done = subprocess.run([sys.executable, str(top / "tests" / "lint" / "settings")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "etc/stratslabd.conf.sample: says nothing of STRATSLAB_KILL_GRACE" in done.stdout, done.stdout


def test_a_setting_of_another_type_does_not_compile(tree):
    top = tree(diff_of("A setting").replace("unsigned kill_grace_ms;", "bool kill_grace_ms;"))
    if shutil.which(COMPILER[0]) is None:
        pytest.skip(f"there is no compiler {COMPILER[0]}")
    done = subprocess.run([*COMPILER, *FLAGS, f"-I{top / 'src'}", str(top / "src/conf/table.c")], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "kill_grace_ms" in done.stderr


# ---- what the page names ----

def test_files_are_there():
    paths = [word.split()[0] for word in words(PAGE) if re.match(r"(src|tests|docs|man|etc|sql|scripts)/", word) and not re.search(r"NAME|ROOM", word)]
    assert len(paths) > 40
    assert [path for path in paths if not os.path.exists(os.path.join(TOP, path))] == []
    assert [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if not os.path.exists(os.path.join(TOP, "docs", link))] == []


def test_tests_are_there():
    assert len(pages.named_tests(PAGE)) > 12 and pages.missing_tests(PAGE) == []


def test_commands_are_there():
    rules = "".join(read(path) for pattern in ("*/room.am", "*/*/room.am") for path in sources(pattern))
    targets = set(re.findall(r"make -C build ([a-z-]+)", PAGE))
    assert targets == {"settings", "tables"} and all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in targets)


def test_names_in_the_code_are_there():
    code = "".join(read(path) for pattern in ("src/**/*.[ch]", "tests/unit/**/*.c") for path in sources(pattern))
    names = {name for word in words(PAGE) for name in re.findall(r"\b[a-z]+_[a-z_]+\b", word) if "/" not in word and not name.startswith("test_")}
    assert len(names) > 15 and {name for name in names if not re.search(rf"\b{name}\b", code)} == set()


# ---- what nothing else tells ----

def defined(pattern, kind):
    return {name for path in sources(pattern) for name in re.findall(rf"^const struct {kind} (\w+) = ", read(path), re.MULTILINE)}


def test_what_is_defined_is_registered():
    for pattern, kind, *tables in (("src/api/*.c", "api_resource", "src/api/registry.c"), ("src/rules/*.c", "rules_family", "src/rules/table.c"),
                                   ("src/stratslabd/*.c", "command_entry", "src/stratslabd/main.c"),
                                   ("src/backtestd/*.c", "command_entry", "src/backtestd/main.c", "src/backtestd/candles.c")):
        names, listed = defined(pattern, kind), "".join(read(table) for table in tables)
        assert len(names) > 2, (pattern, kind)
        assert {name for name in names if f"&{name}" not in listed} == set(), f"not in {' or '.join(tables)}"


def test_every_refusal_is_said():
    for room in ("http", "api"):
        names = set(re.findall(rf"^    ({room.upper()}_REFUSAL_\w+),", read(f"src/{room}/refusal.h"), re.MULTILINE)) - {f"{room.upper()}_REFUSAL_{name}" for name in ("NONE", "COUNT")}
        code = "".join(read(path) for path in sources("src/**/*.c") if path not in (f"src/{room}/refusal.c", "src/api/openapi_answers.c"))
        if room == "api":  # what outcomes of statements come to
            code += read("src/api/refusal.c").split("api_outcome_refusals")[1]
        assert len(names) > 15 and {name for name in names if not re.search(rf"\b{name}\b", code)} == set()


def test_every_setting_has_a_use():
    members = {member for member in re.findall(r"CONF_ROW_[A-Z_]+\(\s*conf\.([a-z_.]+)", read("src/conf/table.c"))}
    code = "".join(read(path) for path in sources("src/**/*.c") if not path.startswith("src/conf/"))
    assert len(members) > 30
    assert {member for member in members if not re.search(rf"(?:->|\.){member.split('.')[-1]}\b", code)} == set()


def test_every_migration_is_installed():
    there = {os.path.basename(path) for path in sources("sql/migrations/*.sql")}
    assert there and set(re.findall(r"sql/migrations/(\S+\.sql)", read("sql/migrations/room.am"))) == there


def test_every_source_is_built():
    for room in sources("src/*"):
        if os.path.isdir(os.path.join(TOP, room)):
            there = {path for path in sources(f"{room}/**") if path.endswith((".c", ".h"))}
            assert there == set(re.findall(rf"\b{room}/\S+\.[ch]\b", read(f"{room}/room.am"))), room


def test_every_room_is_listed():
    rooms = {os.path.basename(room) for room in sources("src/*") if os.path.isdir(os.path.join(TOP, room))}
    assert set(re.findall(r"^include src/(\w+)/room\.am$", read("Makefile.am"), re.MULTILINE)) == rooms
    assert set(re.findall(r"^\| `(\w+)/` \|", read("docs/ARCHITECTURE.md").split("## Rooms")[1], re.MULTILINE)) == rooms
    wired = {"queue", "stratslabd", "backtestd"}  # which the black-box tests are for
    assert rooms - wired <= {os.path.basename(room) for room in sources("tests/unit/*")}

"""The manual pages say all that there is, and nothing that there is not: settings, verbs of migrate, signals, exit statuses, and the
log's errors and warnings. Commands and options: test_commands.py."""
import glob
import json
import os
import re

import pytest
from support import daemon as daemons

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
BACKTESTD_ROOMS = {"backtestd", "queue"}  # what only they log is in backtestd(8), the rest in stratslabd(8)
LITERALS = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
LOGGED = re.compile(rf"\blog_(error|warning)\(\s*(?:\w+ \? {LITERALS}: )?{LITERALS}[,)]")
# What the log says of itself.
LOGGED_OF_ITSELF = re.compile(rf"\blog_(?:make|add)_line\(\s*LOG_LEVEL_(ERROR|WARNING),\s*{LITERALS},")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def part(text, macro, name):
    """What stands between `.Sh name` (or `.Ss name`) and the next heading of that rank or a higher one."""
    ends = {"Sh": r"\.Sh ", "Ss": r"\.S[hs] "}[macro]
    found = re.search(rf"^\.{macro} {re.escape(name)}\n(.*?)(?=^{ends}|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no .{macro} {name}"
    return found.group(1)


def items(text):
    """The heads of the list items in it; a backslash at its end continues a line."""
    return re.findall(r"^\.It (.*)$", text.replace("\\\n", ""), re.MULTILINE)


def listed(text, heading):
    """The names in the indented list below a line."""
    block = text.split(heading, 1)[1].strip("\n").split("\n\n")[0]
    return re.findall(r"^  ([a-z]+) ", block, re.MULTILINE)


@pytest.fixture(scope="module")
def page():
    return read("man/stratslabd.8")


@pytest.fixture
def help_of(stratslabd):
    def run(*words):
        done = daemons.run(stratslabd, *words, "--help")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def settings(stratslabd):
    done = daemons.run(stratslabd, "config", "--json")
    assert done.returncode == 0, done.stderr
    return {setting["name"] for setting in json.loads(done.stdout)["settings"]}


def test_settings(settings):
    assert len(settings) > 20
    told = items(part(read("man/stratslabd.conf.5"), "Sh", "SETTINGS"))
    assert {head.split()[1] for head in told} == settings


def test_settings_in_the_sample_file(settings):
    sample = read("etc/stratslabd.conf.sample")
    assert set(re.findall(r"^#([A-Z_]+)=", sample, re.MULTILINE)) == settings - {"STRATSLAB_CONFIG"}
    assert re.search("^# STRATSLAB_CONFIG$", sample, re.MULTILINE)


def test_list_of_settings_is_the_program_s(stratslabd):
    done = daemons.run(stratslabd, "config", "--man")
    assert done.returncode == 0
    assert done.stdout in read("man/stratslabd.conf.5"), "make settings brings it up to date"


def test_verbs_of_migrate(page, help_of):
    verbs = listed(help_of("migrate"), "Commands:")
    assert "up" in verbs
    heads = {re.match(r"Cm ([a-z]+)", head).group(1): head for head in items(part(page, "Ss", "migrate"))}
    assert list(heads) == verbs
    for verb, head in heads.items():
        usage = help_of("migrate", verb).split("\n")[0]
        wanted = re.findall(r"(--[a-z-]+)(?: ([A-Z]+))?\]", usage)
        told = re.findall(r"Fl (-[a-z-]+)(?: Ar ([a-z]+))?", head)
        assert [(f"-{name}", value.upper()) for name, value in told] == wanted, verb
        argument = re.search(r" ([A-Z]+)$", usage)
        assert (f"Ar {argument.group(1).lower()}" if argument else "") in head, verb


def test_signals(page):
    table = re.search(r"master_signals\[\] = \{(.*?)\n\};", read("src/master/master.c"), re.DOTALL).group(1)
    taken = set(re.findall(r"\{(SIG[A-Z0-9]+), ", table))
    assert len(taken) == table.count("{") > 5
    heads = items(part(page, "Sh", "SIGNALS"))
    assert {name for head in heads for name in re.findall(r"SIG[A-Z0-9]+", head)} == taken


def test_exit_statuses(page):
    enum = re.search(r"enum command_exit \{(.*?)\};", re.sub(r"/\*.*?\*/", "", read("src/command/command.h"), flags=re.DOTALL),
                     re.DOTALL).group(1)
    entries = [entry.split() for entry in enum.split(",") if entry.strip()]
    assert all(len(entry) == 3 and entry[1] == "=" and entry[2].isdigit() for entry in entries), entries
    statuses = [entry[2] for entry in entries]
    assert items(part(page, "Sh", "EXIT STATUS")) == statuses
    others = set(re.findall(r"MASTER_EXIT_\w+ = (\d+)", read("src/master/master.h")))
    assert others and others <= set(statuses)
    unit = set(re.search(r"^RestartPreventExitStatus=(.*)$", read("etc/service.in"), re.MULTILINE).group(1).split())
    assert unit <= set(statuses)
    told = re.search(r"^Exit statuses: (.*?)\n\n", read("README.md"), re.MULTILINE | re.DOTALL).group(1)
    assert re.findall(r"(?:^|· |\n)(\d+)\b", told) == statuses


def test_words_of_health(page):
    words = re.findall(r'= "([a-z_]+)"', read("src/base/health.c"))
    assert words[0] == "ok" and len(words) > 4
    assert [head.removeprefix("Li ") for head in items(part(page, "Sh", "HEALTH")) if head.startswith("Li ")] == words[1:]


def test_environment(page):
    """Variables that the code asks for by name; settings have a page of their own."""
    asked = {name for path in glob.glob(os.path.join(TOP, "src", "*", "*.c"))
             for name in re.findall(r'\bgetenv\("([A-Z_]+)"\)', read(path))}
    assert "JOURNAL_STREAM" in asked
    heads = items(part(page, "Sh", "ENVIRONMENT"))
    told = {name for head in heads for name in re.findall(r"[A-Z][A-Z_]+[A-Z]", head)}
    told |= set(re.findall(r"^\.Ev (PG[A-Z]+)", read("man/stratslabd.conf.5"), re.MULTILINE))  # libpq's
    assert asked - told == set()


@pytest.fixture(scope="module")
def logged():
    """{(level, message): rooms} of every error and warning that is logged in src/."""
    found = {}
    for path in glob.glob(os.path.join(TOP, "src", "*", "*.c")):
        text = read(path)
        calls = LOGGED.findall(text)
        assert len(calls) == len(re.findall(r"\blog_(?:error|warning)\(", text)), f"{path}: a call is not understood"
        calls += [(level.lower(), literals) for level, literals in LOGGED_OF_ITSELF.findall(text)]
        for level, *groups in calls:
            for literals in filter(None, groups):
                message = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
                found.setdefault((level, message), set()).add(path.split(os.sep)[-2])
    assert len(found) > 20
    return found


def test_diagnostics(page, logged):
    told = {head for head in items(part(page, "Sh", "DIAGNOSTICS")) if not head.startswith("stratslabd: ")}
    assert told == {message for (_, message), rooms in logged.items() if rooms - BACKTESTD_ROOMS}
    others = items(part(read("man/backtestd.8"), "Sh", "DIAGNOSTICS"))
    assert set(others) == {message for (_, message), rooms in logged.items() if not rooms - BACKTESTD_ROOMS}


def test_errors_and_warnings_in_operations(logged):
    rows = re.findall(r"^\| (error|warning) \| `(.*?)` \| ", read("docs/operations.md"), re.MULTILINE)
    assert len(set(rows)) == len(rows)
    assert set(rows) == set(logged)

"""The table of commands of each program: its help, its manual page and what its parser takes are one."""
import glob
import os
import re

import pytest
from support import daemon as daemons
from support.commands import Table

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PROGRAMS = ("stratslabd", "backtestd")
HIDDEN = {"--preflight", "--state-version", "--have"}  # from a master to its next image, at a reload


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def table(program):
    return Table(program)


@pytest.fixture(scope="module")
def page(program):
    return read(f"man/{os.path.basename(program)}.8")


def heads(text):
    """{option: takes a value} of the heads of the list items in it; a head is a line, or what stands between Xo and Xc."""
    lines = re.findall(r"^\.It (Xo\n(?:(?!\.Xc).*\n)*|.*\n)", text, re.MULTILINE)
    return {f"-{name}": bool(value) for head in lines for name, value in re.findall(r"\bFl (-[a-z-]+)(\s+(?:Ar|Cm) )?", head)}


def test_the_manual_page_has_every_command(table, page):
    parts = dict(re.findall(r"^\.Ss (.*)\n((?:(?!\.S[hs] ).*\n)*)", page.split("\n.Sh COMMANDS\n")[1].split("\n.Sh ")[0] + "\n", re.MULTILINE))
    assert list(parts) == table.program.commands
    for command, text in parts.items():
        assert heads(text) == {name: value is not None for name, value in table.options(command).items()}, command
        for entry in table.entries:
            if entry.path[0] == command and len(entry.path) == 2:
                assert re.search(rf"\bCm (?:{command} )?{entry.path[1]}\b", text), entry.path


def test_the_manual_page_has_the_program_s_options(table, page):
    text = re.search(r"^\.Sh DESCRIPTION\n((?:(?!\.Sh ).*\n)*)", page, re.MULTILINE).group(1)
    assert heads(text) == {name: value is not None for name, value in table.program.options.items()}


def test_the_manual_page_names_no_other_option(table, page):
    every = set(table.program.options).union(*(entry.options for entry in table.entries))
    told = {f"-{name}" for name in re.findall(r"\b(?:Fl |\| )(-[a-z][a-z-]*)", page)}
    assert told and told <= every, told - every


def test_help(table, program):
    for entry in [table.program, *table.entries]:
        assert entry.usage.startswith(" ".join([os.path.basename(program), *entry.path])), entry.path
        assert max(len(line) for line in entry.help.split("\n")) <= 100, entry.path
        for name, value in entry.options.items():
            if entry.path:
                assert (f"{name} {value}" if value else name) in " ".join(entry.usage.split()), entry.path
        for words in (("help", *entry.path), (*entry.path, "-h"), (*entry.path, "--nonsense", "--help")):
            done = daemons.run(program, *words)
            assert (done.returncode, done.stdout, done.stderr) == (0, entry.help, ""), words


def test_what_is_wrong_is_said(table, program):
    """No command begins to work before its words are right."""
    def refused(entry, said, *words):
        done = daemons.run(program, *entry.path, *words)
        name = " ".join([os.path.basename(program), *entry.path])
        assert done.returncode == 64 and done.stdout == "", (entry.path, words)
        assert done.stderr == f"{name}: {said}\nSee {name} --help\n", (entry.path, words)

    for entry in table.entries:
        refused(entry, "there is no option --nonsense", "--nonsense")
        for name, value in {**entry.inherited, **entry.options}.items():
            if value is not None:
                refused(entry, f"{name} needs a value, {value}", name)
            elif name not in ("--help", "--version"):
                refused(entry, f"{name} takes no value", f"{name}=x")
                if len(name) > 6:
                    refused(entry, f"there is no option {name[:-1]}; did you mean {name}?", name[:-1])
    for entry in table.entries:
        if entry.commands:
            refused(entry, "there is no command \"nonsense\"", "nonsense")
            listed = " or ".join([", ".join(entry.commands[:-1]), entry.commands[-1]]) if len(entry.commands) > 1 else entry.commands[0]
            refused(entry, f"a command is missing: {listed}")


def test_the_code_takes_no_option_beside_the_table(stratslabd, backtestd):
    """Every option in the code stands in a row of a table; what is hidden is in no help."""
    files = [path for room in ("command", *PROGRAMS) for path in glob.glob(os.path.join(TOP, "src", room, "*.[ch]"))]
    text = "".join(re.sub(r"/\*.*?\*/", "", read(path), flags=re.DOTALL) for path in files)
    rows = set(re.findall(r'\.name = "(--[a-z-]+)"', text))
    hidden = set(re.findall(r'\.name = "(--[a-z-]+)"(?:(?!\.name).)*?\.hidden = true', text, re.DOTALL))
    assert {"--json", "--steps", "--set", "--candles"} <= rows and hidden == HIDDEN
    helped = set()
    for program in (stratslabd, backtestd):
        table = Table(program)
        helped |= set(table.program.options).union(*(entry.options for entry in table.entries))
    assert helped - {"--version", "--help"} == rows - hidden
    assert set(re.findall(r'"(--[a-z][a-z-]*)"', text)) - rows <= {"--help", "--version"}


def test_a_printed_line_is_a_source_line():
    """Of what stands below the lists of a help."""
    files = [path for room in ("command", *PROGRAMS) for path in glob.glob(os.path.join(TOP, "src", room, "*.[ch]"))]
    texts = [text for path in files for text in re.findall(r'\.about =\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', read(path))]
    assert len(texts) > 15
    for line in (line for text in texts for line in re.findall(r'"((?:[^"\\]|\\.)*)"', text)):
        assert line.endswith("\\n") and line.count("\\n") == 1, line


@pytest.mark.parametrize("words", [
    ("--set=STRATSLAB_WORKERS=2", "config"),
    ("--set", "STRATSLAB_WORKERS=2", "config", "--json", "--json"),
    ("config", "--set", "STRATSLAB_WORKERS=2", "--json"),
    ("config", "--json", "--set=STRATSLAB_DOCS_DIR="),
    ("--config=", "config", "--config", ""),
    ("--config=/nonexistent", "config", "--config="),
    ("--set", "STRATSLAB_WORKERS=wrong", "config", "--sample"),
    ("config", "--man", "--config=/nonexistent"),
    ("--config", "/nonexistent", "serve", "--help"),
    ("--set", "--version", "--help"),
    ("migrate", "help"),
    ("migrate", "--help", "nonsense"),
    ("migrate", "up", "--to", "--help"),
    ("token", "nonsense", "--help"),
    ("--version", "nonsense"),
])
def test_what_was_taken_is_taken(stratslabd, words):
    """Lines that every version has taken."""
    done = daemons.run(stratslabd, *words)
    assert done.returncode == 0 and done.stdout and not done.stderr, (words, done.stderr)


@pytest.mark.parametrize(("words", "status"), [
    (("nonsense", "--help"), 64),
    (("--nonsense", "--version"), 64),
    (("--set", "x", "config"), 78),
    (("--set", "", "config"), 78),
    (("config", "--set", "STRATSLAB_WORKERS=x"), 78),
    (("config", "--config", "/nonexistent"), 78),
    (("config", "--json", "--sample"), 64),
    (("migrate", "down", "--steps", "0"), 64),
    (("migrate", "wait", "--timeout", "soon"), 64),
    (("migrate", "new"), 64),
    (("migrate", "new", "a", "b"), 64),
    (("check", "--state-version=0"), 71),
    (("check", "--have={}", "--preflight", "--state-version", "0"), 71),
])
def test_what_was_refused_is_refused(stratslabd, words, status):
    assert daemons.run(stratslabd, *words).returncode == status

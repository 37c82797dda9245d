"""The completions in real shells: they offer what the program's help lists, and nothing else."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from support import daemon as daemons
from support.wait import SLOWNESS

FOLDER = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "etc", "completion"))

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here (Debian: apt install zsh)")


def listed(stratslabd, *words):
    """What the help of these words lists: commands, verbs and options."""
    done = daemons.run(stratslabd, *words, "--help")
    return set(re.findall(r"^  (--[a-z-]+|[a-z]+) ", done.stdout, re.MULTILINE))


@pytest.fixture
def path(stratslabd, tmp_path):
    """An environment where `stratslabd` is the program under test."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "stratslabd").symlink_to(stratslabd)
    return daemons.environment({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TERM": "dumb"})


@pytest.fixture
def bash(path, tmp_path):
    """bash(line): what a TAB at its end offers."""
    def complete(*words):
        text = " ".join(f"'{word}'" for word in words)
        script = f"""source {FOLDER}/stratslabd; compopt() {{ :; }}
                     COMP_WORDS=(stratslabd {text}); COMP_CWORD={len(words)}
                     _stratslab stratslabd '{words[-1]}' '{(["stratslabd", *words])[-2]}'
                     printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "--norc", "-c", script], env=path, cwd=tmp_path, capture_output=True, text=True, timeout=30 * SLOWNESS)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return set(done.stdout.split())

    return complete


@needs_bash
def test_bash(bash, stratslabd, tmp_path):
    everything = listed(stratslabd)
    commands = {word for word in everything if word[0] != "-"}
    assert "migrate" in commands
    assert bash("") == everything
    assert bash("re") == {"reload"}
    for command in commands:
        assert bash(command, "") == listed(stratslabd, command), command
    assert bash("migrate", "st") == {"stamp", "status"}
    assert bash("migrate", "up", "--") == listed(stratslabd, "migrate", "up") | {"--config", "--set", "--version", "--help"}
    assert bash("--config", "x.conf", "--set", "STRATSLAB_WORKERS", "=", "2", "migrate", "down", "--s") == {"--steps", "--set"}
    assert bash("token", "create", "--scope", "") == {"read", "write"} and bash("token", "create", "--scope", "=", "w") == {"write"}
    assert bash("migrate", "up", "--to", "") == set()
    assert bash("migrate", "up", "--to", "20260101000000", "--dr") == {"--dry-run"}
    assert bash("--set", "STRATSLAB_WORK") == {"STRATSLAB_WORKERS="}
    (tmp_path / "mine.conf").touch()
    assert bash("--config", "mi") == {"mine.conf"} == bash("--config", "=", "mi")


class Terminal:
    """A shell on a terminal, typed at."""

    def __init__(self, command, env, cwd):
        self.text = ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, env)
        self.pid = pid

    def type(self, text):
        self.text = ""
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        deadline = time.monotonic() + 30 * SLOWNESS
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"waited in vain for /{pattern}/ in {self.text!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                self.text += os.read(self.fd, 4096).decode(errors="replace")

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@needs_zsh
def test_zsh(path, stratslabd, tmp_path):
    assert subprocess.run(["zsh", "-n", f"{FOLDER}/_stratslabd"], capture_output=True).returncode == 0
    shell = Terminal(["zsh", "-f", "-i"], path, tmp_path)
    try:
        shell.type(f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; PS1='ready''> '\n")
        shell.wait("ready> ")
        # What is unambiguous is written out …
        for typed, done in (("stratslabd rel", "reload "), ("stratslabd migrate hi", "history "), ("stratslabd migrate up --dr", "--dry-run "),
                            ("stratslabd --set STRATSLAB_WORK", "STRATSLAB_WORKERS="), ("stratslabd config --sa", "--sample "),
                            ("stratslabd token create --scope w", "write ")):
            shell.type(typed + "\t")
            shell.wait(re.escape(done))
            shell.type("\x15")
        # … and otherwise everything is offered, with its meaning.
        shell.type("stratslabd \t")
        for command in (word for word in listed(stratslabd) if word[0] != "-"):
            shell.wait(rf"\b{command} +-- ")
    finally:
        shell.close()

"""Where a reload looks for the executable, and what may lie there: release folders behind a symlink, and things that are no program."""
import os
import shutil
import signal
import socket

import pytest
from support import processes
from support.daemon import MIGRATIONS
from support.kinds import BOTH
from support.reload import failed, mends, reload_wait
from support.wait import wait_until


class Releases:
    """opt/releases/N/{bin,migrations,etc}, and opt/current, which leads to one of them."""

    def __init__(self, program, folder):
        self.real, self.name, self.top = program, os.path.basename(program), str(folder / "opt")
        self.current = os.path.join(self.top, "current")
        self.count = 0
        self.add()
        self.turn()

    def path(self, number):
        return os.path.join(self.top, "releases", str(number))

    def add(self):
        """Makes one more; its migrations and settings are its own."""
        self.count += 1
        new = self.path(self.count)
        os.makedirs(os.path.join(new, "bin"))
        os.makedirs(os.path.join(new, "etc"))
        shutil.copy2(self.real, os.path.join(new, "bin"))
        shutil.copytree(MIGRATIONS, os.path.join(new, "migrations"), ignore=shutil.ignore_patterns("*.am"))
        with open(os.path.join(new, "etc", "stratslab.conf"), "w", encoding="ascii") as f:
            f.write(f"STRATSLAB_WORKERS={self.count}\n")
        return new

    def turn(self):
        """The newest becomes the current one, as deployment tools do it."""
        os.symlink(os.path.join("releases", str(self.count)), self.current + ".new")
        os.rename(self.current + ".new", self.current)

    def prune(self):
        for number in range(1, self.count):
            shutil.rmtree(self.path(number), ignore_errors=True)

    @property
    def executable(self):
        return os.path.join(self.current, "bin", self.name)


@pytest.fixture
def releases(program, tmp_path):
    return Releases(program, tmp_path)


def runs(d):
    """The file that the master runs, without symlinks."""
    return os.readlink(f"/proc/{d.pid}/exe")


@BOTH
@pytest.mark.parametrize("how", ["by its path", "by a link to it", "by PATH", "from its folder", "from its folder, with relative settings",
                                 "from a folder above, relative"])
def test_a_reload_follows_the_symlink_of_a_release(start_daemon, database, releases, how):
    relative = "relative settings" in how
    settings = {"DATABASE_URL": database.url, "workers": None, "PATH": os.environ["PATH"],
                "migrations_dir": "./migrations" if relative else os.path.join(releases.current, "migrations"),
                "config": "etc/stratslab.conf" if relative else os.path.join(releases.current, "etc", "stratslab.conf")}
    program = releases.executable
    if how == "by a link to it":
        program = os.path.join(releases.top, "link")
        os.symlink(releases.executable, program)
    elif how == "by PATH":
        settings["PATH"] = os.path.join(releases.current, "bin") + ":" + settings["PATH"]
        program = releases.name
    elif how.startswith("from its folder"):
        program = f"""sh -c 'cd {releases.current} && exec ./bin/{releases.name} "$@"' sh"""
    elif how.startswith("from a folder above"):
        program = f"""sh -c 'cd {releases.top} && exec current/bin/{releases.name} "$@"' sh"""
    d = start_daemon("serve", program=program, **settings)
    assert runs(d) == os.path.join(releases.path(1), "bin", releases.name)
    for number in (2, 3):
        new = releases.add()
        with open(os.path.join(new, "migrations", f"2099010100000{number}_more.sql"), "w", encoding="ascii") as f:
            f.write(f"-- migrate:up\nCREATE TABLE more{number} (id int);\n-- migrate:down\nDROP TABLE more{number};\n")
        for old in range(2, number):
            shutil.copy(os.path.join(releases.path(old), "migrations", f"2099010100000{old}_more.sql"), os.path.join(new, "migrations"))
        releases.turn()
        releases.prune()
        if d.name == "backtestd":  # which waits for stratslabd to migrate
            with database.connect() as db:
                db.execute(f"INSERT INTO schema_migrations (version) VALUES ('2099010100000{number}')")
        code, said = reload_wait(d, releases)
        assert code == 0 and "same file" not in said, said
        assert runs(d) == os.path.join(new, "bin", releases.name)
        wait_until(lambda n=number: [w["generation"] for w in d.status()["workers"]] == [n] * n, 30, "as many workers as the new settings say")
        assert not d.status()["reload"]["same_executable"]
    if d.name == "stratslabd":
        with database.connect() as db:
            assert db.execute("SELECT to_regclass('more2'), to_regclass('more3')").fetchone() == ("more2", "more3")


def test_a_way_back_is_a_way_back_to_the_old_folder(start_daemon, database, releases):
    """The new release does not serve; the old one goes on where it was, and the next reload tries the new one again."""
    program = f"""sh -c 'cd {releases.current} && exec ./bin/{releases.name} "$@"' sh"""
    d = start_daemon("serve", program=program, DATABASE_URL=database.url, workers=None, migrations_dir="migrations", config="etc/stratslab.conf")
    new = releases.add()
    with open(os.path.join(new, "bin", releases.name), "wb") as f:
        f.write(b"")
    releases.turn()
    code, said = reload_wait(d, releases)
    assert code == 1 and "the file is empty" in said, said
    assert os.readlink(f"/proc/{d.pid}/cwd") == releases.path(1)
    shutil.copy2(releases.real, os.path.join(new, "bin"))
    assert reload_wait(d, releases)[0] == 0
    assert os.readlink(f"/proc/{d.pid}/cwd") == new


def test_a_roll_that_fails_leads_back_to_the_old_folder(start_daemon, database, releases, executable):
    program = f"""sh -c 'cd {releases.current} && exec ./bin/{releases.name} "$@"' sh"""
    d = start_daemon("serve", program=program, DATABASE_URL=database.url, workers=None, migrations_dir="migrations", config="etc/stratslab.conf")
    new = releases.add()
    executable.replace_workers("abort();")
    shutil.copy2(executable.path, os.path.join(new, "bin"))
    releases.turn()
    code, said = reload_wait(d, releases)
    assert code == 1 and "died: SIGABRT" in said, said
    assert os.readlink(f"/proc/{d.pid}/cwd") == releases.path(1) and runs(d) == os.path.join(releases.path(1), "bin", releases.name)
    shutil.copy2(releases.real, os.path.join(new, "bin", "x"))
    os.rename(os.path.join(new, "bin", "x"), os.path.join(new, "bin", releases.name))
    assert reload_wait(d, releases)[0] == 0
    assert os.readlink(f"/proc/{d.pid}/cwd") == new


@BOTH
def test_a_working_directory_that_has_gone_matters_to_relative_paths_alone(start_daemon, database, program, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    d = start_daemon("serve", program=f"""sh -c 'cd {gone} && exec {program} "$@"' sh""", DATABASE_URL=database.url)
    gone.rmdir()
    code, said = reload_wait(d, type("E", (), {"real": program}))
    assert code == 0, said


@BOTH
def test_the_same_file_is_told(replaceable, executable):
    d = replaceable()
    code, said = reload_wait(d, executable)
    assert code == 0 and f"reloaded: the executable is the same file as before ({executable.path})" in said, said
    assert d.wait_log("the executable is the same file as before")
    assert d.status()["reload"]["same_executable"] is True
    executable.restore()
    code, said = reload_wait(d, executable)
    assert code == 0 and "same file" not in said, said
    assert d.status()["reload"]["same_executable"] is False


# ---- what is no program ----

def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)


def make_device(path):
    os.symlink("/dev/zero", path)


def make_terminal(path):
    os.symlink("/dev/tty", path)


def make_script(path):
    with open(path, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\nexit 0\n")
    os.chmod(path, 0o755)


def make_empty(path):
    open(path, "wb").close()
    os.chmod(path, 0o755)


def make_loop(path):
    os.symlink(os.path.basename(path), path)


def make_dangling(path):
    os.symlink("/nonexistent/program", path)


def make_text(path):
    with open(path, "w", encoding="ascii") as f:
        f.write("hello\n")
    os.chmod(path, 0o755)


@BOTH
@pytest.mark.parametrize("make, words", [
    (make_fifo, "it is a FIFO"), (os.mkdir, "it is a directory"), (make_socket, "it is a socket"), (make_device, "it is a device"),
    (make_terminal, "it is a device"), (make_script, "it is a script"), (make_empty, "the file is empty"), (make_loop, "symbolic links"),
    (make_dangling, "No such file"), (make_text, "not a whole program"),
], ids=lambda v: getattr(v, "__name__", None))
def test_what_is_no_program(replaceable, executable, make, words):
    d = replaceable()
    executable.remove()
    make(executable.path)
    failed(d, executable, "preflight", words)
    (os.rmdir if make is os.mkdir else os.unlink)(executable.path)
    mends(d, executable)


@BOTH
def test_a_fifo_does_not_hold_the_end(replaceable, executable):
    d = replaceable()
    executable.remove()
    os.mkfifo(executable.path)
    for _ in range(3):
        d.signal(signal.SIGHUP)
    d.wait_log("it is a FIFO")
    assert d.stop() == 0


@BOTH
def test_a_file_that_is_still_written(replaceable, executable):
    d = replaceable()
    new = executable.path + ".new"
    shutil.copy2(executable.real, new)
    os.rename(new, executable.path)
    with open(executable.path, "r+b"):
        failed(d, executable, "preflight", "Text file busy", "still writing")
    code, said = reload_wait(d, executable)
    assert code == 0, said


@BOTH
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_half_a_file(replaceable, executable, share):
    d = replaceable()
    new = executable.path + ".new"
    shutil.copy2(executable.real, new)
    os.truncate(new, int(os.path.getsize(new) * share))
    os.rename(new, executable.path)
    failed(d, executable, "preflight", "it is cut short after")
    mends(d, executable)


@BOTH
def test_a_file_system_without_programs(replaceable, executable):
    """/proc is one, as good as everywhere."""
    d = replaceable()
    executable.remove()
    os.symlink("/proc/version", executable.path)
    noexec = os.statvfs("/proc").f_flag & os.ST_NOEXEC
    failed(d, executable, "preflight", "mounted noexec" if noexec else "cannot be run")
    executable.remove()
    mends(d, executable)


@BOTH
def test_the_preflight_ends_with_its_master(replaceable, executable):
    d = replaceable(reload_timeout="60s")
    d.expect_exit = -signal.SIGKILL
    executable.replace("int main(void) { for (;;) pause(); }")
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["reload"]["step"] == "preflight" and d.status()["reload"]["state"] == "running", 20, "the preflight")
    children = processes.children(d.pid)
    os.kill(d.pid, signal.SIGKILL)
    d.wait()
    gone = {pid: processes.describe(pid) for pid in children}
    wait_until(lambda: not any(map(processes.is_alive, children)), 60, f"every child to end: {gone}")

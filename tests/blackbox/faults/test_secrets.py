"""A secret that --set gives is in force, and on nobody's command line: /proc/PID/cmdline is for everybody to read."""
import contextlib
import os
import re
import socket
import subprocess
import threading

import pytest
from support import daemon as daemons
from support import processes
from support.executables import plain_build
from support.kinds import BOTH
from support.memory import holds, memory
from support.reload import failed, mends, reload_wait
from support.wait import SLOWNESS, wait_until


def command_line(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read()
    return b""


class Watch(threading.Thread):
    """Reads the command lines of a daemon's processes for as long as it lasts."""

    def __init__(self, d, secret):
        super().__init__(daemon=True)
        self.daemon_under_test, self.secret = d, secret.encode()
        self.seen, self.looks, self.over = [], 0, threading.Event()

    def look(self):
        for pid in processes.belonging(self.daemon_under_test.pid, self.daemon_under_test.marker):
            line = command_line(pid)
            self.looks += line != b""
            if self.secret in line:
                self.seen.append(line)

    def run(self):
        while not self.over.is_set():
            self.look()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


@pytest.fixture
def secretive(start_daemon, stratslabd, database, executable, migrations):
    """A daemon that has its database's address, with the password in it, from --set."""
    def start(*arguments, **settings):
        daemons.migrate(stratslabd, database.url)
        config = migrations.parent / "stratslabd.conf"
        config.touch()
        return start_daemon("serve", *(arguments or ("--set", f"DATABASE_URL={database.url}")), program=executable.path,
                         migrations_dir=str(migrations), config=str(config), reload_timeout="20s", **settings)

    return start


@BOTH
def test_it_is_on_no_command_line_through_reloads_and_roll_backs(secretive, executable, database):
    d = secretive()
    assert d.wait_log('level=warning .*msg="a secret stood on the command line" setting=DATABASE_URL')
    with Watch(d, database.password) as watch:
        for _ in range(2):
            code, said = reload_wait(d, executable)
            assert code == 0, said
        executable.replace("int main(void) { return 1; }")
        failed(d, executable, "preflight")
        executable.replace_workers("abort();")
        failed(d, executable, "roll", "died: SIGABRT")
        mends(d, executable)
        wait_until(lambda: len(d.workers()) == 2, 20, "two workers")
        watch.look()
    print(f"\n{watch.looks} command lines were read through three reloads and a roll-back; none had the password")
    assert watch.looks > 0 and watch.seen == []
    assert database.password not in d.log()
    assert len(re.findall("a secret stood on the command line", d.log())) == 1


@BOTH
def test_it_wins_over_the_environment_also_after_a_reload(secretive, executable, database, tmp_path):
    """As the command line does, and over a file that the environment names."""
    wrong = tmp_path / "wrong"
    wrong.write_text("postgresql://nobody@127.0.0.1:1/nowhere", encoding="utf-8")
    d = secretive("--set", f"DATABASE_URL={database.url}", DATABASE_URL_FILE=str(wrong))
    code, said = reload_wait(d, executable)
    assert code == 0, said
    assert d.request("GET", "/health/ready").status == 200


@BOTH
def test_a_setting_that_is_not_secret_stays_where_it_is(secretive, database):
    d = secretive("--set", f"DATABASE_URL={database.url}", "--set=STRATSLAB_LOG_LEVEL=debug")
    assert "level=debug" in d.log()


@BOTH
@pytest.mark.parametrize("words", [("check",), ("config",)])
def test_a_command_hides_it_and_says_that_it_should_not_stand_there(program, words):
    """As soon as it runs: here it waits for a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://u:geheim@127.0.0.1:{server.getsockname()[1]}/d"
        env = daemons.environment({"database_connect_timeout": "60s", "migrations_dir": os.path.realpath(daemons.MIGRATIONS)})
        command = subprocess.Popen([program, *words, "--set", f"DATABASE_URL={url}"], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            if words == ("check",):
                server.settimeout(30 * SLOWNESS)
                connection, _ = server.accept()  # it runs, and has read its settings
                line = command_line(command.pid)
                assert b"DATABASE_URL=" in line and b"geheim" not in line and b"u:" not in line, line
                connection.close()
        finally:
            if words == ("check",):
                command.terminate()
            out, err = command.communicate(timeout=60 * SLOWNESS)
    assert "warning: --set DATABASE_URL: this is a secret" in err and "NAME_FILE" in err, err
    assert "geheim" not in out + err


@BOTH
def test_a_secret_without_its_name_is_not_shown(program):
    done = daemons.run(program, "config", "--set", "geheim")
    assert done.returncode == 78 and "geheim" not in done.stdout + done.stderr


def forgotten(d, secret):
    """Each process that serves has forgotten it, in whatever it holds."""
    wait_until(lambda: len(d.workers()) == 2, 20, "two workers")
    served = [pid for pid in processes.children(d.pid) if processes.is_alive(pid)]
    assert len(served) >= 3, "workers and admin"
    for pid in served:
        wait_until(lambda pid=pid: not holds(pid, secret.encode()), 20, f"{processes.describe(pid)} to have forgotten it")


def test_the_owners_is_forgotten_by_who_serves_after_a_roll_back_too(start_daemon, executable, database, migrations):
    """The program has copies then that are not the settings' own: of the command line, and of what a roll-back takes along."""
    plain_build(executable.real)
    secret = "0wner-s3cret-of-this-test"
    with database.connect() as db:
        db.execute(f"ALTER ROLE {database.role} PASSWORD '{secret}'")
    url = database.url.replace(database.password, secret)
    daemons.migrate(executable.real, url)
    d = start_daemon("serve", "--set", f"MIGRATE_DATABASE_URL={url}", DATABASE_URL=database.api_url, program=executable.path,
                     migrations_dir=str(migrations), reload_timeout="20s")
    try:
        assert secret.encode() in memory(d.pid), "the test does not find what the master does hold"
    except PermissionError:
        pytest.skip("this user may not look into the memory of processes (a test as root does)")
    forgotten(d, secret)
    executable.replace_workers("abort();")
    failed(d, executable, "roll", "died: SIGABRT")
    forgotten(d, secret)
    mends(d, executable)
    forgotten(d, secret)


@BOTH
def test_the_owners_is_in_no_environment_but_the_masters(start_daemon, database):
    """backtestd has no use for it, and is given it where both programs share a file of variables."""
    secret = "0wner-s3cret-of-this-test"
    d = start_daemon(DATABASE_URL=database.url, MIGRATE_DATABASE_URL=database.url.replace(database.password, secret), workers=1)
    served = wait_until(lambda: len(processes.children(d.pid)) == 2 and processes.children(d.pid), 20, "a worker and the admin process")

    def told(pid):
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return secret.encode() in environ.read()

    try:
        assert told(d.pid)
        for pid in served:
            wait_until(lambda pid=pid: not told(pid), 20, f"{processes.describe(pid)} to have forgotten it")
    except PermissionError:
        pytest.skip("this user may not look into the environment of processes (a test as root does)")

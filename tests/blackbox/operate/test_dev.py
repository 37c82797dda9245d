"""scripts/dev.sh in a checkout that is nothing but its scripts: the private PostgreSQL, and what is judged before anything is done.

`run` and `psql` start the private PostgreSQL, and build nothing."""
import contextlib
import os
import pwd
import shutil
import signal
import subprocess

import pytest
from support.checkout import TOP, Checkout
from support.cluster import unprivileged
from support.wait import SLOWNESS, wait_until

REFUSED = ("no space", "a:b", "quo'te", "dol$lar", "semi;colon", "new\nline", "end\n", "ta\tb", 'double"quote', "hash#", "back\\slash")
ROOT = os.geteuid() == 0


@pytest.fixture
def checkout(tmp_path, stratslabd):
    one = Checkout(tmp_path / "checkout", stratslabd)
    yield one
    one.dev("clean", "-y")


@contextlib.contextmanager
def stranger(user=None):
    """A process of the user who owns the server."""
    command = ["sleep", "600"]
    if user is not None:
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def pid_file(pid, data, port=29999):
    return f"{pid}\n{data}\n1700000000\n{port}\n\n127.0.0.1\n  5432001         1\nready   \n"


def test_a_stale_postmaster_pid_of_a_stranger(checkout):
    """The number of a server that was killed is by now another process of the same user: it starts at once, and that one lives."""
    assert checkout.ask("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (42); SELECT n FROM kept") == "42"
    with stranger(unprivileged()) as other:
        checkout.write("postmaster.pid", pid_file(other.pid, os.path.join(checkout.cluster, "data")))
        done = checkout.dev("down")
        assert done.returncode == 0 and "stopping PostgreSQL" not in done.stderr, done.stderr
        assert other.poll() is None
        done = checkout.dev("run", "migrate", "up")
        assert done.returncode == 0 and f"its number ({other.pid}) is another process by now" in done.stderr, done.stderr
        assert checkout.ask("SELECT n FROM kept") == "42"
        assert other.poll() is None
    print("the server started beside a living stranger of that number")


def test_a_stale_postmaster_pid_of_nobody(checkout):
    checkout.ask("SELECT 1")
    with stranger(unprivileged()) as other:
        pass
    for text in (pid_file(other.pid, "/nowhere"), "", "nonsense\n", "-1\n"):
        checkout.write("postmaster.pid", text)
        assert checkout.dev("down").returncode == 0
        assert checkout.ask("SELECT 1") == "1", text


def test_a_server_that_was_left_is_taken_and_stopped(checkout):
    """The other side: a number that is right is believed, and `down` needs none of the server's programs."""
    checkout.ask("SELECT 1")
    data = os.path.join(checkout.cluster, "data")
    user, port = unprivileged(), "29123"
    server = subprocess.Popen(["setpriv", *([f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if user else []),
                               os.path.join(os.environ["STRATSLAB_TEST_PGBIN"], "postgres"), "-D", data, "-p", port, "-c",
                               "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: server.poll() is not None or port in checkout.read("postmaster.pid").split("\n"), 60, "the server's file")
    assert server.poll() is None
    try:
        assert checkout.ask("SHOW port") == port  # also if it is still starting
        assert server.poll() is None
        assert "stopping PostgreSQL" in checkout.dev("down").stderr
        assert server.wait(60 * SLOWNESS) is not None
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
            server.wait()


def test_the_daemon_of_another_checkout_is_not_stopped(checkout):
    """.dev/daemon came along with a copy of a checkout, or is as old as another start of the machine."""
    os.makedirs(os.path.join(checkout.folder, ".dev"), exist_ok=True)
    with stranger() as other:
        with open(f"/proc/{other.pid}/stat") as f:
            started = f.read().rpartition(")")[2].split()[19]
        for text in (f"{other.pid} {started}\n", f"{other.pid}\n", f"{other.pid} \n", "-1 1\n", "1 1\n", "self 1\n", "\n"):
            with open(os.path.join(checkout.folder, ".dev", "daemon"), "w") as f:
                f.write(text)
            done = checkout.dev("down")
            assert done.returncode == 0 and "stopping the service" not in done.stderr, (text, done.stderr)
            assert other.poll() is None, text


def test_a_copy_of_a_checkout_has_data_of_its_own(checkout, tmp_path):
    """cp -a of a checkout, and then clean in the copy."""
    assert checkout.ask("CREATE TABLE original (n integer); SELECT 1") == "1"
    copy = Checkout(tmp_path / "copy")
    shutil.copytree(os.path.join(checkout.folder, ".dev"), os.path.join(copy.folder, ".dev"), ignore=shutil.ignore_patterns("postgres"))
    assert copy.dev("clean", "-y").returncode == 0
    assert checkout.ask("SELECT to_regclass('original') IS NOT NULL") == "t"


def test_data_of_a_version_that_is_not_installed(checkout, tmp_path):
    """PostgreSQL 15 → 17: what can be done is said, with whole commands, before anything is installed or built."""
    checkout.ask("SELECT 1")
    version = checkout.read("PG_VERSION")
    checkout.write("PG_VERSION", "14\n")
    # An apt that knows servers, and not that one.
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-cache").write_text('#!/bin/sh\ncase $2 in postgresql) echo "postgresql | 17 | a mirror" ;; esac\n')
    (tools / "apt-cache").chmod(0o755)
    try:
        for command in (("up",), ("run", "migrate", "status"), ("psql", "-c", "SELECT 1")):
            done = checkout.dev(*command, PATH=f"{tools}:{os.environ['PATH']}")
            assert done.returncode == 1, command
            for words in ("are of PostgreSQL 14", "no postgresql-14 to install", "postgres:14-alpine", "pg_dump -h 127.0.0.1 -U stratslab",
                          "psql -v ON_ERROR_STOP=1", "dev.sh clean"):
                assert words in done.stderr, (command, words, done.stderr)
            assert "packages" not in done.stderr and "build" not in done.stderr.replace("/build", "")
    finally:
        checkout.write("PG_VERSION", version)


def test_dump_and_restore(checkout, tmp_path):
    """What is said of a new version, but for the container: the dump of one cluster fills a fresh one, which the service serves."""
    checkout.ask("SELECT 1")
    assert checkout.dev("run", "migrate", "up").returncode == 0
    checkout.ask("INSERT INTO strategies (name, kind) VALUES ('kept', 'sma')")
    dump = tmp_path / "stratslab.sql"
    # pg_dump as `psql` would have the database.
    done = checkout.dev("psql", "-XAtqc", rf"\! pg_dump --dbname=$(cat {checkout.folder}/.dev/url) >{dump}")
    assert done.returncode == 0 and dump.stat().st_size > 10000, done.stderr
    shutil.rmtree(os.path.join(checkout.folder, "build"))
    assert checkout.dev("clean", "-y").returncode == 0
    done = checkout.dev("psql", "-v", "ON_ERROR_STOP=1", "-q", "-f", str(dump))
    assert done.returncode == 0, done.stderr
    assert checkout.ask("SELECT name FROM strategies") == "kept"
    assert checkout.ask("SELECT has_function_privilege('stratslab_service', 'backtest_expire()', 'EXECUTE')") == "t"


def test_the_roles_of_the_stack(checkout):
    """stratslab_service is there, in a cluster of before too, and the statements of docs/backtests.md work as the cluster's own role."""
    checkout.ask("SELECT 1")
    assert checkout.dev("run", "migrate", "up").returncode == 0
    may = "SELECT has_function_privilege('stratslab_service', 'backtest_expire()', 'EXECUTE')"
    assert checkout.ask(may) == "t"
    assert checkout.ask("CREATE ROLE backtester LOGIN PASSWORD 'x' IN ROLE stratslab_service; "
                        "SELECT pg_has_role('backtester', 'stratslab_service', 'USAGE')") == "t"
    checkout.ask("DROP ROLE backtester; DROP OWNED BY stratslab_service; DROP ROLE stratslab_service")
    assert checkout.ask(may) == "t"


def test_the_service_is_served_as_the_apis_role(checkout):
    """As in the stack in containers: the owner migrates and makes tokens. A cluster of before, without the role, gets it."""
    checkout.ask("SELECT 1")
    assert checkout.dev("run", "migrate", "up").returncode == 0
    assert checkout.ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == "stratslab"
    served = "requests are served as stratslab_api, which may neither change tables nor make tokens"
    done = checkout.dev("run", "check")
    assert done.returncode == 0 and served in done.stdout and "rights: ok" in done.stdout, done.stdout + done.stderr
    assert checkout.dev("run", "token", "create", "mine").returncode == 0
    assert os.stat(os.path.join(checkout.folder, ".dev", "api-url")).st_mode & 0o077 == 0
    checkout.ask("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM stratslab_api")
    os.remove(os.path.join(checkout.folder, ".dev", "api-password"))
    done = checkout.dev("run", "check")
    assert done.returncode == 0 and served in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_a_path_that_cannot_be_built_in_is_refused_first(tmp_path, name):
    one = Checkout(tmp_path / name)
    for command in ("up", "build", "test", "docs", "run", "deps"):
        done = one.dev(command)
        assert done.returncode == 1 and "Move it (mv)" in done.stderr, (command, done.stderr)
        assert "packages" not in done.stderr
    assert one.dev("help").returncode == 0


def test_a_path_beyond_ascii_is_taken(tmp_path):
    one = Checkout(tmp_path / "Größe-漢字_1.0+x")
    try:
        assert one.ask("SELECT 6 * 7") == "42"
    finally:
        one.dev("clean", "-y")


@pytest.mark.skipif(not ROOT, reason="only root can leave root's files")
@pytest.mark.parametrize("what", ["build/src/x.o", "configure", ".dev/password", "."])
def test_files_of_root_are_found_first(what):
    """What an earlier `sudo dev.sh up` has left in the checkout of a user."""
    nobody = pwd.getpwnam("nobody")
    folder = subprocess.run(["mktemp", "-d", "/tmp/stratslab-dev-test.XXXXXX"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        os.chmod(folder, 0o755)
        one = Checkout(folder)
        for name in ("build/src/x.o", "configure", ".dev/password"):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").close()
        subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", folder], check=True)
        os.chown(os.path.join(folder, what), 0, 0)
        prefix = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        for command in ("up", "build", "clean"):
            done = one.dev(command, prefix=prefix)
            assert done.returncode == 1, (command, done.stderr)
            assert "which belongs to root" in done.stderr and "sudo chown -R" in done.stderr, done.stderr
            assert ("dev.sh clean" in done.stderr) is (what.startswith(("build", ".dev"))), done.stderr  # it removes these alone
            assert "packages" not in done.stderr
    finally:
        shutil.rmtree(folder)


def test_up_needs_the_readmes_curl(tmp_path):
    """The README's first request is curl's, and `up` installs what its own start asks for."""
    with open(os.path.join(TOP, "scripts", "dev", "packages.sh")) as f:
        needs = f.read().partition("up_needs=")[2].partition('"\n')[0]
    assert "cmd:curl" in needs

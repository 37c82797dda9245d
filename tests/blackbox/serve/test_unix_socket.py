"""Unix sockets to listen on: whose they are, what is replaced and what is not, and what a bind that fails says."""
import errno
import grp
import http.client
import os
import signal
import socket
import stat

import pytest
from support import daemon as daemons
from support.kinds import BOTH
from support.wait import wait_until


class Answer(http.client.HTTPConnection):
    """GET /health/live over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def is_served(path):
    connection = Answer(path)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def is_refused(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(str(path)) == errno.ECONNREFUSED


@pytest.fixture
def path(tmp_path):
    return tmp_path / "service.sock"


@pytest.fixture
def start(daemon, path):
    """A daemon that listens at `path` with the only port that both kinds have."""
    def run(wait=True, **settings):
        d = daemon(wait=False, admin_listen=f"unix:{path}", **settings)
        if wait:
            wait_until(lambda: is_served(path), 20, f"an answer; the log:\n{d.log()}")
        return d

    return run


@BOTH
def test_a_living_owner_is_named_and_a_killed_one_s_socket_is_replaced(start, path):
    first = start()
    late = start(wait=False)
    late.expect_exit = 71
    assert late.wait() == 71
    assert f"cannot bind unix:{path} (STRATSLAB_ADMIN_LISTEN): it is in use: " in late.log()
    assert f"(pid {first.pid}) listens there" in late.log() and "another path with STRATSLAB_ADMIN_LISTEN" in late.log()
    assert is_served(path)
    first.expect_exit = -signal.SIGKILL
    first.kill()
    assert path.exists() and not is_served(path)
    second = start()
    assert second.stop() == 0 and not path.exists()


def test_the_one_that_ends_leaves_its_successor_s_socket(daemon, path):
    """The first has an upload in flight when it is told to stop: its successor starts meanwhile, on the same path."""
    settings = {"listen": f"unix:{path}", "admin_listen": "off", "workers": 1, "stop_timeout": "60s", "http_body_timeout": "60s"}
    first = daemon(wait=False, **settings)
    wait_until(lambda: is_served(path), 20, "the first")
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(60)
        slow.connect(str(path))
        slow.sendall(b"POST /api/v1/strategies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                     b"Expect: 100-continue\r\n\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 100")
        first.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(path), 30, "the first to stop listening")
        second = daemon(wait=False, **settings)
        wait_until(lambda: second.process.poll() is not None or is_served(path), 20, "the second")
        assert is_served(path), second.log() + first.log()
        assert first.process.poll() is None  # it is still there
        slow.sendall(b"{}")
        assert b" 422 " in slow.recv(4096)
    assert first.wait() == 0
    assert is_served(path)  # which the first has not taken along
    assert second.stop() == 0 and not path.exists()


@BOTH
def test_a_reload_keeps_the_socket_and_the_end_removes_it(start, path, program, stratslabd, database):
    daemons.migrate(stratslabd, database.url)
    d = start()
    before = path.stat()
    done = daemons.run(program, "reload", "--wait", timeout=60, admin_listen=f"unix:{path}", DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (path.stat().st_dev, path.stat().st_ino) == (before.st_dev, before.st_ino) and is_served(path)
    assert d.stop() == 0 and not path.exists()


@BOTH
def test_a_socket_that_somebody_put_there_instead_stays(start, path):
    d = start()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert d.stop() == 0
        with socket.socket(socket.AF_UNIX) as asks:
            asks.connect(str(path))


@BOTH
@pytest.mark.parametrize("make, said", [
    (lambda path: path.write_text("precious"), "a regular file is there, not a socket"),
    (lambda path: path.symlink_to("elsewhere"), "a symbolic link is there, not a socket"),
    (lambda path: os.mkfifo(path), "a FIFO is there, not a socket"),
    (lambda path: path.mkdir(), "a folder is there, not a socket"),
])
def test_what_is_not_a_socket_is_left_and_told(start, path, make, said):
    make(path)
    before = path.lstat()
    d = start(wait=False)
    d.expect_exit = 71
    assert d.wait() == 71
    assert f"cannot bind unix:{path} (STRATSLAB_ADMIN_LISTEN): {said}. Remove it, or choose another path" in d.log()
    assert path.lstat().st_ino == before.st_ino


@BOTH
def test_mode_and_owner(start, path):
    old = os.umask(0o077)
    try:
        d = start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert d.stop() == 0
        group = max(os.getgroups() or [os.getgid()])
        d = start(socket_mode="0666", socket_owner=f":{group}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 and path.stat().st_gid == group
        assert d.stop() == 0
    finally:
        os.umask(old)
    d = start(wait=False, socket_owner=":there-is-no-such-group")
    d.expect_exit = 71
    assert d.wait() == 71
    assert r'there is no group \"there-is-no-such-group\" (STRATSLAB_SOCKET_OWNER)' in d.log() and not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_root_gives_the_socket_to_whom_the_setting_names(start, path):
    group = grp.getgrgid(1).gr_name
    d = start(socket_owner=f"65534:{group}", socket_mode="0600")
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (65534, 1, 0o600)
    assert d.stop() == 0


@BOTH
@pytest.mark.parametrize("mode", ["rw", "0", "0888", "1777", "00660"])
def test_a_mode_that_is_none_is_told(program, mode):
    done = daemons.run(program, "config", socket_mode=mode)
    assert done.returncode == 78 and "STRATSLAB_SOCKET_MODE" in done.stderr and "0660" in done.stderr


@BOTH
def test_each_address_that_cannot_be_bound_names_its_setting(start_daemon, kind, database):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for setting in ("listen", "admin_listen") if kind is daemons.Daemon else ("admin_listen",):
            name = f"STRATSLAB_{setting.upper()}"
            d = start_daemon(wait=False, expect_exit=71, DATABASE_URL=database.url, **{setting: address})
            assert d.wait() == 71
            assert f"cannot bind {address} ({name}): it is in use by " in d.log()
            assert f"Stop that process, or choose another address with {name}." in d.log()
            d = start_daemon(wait=False, expect_exit=71, DATABASE_URL=database.url, **{setting: "192.0.2.1:8123"})
            assert d.wait() == 71
            assert f"cannot bind 192.0.2.1:8123 ({name}): this machine has no such address. Choose" in d.log()
            d = start_daemon(wait=False, expect_exit=71, DATABASE_URL=database.url, **{setting: "unix:/none/x.sock"})
            assert d.wait() == 71
            assert f"cannot bind unix:/none/x.sock ({name}): there is no folder /none. Make it" in d.log()


@BOTH
def test_two_that_start_at_once_at_a_stale_path_are_one_service_and_one_refusal(start, path):
    first = start()
    first.expect_exit = -signal.SIGKILL
    first.kill()
    rivals = [start(wait=False) for _ in range(4)]
    for one in rivals:
        one.expect_exit = None
    wait_until(lambda: sum(one.process.poll() == 71 for one in rivals) == 3, 30, "three to be refused")
    wait_until(lambda: is_served(path), 20, "one to serve")
    (winner,) = [one for one in rivals if one.process.poll() is None]
    assert winner.stop() == 0 and not path.exists()

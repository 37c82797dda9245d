"""Listening sockets that somebody else has opened: systemd's own tool, and a test that keeps them through a restart."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess

import pytest
from support import client
from support import daemon as daemons
from support.ports import Port
from support.wait import SLOWNESS, wait_until


@pytest.fixture
def ports():
    held = [Port(), Port()]
    yield [int(port) for port in held]
    for port in held:
        port.release()


def status(port):
    with contextlib.suppress(OSError, client.http.client.HTTPException):
        return client.request(port, "GET", "/health/ready", timeout=5).status
    return 0


def reload_wait(stratslabd, admin_port):
    return daemons.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{admin_port}")


@pytest.fixture
def launch(stratslabd, database, tmp_path):
    """A daemon to which `sockets` are passed under `names`, as systemd does it."""
    launched = []

    def start(sockets, names, **settings):
        settings = {"DATABASE_URL": database.url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS), "workers": 2,
                    "environment": "development", "admin_listen": "off", "LISTEN_FDS": len(sockets),
                    "LISTEN_FDNAMES": names, **settings}
        # To descriptors from 3 on, by way of ones that are not among those.
        moves = "".join(f"exec {20 + i}<&{s.fileno()}; " for i, s in enumerate(sockets))
        moves += "".join(f"exec {3 + i}<&{20 + i} {20 + i}<&-; " for i in range(len(sockets)))
        log = open(tmp_path / f"log-{len(launched)}", "w+b")
        one = subprocess.Popen(["bash", "-c", f'{moves} LISTEN_PID=$$ exec "$0" serve', stratslabd], stderr=log,
                               env=daemons.environment(settings), pass_fds=[s.fileno() for s in sockets], start_new_session=True)
        one.log = lambda: (tmp_path / log.name).read_text()
        launched.append(one)
        return one

    yield start
    for one in launched:
        if one.poll() is None:
            one.terminate()
        try:
            one.wait(15 * SLOWNESS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)


def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    return s


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="no systemd-socket-activate here (Debian: apt install systemd)")
def test_systemd_socket_activate(start_daemon, database, stratslabd, ports):
    """The first connection starts it, and is served; the settings' own addresses are not bound."""
    http, admin = ports
    # The tool starts with an empty environment.
    passed = ["DATABASE_URL", "STRATSLAB_LISTEN", "STRATSLAB_ADMIN_LISTEN", "STRATSLAB_WORKERS", "STRATSLAB_ENVIRONMENT",
              "STRATSLAB_MIGRATIONS_DIR", "STRATS_FRAME", *(name for name in daemons.INHERITED if name in os.environ)]
    tool = f"systemd-socket-activate -l 127.0.0.1:{http} -l 127.0.0.1:{admin} --fdname=http:admin " + \
        " ".join(f"-E {name}" for name in passed)
    d = start_daemon(wait=False, program=f"{tool} {stratslabd}", DATABASE_URL=database.url)
    own = d.port
    d.port, d.admin_port = http, admin
    wait_until(lambda: "Listening on" in d.log(), 10, "the tool to listen")
    assert "role=master" not in d.log()
    with client.Client(http) as waiting:
        assert waiting.request("GET", "/health/live").status == 200
    d.wait_ready()
    assert d.log().count("taking a socket from the service manager") == 2
    assert f"listen=127.0.0.1:{http}" in d.log()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own), timeout=5)
    assert d.admin("GET", "/status").json()["pid"] == d.pid

    done = reload_wait(stratslabd, admin)
    assert done.returncode == 0, done.stderr
    assert d.request("GET", "/health").status == 200
    assert d.admin("GET", "/status").json()["generation"] == 2


def test_connections_wait_through_a_restart(launch, ports):
    """Whoever holds the sockets keeps them: a client that comes between two services is served by the next."""
    with listener(ports[0]) as held:
        first = launch([held], "http")
        wait_until(lambda: status(ports[0]) == 200, 15, "the first to serve")
        first.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload succeeded" in first.log(), 20, "its reload")
        assert status(ports[0]) == 200
        first.terminate()
        assert first.wait(15 * SLOWNESS) == 0

        with client.Client(ports[0]) as waiting:
            second = launch([held], "http")
            assert waiting.request("GET", "/health/live").status == 200
        second.terminate()
        assert second.wait(15 * SLOWNESS) == 0


def test_a_socket_that_cannot_be_used_is_said(launch, ports):
    with listener(ports[0]) as held, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for sockets, names, word in (([held], "metrics", "FileDescriptorName="), ([datagrams], "http", "ListenStream="),
                                     ([held], "admin", "which STRATSLAB_ADMIN_LISTEN turns off")):
            one = launch(sockets, names)
            assert one.wait(15 * SLOWNESS) == 71
            assert word in one.log(), one.log()

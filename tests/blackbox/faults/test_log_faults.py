"""What becomes of a service whose log cannot be written: its reader sleeps, its disk is full, or it is somebody else's."""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

import pytest
from support import client, logs, processes
from support import daemon as daemons
from support.kinds import BOTH
from support.ports import Port
from support.wait import wait_until


@pytest.fixture
def piped(request, program, stratslabd, database):
    """A daemon that logs into a pipe which nobody reads: its process, its admin port and the pipe's other end."""
    # A worker that waits in its crash must not be replaced because it is silent.
    hang_timeout = "2s" if "hangs" in request.node.name else "10min"
    ports = Port(), Port()
    reader, writer = os.pipe()
    daemons.migrate(stratslabd, database.url)
    env = daemons.environment({"DATABASE_URL": database.url, "listen": f"127.0.0.1:{ports[0]}", "workers": 1,
                               "admin_listen": f"127.0.0.1:{ports[1]}", "hang_timeout": hang_timeout,
                               "migrations_dir": os.path.realpath(daemons.MIGRATIONS)})
    process = subprocess.Popen([program, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)

    def is_ready():
        assert process.poll() is None
        with contextlib.suppress(OSError):
            return client.request(int(ports[1]), "GET", "/health/ready").status == 200

    try:
        wait_until(is_ready, 20, "the daemon")
        yield process, int(ports[1]), reader, writer
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)
        for port in ports:
            port.release()


def fill(writer):
    """Until the pipe takes nothing more. The description is the daemon's too, which must not be changed: so it is another one."""
    again = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(again, b"x" * 4096):
            pass
    with contextlib.suppress(BlockingIOError):
        while os.write(again, b"x"):
            pass
    os.close(again)


def worker_of(port):
    return {w["pid"]: w["state"] for w in client.request(port, "GET", "/status").json()["workers"]}


@BOTH
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_is_replaced_at_once_although_nobody_reads_the_log(piped, number, record_property):
    process, port, _, writer = piped
    (worker,) = worker_of(port)
    fill(writer)
    began = time.monotonic()
    os.kill(worker, number)
    wait_until(lambda: worker not in worker_of(port) and "ready" in worker_of(port).values(), 20, "another worker")
    record_property("seconds", round(time.monotonic() - began, 2))
    print(f"replaced after {time.monotonic() - began:.2f} s")
    assert os.get_blocking(writer)  # others see no change
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@BOTH
def test_a_worker_that_hangs_is_replaced_although_nobody_reads_the_log(piped):
    """It is not killed, but ends of the signal that asks for its backtrace."""
    process, port, reader, writer = piped
    (worker,) = worker_of(port)
    fill(writer)
    os.kill(worker, signal.SIGSTOP)

    def continue_it():
        """As a loop that was stuck: it cannot answer, but signals reach it."""
        wait_until(lambda: processes.pending(worker, signal.SIGABRT), 20, "the signal")
        os.kill(worker, signal.SIGCONT)

    waker = threading.Thread(target=continue_it)
    waker.start()
    wait_until(lambda: worker not in worker_of(port) and "ready" in worker_of(port).values(), 30, "another worker")
    waker.join()
    os.set_blocking(reader, False)
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 1 << 16):
            pass
    process.send_signal(signal.SIGUSR2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


# ---- Whose stream it is ----

@BOTH
@pytest.mark.parametrize("stream", ["8:1", "", "0:0", "x", "own"])
def test_journal_stream_is_believed_only_of_our_own_standard_error(start_daemon, database, program, stream, kind):
    own = f"sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM; exec {program} \"$@\"' sh"
    d = start_daemon(DATABASE_URL=database.url, program=own if stream == "own" else None,
                     JOURNAL_STREAM=None if stream == "own" else stream)
    assert d.stop() == 0
    assert logs.read(d.log(), prefixed=stream == "own")


# ---- A full disk ----

def size_at_rest(path):
    """Its size when nobody has written for longer than lines may wait."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 2:
        if path.stat().st_size != size:
            size, since = path.stat().st_size, time.monotonic()
        time.sleep(0.05)
    return size


def lines_of(path):
    return path.read_text(encoding="utf-8").split("\n")


@BOTH
@pytest.mark.parametrize("to", ["file", "stderr"])
def test_a_line_that_a_full_disk_tore_is_a_line_of_its_own(start_daemon, database, program, tmp_path, to):
    """The disk is full for a while: RLIMIT_FSIZE, set from outside, refuses as it would."""
    settings = {"log_file": tmp_path / "service.log"} if to == "file" else {}
    heedless = f"sh -c 'trap \"\" XFSZ; exec {program} \"$@\"' sh"  # that signal would end it
    # Limits of another user's processes are set only by a root that has SYS_RESOURCE: all stay this test's user.
    d = start_daemon(DATABASE_URL=database.url, workers=1, program=heedless, user="root", **settings)
    path = tmp_path / "service.log" if to == "file" else pathlib.Path(d.log_path)
    everybody = [d.pid, *processes.children(d.pid)]
    whole = size_at_rest(path)
    for pid in everybody:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (whole + 40, resource.RLIM_INFINITY))
    for _ in range(4):
        d.signal(signal.SIGUSR2)
        wait_until(lambda: not processes.pending(d.pid, signal.SIGUSR2), 10, "the signal to be taken")
    wait_until(lambda: path.stat().st_size == whole + 40, 10, "the disk to be full")
    for pid in everybody:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    d.signal(signal.SIGUSR2)
    wait_until(lambda: "lines_dropped=" in path.read_text(), 10, "the count of what was dropped")
    assert d.stop() == 0
    lines = lines_of(path)
    assert lines[-1] == ""
    torn = [line for line in lines[:-1] if not is_line(line)]
    assert len(torn) == 1, torn
    dropped = sum(int(n) for n in re.findall(r"lines_dropped=(\d+)", path.read_text()))
    print(f"torn: 1, dropped and counted: {dropped}")
    assert dropped > 0
    if to == "file":
        assert d.log().count("the log file cannot be written; lines are dropped until it can") >= 1
        assert "File too large" in d.log()


def is_line(line):
    try:
        logs.read_line(line, "logfmt")
    except (AssertionError, json.JSONDecodeError):
        return False
    return True


def test_a_torn_last_line_of_a_run_before_is_ended(start_daemon, database, tmp_path):
    path = tmp_path / "service.log"
    path.write_text("ts=2026-11-25T00:00:00.000000Z level=info role=mast")
    d = start_daemon(DATABASE_URL=database.url, log_file=path)
    assert d.stop() == 0
    first, *others = lines_of(path)
    assert first == "ts=2026-11-25T00:00:00.000000Z level=info role=mast"
    assert all(is_line(line) for line in others[:-1]) and others[-1] == ""

"""Whoever reads the log may fall asleep or end: the service does not mind."""
import contextlib
import os
import signal
import subprocess

import pytest
from support import client, logs, processes
from support import daemon as daemons
from support.ports import Port
from support.wait import wait_until


@pytest.fixture
def piped(stratslabd, database):
    """A daemon with one worker that logs into a pipe: its process, its port and the pipe's other end."""
    port = Port()
    reader, writer = os.pipe()
    env = daemons.environment({"DATABASE_URL": database.url, "listen": f"127.0.0.1:{port}", "admin_listen": "off", "workers": 1,
                               "migrations_dir": os.path.realpath(daemons.MIGRATIONS)})
    process = subprocess.Popen([stratslabd, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
    os.close(writer)

    def is_ready():
        assert process.poll() is None
        with contextlib.suppress(OSError):
            return client.request(int(port), "GET", "/health/ready").status == 200

    try:
        wait_until(is_ready, 20, "the daemon")
        yield process, int(port), reader
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        port.release()


def is_served(port, times):
    with client.Client(port) as c:
        return all(c.request("GET", "/health/live").status == 200 for _ in range(times))


def test_a_log_that_nobody_reads_holds_up_nothing(piped):
    process, port, reader = piped
    assert is_served(port, 2000)  # several times what a pipe holds
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def read_all(reader):
    """What the pipe holds now."""
    os.set_blocking(reader, False)
    chunks = []
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(reader, 1 << 16):
            chunks.append(chunk)
    return b"".join(chunks).decode()


def test_a_full_pipe_stops_neither_master_nor_workers_and_what_was_dropped_is_counted(piped):
    process, port, reader = piped
    assert is_served(port, 2000)
    (worker,) = processes.children(process.pid)
    os.kill(worker, signal.SIGKILL)  # the master has something to say about that, and cannot

    def is_back():
        with contextlib.suppress(OSError, client.http.client.HTTPException):
            return is_served(port, 1) and worker not in processes.children(process.pid)

    wait_until(is_back, 20, "another worker")
    entries = logs.read(read_all(reader))  # no line is torn
    assert len(entries) > 50 and not any("lines_dropped" in entry for entry in entries)
    assert is_served(port, 1)
    process.send_signal(signal.SIGUSR2)  # the master speaks
    told = []

    def both_have_spoken():
        told.extend(logs.read(read_all(reader)))
        return {entry["role"] for entry in told if "lines_dropped" in entry} == {"master", "worker"}

    wait_until(both_have_spoken, 10, "lines_dropped of both")
    assert [int(entry["lines_dropped"]) > 0 for entry in told if "lines_dropped" in entry] == [True, True]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_log_of_which_the_reader_has_ended_kills_nobody(piped):
    process, port, reader = piped
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, reader)  # the pipe has no reader any more
    os.close(null)
    assert is_served(port, 10)
    (worker,) = processes.children(process.pid)
    os.kill(worker, signal.SIGKILL)  # the master has something to say about that

    def is_back():
        with contextlib.suppress(OSError, client.http.client.HTTPException):
            return is_served(port, 1) and worker not in processes.children(process.pid)

    wait_until(is_back, 20, "another worker")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

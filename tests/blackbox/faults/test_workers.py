"""Processes die, the machine refuses, and the service is stopped: who loses what, and who comes back."""
import contextlib
import glob
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from support import processes
from support.daemon import MIGRATIONS
from support.executables import plain_build
from support.kinds import BOTH
from support.load import CLOSED, Writes
from support.namespaces import ENTER, unshare
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
REPEAT = int(os.environ.get("STRATSLAB_TEST_REPEAT", "10"))
ROOT = os.geteuid() == 0
THREADS = 4


def workers(d):
    """Those that are ready, the oldest first."""
    return [w["pid"] for w in sorted(d.status()["workers"], key=lambda w: -w["uptime_s"]) if w["state"] == "ready"]


def wait_workers(d, count):
    return wait_until(lambda: len(workers(d)) == count and workers(d), 40, f"{count} workers")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(title, load, **figures):
    more = "".join(f"; {name.replace('_', ' ')} {value}" for name, value in figures.items())
    print(f"\n{title}: {load.told()}{more}")


# ---- death ----

@BOTH
def test_workers_are_killed_under_load(daemon):
    """So many workers that their restarts, which back off, leave some serving."""
    kills = REPEAT * 5
    count = max(8, kills // 6)
    d = daemon(workers=count, log_access="off")
    wait_workers(d, count)
    with d.load(threads=2) as kept, d.load(threads=2, fresh=True) as fresh:
        fresh.wait(50)
        before = processes.descriptors(d.pid)
        for _ in range(kills):
            victim = wait_until(lambda: workers(d), 30, "a worker")[0]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda v=victim: not processes.is_alive(v), 10, "it to be gone")
            fresh.wait(5)
        wait_workers(d, count)
        lost = kept.lost + fresh.lost
        kept.wait_served(50)
        fresh.wait_served(50)
    told(f"{kills} workers killed, 2 clients that keep their connections", kept, lost_per_kill=f"{kept.lost / kills:.2f}")
    told(f"{kills} workers killed, 2 clients with a connection for each request", fresh,
         lost_per_kill=f"{fresh.lost / kills:.2f}", descriptors_of_the_master=f"{before} -> {processes.descriptors(d.pid)}")
    for load in (kept, fresh):
        assert load.lost <= 2 * kills and set(load.fates) <= {200} | CLOSED | d.not_now
    assert kept.lost + fresh.lost == lost, "requests were lost after the last kill"
    assert processes.descriptors(d.pid) == before
    assert d.status()["pid"] == d.pid


@BOTH
def test_all_workers_are_killed_at_once(daemon):
    """So often that the back-off of each would be half a minute: one is always back within a second or so."""
    d = daemon(log_access="off")
    rounds, back = max(3, REPEAT), []
    with d.load(threads=THREADS) as load:
        for _ in range(rounds):
            load.wait_served()
            for pid in wait_until(lambda: workers(d), 10, "a worker"):
                with contextlib.suppress(ProcessLookupError):  # the last round's, which the page still has
                    os.kill(pid, signal.SIGKILL)
            back.append(load.wait_served())
    told(f"all workers killed at once, {rounds} times", load, served_again_after=f"{max(back):.2f} s at most")
    assert load.lost <= THREADS * rounds and set(load.fates) <= {200} | CLOSED | d.not_now
    assert max(back) < 5 * SLOWNESS


@BOTH
def test_the_admin_process_is_killed(daemon):
    d = daemon(log_access="off")
    with d.load(threads=2) as load:
        (admin,) = set(processes.children(d.pid)) - set(wait_workers(d, 2))
        os.kill(admin, signal.SIGKILL)
        start = time.monotonic()
        wait_until(lambda: answers(d.admin_port), 10, "the admin port")
        back = time.monotonic() - start
        load.wait(20)
    told("the admin process killed", load, back_after=f"{back:.2f} s")
    assert set(load.fates) - d.with_admin == {200}


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return s.makefile("rb").read().startswith(b"HTTP/1.1 200")
    return False


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@BOTH
def test_the_master_is_killed_under_load(daemon, start_daemon, database):
    d = daemon(log_access="off")
    d.expect_exit = -signal.SIGKILL
    children = processes.children(d.pid)
    with d.load(threads=THREADS) as load:
        load.wait(50)
        os.kill(d.pid, signal.SIGKILL)
        start = time.monotonic()
        d.wait()
        wait_until(lambda: refuses(d.port) and refuses(d.admin_port), 20, "the ports to be free")
        free = time.monotonic() - start
        other = start_daemon(DATABASE_URL=database.url, log_access="off",
                             listen=f"127.0.0.1:{d.port}", admin_listen=f"127.0.0.1:{d.admin_port}", wait=False)
        wait_until(lambda: answers(d.port) and other.process.poll() is None, 20, "the new master")
        load.wait_served()
        back = time.monotonic() - start
        wait_until(lambda: not any(map(processes.is_alive, children)), 20, "the old children to end")
        ended = time.monotonic() - start
        load.wait_served()
    told("the master killed, and started again", load, ports_free_after=f"{free:.2f} s", served_again_after=f"{back:.2f} s",
         old_workers_ended_after=f"{ended:.2f} s")
    assert set(load.fates) <= {200, "ConnectionRefusedError"} | CLOSED | d.not_now
    assert load.lost - load.fates["ConnectionRefusedError"] <= THREADS


@BOTH
def test_workers_that_never_become_ready_end_it_with_70(start_daemon, database, executable, stratslabd, tmp_path):
    plain_build(stratslabd)
    library = executable.compile("struct event_base *event_base_new(void);\nstruct event_base *event_base_new(void) { _exit(3); }",
                                 ["-shared", "-fPIC"], str(tmp_path / "crash.so"))
    d = start_daemon(wait=False, expect_exit=70, DATABASE_URL=database.url, LD_PRELOAD=library)
    start = time.monotonic()
    assert d.wait(30) == 70
    print(f"\ncrash loop: given up after {d.log().count('a child died')} deaths and {time.monotonic() - start:.1f} s")
    assert "giving up" in d.log()


# ---- the stop ----

def test_stop_under_load_resets_nobody(daemon):
    rounds = max(1, REPEAT // 2)
    fates = []
    for i in range(rounds):
        d = daemon(log_access="off")
        with d.load(threads=THREADS) as reads, Writes(d.port, f"r{i}", threads=THREADS) as writes:
            reads.wait(20)
            writes.wait(20)
            assert d.stop() == 0
            for load in (reads, writes):
                wait_until(lambda one=load: one.fates["ConnectionRefusedError"], 10, "the port to be closed")
        fates += [reads, writes]
    for load in fates:
        told("stop under load", load)
    for load in fates:
        assert set(load.fates) <= {200, 201, "ConnectionRefusedError"}, load.fates


def test_at_the_stop_connections_in_the_kernels_queue_are_served(daemon):
    """The worker holds as many as it may; more wait in the queue, their requests sent."""
    d = daemon(workers=1, http_connections=2, log_access="off")
    ask = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    wait_until(lambda: d.status()["workers"][0]["connections"] == 0, 10, "no connections")
    held = [d.connect() for _ in range(2)]
    wait_until(lambda: d.status()["workers"][0]["connections"] == 2, 10, "both to be held")
    queued = [d.connect() for _ in range(8)]
    for s in queued:
        s.sendall(ask)
    d.signal(signal.SIGTERM)
    replies = []
    for s in queued:
        try:
            replies.append(s.makefile("rb").read().split(b" ")[1])
        except (OSError, IndexError) as e:
            replies.append(type(e).__name__)
        s.close()
    for s in held:
        s.close()
    assert d.wait() == 0
    print(f"\nstop with {len(queued)} connections in the kernel's queue: {replies.count(b'200')} served, {replies}")
    assert replies == [b"200"] * len(queued)


# ---- the machine refuses ----

def test_a_worker_runs_out_of_memory(daemon, stratslabd):
    plain_build(stratslabd)
    d = daemon(log_access="off", user="root")  # root may set another user's limits only with SYS_RESOURCE
    victim = wait_workers(d, 2)[0]
    with open(f"/proc/{victim}/statm", encoding="ascii") as f:
        mapped = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.prlimit(victim, resource.RLIMIT_AS, (mapped, mapped))
    sockets = []
    body = b'{"name":"' + b"x" * 500_000
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n".encode()
    with contextlib.suppress(OSError):
        for _ in range(60):
            s = d.connect()
            sockets.append(s)
            s.settimeout(5)
            s.sendall(head + body)
            if not processes.is_alive(victim):
                break
    wait_until(lambda: not processes.is_alive(victim), 10, "it to die")
    for s in sockets:
        s.close()
    d.wait_log(r"a child died.*out of memory")
    wait_workers(d, 2)
    with d.load(threads=THREADS) as load:
        load.wait(50)
    told("a worker at its memory limit", load)
    assert set(load.fates) == {200} and d.status()["pid"] == d.pid


@pytest.fixture
def anybody_s(program):
    """The program and the migrations where every user may read them: a checkout may be for its owner alone."""
    folder = tempfile.mkdtemp(prefix="stratslab-anybody.", dir="/tmp")
    copy, migrations = os.path.join(folder, os.path.basename(program)), os.path.join(folder, "migrations")
    shutil.copy(program, copy)
    shutil.copytree(MIGRATIONS, migrations)
    for path in (folder, copy, migrations):
        os.chmod(path, 0o755)
    for name in os.listdir(migrations):
        os.chmod(os.path.join(migrations, name), 0o644)
    yield copy, migrations
    shutil.rmtree(folder)


@BOTH
def test_fork_is_refused(start_daemon, database, anybody_s):
    program, migrations = anybody_s
    program = f"setpriv --reuid=65534 --regid=65534 --clear-groups {program}" if ROOT else program
    d = start_daemon("serve", program=program, DATABASE_URL=database.url, log_access="off", migrations_dir=migrations, docs_url="off")
    victim = wait_workers(d, 2)[0]
    allow = [*program.split()[:-1], "prlimit", f"--pid={d.pid}"]  # as the same user
    with open(f"/proc/{d.pid}/limits", encoding="ascii") as f:
        unlimited = next(line.split()[3] for line in f if line.startswith("Max processes"))
    subprocess.run([*allow, f"--nproc=0:{unlimited}"], check=True, timeout=30)
    with d.load(threads=THREADS) as load:
        load.wait(20)
        os.kill(victim, signal.SIGKILL)
        d.wait_log("cannot start a child; trying again.*cannot fork", count=2)
        load.wait(50)
        subprocess.run([*allow, f"--nproc={unlimited}:{unlimited}"], check=True, timeout=30)
        wait_workers(d, 2)
        load.wait(50)
    told("fork refused while a worker is missing", load)
    assert load.lost <= THREADS and set(load.fates) <= {200} | CLOSED


def test_the_descriptor_limit_is_reached(daemon):
    d = daemon(workers=1, log_access="off", user="root")  # as above
    (worker,) = wait_workers(d, 1)
    limit = processes.descriptors(worker) + 4
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, limit))
    sockets = [d.connect() for _ in range(12)]
    wait_until(lambda: d.status()["workers"][0]["connections"] >= 3, 10, "the limit")
    before, start = cpu_seconds(worker), time.monotonic()
    time.sleep(2)  # what is measured is a rate
    used = (cpu_seconds(worker) - before) / (time.monotonic() - start)
    for s in sockets:
        s.close()
    with d.load(threads=2) as load:
        load.wait(50)
    told("at the descriptor limit", load, cpu_while_at_it=f"{used:.0%}")
    assert used < 0.25
    assert set(load.fates) == {200} and wait_workers(d, 1) == [worker]


@BOTH
def test_the_clock_is_set_back(daemon, stratslabd, tmp_path):
    plain_build(stratslabd)
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"

    def set_clock(offset):
        """In one step: libfaketime ends a process that reads an empty file (since 0.9.10 of 2024)."""
        (tmp_path / "new").write_text(offset + "\n")
        (tmp_path / "new").rename(clock)

    set_clock("+0")
    # The file of the time is in a folder of this test's user alone.
    d = daemon(log_access="off", user="root", LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE=1,
               FAKETIME_DONT_FAKE_MONOTONIC=1)
    first = wait_workers(d, 2)
    year = d.request("GET", d.path).headers["Date"].split()[3]
    with d.load(threads=THREADS) as load:
        load.wait(50)
        for offset in ("-2y", "+2y", "-1h"):
            set_clock(offset)
            wait_until(lambda o=offset: (d.request("GET", d.path).headers["Date"].split()[3] != year) == o.endswith("y"), 10,
                       "the clock to be another")
            load.wait(100)
    told("the clock set back and forth", load)
    assert set(load.fates) == {200}
    assert sorted(wait_workers(d, 2)) == sorted(first)
    assert d.status()["uptime_s"] < 600


# ---- where it runs ----

@BOTH
def test_as_pid_1_it_reaps_strangers(start_daemon, database, program):
    command = unshare("--pid", "--fork", "--mount-proc", "--kill-child")
    d = start_daemon("serve", program=" ".join([*command, program]), DATABASE_URL=database.url, log_access="off")
    (master,) = processes.children(d.pid)
    assert d.status()["pid"] == 1
    before = wait_until(lambda: len(processes.children(master)) == 3 and processes.children(master), 10, "its children")
    with d.load(threads=2) as load:
        for _ in range(REPEAT):
            subprocess.run(["nsenter", "--target", str(master), *ENTER, "--pid", "sh", "-c", "sleep 0.1 & sh -c 'exit 3' &"],
                           check=True, timeout=30)
        wait_until(lambda: all_children(master) == before, 20, "the strangers to be reaped")
        load.wait(50)
    told(f"PID 1 with {2 * REPEAT} strangers", load)
    assert set(load.fates) == {200}
    assert "a child died" not in d.log()
    os.kill(master, signal.SIGTERM)
    assert d.wait() == 0


def all_children(parent):
    """The dead among them too."""
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as f:
        return sorted(map(int, f.read().split()))


READ_ONLY = """
mount --make-rprivate / || exit 9
while read -r _ _ _ _ at _; do
    case $at in /proc*|/sys*|/dev*) continue;; esac
    mount -o remount,bind,ro "$at" || exit 9
done < /proc/self/mountinfo
if touch "$1" 2>/dev/null; then exit 9; fi
shift
exec "$@"
"""


def test_on_a_read_only_file_system(start_daemon, database, stratslabd, tmp_path):
    script = tmp_path / "read-only"
    script.write_text(READ_ONLY)
    command = [*unshare("--mount"), "sh", str(script), str(tmp_path / "proof")]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounts cannot be made read-only here")
    d = start_daemon("serve", program=" ".join([*command, stratslabd]), DATABASE_URL=database.url, log_access="off")
    with d.load(threads=2) as load, Writes(d.port, threads=2) as writes:
        load.wait(50)
        writes.wait(50)
        d.signal(signal.SIGHUP)
        wait_until(lambda: d.status()["reload"]["state"] == "succeeded", 30, "a reload")
        load.wait(50)
    told("on a read-only file system, with a reload", load)
    assert set(load.fates) == {200} and set(writes.fates) == {201}

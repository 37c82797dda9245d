"""What there is of places and memory, and that nobody takes all of it."""
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import time

import pytest
from quiet import Quiet
from raw import Raw
from support import cgroups, executables, metrics, processes
from support.kinds import BOTH
from support.wait import SLOWNESS, wait_until
from test_meeting import H, LIST, LIVE, PATIENT, ask, fill, locked, post

MIB = 1 << 20
HEAD = f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\nContent-Length: {MIB}\r\n\r\n".encode()
LARGE = post("large", parameters={"x": "y" * 900_000})  # more than a strategy may have


class From(Raw):
    """A connection from another address of this machine."""

    def __init__(self, port, address="127.0.0.2", seconds=20):
        self.socket = socket.socket()
        self.socket.settimeout(seconds * SLOWNESS)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.input = b""


@pytest.fixture
def make_group():
    """make_group("memory", 1 << 28): a control group with that limit, which outlives the daemons."""
    with contextlib.ExitStack() as stack:
        yield lambda controller, value: stack.enter_context(cgroups.group(controller, value))


def close(clients):
    for c in clients:
        c.close()


def has_ended(c):
    """In order: a reset is an error."""
    c.socket.setblocking(False)
    try:
        return c.socket.recv(1) == b""
    except BlockingIOError:
        c.socket.settimeout(10 * SLOWNESS)
        return False


def value(d, name, **labels):
    return metrics.Metrics(d.admin("GET", "/metrics").text).value(f"stratslabd_{name}", **labels)


# ---- places ----

@pytest.mark.parametrize("workers", [1, 3])
def test_idle_connections_make_room(daemon, workers):
    d = daemon(workers=workers, http_connections=8)
    clients = []
    for _ in range(12 * workers):  # not each worker has as many
        clients.append(Raw(d.port))
        clients[-1].in_order()
    began = time.monotonic()
    for _ in range(30):
        with Raw(d.port, seconds=30) as c:
            c.in_order()
    print(f"30 newcomers beside {len(clients)} idle connections: {time.monotonic() - began:.2f} s")
    # Some were closed, without a reset.
    assert 1 <= sum(has_ended(c) for c in clients) < len(clients)
    close(clients)


def test_an_address_with_all_places_does_not_keep_others_out(daemon, database):
    d = daemon(workers=1, http_connections=8, **PATIENT)
    with Raw(d.port) as c:
        c.in_order()
    with locked(database) as waiting:
        greedy = [Raw(d.port, seconds=60) for _ in range(40)]
        for c in greedy:
            c.send(ask(LIST))
        wait_until(lambda: waiting() >= 1 and d.status()["workers"][0]["in_flight"] == 8, 10, "all places to be taken")
        began = time.monotonic()
        with From(d.port) as other:
            assert other.ask(LIVE).status == 200
            print(f"served beside 40 connections of another address: {time.monotonic() - began:.3f} s")
            assert other.ask(LIVE).status == 200
    # Nobody's request was cut, those that had to wait are served.
    for c in greedy:
        assert c.answer().status == 200
        c.close()


def test_half_a_head_makes_room(daemon):
    d = daemon(workers=1, http_connections=8, http_header_timeout="60s")
    slow = [Raw(d.port) for _ in range(30)]
    for c in slow:
        c.send("GET / HTTP/1.1\r\nHo")
    wait_until(lambda: d.status()["workers"][0]["in_flight"] == 8, 10, "all places to be taken")
    with From(d.port) as other:
        assert other.ask(LIVE).status == 200
    with Raw(d.port, seconds=30) as c:
        assert c.ask(LIVE).status == 200
    assert slow[0].answer().status == 408
    close(slow)


def test_those_that_wait_are_served_in_a_reload(daemon):
    d = daemon(workers=1, http_connections=4)
    begun = [Raw(d.port, seconds=60) for _ in range(4)]
    for i, c in enumerate(begun):
        c.send(post(f"s{i}")[:-5])
    wait_until(lambda: d.status()["workers"][0]["in_flight"] == 4, 10, "all places to be taken")
    waiting = [Raw(d.port, seconds=60) for _ in range(20)]
    for c in waiting:
        c.send(LIVE)
    d.signal(signal.SIGHUP)
    for c in waiting:
        assert c.answer().status == 200
    for i, c in enumerate(begun):
        assert c.send(post(f"s{i}")[-5:]).answer().status == 201
    close([*begun, *waiting])


# ---- memory ----

def send_what_fits(c, data):
    c.socket.setblocking(False)
    with contextlib.suppress(OSError):
        while data:
            data = data[c.socket.send(data):]
    return data


def upload(port, count, extra=b""):
    """Clients that send all of a large body but its last byte."""
    clients, left = [Raw(port) for _ in range(count)], {}
    for c in clients:
        left[c] = send_what_fits(c, HEAD + b"x" * (MIB - 1) + extra)
    until = time.monotonic() + 60 * SLOWNESS
    while any(left.values()) and time.monotonic() < until:
        for c, data in left.items():
            with contextlib.suppress(OSError):
                if data:
                    left[c] = send_what_fits(c, data)
            if data and is_refused(c):
                left[c] = b""
        time.sleep(0.01)
    return clients


def is_refused(c):
    with contextlib.suppress(BlockingIOError):
        try:
            return c.socket.recv(64, socket.MSG_PEEK) != b"" or True
        except BlockingIOError:
            return False
        except OSError:
            return True
    return False


def some_are_overloaded(clients):
    """What is left, of the service or of a worker, may be room for some of the clients, and not for all. An answer takes its time."""
    count = 0
    wait_until(lambda: any(map(is_refused, clients)), 30, "a refusal")
    for c in filter(is_refused, clients):
        c.socket.setblocking(True)
        answer = c.answer()
        assert (answer.status, answer.json()["code"], answer.fields["retry-after"]) == (503, "overloaded", "1")
        count += 1
    return count > 0


def test_all_workers_have_one_budget(daemon):
    d = daemon(workers=3, http_memory="24MiB", http_body_timeout="5min")
    quiet = Quiet(d)
    clients = upload(d.port, 60)
    d.wait_log(r"msg=request method=POST .*status=503", count=36, timeout=60)
    wait_until(lambda: value(d, "http_memory_bytes") > 12 * MIB, 10, "the workers to say what they hold")
    print(f"60 uploads of 1 MiB, a budget of 24 MiB: {d.log().count('status=503')} refused, "
          f"{value(d, 'http_memory_bytes') / MIB:.1f} MiB held, {value(d, 'http_memory_max_bytes', worker='0') / MIB:.0f} MiB at most")
    assert value(d, "http_memory_bytes") <= 25 * MIB
    with Raw(d.port) as c:
        assert c.ask(post("small")).status == 201
        assert c.ask(ask(LIST)).status == 200
        assert c.ask(ask("/health")).status == 200
        for one in clients:
            one.reset()
        wait_until(lambda: c.ask(LARGE).status == 422, 10, "room again")
    quiet.check()


def test_what_workers_that_a_reload_retires_hold_counts(daemon):
    d = daemon(workers=2, http_memory="16MiB", stop_timeout="60s", http_body_timeout="5min")
    clients = upload(d.port, 30)
    d.wait_log(r"msg=request method=POST .*status=503", count=12, timeout=60)
    old = d.workers()
    d.signal(signal.SIGHUP)
    wait_until(lambda: {w["generation"] for w in d.status()["workers"] if w["state"] == "ready"} == {2}, 20, "the new workers")
    assert set(old) & set(d.workers())
    new = upload(d.port, 12)  # taken by new workers, which hold nothing themselves
    assert some_are_overloaded(new)
    with Raw(d.port) as c:
        assert c.ask(post("small")).status == 201
    for one in [*clients, *new]:
        one.reset()
    wait_until(lambda: not set(old) & set(d.workers()), 20, "the old workers' end")
    with Raw(d.port) as c:
        assert c.ask(LARGE).status == 422  # it was read


def test_answers_count_with_requests(daemon, database):
    d = daemon(workers=2, http_memory="32MiB", http_write_timeout="60s", http_body_timeout="5min")
    fill(database, 200, 60)
    readers = [Raw(d.port, receive_buffer=4096) for _ in range(6)]
    for c in readers:
        c.send(ask(LIST + "?limit=100"))  # 6 MB each
    d.wait_log(r"msg=request .*limit=100", count=6, timeout=60)
    assert "status=503" in d.log()
    clients = upload(d.port, 40)
    d.wait_log(r"msg=request method=POST .*status=503", count=25, timeout=60)
    clients += upload(d.port, 12)
    assert some_are_overloaded(clients[-12:])
    assert d.request("GET", "/health/ready").status == 200
    assert d.admin("GET", "/health").status == 200
    for one in [*readers, *clients]:
        one.reset()


def kernel_bytes():
    with open("/proc/net/sockstat", encoding="ascii") as f:
        return int(re.search(r"^TCP: .* mem (\d+)$", f.read(), re.MULTILINE).group(1)) * 4096


def test_small_answers_that_nobody_reads_are_bounded_too(daemon):
    d = daemon(workers=1, http_memory="4MiB", http_write_timeout="60s", http_body_timeout="5min")
    clients = [Raw(d.port, receive_buffer=4096) for _ in range(200)]
    for c in clients:
        send_what_fits(c, (ask("/nothing") * 20_000).encode())
    wait_until(lambda: value(d, "http_memory_bytes") > 3 * MIB, 10, "unread answers")
    time.sleep(1)
    held = value(d, "http_memory_bytes")
    print(f"200 clients with 20,000 requests each that read nothing: {held / MIB:.1f} MiB held of 4 MiB; "
          f"the kernel's buffers of all sockets, ours and the clients', {kernel_bytes() / MIB:.0f} MiB")
    assert held < 12 * MIB  # what the kernel holds for them is in it; each alone may fill 1 MiB
    with Raw(d.port) as c:
        assert c.ask(LIVE).status == 200
    close(clients)


def test_small_answers_that_nobody_reads_are_not_made(daemon):
    """However much the budget is: the next request of a connection waits until the answers before it are with the kernel."""
    d = daemon(workers=1, http_memory="1GiB", http_write_timeout="60s", log_access="off")
    (worker,) = [w["pid"] for w in d.status()["workers"]]
    for path in ("/nothing", "/health/live"):
        requests = (ask(path) * 20_000).encode()
        before = processes.resident(worker)
        clients = [Raw(d.port, receive_buffer=4096, seconds=60) for _ in range(200)]
        left = {c: requests for c in clients}
        end = time.monotonic() + 30 * SLOWNESS
        while time.monotonic() < end and left:  # until nothing more is taken
            more = {c: send_what_fits(c, data) for c, data in left.items()}
            if all(len(more[c]) == len(left[c]) for c in left):
                break
            left = more
            time.sleep(0.3)
        grown = processes.resident(worker) - before
        held = value(d, "http_memory_bytes")
        print(f"\n200 clients that read nothing, 20,000 requests each for {path}: the worker has grown by {grown / MIB:.1f} MiB; {held / MIB:.1f} held")
        assert grown < 40 * MIB * SLOWNESS and held < 40 * MIB  # it was 153
        c = clients[0]
        c.socket.settimeout(60 * SLOWNESS)
        complete = (len(requests) - len(left.get(c, b""))) // (len(requests) // 20_000)
        statuses = {c.answer().status for _ in range(complete)}
        assert complete > 100 and len(statuses) == 1, (complete, statuses)  # each of them is answered once it is read
        for one in clients:
            one.reset()


def test_heads_that_do_not_end_count_too(daemon):
    d = daemon(workers=1, http_memory="8MiB", http_header_timeout="60s", log_access="off")
    (worker,) = [w["pid"] for w in d.status()["workers"]]
    before = processes.resident(worker)
    clients = []
    for _ in range(900):
        clients.append(Raw(d.port, seconds=60))
        send_what_fits(clients[-1], b"GET / HTTP/1.1\r\nX: " + b"a" * 15_000)
    time.sleep(2)
    grown, held = processes.resident(worker) - before, value(d, "http_memory_bytes")
    print(f"\n900 heads of 15 KB that do not end, a budget of 8 MiB: the worker has grown by {grown / MIB:.1f} MiB; {held / MIB:.1f} held")
    assert held < 16 * MIB  # 28 before: 8, a quarter more for what is small, and newcomers who are told so
    with From(d.port, seconds=60) as other:
        assert other.ask(LIVE).status == 200
    close(clients)


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(map(int, f.read().rpartition(")")[2].split()[11:13]))


def test_metrics_that_nobody_reads_do_not_keep_probes_waiting(daemon):
    """The admin process makes each answer anew. What it makes for those that do not read is counted by its processor's time."""
    d = daemon(workers=1)
    (admin,) = [pid for pid in processes.children(d.pid) if "admin" in processes.describe(pid)]
    before, asked = cpu_ticks(admin), 0
    while cpu_ticks(admin) < before + 40:
        assert d.admin("GET", "/metrics").status == 200
        asked += 1
    clients = [Raw(d.admin_port, receive_buffer=4096) for _ in range(100)]
    before, began = cpu_ticks(admin), time.monotonic()
    for c in clients:
        send_what_fits(c, (ask("/metrics") * 200).encode())
    assert d.admin("GET", "/health", timeout=60).status == 200
    took = time.monotonic() - began
    time.sleep(1)
    made = (cpu_ticks(admin) - before) * asked / 40
    print(f"\n100 clients that each asked for 200 /metrics and read nothing: a probe was answered after {took:.2f} s; as much work as {made:.0f} metrics")
    assert made < 1000
    close(clients)


def test_the_production_files_limit_is_enough(make_group, start_daemon, database, stratslabd):
    """docker-compose.prod.yml: 256 MiB, two workers."""
    executables.plain_build(stratslabd)
    group = make_group("memory", 256 * MIB)
    d = start_daemon(program=f"{group.command} {stratslabd}", **database.settings(), workers=2,
                     http_write_timeout="60s", http_body_timeout="60s")
    quiet = Quiet(d)
    at_rest = int(group.peak())
    fill(database, 200, 60)
    readers = [Raw(d.port, receive_buffer=4096) for _ in range(200)]
    for c in readers:
        send_what_fits(c, ask(LIST + "?limit=200").encode())  # 12 MB each
    clients = upload(d.port, 200)
    d.wait_log(r"msg=request method=POST .*status=503", count=90, timeout=120)
    d.wait_log(r"msg=request method=GET .*limit=200", count=200, timeout=120)
    with Raw(d.port, seconds=30) as c:
        assert c.ask(post("small")).status == 201
        assert c.ask(LIVE).status == 200
    assert d.admin("GET", "/health").status == 200
    print(f"peak {group.peak() / MIB:.0f} MiB of 256 ({at_rest / MIB:.0f} at rest), {d.log().count('status=503')} of 400 refused, "
          f"{value(d, 'http_memory_bytes') / MIB:.0f} MiB held for clients, {group.kills()} killed")
    assert group.kills() == 0
    for one in [*readers, *clients]:
        one.reset()
    assert not re.search(r"a child died", d.log())
    quiet.check()


# ---- where the numbers come from ----

@BOTH
def test_workers_follow_the_quota(make_group, program):
    group = make_group("cpu", 50_000)
    done = subprocess.run([*shlex.split(group.command), program, "config"], capture_output=True, text=True, check=True, timeout=30,
                          env={"PATH": "/usr/bin:/bin"})
    line = next(line for line in done.stdout.split("\n") if line.startswith("STRATSLAB_WORKERS="))
    assert re.match(r"STRATSLAB_WORKERS=1 ", line)
    if len(os.sched_getaffinity(0)) > 1:
        assert line.endswith(f"default: {group.folder}/{group.file} allows 0.500 processors")

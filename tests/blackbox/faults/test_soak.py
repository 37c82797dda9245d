"""All kinds of traffic at once, for a while: nothing of what a request or a connection took may stay."""
import contextlib
import json
import os
import socket
import struct
import threading
import time

from support import processes
from support.load import Load, Writes
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
SECONDS = float(os.environ.get("STRATSLAB_TEST_SOAK", "9"))
DRIPPING = 100
GROWTH_BYTES = 4 << 20  # what a heap may settle by; 1,000 leaks a second of 1 KiB would be twice as much in 9 s


class Rude:
    """Clients that break every custom: resets in the middle of a body, half a head for ever, answers that nobody reads,
    bytes that are no HTTP. Nothing is expected of the answers."""

    def __init__(self, d):
        self.d, self.count = d, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)

    def _run(self):
        body = json.dumps({"name": "x" * 90, "kind": "soak", "parameters": {str(i): i for i in range(200)}}).encode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        get = f"GET {PATH}?limit=5 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for what in self._forever(head + body[:-1], get * 50, b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost",
                                  head.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX") + b"5;x=y\r\n{\"nam\r\n",
                                  head + b"{" * len(body), get[:-2] + b"If-None-Match: \"1\"\r\n" + get[-2:]):
            with contextlib.suppress(OSError), self.d.connect() as s:
                s.sendall(what)
                s.settimeout(0.02)
                with contextlib.suppress(OSError):
                    s.recv(1)
                if self.count % 2:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its close is a reset
            self.count += 1

    def _forever(self, *kinds):
        while not self._stop.is_set():
            yield kinds[self.count % len(kinds)]


def test_mixed_traffic_leaves_nothing_behind(daemon, database):
    # What AddressSanitizer keeps of freed memory (256 MiB by default) is not the workers'.
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    d = daemon(workers=2, log_access="off", http_header_timeout="2s", ASAN_OPTIONS=sanitizer)
    # One that is still starting has not yet all the descriptors that it will keep.
    wait_until(lambda: [w["state"] for w in d.status()["workers"]] == ["ready"] * 2, 20, "two ready workers")
    own = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name = 'stratslabd own queries'"
    with database.connect() as db:
        wait_until(lambda: db.execute(own, (database.role,)).fetchone()[0] == 2, 20, "their second connections")
    workers = d.workers()
    quiet = [processes.descriptors(pid) for pid in workers]
    one = d.request("POST", PATH, {"name": "one", "kind": "soak"}).json()["id"]
    loads = [Load(d.port, threads=1), Load(d.port, threads=1, fresh=True), Writes(d.port, threads=1),
             Load(d.port, f"{PATH}/{one}", threads=1, method="PATCH", body='{"parameters":{"a":1}}'),
             Load(d.port, PATH, threads=1, method="POST", body='{"name":1,"nmae":"x"}'),
             Load(d.port, "/nothing", threads=1)]
    memory, end = [], time.monotonic() + SECONDS
    with contextlib.ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
        rude = stack.enter_context(Rude(d))
        while time.monotonic() < end:
            dripping = [d.connect() for _ in range(DRIPPING)]
            for s in dripping:
                s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
            wait_until(lambda: time.monotonic() >= end - SECONDS * 2 / 3 * (len(memory) == 0), SECONDS + 30, "a third of the time", 0.2)
            for s in dripping:
                s.close()
            memory.append([processes.resident(pid) for pid in workers])
    wait_until(lambda: all(processes.descriptors(pid) <= before for pid, before in zip(workers, quiet)), 20, "every descriptor to be back")
    after = [processes.resident(pid) for pid in workers]
    told = ", ".join(f"{first >> 10} -> {last >> 10} KiB" for first, last in zip(memory[0], after))
    print(f"\nmixed traffic for {SECONDS:g} s: {sum(load.total for load in loads)} requests, {sum(load.lost for load in loads)} lost,"
          f" {rude.count} rude clients; memory of the workers from a third of the time to the end: {told}; descriptors {quiet}")
    assert d.workers() == workers and "a child died" not in d.log()
    assert all(last < first + GROWTH_BYTES * SLOWNESS for first, last in zip(memory[0], after)), told
    assert sum(load.lost for load in loads) == 0, [dict(load.fates) for load in loads]
    assert set(loads[4].fates) == {422} and set(loads[5].fates) == {404}
    assert all(set(load.fates) <= {200, 201} for load in loads[:4]), [dict(load.fates) for load in loads]

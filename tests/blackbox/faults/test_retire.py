"""Workers that others have replaced finish what they have: uploads and slow readers, for as long as those may take, and no longer."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import time

import pytest
from support import processes
from support.kinds import BOTH
from support.metrics import scrape
from support.reload import reload_wait
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
# A stop, and a reload before there was a bound of its own, would be over so long after it began: a second, and two until what is left is killed.
STOP = {"stop_timeout": "1s"}
LONG = 4


def alone(d, count=1):
    """Until no other workers but so many are there."""
    return wait_until(lambda: [w["state"] for w in d.status()["workers"]] == ["ready"] * count and d.status()["workers"], 30, "the workers")


@contextlib.contextmanager
def stopped(pids):
    """Meanwhile they take nothing: of two that may, one may take everything, again and again."""
    pids = list(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def draining(d):
    return [w for w in d.status()["workers"] if w["state"] == "draining"]


class Held:
    """A connection with a request on it, closed at the end."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Upload(Held):
    """A POST of which the body comes in pieces."""

    def __init__(self, d, name, head_only=False):
        self.body = json.dumps({"name": name, "kind": "k", "description": "x" * 200}).encode()
        self.socket = d.connect(timeout=60)
        self.sent = 20
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
        self.rest = f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n".encode()
        self.socket.sendall(head if head_only else head + self.rest + self.body[:self.sent])

    def drip(self, seconds):
        """A byte now and then, for so long: the pace of a slow line."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.2)
            self.socket.sendall(self.body[self.sent:self.sent + 1])
            self.sent += 1
        return self

    def finish(self, closes=True):
        self.socket.sendall(self.body[self.sent:])
        return self.answer(closes)

    def answer(self, closes=True):
        """The answer, after which the connection ends, unless the worker may go on."""
        response = http.client.HTTPResponse(self.socket, method="POST")
        response.begin()
        response.data = response.read()
        if not closes:
            return response
        assert response.headers["Connection"] == "close"
        assert self.socket.recv(100) == b"", "the connection goes on"
        return response


def stopping(response):
    """The 503 that says so."""
    assert response.status == 503, (response.status, response.data)
    assert response.headers["Retry-After"] == "1"
    assert json.loads(response.data)["code"] == "stopping"


def begun(d, *uploads):
    """Until workers have begun to read so many requests."""
    wait_until(lambda: sum(w["in_flight"] for w in d.status()["workers"]) >= len(uploads), 10, "the request's first bytes to be read")


@pytest.fixture
def large(database):
    """A list of 3 MB: more than the kernel's buffers hold."""
    def fill():
        with database.connect() as db:
            db.execute("INSERT INTO strategies (name, kind, parameters) SELECT 'large ' || i, 'k', jsonb_build_object('x', repeat('y', 60000))"
                       " FROM generate_series(1, 50) AS i")
    return fill


class Reader(Held):
    """A GET of a large answer, which is read slowly."""

    def __init__(self, d):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60 * SLOWNESS)
        self.socket.connect(("127.0.0.1", d.port))
        self.socket.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        self.data = self.socket.recv(2000)

    def drip(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.1)
            self.data += self.socket.recv(2000)
        return self

    def rest(self):
        """What comes to the end, whatever it is."""
        try:
            while more := self.socket.recv(65536):
                self.data += more
        except ConnectionResetError:
            pass
        head, _, body = self.data.partition(b"\r\n\r\n")
        return int(re.search(rb"Content-Length: (\d+)", head).group(1)), len(body)


# ---- they have the time that their clients have ----

@pytest.mark.parametrize("why", ["reload", "recycled", "fewer"])
def test_an_upload_outlives_its_workers_replacement(replaceable, executable, why):
    count = 2 if why == "fewer" else 1
    d = replaceable(workers=count, max_requests=50 if why == "recycled" else 0, log_access="off", **STOP)
    alone(d, count)
    with contextlib.ExitStack() as stack:
        uploads = []
        for pid in d.workers() * (2 // count):  # whichever is replaced has one
            with stopped(other for other in d.workers() if other != pid):
                uploads.append(stack.enter_context(Upload(d, f"slow {len(uploads)}")))
                begun(d, *uploads)
        assert all(w["in_flight"] for w in d.status()["workers"])
        began = time.monotonic()
        if why == "reload":
            assert reload_wait(d, executable)[0] == 0
        elif why == "recycled":
            wait_until(lambda: d.request("GET", PATH).status == 200 and draining(d), 60, "it to be replaced", interval=0)
        else:
            d.signal(signal.SIGTTOU)
        wait_until(lambda: draining(d), 20, "the worker to be replaced")
        uploads[0].drip(LONG)
        assert {upload.finish(closes=why != "fewer").status for upload in uploads} == {201}
        print(f"\nworker replaced ({why}), STRATSLAB_STOP_TIMEOUT 1 s: an upload that took {time.monotonic() - began:.1f} s more was answered 201")
    alone(d)
    assert not re.search(r"killing it|died", d.log())


def test_a_slow_reader_outlives_a_reload(replaceable, executable, large):
    d = replaceable(workers=1, **STOP)
    large()
    alone(d)
    with Reader(d) as reader:
        assert reload_wait(d, executable)[0] == 0
        promised, came = reader.drip(LONG).rest()
        print(f"\na slow reader, {LONG} s after the reload and more: {came} of {promised} bytes")
        assert came == promised
    alone(d)
    assert "killing it" not in d.log()


def test_an_idle_connection_and_a_finished_one_do_not_hold_it(replaceable, executable):
    d = replaceable(workers=1)
    alone(d)
    with d.client() as one, d.client() as two:
        assert one.request("GET", PATH).status == two.request("GET", PATH).status == 200
        assert reload_wait(d, executable)[0] == 0
        answer = one.request("GET", PATH)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        alone(d)


def test_the_bound_is_a_setting(replaceable, executable, large):
    """What has not come by then is told so; an answer that is half taken is counted."""
    d = replaceable(workers=1, retire_timeout="1s", **STOP)
    large()
    alone(d)
    with Upload(d, "slow") as upload, Upload(d, "slower", head_only=True) as head, Reader(d) as reader:
        begun(d, upload, head)
        assert reload_wait(d, executable)[0] == 0
        stopping(upload.answer())
        stopping(head.answer())
        alone(d)
        promised, came = reader.rest()
        assert came < promised
    assert d.wait_log("requests had not come whole when the time to finish was up.*requests=2")
    assert d.wait_log("ending with connections open.*answers_cut=1")
    assert scrape(d).value("stratslabd_http_answers_cut_total") == 1


# ---- the end of the service ----

def test_at_a_stop_what_is_unfinished_is_told(daemon, database, large):
    d = daemon(workers=1, **STOP)
    large()
    with Upload(d, "slow") as upload, Upload(d, "slower", head_only=True) as head, Reader(d) as reader:
        begun(d, upload, head)
        d.signal(signal.SIGTERM)
        stopping(upload.answer())
        stopping(head.answer())
        assert d.wait() == 0
        promised, came = reader.rest()
        print(f"\nat a stop: two unfinished requests were answered 503; a slow reader had {came} of {promised} bytes")
        assert came < promised
    assert d.wait_log("answers_cut=1")
    with database.connect() as db:
        assert db.execute("SELECT count(*) FROM strategies WHERE name LIKE 'slow%'").fetchone()[0] == 0


def test_a_client_that_sends_without_reading_gets_the_answer_too(daemon):
    """It learns of the end by an error of its sending, and finds the answer then."""
    d = daemon(workers=1, http_body="64MiB", **STOP)
    with d.connect(timeout=60) as s:
        s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {60 << 20}\r\n\r\n".encode())
        s.sendall(b"x" * 1000)
        begun(d, s)
        d.signal(signal.SIGTERM)
        try:
            while d.process.poll() is None:
                s.sendall(b"x" * 1000)
                time.sleep(0.02)
        except OSError:
            pass
        response = http.client.HTTPResponse(s, method="POST")
        response.begin()
        assert response.status == 503 and json.loads(response.read())["code"] == "stopping"
    assert d.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_service_ends_while_a_retired_worker_lives(replaceable, executable, number):
    """Its time is a stop's from then on, also if the master has died."""
    d = replaceable(workers=1, **STOP)
    d.expect_exit = 0 if number == signal.SIGTERM else -number
    with Upload(d, "slow") as upload:
        begun(d, upload)
        assert reload_wait(d, executable)[0] == 0
        upload.drip(LONG)
        retired = wait_until(lambda: draining(d), 10, "the retired worker")
        assert len(retired) == 1
        d.signal(number)
        stopping(upload.answer())
        d.wait()
        wait_until(lambda: not processes.is_alive(retired[0]["pid"]), 20, "it to end")


def test_quit_and_a_second_term_end_a_retired_worker_at_once(replaceable, executable):
    d = replaceable(workers=1, stop_timeout="60s")
    with Upload(d, "slow") as upload:
        begun(d, upload)
        assert reload_wait(d, executable)[0] == 0
        retired = wait_until(lambda: draining(d), 10, "the retired worker")[0]["pid"]
        d.signal(signal.SIGTERM)
        d.wait_log("stopping.*signal=TERM")
        d.signal(signal.SIGTERM)
        assert d.wait() == 0
        assert not processes.is_alive(retired)


# ---- they do not pile up ----

def test_many_reloads_do_not_pile_up_retired_workers(replaceable, executable):
    """Each generation has an upload that does not come to its end. Four may linger, as so few workers are wanted; the oldest are ended,
    and say so to their clients."""
    d = replaceable(workers=1, stop_timeout="500ms", http_body_timeout="10min")
    uploads = []
    most = sessions = 0
    try:
        for i in range(8):
            uploads.append(Upload(d, f"slow {i}"))
            wait_until(lambda n=i: any(w["in_flight"] and w["state"] == "ready" for w in d.status()["workers"]), 10, "the upload to begin")
            assert reload_wait(d, executable)[0] == 0
            wait_until(lambda: len(draining(d)) <= 5, 30, "the oldest to end")
            most = max(most, len(draining(d)))
        wait_until(lambda: len(draining(d)) == 4, 30, "four to be left")
        assert scrape(d).value("stratslabd_workers", state="draining") == 4
        assert {w["generation"] for w in draining(d)} == {5, 6, 7, 8}
        for upload in uploads[:4]:
            stopping(upload.answer())
        for upload in uploads[4:]:
            assert upload.finish().status == 201
        print(f"\n8 reloads with an unfinished upload in each generation: {most} retired workers at most, 4 uploads answered 503, 4 answered 201")
        alone(d)
    finally:
        for upload in uploads:
            upload.socket.close()
    assert d.wait_log("a child that finishes its work ends now", count=4)
    assert not re.search("killing it|died", d.log())


# ---- what else happens to them ----

def test_a_retired_worker_that_hangs_is_found(replaceable, executable):
    d = replaceable(workers=1, hang_timeout="2s")
    with Upload(d, "slow") as upload:
        begun(d, upload)
        assert reload_wait(d, executable)[0] == 0
        (retired,) = wait_until(lambda: draining(d), 10, "the retired worker")
        os.kill(retired["pid"], signal.SIGSTOP)
        d.wait_log(f"event loop is silent.*child_pid={retired['pid']}", timeout=30)
        wait_until(lambda: not processes.is_alive(retired["pid"]), 30, "it to be killed")
        assert upload.socket.recv(100) == b""
    alone(d)
    assert d.request("GET", PATH).status == 200


def test_a_retired_worker_that_dies_is_told(replaceable, executable):
    d = replaceable(workers=1)
    with Upload(d, "slow") as upload:
        begun(d, upload)
        assert reload_wait(d, executable)[0] == 0
        (retired,) = wait_until(lambda: draining(d), 10, "the retired worker")
        os.kill(retired["pid"], signal.SIGKILL)
        d.wait_log(f"a child died while it finished its work.*child_pid={retired['pid']}.*cause=KILL")
        alone(d)
    assert d.status()["restarts"] == 0


def test_a_worker_that_somebody_else_ends_has_a_successor_at_once(daemon):
    """SIGTERM from an operator, or from a daemon that looks after the machine's memory. It finishes what it has, however long that takes, and
    nobody waits for that."""
    d = daemon(workers=1, log_access="off", **STOP)
    (first,) = alone(d)
    assert d.request("GET", PATH).status == 200
    with Upload(d, "slow") as upload:
        begun(d, upload)
        os.kill(first["pid"], signal.SIGTERM)
        d.wait_log(f"somebody else has told it to.*child_pid={first['pid']}")
        began = time.monotonic()
        answer = d.request("GET", PATH, timeout=60)
        print(f"\na worker was sent SIGTERM while it had an upload: the next request was answered {answer.status} after {time.monotonic() - began:.2f} s")
        assert answer.status == 200
        assert [w["pid"] for w in draining(d)] == [first["pid"]]
        assert upload.drip(LONG).finish().status == 201
    (second,) = alone(d)
    assert second["pid"] != first["pid"]
    assert d.status()["restarts"] == 1
    assert scrape(d).value("stratslabd_worker_restarts_total", cause="exit") == 1
    assert not re.search(r"killing it|died", d.log())


@BOTH
def test_an_admin_process_that_somebody_else_ends_has_a_successor_at_once(daemon):
    """It may have connections that are kept, and five seconds for them."""
    d = daemon(workers=1)
    (first,) = [pid for pid in processes.children(d.pid) if "admin" in processes.describe(pid)]
    kept = http.client.HTTPConnection("127.0.0.1", d.admin_port, timeout=60)
    kept.request("GET", "/health/live")
    assert kept.getresponse().read()
    os.kill(first, signal.SIGTERM)
    d.wait_log(f"somebody else has told it to.*child=admin.*child_pid={first}")
    assert d.admin("GET", "/health/ready", timeout=60).status == 200
    kept.close()
    wait_until(lambda: not processes.is_alive(first), 20, "the first to end")
    assert "died" not in d.log()


def test_a_way_back_leaves_retired_workers_alone(replaceable, executable):
    """One of an earlier reload lives through a roll that fails, and through the next that does not."""
    d = replaceable(workers=1, **STOP)
    with Upload(d, "slow") as upload:
        begun(d, upload)
        assert reload_wait(d, executable)[0] == 0
        executable.replace_workers("abort();")
        assert reload_wait(d, executable)[0] == 1
        executable.restore()
        assert reload_wait(d, executable)[0] == 0
        upload.drip(LONG)
        assert [w["generation"] for w in draining(d)] == [1]
        assert upload.finish().status == 201
    alone(d)

"""Where connections, the API and the database meet: slow answers, slow clients, clients that leave, and very many of either."""
import contextlib
import json
import os
import re
import resource
import signal
import threading

import pytest
from quiet import Quiet
from raw import Raw
from support import processes
from support.wait import SLOWNESS, wait_until

LIST = "/api/v1/strategies"
H = "Host: localhost\r\n"
PATIENT = {"database_statement_timeout": "60s", "database_lock_timeout": "60s"}


def ask(path, method="GET", fields=""):
    return f"{method} {path} HTTP/1.1\r\n{H}{fields}\r\n"


LIVE = ask("/health/live")


def post(name, fields="", **more):
    body = json.dumps({"name": name, "kind": "k", **more})
    return f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}"


@contextlib.contextmanager
def locked(database):
    """Whoever reads strategies waits until the block ends. Gives a function that counts who waits."""
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
        yield lambda: db.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]


def resident_kib(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * resource.getpagesize() // 1024


# ---- order ----

def test_pipelined_requests_are_answered_in_order_around_a_slow_one(daemon, database):
    d = daemon(**PATIENT)
    quiet = Quiet(d)
    with Raw(d.port) as c:
        with locked(database) as waiting:
            c.send(LIVE + ask(LIST) + LIVE + post("one") + ask(LIST) + ask("/nothing"))
            assert c.answer().status == 200
            wait_until(waiting, 10, "the list to wait")
            assert c.input == b""
        assert c.answer().json() == {"items": [], "next": None}
        assert [c.answer().status for _ in range(2)] == [200, 201]
        assert [item["name"] for item in c.answer().json()["items"]] == ["one"]
        assert c.answer().status == 404
        c.in_order()
    quiet.check()


def test_five_thousand_pipelined_requests(daemon):
    d = daemon()
    quiet = Quiet(d)
    kinds = [(LIVE, 200), (ask(LIST), 200), (ask(LIST + "?limit=0"), 422), (ask("/nothing"), 404)]
    asked = [(i, *kinds[i * 7 % 4]) for i in range(5000)]
    with Raw(d.port, seconds=60) as c:
        sender = threading.Thread(target=c.send, args=("".join(
            text.replace(H, f"{H}X-Request-ID: r{i}\r\n") for i, text, _ in asked),))
        sender.start()
        for i, _, status in asked:
            answer = c.answer()
            assert (answer.fields["x-request-id"], answer.status) == (f"r{i}", status)
        sender.join()
        c.in_order()
    quiet.check()


def test_writes_on_many_connections_all_happen_once(daemon, database):
    d = daemon(workers=2)
    quiet = Quiet(d)
    clients = [Raw(d.port, seconds=60) for _ in range(64)]
    for i, c in enumerate(clients):
        c.send("".join(post(f"s{i}-{j}") for j in range(10)))
    for c in clients:
        assert [c.answer().status for _ in range(10)] == [201] * 10
        c.close()
    with database.connect() as db:
        assert db.execute("SELECT count(*), count(DISTINCT name) FROM strategies").fetchone() == (640, 640)
    quiet.check()


def test_what_one_worker_wrote_the_other_reads(daemon):
    d = daemon(workers=2)
    clients = [Raw(d.port) for _ in range(16)]  # some with either worker
    for i, c in enumerate(clients):
        made = c.ask(post(f"s{i}"))
        for other in clients:
            assert other.ask(ask(made.fields["location"])).status == 200
    for c in clients:
        c.close()


# ---- clients that leave ----

def test_clients_that_reset_while_their_queries_run_hurt_nobody(daemon, database):
    d = daemon(workers=1, **PATIENT)
    quiet = Quiet(d)
    with locked(database) as waiting:
        stay = Raw(d.port, seconds=30)
        stay.send(ask(LIST))
        leave = [Raw(d.port) for _ in range(200)]
        for i, c in enumerate(leave):
            c.send(post(f"s{i}") if i % 3 == 0 else ask(LIST) + ask(LIST))
        wait_until(waiting, 10, "a query to wait")
        for c in leave:
            c.reset()
        with Raw(d.port) as c:
            assert c.ask(LIVE).status == 200
    assert stay.answer().status == 200
    stay.in_order()
    stay.close()
    quiet.check()


def test_clients_that_close_in_the_middle_of_anything_hurt_nobody(daemon):
    d = daemon(workers=1)
    quiet = Quiet(d)
    whole = LIVE + post("x" * 60) + ask(LIST)
    for end in range(0, len(whole), 7):
        for leave in (Raw.close, Raw.reset):
            c = Raw(d.port)
            c.send(whole[:end])
            leave(c)
    with Raw(d.port) as c:
        assert c.ask(ask(LIST)).status == 200
    quiet.check()


def test_a_client_that_has_shut_its_side_gets_its_answers(daemon, database):
    d = daemon(**PATIENT)
    with Raw(d.port) as c:
        with locked(database) as waiting:
            c.send(ask(LIST) + LIVE).shut()
            wait_until(waiting, 10, "the list to wait")
        assert c.answer().status == 200
        c.answer()
        c.end()


# ---- clients that do not read ----

def fill(database, count, kib):
    with database.connect() as db:
        db.execute("INSERT INTO strategies (name, kind, parameters) SELECT 's' || i, 'k', jsonb_build_object('p', repeat('x', %s))"
                   " FROM generate_series(1, %s) AS i", [kib * 1024, count])


def test_a_client_that_never_reads_costs_little_and_is_cut_off(daemon, database):
    d = daemon(workers=1, http_write_timeout="1s")
    quiet = Quiet(d)
    fill(database, 60, 60)
    (worker,) = d.workers()
    with Raw(d.port) as c:
        assert len(c.ask(ask(LIST)).body) > 3_000_000
    before = resident_kib(worker)
    with Raw(d.port, receive_buffer=4096) as c:
        with contextlib.suppress(OSError):
            c.send(ask(LIST) * 2000)
        with Raw(d.port) as other:
            for _ in range(20):
                assert other.ask(LIVE).status == 200
        assert resident_kib(worker) - before < 30_000
        d.wait_log(r"msg=request .*route=" + LIST)
        with pytest.raises(OSError, match="reset|Broken pipe"):
            wait_until(lambda: c.send(LIVE) is None, 30, "never")
    quiet.check()


def test_many_clients_that_never_read_do_not_fill_the_memory(daemon, database):
    # What AddressSanitizer keeps of freed memory (256 MiB by default) is not the worker's.
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    d = daemon(workers=1, http_memory="128MiB", http_write_timeout="60s", ASAN_OPTIONS=sanitizer, **database.settings())
    fill(database, 200, 60)
    (worker,) = d.workers()
    clients = [Raw(d.port, receive_buffer=4096) for _ in range(24)]
    for c in clients:
        c.send(ask(LIST + "?limit=200"))  # 12 MB each
    d.wait_log(r"msg=request .*limit=200", count=24, timeout=60)
    assert resident_kib(worker) < 240_000 * SLOWNESS  # sanitizers need more of either
    assert "status=503" in d.log()
    with Raw(d.port) as c:
        for limit in (1, 200):  # there may be a little room, as kernels take more and more
            answer = c.ask(ask(f"{LIST}?limit={limit}"))
            assert answer.status == 200 or (answer.status, answer.json()["code"], answer.closes) == (503, "overloaded", False)
        assert c.ask(post("one")).status == 201
        for one in clients:
            one.reset()
        wait_until(lambda: c.ask(ask(LIST + "?limit=200")).status == 200, 10, "room again")
        c.in_order()
    assert not re.search(r"level=(?:error|warning) ", d.log())


def test_many_large_bodies_that_do_not_end_do_not_fill_the_memory(daemon, database):
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    d = daemon(workers=1, http_memory="128MiB", ASAN_OPTIONS=sanitizer, **database.settings())
    (worker,) = d.workers()
    head = f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\nContent-Length: {1 << 20}\r\n\r\n".encode()
    clients = [Raw(d.port) for _ in range(200)]
    for c in clients:
        with contextlib.suppress(OSError):  # those that are refused in the middle of it
            c.send(head + b"x" * ((1 << 20) - 1))
    d.wait_log(r"msg=request method=POST .*status=503", count=40, timeout=60)
    assert resident_kib(worker) < 220_000 * SLOWNESS  # 200 MiB were sent
    with Raw(d.port) as c:
        assert c.ask(post("small")).status == 201
        assert c.ask(ask(LIST)).status == 200
        for one in clients:
            one.reset()
        wait_until(lambda: c.ask(post("large", parameters={"x": "y" * 50_000})).status in {201, 409}, 10, "room again")
        c.in_order()
    assert not re.search(r"level=(?:error|warning) ", d.log())


def test_a_slow_reader_gets_everything(daemon, database):
    d = daemon(workers=1, http_write_timeout="5s")
    fill(database, 60, 60)
    with Raw(d.port, receive_buffer=4096, seconds=60) as c:
        c.send(ask(LIST) * 3)
        for _ in range(3):
            assert len(c.answer().json()["items"]) == 50
        c.in_order()


# ---- content and decisions on the head ----

@pytest.mark.parametrize(("head", "status"), [(f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\n", 413),
                                              (f"POST /nothing HTTP/1.1\r\n{H}", 404)])
def test_an_early_answer_reaches_a_client_that_goes_on_sending(daemon, head, status):
    d = daemon(workers=1)
    quiet = Quiet(d)
    for framing, unit in ((f"Content-Length: {8 << 20}", b"x" * 65536), ("Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n")):
        with Raw(d.port, seconds=30) as c:
            c.send(f"{head}{framing}\r\n\r\n")
            for _ in range((8 << 20) // 65536):
                c.send(unit)
            answer = c.answer()
            assert (answer.status, answer.closes) == (status, True)
    quiet.check()


def test_the_largest_body_is_taken_and_one_byte_more_is_not(daemon):
    d = daemon(http_body="100KiB")
    quiet = Quiet(d)
    head = f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\n"
    for size, status in ((102400, 422), (102401, 413)):
        body = '{"x":"' + "y" * (size - 8) + '"}'
        with Raw(d.port) as c:
            assert c.ask(f"{head}Content-Length: {size}\r\n\r\n{body}").status == status
        with Raw(d.port) as c:
            cut = [body[i:i + 7000] for i in range(0, size, 7000)]
            c.send(f"{head}Transfer-Encoding: chunked\r\n\r\n" + "".join(f"{len(p):x}\r\n{p}\r\n" for p in cut) + "0\r\n\r\n")
            assert c.answer().status == status
    quiet.check()


def test_limits_that_are_set_are_kept(daemon):
    d = daemon(http_request_line="300", http_headers="1KiB", http_header_fields="10")
    for data, status in ((ask("/" + "a" * (300 - len("GET / HTTP/1.1"))), 404), (ask("/" + "a" * (301 - len("GET / HTTP/1.1"))), 414),
                         (ask("/health/live", fields="A: b\r\n" * 9), 200), (ask("/health/live", fields="A: b\r\n" * 10), 431),
                         (ask("/health/live", fields=f"A: {'b' * (1024 - len(H) - 5)}\r\n"), 200),
                         (ask("/health/live", fields=f"A: {'b' * (1024 - len(H) - 4)}\r\n"), 431)):
        with Raw(d.port) as c:
            assert c.ask(data).status == status


# ---- slow clients ----

def test_slow_clients_are_told_408_and_silent_ones_nothing(daemon):
    d = daemon(http_header_timeout="400ms", http_body_timeout="400ms", http_idle_timeout="400ms")
    quiet = Quiet(d)
    partial = f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n123"
    for begun in ("GET /", ask("/health/live")[:-2], partial, partial.replace("Content-Length: 10", "Transfer-Encoding: chunked")[:-3]):
        with Raw(d.port) as c:
            answer = c.ask(begun)
            assert (answer.status, answer.closes, answer.json()["code"]) == (408, True, "request_timeout")
            c.end()
    for said in ("", "\r\n"):
        with Raw(d.port) as c:
            c.send(said).end()
    with Raw(d.port) as c:
        assert c.ask(LIVE).status == 200
        c.end()
    quiet.check()


def test_dripping_does_not_buy_time(daemon):
    d = daemon(http_header_timeout="500ms", http_body_timeout="500ms")
    for start, drip in ((f"GET / HTTP/1.1\r\n{H}A: ", "b"), (f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\n"
                                                               "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n")):
        with Raw(d.port) as c:
            c.send(start)
            stop = threading.Event()

            def go_on(c=c, drip=drip, stop=stop):
                with contextlib.suppress(OSError):
                    while not stop.wait(0.05):
                        c.send(drip)

            dripper = threading.Thread(target=go_on)
            dripper.start()
            answer = c.answer()
            stop.set()
            dripper.join()
            assert (answer.status, answer.closes) == (408, True)


# ---- very many ----

def test_a_thousand_connections(daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2048:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    d = daemon(workers=2)
    quiet = Quiet(d)
    clients = [Raw(d.port, seconds=60) for _ in range(1000)]
    for turn in range(2):
        for c in clients:
            c.send(ask(LIST))
        statuses = [c.answer().status for c in clients]
        assert set(statuses) <= {200, 429, 503} and statuses.count(200) > 0, turn
    for c in clients:
        c.in_order()
    for c in clients[::2]:
        c.close()
    for c in clients[1::2]:
        c.reset()
    with Raw(d.port) as c:
        assert c.ask(ask(LIST)).status == 200
    quiet.check()


def test_connections_past_the_cap_wait_for_their_turn(daemon, database):
    d = daemon(workers=1, http_connections="5", **PATIENT)
    with locked(database) as waiting:
        held = [Raw(d.port, seconds=30) for _ in range(5)]
        for c in held:
            c.send(ask(LIST))
        wait_until(lambda: waiting() >= 1 and d.status()["workers"][0]["in_flight"] == 5, 10, "all places to be taken")
        with Raw(d.port) as late:
            late.send(LIVE)
            late.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.answer()
            late.socket.settimeout(10 * SLOWNESS)
            held[2].reset()
            assert late.answer().status == 200
    for c in held:
        c.close()


def test_past_the_queue_it_is_503_at_once_and_what_is_queued_is_answered(daemon, database):
    d = daemon(workers=1, database_queue="10", **PATIENT)
    quiet = Quiet(d)
    clients = [Raw(d.port, seconds=30) for _ in range(40)]
    with locked(database) as waiting:
        for c in clients[:10]:
            c.send(ask(LIST))
        wait_until(waiting, 10, "a query to wait")
        late = clients[10:]
        # The ten may still be on their way to the worker; a refusal shows that they are there.
        wait_until(lambda: late[0].ask(ask(LIST + "/01234567-89ab-7def-8123-456789abcdef")).status == 503, 10, "a refusal")
        for c in late:
            answer = c.ask(post("no"))
            assert (answer.status, answer.json()["code"], answer.closes) == (503, "overloaded", False)
            assert int(answer.fields["retry-after"]) > 0
    for c in clients[:10]:
        assert c.answer().json()["items"] == []
    for c in clients:
        c.in_order()
        c.close()
    quiet.check()


# ---- the end ----

def test_what_was_begun_is_finished_at_a_stop(daemon):
    d = daemon(workers=1)
    begun, idle, body = Raw(d.port), Raw(d.port), Raw(d.port)
    for c in (begun, idle, body):
        c.in_order()
    begun.send(ask(LIST)[:20])
    body.send(post("late")[:-10])
    with Raw(d.port) as c:
        c.in_order()  # by now the worker has read what was sent before
    d.signal(signal.SIGTERM)
    idle.end()
    answer = begun.ask(ask(LIST)[20:])
    assert (answer.status, answer.closes) == (200, True)
    begun.end()
    answer = body.ask(post("late")[-10:])
    assert (answer.status, answer.closes) == (201, True)
    body.end()
    assert d.wait() == 0
    for c in (begun, idle, body):
        c.close()


def test_all_that_hangs_at_a_stop_is_answered_503(daemon, database):
    d = daemon(workers=1, stop_timeout="300ms", **PATIENT)
    clients = [Raw(d.port, seconds=30) for _ in range(12)]
    with locked(database) as waiting:
        for i, c in enumerate(clients):
            c.send(post(f"s{i}") if i % 2 else ask(LIST))
        wait_until(waiting, 10, "a query to wait")
        with Raw(d.port) as c:
            c.in_order()
        assert d.stop() == 0
        for c in clients:
            answer = c.answer()
            assert (answer.status, answer.closes) == (503, True)
            c.end()
            c.close()
    with database.connect() as db:
        assert db.execute("SELECT count(*) FROM strategies").fetchone() == (0,)


def test_a_database_that_has_frozen_does_not_hold_up_a_stop(start_daemon, cluster, own_database):
    d = start_daemon(DATABASE_URL=own_database.url, workers=1, stop_timeout="300ms", **PATIENT)
    with Raw(d.port, seconds=30) as reader, Raw(d.port, seconds=30) as writer:
        # What was quick before need not go alone, so both are on their way when the database freezes.
        assert reader.ask(ask(LIST)).status == 200 and writer.ask(post("zero")).status == 201
        frozen = [cluster.server.pid, *processes.children(cluster.server.pid)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            reader.send(ask(LIST))
            writer.send(post("one"))
            with Raw(d.port) as c:
                c.in_order()
            assert d.stop() == 0
            answers = [c.answer() for c in (reader, writer)]
            assert [a.json()["code"] for a in answers] == ["database_unavailable", "outcome_unknown"]
            assert all(a.status == 503 and a.closes for a in answers)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

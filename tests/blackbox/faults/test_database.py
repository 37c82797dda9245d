"""The database goes, comes, hangs and is full. Reads are served or told 503; of each write it is known what became of it."""
import contextlib
import os
import signal
import threading
import time

import psycopg
import pytest
from support import processes
from support.cluster import Cluster, Failure
from support.database import Database, make_durable
from support.load import Load, Writes, names, told
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
REPEAT = int(os.environ.get("STRATSLAB_TEST_REPEAT", "10"))
BACK_SECONDS = 5  # the promise is one; this machine may be busy
WORKERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratslabd worker' AND datname = current_database()"


@pytest.fixture(scope="module")
def cluster():
    """One for all of them: each test leaves it running."""
    with Cluster() as own:
        with psycopg.connect(own.url(), autocommit=True) as db:
            make_durable(db)
        yield own


@pytest.fixture
def own_database(cluster):
    if cluster.server.poll() is not None:
        start_again(cluster)
    fresh = Database(cluster.url())
    fresh.create()
    yield fresh
    with contextlib.suppress(psycopg.Error):
        fresh.drop()


@pytest.fixture
def serving(start_daemon, own_database):
    def start(**settings):
        return start_daemon(**{"DATABASE_URL": own_database.url, "log_access": "off", **settings})

    return start


@pytest.fixture
def stopped():
    """Processes to stop, which go on at the end."""
    pids = []

    def stop(more):
        pids.extend(more)
        for pid in more:
            os.kill(pid, signal.SIGSTOP)

    yield stop
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def start_again(cluster):
    """After a postmaster that was killed its orphans must end first: they hold the shared memory."""
    deadline = time.monotonic() + 20 * SLOWNESS
    while True:
        try:
            return cluster.start()
        except Failure:
            if time.monotonic() > deadline:
                raise


def backends(database):
    """The server processes of the daemon's workers."""
    with database.connect() as db:
        return [pid for pid, in db.execute(WORKERS)]


def workers_of(d, count=2):
    return wait_until(lambda: len(d.workers()) == count and d.workers(), 10, f"{count} workers")


@contextlib.contextmanager
def both(d, threads=2, **options):
    """Reads and writes at once. At the end nothing is lost, and only what is documented was answered."""
    with Load(d.port, threads=threads, **options) as reads, Writes(d.port, threads=threads, **options) as writes:
        reads.wait(20)
        writes.wait(20)
        yield reads, writes
    assert reads.lost == writes.lost == 0, (reads.fates, writes.fates)
    assert set(reads.fates) <= {200, 503} and set(writes.fates) <= {201, 503}, (reads.fates, writes.fates)
    assert set(reads.codes) <= {"database_unavailable", "overloaded", "timeout"}, reads.codes
    assert set(writes.codes) <= {"database_unavailable", "overloaded", "outcome_unknown"}, writes.codes


def test_it_is_stopped_and_started(serving, cluster, own_database):
    d = serving()
    workers = workers_of(d)
    with both(d) as (reads, writes):
        back = []
        for _ in range(max(1, REPEAT // 5)):
            cluster.stop()
            wait_until(lambda: d.admin("GET", "/health").json()["status"] == "database_down", 10, "health to say so")
            assert d.request("GET", "/health").status == 503
            reads.wait(50)
            cluster.start()
            back.append(max(reads.wait_served(), writes.wait_served()))
    unknown = writes.check(names(own_database))
    told(f"PostgreSQL stopped and started {len(back)} times", reads, writes, unknown_and_there=unknown,
         served_again_after=f"{max(back):.2f} s at most")
    assert max(back) < BACK_SECONDS * SLOWNESS
    assert workers_of(d) == workers


def test_a_server_process_is_killed(serving, own_database):
    """The postmaster then ends all the others and recovers."""
    d = serving()
    workers, kills = workers_of(d), max(3, REPEAT // 2)
    with both(d) as (reads, writes):
        back = []
        for _ in range(kills):
            os.kill(wait_until(lambda: backends(own_database), 10, "a connection")[0], signal.SIGKILL)
            wait_until(lambda: recovered(own_database), 20, "recovery", 0.005)
            back.append(max(reads.wait_served(), writes.wait_served()))
    unknown = writes.check(names(own_database))
    told(f"a server process killed {kills} times", reads, writes, unknown_and_there=unknown,
         served_again_after=f"{max(back):.2f} s at most")
    assert max(back) < BACK_SECONDS * SLOWNESS
    assert workers_of(d) == workers


def recovered(database):
    try:
        database.connect().close()
        return True
    except psycopg.OperationalError:
        return False


def test_the_postmaster_is_killed(serving, cluster, own_database):
    d = serving()
    workers = workers_of(d)
    with both(d) as (reads, writes):
        cluster.stop([signal.SIGKILL])
        wait_until(lambda: d.request("GET", PATH).status == 503, 10, "503")
        start_again(cluster)
        back = max(reads.wait_served(), writes.wait_served())
    unknown = writes.check(names(own_database))
    told("the postmaster killed", reads, writes, unknown_and_there=unknown, served_again_after=f"{back:.2f} s")
    assert back < BACK_SECONDS * SLOWNESS
    assert workers_of(d) == workers


def test_sessions_are_terminated_again_and_again(serving, own_database):
    d = serving()
    with both(d) as (reads, writes), own_database.connect() as db:
        ended = 0
        for _ in range(REPEAT * 3):
            ended += len(db.execute(WORKERS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")).fetchall())
            reads.wait(10)
        reads.wait_served()
        writes.wait_served()
    unknown = writes.check(names(own_database))
    told(f"pg_terminate_backend {ended} times", reads, writes, unknown_and_there=unknown)
    assert ended >= REPEAT
    # One worker may still be in its pause when the other serves.
    wait_until(lambda: d.request("GET", "/health").status == 200, 10, "a healthy answer")


def test_reads_in_flight_are_sent_again_and_a_write_in_flight_is_not(serving, own_database):
    """Of each it is known that it had been sent: it waits for a lock when its session is ended. The session's last word
    says that the write did not happen, so its outcome is known."""
    d = serving(workers=1, database_statement_timeout="30s", database_lock_timeout="30s")
    answers = {}

    def ask(what, *request):
        answers[what] = d.request(*request, timeout=30)

    def waiting():
        return [pid for pid, in look.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")]

    with own_database.connect() as db, own_database.connect() as look:
        for what, request, outcome in (("read", ("GET", PATH), (200, None)),
                                       ("write", ("POST", PATH, {"name": "once", "kind": "k"}), (503, "database_unavailable"))):
            with db.transaction():
                db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
                asker = threading.Thread(target=ask, args=(what, *request))
                asker.start()
                (before,) = wait_until(waiting, 10, "it to wait for the lock")
                db.execute("SELECT pg_terminate_backend(%s)", [before])
                # It prepares its statements, which waits for the lock too.
                wait_until(lambda b=before: waiting() and b not in waiting(), 10, "another session")
            asker.join(30)
            assert (answers[what].status, answers[what].json().get("code")) == outcome
        print("\nin flight when their session is ended: the read 200, the write 503 database_unavailable")
        wait_until(lambda: d.request("GET", PATH).status == 200, 10, "a further answer")
        assert names(own_database) == [], "the write was sent again"


def test_all_connections_are_taken(serving, cluster, own_database):
    d = serving()
    workers = workers_of(d)
    with contextlib.ExitStack() as stack, Load(d.port) as load:
        load.wait(20)
        with own_database.connect() as db:
            most = int(db.execute("SHOW max_connections").fetchone()[0])
            db.execute("ALTER SYSTEM SET max_connections = 12")
        cluster.stop()
        cluster.start()
        load.wait_served()
        db = stack.enter_context(own_database.connect())
        db.execute(f"ALTER SYSTEM SET max_connections = {most}")
        # A worker that is refused gives its place to a stranger.
        while backends_of(db):
            db.execute(WORKERS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(psycopg.connect(own_database.admin_url))
        wait_until(lambda: d.admin("GET", "/health").json()["status"] == "database_down", 10, "health to say so")
        answer = d.request("GET", PATH)
        assert (answer.status, answer.json()["code"]) == (503, "database_unavailable") and answer.headers["Retry-After"]
        load.wait(50)
        stack.close()
        back = load.wait_served()
    told("max_connections reached", load, served_again_after=f"{back:.2f} s")
    assert load.lost == 0 and set(load.fates) <= {200, 503} and set(load.codes) <= {"database_unavailable"}
    assert back < BACK_SECONDS * SLOWNESS
    assert workers_of(d) == workers
    cluster.stop()  # the next test finds it with its own settings


def backends_of(db):
    return [pid for pid, in db.execute(WORKERS)]


def test_the_disk_is_full(serving, own_database):
    d = serving()
    with own_database.connect() as db, Load(d.port, threads=2) as reads:
        reads.wait(20)
        db.execute("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$""")
        db.execute("CREATE TRIGGER full_disk BEFORE INSERT ON strategies FOR EACH ROW EXECUTE FUNCTION full_disk()")
        with Writes(d.port, threads=2) as writes:
            writes.wait(50)
            reads.wait(50)
        answer = d.request("POST", PATH, {"name": "x", "kind": "fault"})
        assert (answer.status, answer.json()["code"]) == (503, "database_resources") and answer.headers["Retry-After"]
        assert d.request("GET", "/health").status == 200
        db.execute("DROP TRIGGER full_disk ON strategies")
        assert d.request("POST", PATH, {"name": "x", "kind": "fault"}).status == 201
    told("the disk full for writes", reads, writes)
    assert set(reads.fates) == {200}
    assert dict(writes.codes) == {"database_resources": writes.total}
    writes.check(names(own_database))


def test_a_slow_statement_holds_the_pipeline(serving, own_database):
    """One worker, so that all share a connection with what waits for a lock."""
    timeout = 1.0
    d = serving(workers=1, database_statement_timeout="1s", database_lock_timeout="60s")
    one = d.request("POST", PATH, {"name": "x", "kind": "fault"}).json()["id"]
    workers, before = workers_of(d, 1), backends(own_database)
    with own_database.connect() as db, Load(d.port, threads=3) as load:
        load.wait(20)
        with db.transaction():
            db.execute("LOCK TABLE strategy_versions IN ACCESS EXCLUSIVE MODE")
            slow = [d.request("GET", f"{PATH}/{one}/versions") for _ in range(3)]
        load.wait_served()
    told("a statement that waits for a lock, 3 times", load, statement_timeout=f"{timeout} s")
    assert [(s.status, s.json()["code"]) for s in slow] == [(503, "timeout")] * 3
    assert set(load.fates) == {200}
    assert load.slowest < (timeout + 2) * SLOWNESS
    assert workers_of(d, 1) == workers and backends(own_database) == before


def test_many_slow_statements_make_nobody_wait_for_the_sum_of_them(serving, own_database):
    """Thirty clients at a locked table, each statement up to its timeout, in the way of others that are not."""
    timeout, bound = 1.0, 1.5 + 1 + 5  # what waits unsent, and what was sent: statement_timeout and the prober's
    d = serving(workers=1, database_statement_timeout="1s", database_lock_timeout="60s")
    one = d.request("POST", PATH, {"name": "x", "kind": "fault"}).json()["id"]
    with own_database.connect() as db, Load(d.port, threads=2, timeout=60) as load, db.transaction():
        load.wait(20)
        db.execute("LOCK TABLE strategy_versions IN ACCESS EXCLUSIVE MODE")
        with Load(d.port, f"{PATH}/{one}/versions", threads=30, timeout=60) as slow:
            wait_until(lambda: slow.total >= 40, 60, "40 answers to what waits for the lock")
    told("30 clients at a locked table", load, slow, statement_timeout=f"{timeout} s", bound=f"{bound} s")
    assert load.lost == slow.lost == 0
    assert set(slow.fates) == {503} and set(slow.codes) <= {"timeout", "overloaded"}
    assert set(load.fates) <= {200, 503} and set(load.codes) <= {"timeout", "overloaded"}
    assert max(load.slowest, slow.slowest) < (bound + 1) * SLOWNESS


def stop_between_statements(database, stopped, pids):
    """Where they hold nothing: one that is stopped in the middle of a commit may hold what every other write needs."""
    with database.connect() as db:
        for pid in pids:
            for _ in range(2000):
                stopped([pid])
                with contextlib.suppress(psycopg.errors.QueryCanceled), db.transaction():
                    db.execute("SET LOCAL statement_timeout = '1s'")
                    if db.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() == ("idle",):
                        break
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.001)  # for the rest of the statement
            else:
                raise AssertionError(f"the server process {pid} was never idle")


def test_connections_hang_without_closing(serving, own_database, stopped):
    """The server processes of all workers stop: nothing comes, nothing closes."""
    d = serving(database_statement_timeout="1s")
    workers, bound = workers_of(d), 1 + 5  # statement_timeout, and what the prober allows
    with both(d, timeout=30) as (reads, writes):
        pids = wait_until(lambda: len(backends(own_database)) == 2 and backends(own_database), 10, "two connections")
        stop_between_statements(own_database, stopped, pids)
        start = time.monotonic()
        reads.wait_served()
        writes.wait_served()
        back = time.monotonic() - start
    stuck = wait_until(lambda: [pid for pid in backends(own_database)], 10, "connections")
    told("every connection hangs", reads, writes, served_again_after=f"{back:.2f} s", bound=f"{bound} s",
         connections=len(stuck))
    assert max(back, reads.slowest, writes.slowest) < (bound + 3) * SLOWNESS
    assert workers_of(d) == workers


def test_the_whole_server_hangs(serving, cluster, own_database, stopped):
    """As a host that is gone from the network: the kernel takes connections, and nobody answers."""
    d = serving(database_statement_timeout="1s", database_connect_timeout="1s")
    workers, bound = workers_of(d), 1 + 5
    with both(d, timeout=30) as (reads, writes):
        server = [cluster.server.pid, *processes.children(cluster.server.pid)]
        stopped(server)
        wait_until(lambda: d.admin("GET", "/health").json()["status"] == "database_down", 20, "health to say so")
        reads.wait(50)
        for pid in server:
            os.kill(pid, signal.SIGCONT)
        back = max(reads.wait_served(), writes.wait_served())
    unknown = writes.check(names(own_database))
    told("the whole server hangs", reads, writes, unknown_and_there=unknown, served_again_after=f"{back:.2f} s",
         bound=f"{bound} s")
    assert max(reads.slowest, writes.slowest) < (bound + 3) * SLOWNESS
    assert back < BACK_SECONDS * SLOWNESS
    assert workers_of(d) == workers


def test_more_than_the_queue_holds_is_told_at_once(serving, own_database):
    d = serving(workers=1, database_queue=4, database_statement_timeout="30s", database_lock_timeout="30s")
    answers = []

    def ask():
        start = time.monotonic()
        answer = d.request("GET", PATH, timeout=30)
        answers.append((answer, time.monotonic() - start))

    with own_database.connect() as db:
        with db.transaction():
            db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
            askers = [threading.Thread(target=ask) for _ in range(40)]
            for asker in askers:
                asker.start()
            wait_until(lambda: len(answers) >= 36, 20, "36 of 40 to be refused")
            refused = list(answers)
        for asker in askers:
            asker.join(30)
    codes = [(a.status, a.json().get("code")) for a, _ in answers]
    print(f"\n40 requests, 4 places: {codes.count((200, None))} served, {codes.count((503, 'overloaded'))} refused,"
          f" the slowest refusal after {max(s for _, s in refused):.2f} s")
    assert codes.count((200, None)) == 4 and codes.count((503, "overloaded")) == 36
    assert all(a.headers["Retry-After"] for a, _ in refused)

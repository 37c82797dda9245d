"""One client's slow searches: others are served, that client alone is told when it has too much, and what the service
must know itself it learns meanwhile."""
import re
import signal
import time

import pytest
from support import slow
from support.metrics import scrape
from support.wait import SLOWNESS, wait_until

PATH = slow.PATH
# Addresses of this machine. The tests' own requests come from another one.
GREEDY = "127.0.0.2"
OWN_QUERIES = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratslabd own queries' AND datname = current_database()"
# What a revoked token may go on to open, at the most (docs/api.md).
TRUST_SECONDS = 5


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def make(command):
    def run(name):
        done = command("token", "create", name, "--scope", "read")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def start(daemon, database):
    """start(seconds, …): one worker, where a slow search takes so long. Returns it, and the path of a quick read."""
    def run(seconds, **settings):
        d = daemon(workers=1, log_access="off", **settings)
        path = slow.make_slow(database, seconds)
        return d, path

    return run


def busy(database):
    """Until the server works on a slow search."""
    with database.connect() as db:
        sleeping = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        wait_until(lambda: db.execute(sleeping).fetchone()[0], 30, "a slow search to run")


def until_refused(searches):
    try:
        wait_until(lambda: any(status == 429 for status, _, _ in searches), 90, "the first refusal")
    except AssertionError as e:
        raise AssertionError(f"{e}: {searches}") from None


def read(d, path, count, headers=None):
    """How long each took, in order; all are 200."""
    took = []
    with d.client(timeout=60) as c:
        for _ in range(count):
            began = time.monotonic()
            answer = c.request("GET", path, headers=headers)
            assert answer.status == 200, answer.text
            took.append(time.monotonic() - began)
    return sorted(took)


def test_slow_searches_of_one_client_hold_up_no_other(start, database):
    d, path = start(0.3)
    with slow.searching(d, 32, GREEDY) as searches:
        busy(database)
        took = read(d, path, 100)
    print(f"\n32 slow searches all the time, 100 reads of another client: half {took[50] * 1e3:.1f} ms, the slowest "
          f"{took[-1] * 1e3:.0f} ms; {len(searches)} searches answered")
    # All others come to their turns too, and nobody is sent away who has not too much.
    assert {status for status, _, _ in searches} <= {200, 503}


def test_a_client_with_too_much_is_told_alone(start, database):
    d, path = start(0.5, database_queue=64)
    with slow.searching(d, 32, GREEDY) as searches:
        until_refused(searches)
        read(d, path, 20)
        with d.client() as c:
            assert c.request("POST", PATH, {"name": "written", "kind": "k"}).status == 201
    told = [answer for answer in searches if answer[0] == 429]
    assert {code for _, code, _ in told} == {"too_many_requests"} and {after for _, _, after in told} == {"1"}
    assert {status for status, _, _ in searches} <= {200, 429, 503}
    wait_until(lambda: scrape(d).value("stratslabd_database_clients") == 0, 10, "the gauge to fall")
    metrics = scrape(d)
    assert metrics.value("stratslabd_database_limited_total") == len(told)
    assert metrics.value("stratslabd_database_queries_total", outcome="too_many") == len(told)


def test_tokens_tell_clients_of_one_address_apart(start, database, make):
    """As they come from a proxy."""
    d, path = start(0.5, database_queue=64, auth="token")
    greedy, other = make("greedy"), make("other")
    with slow.searching(d, 32, headers=bearer(greedy)) as searches:
        until_refused(searches)
        read(d, path, 20, bearer(other))
    assert {status for status, _, _ in searches} <= {200, 429, 503}


def test_a_revoked_token_is_refused_in_time_while_the_database_is_slow(start, database, make, command):
    d, path = start(2, auth="token")
    greedy, revoked = make("greedy"), make("revoked")
    assert d.request("GET", path, headers=bearer(revoked)).status == 200
    with slow.searching(d, 16, headers=bearer(greedy)):
        busy(database)
        assert command("token", "revoke", "revoked").returncode == 0
        at, last, answer = time.monotonic(), 0, None
        with d.client(timeout=60) as c:
            while answer is None or answer.status != 401:
                began = time.monotonic()
                answer = c.request("GET", path, headers=bearer(revoked))
                assert answer.status in (200, 401, 503), answer.text
                if answer.status == 200:
                    last = began - at
        # A new one opens meanwhile.
        assert d.request("GET", path, headers=bearer(make("new")), timeout=60).status == 200
    print(f"\n16 searches of 2 s all the time: the revoked token was last taken {max(last, 0):.1f} s after its end")
    assert last < TRUST_SECONDS * SLOWNESS


def test_tokens_fail_closed(daemon, database, make):
    """The database answers everything but what the tokens are."""
    d = daemon(workers=1, auth="token", database_lock_timeout="30s", database_statement_timeout="30s")
    token = make("known")
    assert d.request("GET", PATH, headers=bearer(token)).status == 200
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE access_tokens_state IN ACCESS EXCLUSIVE MODE")
        at, statuses = time.monotonic(), []

        def refused():
            began = time.monotonic() - at
            answer = d.request("GET", PATH, headers=bearer(token), timeout=30)
            statuses.append((answer.status, began))
            assert answer.status == 200 or answer.headers["Retry-After"], answer.text
            return answer.status == 503 and answer

        answer = wait_until(refused, 30, "what is known to be too old")
        assert answer.json()["code"] in ("timeout", "overloaded", "database_unavailable")
        # It goes on to be so, and nobody is told that the token is bad.
        for _ in range(3):
            assert d.request("GET", PATH, headers=bearer(token), timeout=30).status == 503
    taken = max((began for status, began in statuses if status == 200), default=0)
    print(f"\nthe database tells nothing of tokens: the last request was taken after {taken:.1f} s")
    assert taken < TRUST_SECONDS * SLOWNESS
    wait_until(lambda: d.request("GET", PATH, headers=bearer(token)).status == 200, 20, "it to open again")


def test_the_question_for_tokens_outlives_its_connection(start_daemon, stratslabd, cluster, own_database):
    """It is sent again as it was, although the worker forgets at the new connection what it knew."""
    d = start_daemon(DATABASE_URL=own_database.url, workers=1, auth="token", database_lock_timeout="30s", database_statement_timeout="30s")
    with own_database.connect() as db:
        digest = "sha256(convert_to('x', 'UTF8'))"
        db.execute(f"INSERT INTO access_tokens (name, sha256, scopes) VALUES ('any', {digest}, ARRAY['read'])")
        wait_until(lambda: d.request("GET", "/health").status == 200, 20, "the worker")
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        for _ in range(3):
            # Both connections end while the question waits, so that what is known is forgotten.
            with db.transaction():
                db.execute("LOCK TABLE access_tokens_state IN ACCESS EXCLUSIVE MODE")
                wait_until(lambda: db.execute(waiting).fetchall(), 20, "the question to wait")
                db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stratslabd %'"
                           " AND datname = current_database()")
                time.sleep(0.1)  # for the loss to be seen: the lock is what the next one waits for
            d.wait_ready(30)
            wait_until(lambda: db.execute(OWN_QUERIES).fetchall(), 30, "the connection for own queries to be back")
    assert d.request("GET", PATH).status == 401
    d.stop()
    with open(cluster.log, encoding="utf-8", errors="replace") as f:
        wrong = re.findall(r"ERROR: .*", f.read())
    assert not [line for line in wrong if "uuid" in line], wrong


def test_the_worker_s_own_connection_may_be_refused(start_daemon, stratslabd, own_database):
    """The role has one connection a worker, as before there were two: everything goes by that one."""
    with own_database.connect() as db:
        db.execute(f"ALTER ROLE {own_database.role} CONNECTION LIMIT 2")  # migrations take one too
    d = start_daemon(DATABASE_URL=own_database.url, workers=1, auth="off", migrate_on_start="on")
    with own_database.connect() as db:
        db.execute(f"ALTER ROLE {own_database.role} CONNECTION LIMIT 1")
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [own_database.role])
    d.wait_ready(30)
    for _ in range(20):
        wait_until(lambda: d.request("GET", PATH).status == 200, 20, "the worker to serve")


def test_a_worker_s_first_connection_comes_before_another_s_second(start_daemon, command, database):
    """The role has one connection for each worker: none of them takes two, also after a reload."""
    assert command("migrate", "up").returncode == 0
    with database.connect() as db:
        db.execute(f"ALTER ROLE {database.role} CONNECTION LIMIT 3")
        d = start_daemon(DATABASE_URL=database.url, workers=3, auth="off", migrate_on_start="off")

        def shared():
            names = "SELECT application_name FROM pg_stat_activity WHERE usename = %s ORDER BY 1"
            return [row[0] for row in db.execute(names, [database.role])] == ["stratslabd worker"] * 3

        wait_until(shared, 60, "each worker to have one connection")
        for _ in range(2):
            before = d.status()["generation"]
            d.signal(signal.SIGHUP)
            wait_until(lambda: d.status()["generation"] > before, 60, "the reload")
        wait_until(lambda: shared() and all(w["database"] == "ready" for w in d.status()["workers"]), 60, "each worker to have one again")
        assert {d.request("GET", PATH).status for _ in range(40)} == {200}
        db.execute(f"ALTER ROLE {database.role} CONNECTION LIMIT -1")
        second = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name = 'stratslabd own queries'"
        wait_until(lambda: db.execute(second, [database.role]).fetchone()[0] == 3, 60, "the second ones to come when there is room")

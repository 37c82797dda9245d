"""A session that is given up while a statement runs in it does not stay on the server: what runs is cancelled there. Else each
write that waits for a synchronous standby which is gone would leave one, until max_connections."""
import contextlib
import http.client
import signal
import subprocess
import threading

import psycopg
import pytest
from support import daemon as daemons
from support import standby
from support.cluster import Cluster
from support.database import Database, make_durable
from support.load import Writes, names, told
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = %s"
OF_CLIENTS = "usename = %s AND application_name <> 'stratslabd own queries'"
SESSIONS = f"SELECT count(*) FROM pg_stat_activity WHERE {OF_CLIENTS}"


@pytest.fixture
def fenced():
    """A cluster of which the standby is gone once gone() is called; back() ends that."""
    with Cluster() as cluster, psycopg.connect(cluster.url(), autocommit=True) as db:
        make_durable(db)
        database = Database(cluster.url())
        database.create()
        database.admin = db
        database.gone, database.back = lambda: standby.gone(cluster, db), lambda: standby.back(db)
        yield database
        standby.back(db)


class Sessions:
    """Counts the sessions of the role on the server, all the while; `most` is how many there were at a time."""

    def __init__(self, database):
        self.database, self.most, self._stop = database, 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with self.database.connect() as db:
            while not self._stop.wait(0.05):
                self.most = max(self.most, db.execute(SESSIONS, (self.database.role,)).fetchone()[0])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)


def counted(database, what=SESSIONS):
    return database.admin.execute(what, (database.role,)).fetchone()[0]


def test_writes_that_are_given_up_leave_no_session(start_daemon, fenced):
    d = start_daemon(DATABASE_URL=fenced.url, workers=2, database_statement_timeout="500ms", log_access="off")
    fenced.gone()
    with Sessions(fenced) as sessions, Writes(d.port, threads=8, timeout=60) as writes:
        wait_until(lambda: len(writes.unknown) >= 16, 120, "16 writes to be given up")
    assert writes.lost == 0 and writes.served == 0
    assert set(writes.codes) <= {"outcome_unknown", "overloaded", "database_unavailable"}, writes.codes
    # Each worker's own, and of each at most those that it gave up a moment ago, of which the cancelling is under way.
    assert sessions.most <= 3 * 2, f"{sessions.most} sessions of 2 workers"
    wait_until(lambda: counted(fenced) == 2, 40, "the sessions that were given up to end")
    wait_until(lambda: counted(fenced, WAITING) == 0, 40, "nothing to wait for the standby")
    told("a synchronous standby that is gone", writes, writes, sessions_at_most=sessions.most, sessions_afterwards=2)
    fenced.back()
    wait_until(lambda: d.request("POST", PATH, {"name": "after", "kind": "k"}).status == 201, 30, "a write to be confirmed")
    writes.check(names(fenced))


def test_a_session_with_one_write_goes_on(start_daemon, fenced):
    """The write is cancelled, and told as unknown: the session is the same, and reads never see the database as down."""
    d = start_daemon(DATABASE_URL=fenced.url, workers=1, database_statement_timeout="500ms")
    pids = f"SELECT array_agg(pid) FROM pg_stat_activity WHERE {OF_CLIENTS}"
    before = fenced.admin.execute(pids, (fenced.role,)).fetchone()[0]
    fenced.gone()
    for number in range(3):
        answer = d.request("POST", PATH, {"name": str(number), "kind": "k"}, timeout=60 * SLOWNESS)
        assert (answer.status, answer.json()["code"]) == (503, "outcome_unknown"), answer.text
        assert d.request("GET", PATH).status == 200
    assert fenced.admin.execute(pids, (fenced.role,)).fetchone()[0] == before
    assert "database out of reach" not in d.log()


def test_a_drain_leaves_no_session(start_daemon, fenced):
    d = start_daemon(DATABASE_URL=fenced.url, workers=2)
    fenced.gone()
    with Writes(d.port, threads=6, timeout=60) as writes:
        wait_until(lambda: counted(fenced, WAITING) > 0, 20, "writes to wait")
        d.process.send_signal(signal.SIGTERM)
        d.process.wait(30 * SLOWNESS)
    wait_until(lambda: counted(fenced) == 0, 40, "the sessions to end")
    print(f"\na drain with writes under way: {writes.told()}")
    assert writes.made == set()


def test_a_token_of_which_the_commit_waits_leaves_no_session(stratslabd, fenced):
    daemons.migrate(stratslabd, fenced.url)
    fenced.gone()
    done = daemons.run(stratslabd, "token", "create", "a", DATABASE_URL=fenced.url, database_statement_timeout="500ms", timeout=60)
    assert done.returncode == 69 and "is not known" in done.stderr, done
    wait_until(lambda: counted(fenced) == 0, 20, "its session to end")


def test_a_worker_that_is_killed(start_daemon, fenced):
    """Nobody is left to cancel: the session stays while its commit waits, one for each worker that is killed in such a moment."""
    d = start_daemon(DATABASE_URL=fenced.url, workers=1)
    fenced.gone()

    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            d.request("POST", PATH, {"name": "a", "kind": "k"})

    asker = threading.Thread(target=ask)
    asker.start()
    wait_until(lambda: counted(fenced, WAITING) == 1, 20, "the write to wait")
    subprocess.run(["kill", "-9", str(d.workers()[0])], check=True)
    asker.join(30)
    fenced.back()
    wait_until(lambda: counted(fenced, WAITING) == 0, 20, "it to end with the standby's return")

"""A primary and a streaming standby. The primary is killed and the standby promoted, under load, and back again: what is
confirmed is there, what was refused is not, and the service is the same process all the while."""
import collections
import concurrent.futures
import contextlib
import signal
import time

import psycopg
import pytest
from support import standby
from support.cluster import Cluster, Standby
from support.daemon import Backtestd
from support.database import Database
from support.kinds import BOTH
from support.ledger import Changes, Commits, Mixture, make
from support.load import Load, Writes, names, told
from support.together import Sent
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
MANY = 24
BACK_SECONDS = 5  # after the standby takes writes; the promise is one, this machine may be busy


def configure(cluster, **settings):
    with psycopg.connect(cluster.url(), autocommit=True) as db:
        for name, value in settings.items():
            db.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        db.execute("SELECT pg_reload_conf()")


def replicates(primary, how):
    """Waits until the primary has its standby."""
    def look():
        with psycopg.connect(primary.url()) as db:
            return db.execute("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'").fetchone() == (how,)

    wait_until(look, 30, f"a standby that is {how}")


def takes_writes(cluster):
    with contextlib.suppress(psycopg.Error), psycopg.connect(cluster.url()) as db:
        return db.execute("SELECT NOT pg_is_in_recovery()").fetchone()[0]
    return False


def url(database, *clusters):
    """Both hosts, in this order; the daemon is to find the one that takes writes."""
    hosts = ",".join(f"127.0.0.1:{cluster.port}" for cluster in clusters)
    return f"postgresql://{database.role}:{database.password}@{hosts}/{database.name}?target_session_attrs=read-write"


def workers_of(d):
    return wait_until(lambda: len(d.workers()) == 2 and d.workers(), 10, "2 workers")


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


class Pair:
    """A primary, its standby, and the database in whichever is the primary. `synchronous`: a commit waits for the standby."""

    def __init__(self, stack, synchronous):
        self.stack, self.synchronous = stack, synchronous
        self.primary = stack.enter_context(Cluster())
        configure(self.primary, synchronous_commit="on")
        self.standby = stack.enter_context(Standby(self.primary))
        self.wait_for_standby()
        self.ports = [self.primary, self.standby]
        self.database = Database(self.primary.url())
        self.database.create()

    def wait_for_standby(self):
        if self.synchronous:
            configure(self.primary, synchronous_standby_names="*")
        replicates(self.primary, "sync" if self.synchronous else "async")

    def kill_primary(self):
        """The postmaster alone, by its pid: its children notice, and end by themselves."""
        self.primary.stop([signal.SIGKILL])

    def promote(self):
        """The seconds until the standby takes writes. A primary without a standby must not wait for one."""
        start = time.monotonic()
        self.standby.promote()
        wait_until(lambda: takes_writes(self.standby), 30, "the standby to take writes", 0.005)
        took = time.monotonic() - start
        if self.synchronous:
            configure(self.standby, synchronous_standby_names="")
        return took

    def switch(self):
        """The one that was promoted is the primary, and another standby takes the place of the one that is gone."""
        gone, self.primary = self.primary, self.standby
        self.standby = self.stack.enter_context(Standby(self.primary, port=gone.port))
        self.database = self.database.at(self.primary.url())
        self.wait_for_standby()


@pytest.mark.parametrize("synchronous", [True, False], ids=["synchronous", "asynchronous"])
def test_the_standby_takes_over_and_gives_back(start_daemon, stack, synchronous):
    pair = Pair(stack, synchronous)
    d = start_daemon(DATABASE_URL=url(pair.database, *pair.ports), log_access="off")
    workers = workers_of(d)
    ids, commits = [make(d, f"r{i}") for i in range(8)], Commits(d)
    missing = []
    for way in ("failover", "fail-back"):
        # Each way has writes of its own: what an asynchronous standby did not get is missing for ever.
        with Load(d.port, threads=2) as reads, Mixture(d.port, way, threads=MANY) as creates, Changes(d.port, ids, way, threads=8) as changes:
            reads.wait(50)
            commits.until_shared(50)
            pair.kill_primary()
            reads.wait(20)  # it is noticed while nobody is the primary
            promoted = pair.promote()
            back = max(load.wait_served() for load in (reads, creates, changes))
        pair.database = pair.database.at(pair.standby.url())
        lost = [one.confirmed("made") - set(one.rows(pair.database)) for one in (creates, changes)]
        # That a name was taken was true of the server that is gone.
        unknown = creates.check(pair.database, lost[0] | creates.confirmed("there")) + changes.check(pair.database, lost[1])
        missing.append(len(lost[0] | lost[1]))
        told(f"{way}, {'synchronous' if synchronous else 'asynchronous'} standby", reads, creates, changes,
             promoted_after=f"{promoted:.2f} s", served_again_after=f"{back:.2f} s",
             unknown_and_there=f"{unknown} of {len(creates.confirmed('unknown') | changes.confirmed('unknown'))}",
             confirmed_and_missing=missing[-1], counted=commits.told())
        assert reads.lost == creates.lost == changes.lost == 0
        assert set(reads.fates) <= {200, 503} and set(reads.codes) <= {"database_unavailable"}, reads.told()
        assert set(creates.fates) <= {201, 409, 503} and set(changes.fates) <= {200, 503}, creates.told() + changes.told()
        assert set(creates.codes) | set(changes.codes) <= {"name_taken", "database_unavailable", "outcome_unknown", "database_read_only"}
        assert back < BACK_SECONDS * SLOWNESS
        if way == "failover":
            pair.switch()
    assert workers_of(d) == workers
    assert not synchronous or missing == [0, 0]
    wait_until(lambda: d.request("GET", "/health").status == 200, 10, "health")


@BOTH
def test_the_daemon_follows_the_primary(start_daemon, stratslabd, kind, stack):
    """Health says database_down between the two, and ok again, in the same processes; its sessions are at the new primary."""
    pair = Pair(stack, True)
    d = start_daemon(DATABASE_URL=url(pair.database, *pair.ports))
    workers = workers_of(d)
    for way in ("failover", "fail-back"):
        pair.kill_primary()
        wait_until(lambda: d.admin("GET", "/health").json()["status"] == "database_down", 20, "health to say so")
        pair.promote()
        start = time.monotonic()
        wait_until(lambda: d.admin("GET", "/health").json()["status"] == "ok", 20, "health to be ok", 0.005)
        back = time.monotonic() - start
        print(f"\n{d.name}, {way}: health ok again after {back:.2f} s")
        with psycopg.connect(pair.standby.url(), autocommit=True) as db:
            look = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            wait_until(lambda: db.execute(look, (f"{d.name} worker",)).fetchone()[0] == 2, 10, "its sessions")
        if way == "failover":
            pair.switch()
    assert workers_of(d) == workers
    # A session is there a moment before its statements are.
    if kind is not Backtestd:
        wait_until(lambda: d.request("POST", PATH, {"name": "a", "kind": "k"}).status == 201, 10, "a write to be taken")


def test_a_switch_over_without_a_death(start_daemon, stack):
    """The primary is stopped in order, which hands all that it has to the standby."""
    pair = Pair(stack, False)
    d = start_daemon(DATABASE_URL=url(pair.database, *pair.ports), log_access="off")
    with Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        reads.wait(50)
        writes.wait(50)
        pair.primary.stop()
        promoted = pair.promote()
        back = max(reads.wait_served(), writes.wait_served())
    unknown = writes.check(names(pair.database.at(pair.standby.url())))
    told("switch-over", reads, writes, promoted_after=f"{promoted:.2f} s", served_again_after=f"{back:.2f} s",
         unknown_and_there=f"{unknown} of {len(writes.unknown)}")
    assert reads.lost == writes.lost == 0 and back < BACK_SECONDS * SLOWNESS


def cancel_waiting(db, cancelled):
    """Cancels the wait for the standby of each transaction once: a second signal would meet what comes after it."""
    for pid, began in db.execute("SELECT pid, xact_start FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
        if (pid, began) not in cancelled:
            cancelled.add((pid, began))
            db.execute("SELECT pg_cancel_backend(%s)", [pid])


def test_writes_whose_standby_is_gone_are_not_confirmed(start_daemon, stack):
    """PostgreSQL commits them here, and says in a warning that the wait for the standby was cancelled. If that standby took
    over, they would be missing: their outcome is unknown. One that was refused was never there."""
    cluster = stack.enter_context(Cluster())
    configure(cluster, synchronous_commit="on")
    database = Database(cluster.url())
    database.create()
    d = start_daemon(DATABASE_URL=database.url, workers=1)
    for i in range(8):  # until they are known to be quick
        make(d, f"before-{i}")
    ids = [make(d, f"r{i}") for i in range(8)]
    requests = [("POST", PATH, {"name": f"a-{i}", "kind": "k"}) for i in range(24)]
    requests += [("PATCH", f"{PATH}/{one}", {"description": f"changed {i}"}) for i, one in enumerate(ids)]
    requests += [("POST", PATH, {"name": f"before-{i}", "kind": "k"}) for i in range(2)]
    commits, cancelled = Commits(d), set()
    with psycopg.connect(cluster.url(), autocommit=True) as db, concurrent.futures.ThreadPoolExecutor(1) as pool:
        standby.gone(cluster, db)
        asked = pool.submit(Sent(d, requests).answers)
        wait_until(lambda: cancel_waiting(db, cancelled) or asked.done(), 60, "all of them to be given up")
        standby.back(db)
    answers = [(one.status, one.json().get("code")) for one in asked.result()]
    print(f"\n{len(requests)} writes without a standby: {commits.told()}")
    assert answers == (len(requests) - 2) * [(503, "outcome_unknown")] + 2 * [(409, "name_taken")]
    with database.connect() as db:
        there = collections.Counter(name for name, in db.execute("SELECT name FROM strategies WHERE name LIKE 'a-%'"))
        assert there == dict.fromkeys([f"a-{i}" for i in range(24)], 1)
        assert db.execute("SELECT count(*) FROM strategies WHERE version = 2 AND description LIKE 'changed %'").fetchone()[0] == len(ids)
    assert commits.shared() > 0
    wait_until(lambda: d.request("POST", PATH, {"name": "b", "kind": "k"}).status == 201, 10, "a write to be confirmed")

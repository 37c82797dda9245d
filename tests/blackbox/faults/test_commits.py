"""Writes that share a commit: of each it is known what became of it, whatever happens to the batch that it was in."""
import os
import signal

import psycopg
import pytest
from support.cluster import Cluster
from support.database import Database, make_durable
from support.ledger import Changes, Commits, Keys, Mixture, make
from support.load import CLOSED
from support.reload import reload_wait
from support.wait import wait_until

MANY = 24
# For changes that wait for each other, on a machine that may be slow.
PATIENT = {"database_lock_timeout": "20s", "database_statement_timeout": "30s"}
REPEAT = int(os.environ.get("STRATSLAB_TEST_REPEAT", "10"))
WORKERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratslabd worker' AND datname = current_database()"
# Rows of one transaction.
SHARED = "SELECT count(*) - count(DISTINCT xmin::text) FROM strategies"


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as own:
        with psycopg.connect(own.url(), autocommit=True) as db:
            make_durable(db)
        yield own


@pytest.fixture
def own_database(cluster):
    fresh = Database(cluster.url())
    fresh.create()
    yield fresh
    fresh.drop()


@pytest.fixture
def serving(start_daemon, own_database):
    def start(**settings):
        return start_daemon(**{"DATABASE_URL": own_database.url, "log_access": "off", **settings})

    return start


def shared(database):
    with database.connect() as db:
        return db.execute(SHARED).fetchone()[0]


def until_shared(database, more):
    """Until so many more writes have gone in a commit with another one."""
    goal = shared(database) + more
    wait_until(lambda: shared(database) >= goal, 60, f"{more} writes that share a commit")


def ready(d, count=2):
    return wait_until(lambda: len(d.workers()) == count and d.workers(), 20, f"{count} workers")


def told(title, database, *loads, **figures):
    more = "".join(f"; {name.replace('_', ' ')} {value}" for name, value in figures.items())
    print(f"\n{title}: " + " | ".join(f"{load.method} {load.told()}" for load in loads) + f"; {shared(database)} shared a commit" + more)


def test_conflicts(serving, own_database):
    d = serving(workers=1)
    with Mixture(d.port) as load:
        load.wait(100)
        until_shared(own_database, 20)
    told("a third of the names are there", own_database, load)
    assert set(load.fates) == {201, 409}, load.fates
    assert load.check(own_database) == 0


def ended(db):
    """Whether the server has ended this session, as it does with all when it sees that one of its processes was killed."""
    try:
        db.execute("SELECT 1")
        return False
    except psycopg.OperationalError:
        return True


def recovered(database):
    try:
        database.connect().close()
        return True
    except psycopg.OperationalError:
        return False


def test_server_processes_are_killed(serving, own_database):
    d = serving()
    ready(d)
    with Mixture(d.port) as load:
        for _ in range(max(2, REPEAT // 4)):
            until_shared(own_database, 5)
            with own_database.connect() as db:
                victim = wait_until(lambda db=db: db.execute(WORKERS).fetchone(), 20, "a session")[0]
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda db=db: ended(db), 30, "the end of all sessions", 0.005)
            wait_until(lambda: recovered(own_database), 30, "recovery", 0.005)
            load.wait_served()
    unknown = load.check(own_database)
    told("a server process is killed", own_database, load, unknown_and_there=unknown)
    assert set(load.fates) <= {201, 409, 503}, load.fates
    assert set(load.codes) <= {"name_taken", "database_unavailable", "overloaded", "outcome_unknown"}, load.codes


def test_sessions_are_terminated(serving, own_database):
    d = serving()
    ready(d)
    with Mixture(d.port) as load, Keys(d.port, make(d, "of backtests"), threads=8) as keys, own_database.connect() as db:
        for _ in range(REPEAT):
            db.execute(WORKERS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
            load.wait(10)
            load.wait_served(5)
        keys.wait_served(5)
        until_shared(own_database, 1)
    unknown = load.check(own_database) + keys.check(own_database)
    told("sessions are terminated", own_database, load, keys, unknown_and_there=unknown)
    assert set(load.fates) <= {201, 409, 503} and set(keys.fates) <= {202, 503}, (load.fates, keys.fates)
    assert set(load.codes) | set(keys.codes) <= {"name_taken", "database_unavailable", "overloaded", "outcome_unknown"}, (load.codes, keys.codes)


def test_workers_are_killed(serving, own_database):
    d = serving(workers=4)
    ready(d, 4)
    with Mixture(d.port, fresh=True) as load, Keys(d.port, make(d, "of backtests"), threads=8, fresh=True) as keys:
        for _ in range(max(2, REPEAT // 4)):
            until_shared(own_database, 1)
            os.kill(wait_until(lambda: [w["pid"] for w in d.status()["workers"] if w["state"] == "ready"], 30, "a worker")[0], signal.SIGKILL)
            load.wait(10)
            keys.wait(10)
        ready(d, 4)
    unknown = load.check(own_database) + keys.check(own_database)
    told("workers are killed", own_database, load, keys, unknown_and_there=unknown)
    assert set(load.fates) <= {201, 409} | CLOSED | d.not_now and set(keys.fates) <= {202} | CLOSED | d.not_now, (load.fates, keys.fates)


def test_reloads_lose_none_of_them(replaceable, executable, own_database):
    """The old workers end what they have begun while the new ones begin."""
    d = replaceable(DATABASE_URL=own_database.url, log_access="off", **PATIENT)
    ready(d)
    ids, commits = [make(d, f"r{i}") for i in range(8)], Commits(d)
    with Mixture(d.port, threads=MANY) as load, Changes(d.port, ids, threads=8) as changes:
        for _ in range(3):
            commits.until_shared(40)
            code, said = reload_wait(d, executable)
            assert code == 0, said
        commits.until_shared(40)
    told("3 reloads", own_database, load, changes, counted=commits.told())
    assert set(load.fates) == {201, 409} and set(load.codes) == {"name_taken"}, (load.fates, load.codes)
    assert set(changes.fates) == {200}, (changes.fates, changes.codes)
    assert load.check(own_database) == changes.check(own_database) == 0


def test_a_stop_ends_what_has_begun(serving, own_database):
    """Every write that was taken is answered; who comes later finds nobody."""
    d = serving(**PATIENT)
    ready(d)
    ids, commits = [make(d, f"r{i}") for i in range(8)], Commits(d)
    with Mixture(d.port, threads=MANY) as load, Changes(d.port, ids, threads=8) as changes:
        commits.until_shared(40)
        assert d.stop(timeout=30) == 0
        for one in (load, changes):
            wait_until(lambda one=one: one.fates["ConnectionRefusedError"], 10, "the port to be closed")
    unknown = load.check(own_database) + changes.check(own_database)
    told("a stop", own_database, load, changes, unknown_and_there=unknown)
    assert set(load.fates) <= {201, 409, "ConnectionRefusedError"} | d.not_now, load.fates
    assert set(changes.fates) <= {200, "ConnectionRefusedError"} | d.not_now, changes.fates
    assert unknown == 0


def test_two_workers_change_the_same_rows_in_opposite_order(serving, own_database):
    """Alone, no change of one row can be in a deadlock: none may be told of one. Each that was confirmed is a version."""
    d = serving(**PATIENT)
    ready(d)
    ids = [make(d, f"r{i}") for i in range(6)]
    with Changes(d.port, ids) as load:
        load.wait(300)
    with own_database.connect() as db:
        versions = db.execute("SELECT sum(version - 1) FROM strategies").fetchone()[0]
        kept = db.execute("SELECT count(*) - 6 FROM strategy_versions").fetchone()[0]
        locks = db.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]
    print(f"\nthe same rows in opposite order: {load.told()}; deadlocks {locks}")
    assert set(load.fates) == {200}, (load.fates, load.codes)
    assert versions == kept == load.fates[200]
    load.check(own_database)


def test_one_waits_for_a_lock(serving, own_database):
    """Whoever waits for a row that somebody holds is told so; those that came with it are served."""
    d = serving(workers=1, database_lock_timeout="200ms")
    one = make(d, "held")
    with own_database.connect() as db, db.transaction(force_rollback=True):
        db.execute("SELECT FROM strategies WHERE name = 'held' FOR UPDATE")
        with Mixture(d.port) as load, Changes(d.port, [one], threads=2) as changes:
            changes.wait(6)
            load.wait(50)
    told("somebody holds a row", own_database, load, changes)
    assert set(load.fates) == {201, 409}, (load.fates, load.codes)
    assert set(changes.fates) == {503} and set(changes.codes) == {"database_busy"}, changes.codes
    assert load.check(own_database) == 0

"""The database takes no changes: a standby, or a session that was opened while it was so. Reads go on, and writes are served
again soon after it takes them again."""
import contextlib
import os
import time

import psycopg
import pytest
from support import daemon as daemons
from support.cluster import Cluster, Standby
from support.database import Database
from support.load import Load, Writes, names, told
from support.metrics import Metrics
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
BACK_SECONDS = 10  # a new session is looked for every 2 to 4 s
WORKERS = "FROM pg_stat_activity WHERE application_name = 'stratslabd worker' AND datname = current_database()"


def sessions_made(database):
    """How many sessions were begun in the database since it was made."""
    with database.connect() as db:
        db.execute("SELECT pg_stat_clear_snapshot()")
        return db.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]


def make_read_only(db, database):
    """As an operator does who fences a server: new sessions are read-only, and the old ones end."""
    db.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    db.execute(f"SELECT pg_terminate_backend(pid) {WORKERS}")


def test_sessions_that_were_opened_read_only(daemon, database):
    d = daemon()
    with database.connect() as db, Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        reads.wait(20)
        writes.wait(20)
        make_read_only(db, database)
        wait_until(lambda: writes.codes["database_read_only"] > 0, 10, "a write to be refused")
        wait_until(lambda: reads.served > 0, 10, "reads")
        before, start = sessions_made(database), time.monotonic()
        while time.monotonic() - start < 8:
            reads.wait_served(50)
        made, took = sessions_made(database) - before, time.monotonic() - start
        refused = writes.codes["database_read_only"]
        db.execute("SET default_transaction_read_only = off")
        db.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
        back = writes.wait_served()
        reads.wait_served()
    told("sessions that are read-only", reads, writes, served_again_after=f"{back:.2f} s",
         sessions_while_read_only=f"{made} in {took:.1f} s by 2 workers")
    assert reads.lost == writes.lost == 0
    assert set(reads.fates) <= {200, 503} and set(reads.codes) <= {"database_unavailable"}
    assert set(writes.codes) <= {"database_unavailable", "outcome_unknown", "database_read_only"}
    assert refused > 0 and back < BACK_SECONDS * SLOWNESS
    assert made <= 2 * (took / 2 + 4), "a storm of sessions"  # and the test's own looks
    writes.check(names(database))
    assert d.request("GET", "/health").status == 200


def test_nobody_needs_to_lose_a_write_for_it(daemon, database):
    """The first write after the refusal is served: the session was replaced meanwhile."""
    d = daemon(workers=1)
    with database.connect() as db:
        make_read_only(db, database)
        answer = wait_until(lambda: (a := d.request("POST", PATH, {"name": "a", "kind": "k"})).json().get("code") == "database_read_only" and a,
                            10, "a write to be refused")
        assert answer.status == 503 and answer.headers["Retry-After"]
        db.execute("SET default_transaction_read_only = off")
        db.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
        d.wait_log("the session is read-only, and a new one is not", timeout=20)
    answer = d.request("POST", PATH, {"name": "a", "kind": "k"})
    assert answer.status == 201, answer.text


def test_what_is_read_only_by_hand_stays_so(daemon, database):
    """DATABASE_URL asks for it: every new session is read-only too, and the session that there is stays."""
    daemon().stop()
    d = daemon(workers=1, DATABASE_URL=database.url + "?options=-c%20default_transaction_read_only%3Don")
    with database.connect() as db:
        before = db.execute(f"SELECT pid {WORKERS}").fetchall()
        start = time.monotonic()
        while time.monotonic() - start < 3:
            assert d.request("POST", PATH, {"name": "a", "kind": "k"}).json()["code"] == "database_read_only"
            assert d.request("GET", PATH).status == 200
        assert set(before) <= set(db.execute(f"SELECT pid {WORKERS}").fetchall())
    assert int(Metrics(d.admin("GET", "/metrics").text).value("stratslabd_database_reconnects_total")) == 0


def test_commands_say_what_it_is(command, database):
    assert command("migrate", "up").returncode == 0
    assert command("token", "create", "a").returncode == 0
    with database.connect() as db:
        db.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
        db.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    for arguments, status in ((["token", "create", "b"], 69), (["token", "revoke", "a"], 69), (["migrate", "plan"], 65)):
        done = command(*arguments, database_boot_timeout="1s")
        assert done.returncode == status and "name the primary in DATABASE_URL" in done.stdout + done.stderr, (arguments, done)
    assert command("token", "list").returncode == 0
    done = command("migrate", "up", database_boot_timeout="1s")
    assert done.returncode == 69 and "1 migration is pending" in done.stderr, done.stderr


def test_a_trigger_that_says_so_makes_no_storm(daemon, database):
    """25006 does not always come from the session."""
    d = daemon(workers=1)
    with database.connect() as db, Load(d.port, threads=2) as reads:
        db.execute("""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                      RAISE EXCEPTION 'not now' USING ERRCODE = '25006'; END $$""")
        db.execute("CREATE TRIGGER refuse BEFORE INSERT ON strategies FOR EACH ROW EXECUTE FUNCTION refuse()")
        start = time.monotonic()
        with Writes(d.port, threads=2) as writes:
            while time.monotonic() - start < 6:
                writes.wait(50)
        took = time.monotonic() - start
        made = int(Metrics(d.admin("GET", "/metrics").text).value("stratslabd_database_reconnects_total"))
    told("a trigger that raises 25006", reads, writes, sessions_replaced=f"{made} in {took:.1f} s")
    assert set(reads.fates) == {200} and set(writes.codes) == {"database_read_only"}
    assert made <= took / 2 + 4


@pytest.fixture
def pair():
    with Cluster() as primary, Standby(primary) as standby:
        yield primary, standby


def test_a_standby_that_is_promoted(start_daemon, stratslabd, pair):
    """A service on a standby: reads are served, writes are refused without a storm, and served once it is promoted."""
    primary, standby = pair
    here = Database(primary.url())
    here.create()
    start_daemon(DATABASE_URL=here.url).stop()
    there = here.at(standby.url())
    wait_until(lambda: holds_all(there, here), 20, "the schema on the standby")
    d = start_daemon(DATABASE_URL=there.url)
    with Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        start = time.monotonic()
        while time.monotonic() - start < 5:
            reads.wait_served(50)
        assert writes.served == 0 and set(writes.codes) == {"database_read_only"}
        made, took = sessions_made(there), time.monotonic() - start
        assert d.request("GET", "/health").status == 200
        standby.promote()
        back = writes.wait_served()
        reads.wait_served()
    told("a standby, then promoted", reads, writes, served_again_after=f"{back:.2f} s",
         sessions_while_standby=f"{made} in {took:.1f} s by 2 workers")
    assert set(reads.fates) == {200} and back < BACK_SECONDS * SLOWNESS
    writes.check(names(there))


def holds_all(there, here):
    look = "SELECT array_agg(version ORDER BY version) FROM schema_migrations"
    with contextlib.suppress(psycopg.Error), there.connect() as db, here.connect() as source:
        return db.execute(look).fetchone() == source.execute(look).fetchone()
    return False


def test_a_start_on_a_standby_with_migrations_pending(start_daemon, stratslabd, pair):
    """It waits, says so, and migrates once the standby is promoted. systemd would not start it again after a 65."""
    primary, standby = pair
    here = Database(primary.url())
    here.create()
    there = here.at(standby.url())
    wait_until(lambda: is_there(there), 20, "the database on the standby")
    done = daemons.run(stratslabd, "migrate", "up", DATABASE_URL=there.url, migrations_dir=os.path.realpath(daemons.MIGRATIONS),
                       database_boot_timeout="1s")
    pending = sum(name.endswith(".sql") for name in os.listdir(daemons.MIGRATIONS))
    assert done.returncode == 69 and "is read-only" in done.stderr and f"{pending} migrations are pending" in done.stderr, done.stderr
    d = start_daemon(wait=False, DATABASE_URL=there.url)
    d.wait_log("to take changes .* it is read-only")
    standby.promote()
    d.wait_ready(30)
    assert d.request("POST", PATH, {"name": "a", "kind": "k"}).status == 201


def is_there(database):
    with contextlib.suppress(psycopg.Error), database.connect():
        return True
    return False

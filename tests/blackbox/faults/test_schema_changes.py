"""Another instance's migration changes the schema under living workers. What fits still is served; what does not is said."""
import contextlib
import itertools
import time

import psycopg
import pytest
from support.ledger import Changes, Commits, Mixture, make
from support.load import Load, Writes, names, told
from support.metrics import Metrics
from support.wait import wait_until

PATH = "/api/v1/strategies"
MANY = 24
WORKERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stratslabd worker' AND datname = current_database()"
REBUILT = """LOCK TABLE {0}; CREATE TABLE {0}_new (LIKE {0} INCLUDING ALL); INSERT INTO {0}_new SELECT * FROM {0};
    DROP TABLE {0} CASCADE; ALTER TABLE {0}_new RENAME TO {0}"""
RFC3339 = """DROP FUNCTION rfc3339(timestamptz);
    CREATE FUNCTION rfc3339(at timestamptz) RETURNS {0} LANGUAGE {1}"""
BODY = """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
# What a migration does, which the statements of this build fit before and after. The triggers' functions, in plpgsql, keep
# the types of columns in plans of their own for as long as a session lives.
FITTING = {
    "a column's type": "ALTER TABLE strategies ALTER COLUMN kind TYPE varchar(200)",
    "a column's type and back": """ALTER TABLE strategies ALTER COLUMN kind TYPE varchar(200);
        ALTER TABLE strategies ALTER COLUMN kind TYPE text""",
    "two columns' types in two tables": """ALTER TABLE strategies ALTER COLUMN name TYPE varchar(300);
        ALTER TABLE strategy_versions ALTER COLUMN name TYPE varchar(300)""",
    "a new column": "ALTER TABLE strategies ADD COLUMN more text NOT NULL DEFAULT 'more'",
    "a function of another type": RFC3339.format("varchar", "sql") + f" AS $$ SELECT {BODY}::varchar $$",
    "a function of another language": RFC3339.format("text", "plpgsql") + f" AS $$ BEGIN RETURN {BODY}; END $$",
    "a table made again": REBUILT.format("strategy_versions"),
    "an index": "CREATE INDEX more ON strategies (kind, status)",
    "an index made again": """DROP INDEX strategies_name_key;
        CREATE UNIQUE INDEX strategies_name_key ON strategies (name) WHERE status <> 'archived'""",
    "a trigger replaced": """CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER a_more BEFORE INSERT OR UPDATE ON strategies FOR EACH ROW EXECUTE FUNCTION more();
        DROP TRIGGER strategies_raise_version ON strategies;
        CREATE TRIGGER strategies_raise_version BEFORE UPDATE ON strategies FOR EACH ROW EXECUTE FUNCTION strategies_raise_version()""",
}


def sessions(database):
    with database.connect() as db:
        return {pid for pid, in db.execute(WORKERS)}


def status(d):
    return d.admin("GET", "/health").json()["status"]


def becomes(d, wanted, timeout=20):
    wait_until(lambda: status(d) == wanted, timeout, f"health to be {wanted}")


def reconnects(d):
    return int(Metrics(d.admin("GET", "/metrics").text).value("stratslabd_database_reconnects_total"))


def migrate(database, sql):
    """As one migration, in one transaction, by the tables' owner; tried again as long as requests make it wait for too long, or a deadlock."""
    for _ in range(50):
        with database.connect(user=database.role) as db, contextlib.suppress(psycopg.errors.DeadlockDetected), db.transaction():
            db.execute(sql)
            return
    raise AssertionError("deadlock after deadlock")


def write_together(d):
    """Loads of which many writes share a commit: some make strategies, some meet one that is there, some change the same few."""
    ids = [make(d, f"r{i}") for i in range(8)]
    return Mixture(d.port, threads=MANY), Changes(d.port, ids, threads=8)


def check_together(database, creates, changes):
    """409 conflict: a request was in a deadlock with the migration."""
    assert set(creates.fates) <= {201, 409} and set(changes.fates) <= {200, 409}, (creates.codes, changes.codes)
    assert set(creates.codes) <= {"conflict", "name_taken"} and set(changes.codes) <= {"conflict"}
    assert creates.check(database) == changes.check(database) == 0


@pytest.mark.parametrize("change", FITTING)
def test_a_migration_that_fits_is_not_noticed(daemon, database, change):
    d = daemon()
    creates, changes = write_together(d)
    commits = Commits(d)
    with Load(d.port, threads=2) as reads, creates, changes:
        reads.wait(30)
        commits.until_shared(30)
        migrate(database, FITTING[change])
        for _ in range(3):
            for load in (reads, creates, changes):
                load.wait_served(20)
        commits.until_shared(30)
        made = reconnects(d)
    told(f"{change}", reads, creates, changes, sessions_replaced=made, counted=commits.told())
    assert set(reads.fates) <= {200, 409} and set(reads.codes) <= {"conflict"}, (reads.fates, d.log())
    check_together(database, creates, changes)
    assert made <= 6, "the sessions were replaced again and again"
    assert status(d) == "ok"
    assert "a statement failed" not in d.log()


def test_twenty_migrations_in_a_row(daemon, database):
    d = daemon()
    with Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        for i in range(20):
            migrate(database, f"ALTER TABLE strategies ALTER COLUMN kind TYPE {'text' if i % 2 else 'varchar(200)'}")
            writes.wait(4)
        reads.wait_served()
        writes.wait_served()
        made = reconnects(d)
    told("20 migrations in a row", reads, writes, sessions_replaced=made)
    assert set(reads.fates) <= {200, 409} and set(writes.fates) <= {201, 409}, (reads.fates, writes.fates, d.log())
    writes.check(names(database))


def test_a_column_that_is_renamed_and_back(daemon, database):
    """Neither the list nor a write can be had meanwhile, and health says so; what does not read that column is served."""
    d = daemon()
    with Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        reads.wait(30)
        writes.wait(30)
        before = sessions(database)
        migrate(database, "ALTER TABLE strategies RENAME COLUMN kind TO sort")
        becomes(d, "schema_mismatch")
        writes.wait(50)
        reads.wait(50)
        assert d.request("GET", "/health/ready").json()["status"] == "schema_mismatch"
        assert d.request("GET", "/api/v1/backtests").status == 200
        assert status(d) == "schema_mismatch" and sessions(database) == before
        migrate(database, "ALTER TABLE strategies RENAME COLUMN sort TO kind")
        start = time.monotonic()
        reads.wait_served()
        writes.wait_served()
        becomes(d, "ok")
        back = time.monotonic() - start
    told("a column renamed and back", reads, writes, health_ok_again_after=f"{back:.2f} s")
    assert set(reads.fates) <= {200, 500} and set(writes.fates) <= {201, 500}, (reads.fates, writes.fates)
    writes.check(names(database))
    assert "cannot be prepared: column s.kind does not exist (42703)" in d.log()


def test_nobody_needs_to_ask_for_what_fits_again(daemon, database):
    """A balancer sends nothing to a service that is not ready."""
    d = daemon()
    migrate(database, "ALTER TABLE strategies RENAME COLUMN kind TO sort")
    wait_until(lambda: d.request("GET", PATH).status == 500 and status(d) == "schema_mismatch", 10, "a misfit")
    migrate(database, "ALTER TABLE strategies RENAME COLUMN sort TO kind")
    becomes(d, "ok")
    assert d.request("GET", PATH).status == 200


def test_a_fault_that_stays_does_not_go_round_in_circles(daemon, database):
    """A trigger needs what is gone: the statement itself can be prepared. Reads go on, in the sessions that there are."""
    d = daemon()
    with Load(d.port, threads=2) as reads, Writes(d.port, threads=2) as writes:
        reads.wait(30)
        writes.wait(30)
        migrate(database, "ALTER TABLE strategy_versions RENAME COLUMN kind TO sort")
        becomes(d, "schema_mismatch")
        start, before = time.monotonic(), reconnects(d)
        while time.monotonic() - start < 6:
            writes.wait(50)
            assert status(d) == "schema_mismatch"
        made, took = reconnects(d) - before, time.monotonic() - start
        reads.wait_served()
        migrate(database, "ALTER TABLE strategy_versions RENAME COLUMN sort TO kind")
        writes.wait_served()
        becomes(d, "ok", 60)  # a worker that nobody asks any more doubts for 30 s
    told("a trigger that fails", reads, writes, sessions_replaced=f"{made} in {took:.1f} s by 2 workers")
    assert set(reads.fates) == {200} and set(writes.fates) <= {201, 500}, (reads.fates, writes.fates)
    assert made <= 2 * (took / 5 + 2)
    writes.check(names(database))


def test_rights_that_are_lost(daemon, database):
    """A table that was dropped and made again, without the rights of the one before."""
    d = daemon()
    with database.connect() as db:
        db.execute(f"REVOKE INSERT ON strategies FROM {database.role}")
        assert d.request("POST", PATH, {"name": "a", "kind": "k"}).status == 500
        becomes(d, "schema_mismatch")
        assert d.request("GET", PATH).status == 200
        db.execute(f"GRANT INSERT ON strategies TO {database.role}")
    more = itertools.count()
    wait_until(lambda: d.request("POST", PATH, {"name": f"b{next(more)}", "kind": "k"}).status == 201 and status(d) == "ok", 60, "ok")


SWALLOW = """CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER swallow BEFORE INSERT ON strategies FOR EACH ROW EXECUTE FUNCTION swallow()"""


def test_a_row_that_is_not_an_answer_is_500_and_told(daemon, database):
    """Somebody's trigger swallows what is inserted: nothing was made, and 404 would speak of a path that is right."""
    d = daemon()
    migrate(database, SWALLOW)
    answer = d.request("POST", PATH, {"name": "swallowed", "kind": "sma_crossover"})
    assert answer.status == 500 and answer.json()["code"] == "internal_error", answer
    assert "its row is not an answer of this endpoint" in d.wait_log(r".*a statement failed.*createStrategy.*").group(0)
    migrate(database, "DROP TRIGGER swallow ON strategies")
    assert d.request("POST", PATH, {"name": "swallowed", "kind": "sma_crossover"}).status == 201

"""The queue of backtests as services see it: the tests play the service, as the restricted role."""
import contextlib
import os
import secrets
import signal
import subprocess
import sys

import psycopg
import pytest
from psycopg import conninfo
from support.daemon import MIGRATIONS
from support.wait import SLOWNESS, wait_until

CLAIMER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "claimer.py")
ERROR = psycopg.types.json.Jsonb({"type": "about:blank", "title": "No data", "status": 502})
TABLES = ("strategies", "strategy_versions", "backtests", "series", "candle_chunks", "series_changes", "schema_migrations")


class Queue:
    """A migrated database, the superuser's connection to it, and a login role that was granted what a service gets."""

    def __init__(self, database):
        self.database = database
        self.role = f"svc_{secrets.token_hex(6)}"
        self.admin = database.connect()
        self.admin.execute(f"CREATE ROLE {self.role} LOGIN")
        with psycopg.connect(database.url, autocommit=True) as owner:
            owner.execute("SELECT backtest_grant(%s::regrole)", [self.role])
        self.strategy = self.admin.execute(
            "INSERT INTO strategies (name, kind, parameters) VALUES ('s', 'rsi', '{\"n\": 14}') RETURNING id").fetchone()[0]

    def close(self):
        self.admin.execute(f"DROP OWNED BY {self.role} CASCADE")
        self.admin.execute(f"DROP ROLE {self.role}")
        self.admin.close()

    def conninfo(self):
        return conninfo.make_conninfo(self.database.admin_url, user=self.role)

    def service(self):
        return psycopg.connect(self.conninfo(), autocommit=True)

    def add(self, count=1):
        """Ids, the oldest first."""
        rows = self.admin.execute(
            "INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital)"
            " SELECT %s, 1, 'S' || n, '1d', '2024-01-01', '2025-01-01', 1000.50 FROM generate_series(1, %s) AS n ORDER BY n"
            " RETURNING id", [self.strategy, count]).fetchall()
        return sorted(row[0] for row in rows)

    def row(self, job, columns="status, worker, attempts"):
        return self.admin.execute(f"SELECT {columns} FROM backtests WHERE id = %s", [job]).fetchone()

    def statuses(self):
        return dict(self.admin.execute("SELECT status, count(*) FROM backtests GROUP BY status").fetchall())

    def lose_leases(self):
        """As time would."""
        return self.admin.execute("UPDATE backtests SET lease_until = now() - interval '1 second' WHERE status = 'running'").rowcount


def since_the_queue():
    """How many migrations there are from the queue's on."""
    return str(sum(name.endswith(".sql") and name >= "20261123130000" for name in os.listdir(MIGRATIONS)))


@pytest.fixture
def queue(command, database):
    migrated = command("migrate", "up")
    assert migrated.returncode == 0, migrated.stderr
    one = Queue(database)
    yield one
    one.close()


# The secret of each claim, by the backtest and the worker's name; a worker that has claimed nothing guesses.
SECRETS = {}
GUESSED = "01234567-89ab-4cde-8f01-23456789abcd"


def call(db, function, *arguments):
    """The one value of a function. For those that take a claim, the second argument is the name of the worker that has it."""
    arguments = list(arguments)
    if len(arguments) > 1:
        arguments[1] = SECRETS.get((str(arguments[0]), arguments[1]), GUESSED)
    return db.execute(f"SELECT {function}({', '.join(['%s'] * len(arguments))})", arguments).fetchone()[0]


def claim(db, worker="w", function="backtest_claim"):
    """The claimed id, or None."""
    row = db.execute(f"SELECT id, claim FROM {function}(%s)", [worker]).fetchone()
    if row is None:
        return None
    SECRETS[str(row[0]), worker] = row[1]
    return row[0]


# ---- the functions ----

def test_a_claim_has_all_that_a_service_needs(queue):
    oldest, _ = queue.add(2)
    queue.admin.execute("UPDATE strategies SET parameters = '{\"n\": 21}', kind = 'macd'")  # version 2; version 1 is tried
    with queue.service() as db:
        cursor = db.execute("SELECT c.*, lease_until > now() + interval '119 minutes' AS far FROM backtest_claim('w', '2 hours') AS c")
        got = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    assert set(got) == {"id", "strategy_id", "strategy_version", "kind", "parameters", "symbol", "timeframe", "start", "end",
                        "initial_capital", "attempts", "lease_until", "claim", "execution", "far"}
    assert (got["id"], got["strategy_id"], got["strategy_version"], got["kind"], got["parameters"], got["symbol"], got["attempts"],
            str(got["initial_capital"]), got["far"]) == (oldest, queue.strategy, 1, "rsi", {"n": 14}, "S1", 1, "1000.50", True)
    assert queue.row(oldest, "status, worker, attempts, started_at IS NOT NULL, finished_at") == ("running", "w", 1, True, None)


def test_claims_are_the_oldest_first_and_then_nothing(queue):
    jobs = queue.add(5)
    with queue.service() as db:
        assert [claim(db) for _ in range(6)] == [*jobs, None]


def test_a_claim_that_is_rolled_back_never_was(queue):
    job, = queue.add()
    with queue.service() as one, queue.service() as two:
        with one.transaction():
            assert claim(one, "one") == job
            assert claim(two, "two") is None  # and does not wait
            raise psycopg.Rollback
        assert claim(two, "two") == job
    assert queue.row(job) == ("running", "two", 1)


def test_heartbeats_keep_the_lease_and_tell_progress(queue):
    job, = queue.add()
    far = "lease_until > now() + interval '59 minutes'"
    with queue.service() as db:
        assert claim(db) == job
        assert queue.row(job, f"progress, {far}") == (0, False)
        assert call(db, "backtest_heartbeat", job, "w", 0.25, "1 hour") == "running"
        assert (str(queue.row(job, "progress")[0]), queue.row(job, far)) == ("0.25", (True,))
        assert call(db, "backtest_heartbeat", job, "w") == "running"
        assert (str(queue.row(job, "progress")[0]), queue.row(job, far)) == ("0.25", (False,))
        assert call(db, "backtest_heartbeat", job, "other", 0.9) == "lost"
        assert call(db, "backtest_heartbeat", "00000000-0000-0000-0000-000000000000", "w", 0.9) == "lost"
        for progress in (-0.1, 1.1, float("nan")):
            with pytest.raises(psycopg.errors.CheckViolation):
                call(db, "backtest_heartbeat", job, "w", progress)
        with pytest.raises(psycopg.errors.CheckViolation):
            call(db, "backtest_heartbeat", job, "w", 0.5, None)
        assert str(queue.row(job, "progress")[0]) == "0.25"


def test_a_claim_needs_a_name_and_a_lease(queue):
    job, = queue.add()
    with queue.service() as db:
        for arguments in ("NULL", "''", "repeat('w', 201)", "'w', NULL"):
            with pytest.raises(psycopg.errors.CheckViolation):
                db.execute(f"SELECT backtest_claim({arguments})")
        assert claim(db) == job


def test_finish(queue):
    job, = queue.add()
    metrics = psycopg.types.json.Jsonb({"sharpe": 1.5})
    with queue.service() as db:
        assert call(db, "backtest_finish", job, "w", metrics) == "lost"  # nobody's yet
        claim(db)
        assert call(db, "backtest_finish", job, "other", metrics) == "lost"
        assert queue.row(job)[0] == "running"
        with pytest.raises(psycopg.errors.CheckViolation):
            call(db, "backtest_finish", job, "w", psycopg.types.json.Jsonb([1]))
        assert call(db, "backtest_finish", job, "w", metrics) == "succeeded"
        ended = queue.row(job, "status, progress, metrics, error, lease_until, finished_at >= started_at")
        assert ended == ("succeeded", 1, {"sharpe": 1.5}, None, None, True)
        # The answer may have been lost: asking again does no harm, and changes nothing.
        assert call(db, "backtest_finish", job, "w", psycopg.types.json.Jsonb({"sharpe": 9})) == "succeeded"
        assert call(db, "backtest_fail", job, "w", ERROR) == "succeeded"
        assert call(db, "backtest_heartbeat", job, "w", 0.1) == "succeeded"
        assert queue.row(job, "status, progress, metrics, error, lease_until, finished_at >= started_at") == ended
        assert claim(db) is None


def test_fail_goes_back_to_the_queue_until_the_attempts_are_spent(queue):
    job, = queue.add()
    with queue.service() as db:
        for attempt, becomes in ((1, "queued"), (2, "queued"), (3, "failed")):
            assert claim(db, f"w{attempt}") == job
            call(db, "backtest_heartbeat", job, f"w{attempt}", 0.5)
            assert call(db, "backtest_fail", job, "other", ERROR) == "lost"
            assert call(db, "backtest_fail", job, f"w{attempt}", ERROR) == becomes
            if becomes == "queued":
                assert queue.row(job, "attempts, progress, error, started_at, finished_at, lease_until") == (attempt, 0, None, None, None, None)
                assert call(db, "backtest_heartbeat", job, f"w{attempt}") == "queued"
        assert queue.row(job, "attempts, error, finished_at >= started_at, lease_until") == (3, ERROR.obj, True, None)
        assert claim(db) is None


def test_fail_without_retry_is_final(queue):
    job, = queue.add()
    with queue.service() as db:
        claim(db)
        assert call(db, "backtest_fail", job, "w", ERROR, False) == "failed"
        assert call(db, "backtest_fail", job, "w", ERROR, True) == "failed"
    assert queue.row(job, "status, attempts, error") == ("failed", 1, ERROR.obj)


def test_a_failure_has_a_reason(queue):
    job, = queue.add()
    with queue.service() as db:
        claim(db)
        for reason in ("NULL", "'[]'", "'\"text\"'"):
            with pytest.raises(psycopg.errors.CheckViolation):
                db.execute(f"SELECT backtest_fail(%s, %s, {reason}, false)", [job, SECRETS[str(job), "w"]])
    assert queue.row(job)[0] == "running"


def test_lost_leases_go_back_to_the_queue_until_the_attempts_are_spent(queue):
    jobs = queue.add(3)
    with queue.service() as db:
        for attempt in (1, 2, 3):
            assert [claim(db, f"w{attempt}") for _ in jobs] == jobs
            assert call(db, "backtest_expire") == 0
            kept = jobs[2]
            queue.admin.execute("UPDATE backtests SET lease_until = now() - interval '1 second' WHERE id <> %s", [kept])
            assert call(db, "backtest_expire") == 2
            assert call(db, "backtest_expire") == 0
            for job in jobs[:2]:
                expected = "queued" if attempt < 3 else "failed"
                assert queue.row(job, "status, attempts, lease_until") == (expected, attempt, None)
                assert call(db, "backtest_finish", job, f"w{attempt}", None) == expected  # too late
            assert queue.row(kept)[0] == "running"
            call(db, "backtest_fail", kept, f"w{attempt}", ERROR)
        assert queue.row(jobs[0], "error->>'code', error->>'title', finished_at IS NOT NULL") == ("lease_lost", "Worker lost", True)
        assert claim(db) is None


def test_a_claim_takes_what_others_lost(queue):
    job, = queue.add()
    with queue.service() as db:
        assert claim(db, "one") == job
        assert claim(db, "two") is None
        assert queue.lose_leases() == 1
        assert claim(db, "two") == job
        assert queue.row(job) == ("running", "two", 2)
        assert call(db, "backtest_heartbeat", job, "one") == "lost"
        assert call(db, "backtest_finish", job, "one", None) == "lost"
        assert call(db, "backtest_fail", job, "one", ERROR) == "lost"
        assert queue.row(job) == ("running", "two", 2)


def test_a_late_heartbeat_still_saves_a_lease_that_nobody_took(queue):
    job, = queue.add()
    with queue.service() as db:
        claim(db)
        queue.lose_leases()
        assert call(db, "backtest_heartbeat", job, "w") == "running"
        assert call(db, "backtest_expire") == 0


def test_expiry_passes_over_what_is_being_worked_on_at_this_moment(queue):
    job, = queue.add()
    with queue.service() as one, queue.service() as two:
        claim(one)
        queue.lose_leases()
        with one.transaction():
            assert call(one, "backtest_finish", job, "w", None) == "succeeded"
            assert call(two, "backtest_expire") == 0  # and does not wait
        assert call(two, "backtest_expire") == 0
    assert queue.row(job)[0] == "succeeded"


@pytest.mark.parametrize("last", ["heartbeat", "finish", "fail"])
def test_a_cancel_is_seen_by_whatever_the_service_calls_next(queue, last):
    job, = queue.add()
    arguments = {"heartbeat": [0.5], "finish": [None], "fail": [ERROR]}[last]
    with queue.service() as db:
        claim(db)
        assert queue.admin.execute("SELECT status, lease_until FROM backtest_cancel(%s)", [job]).fetchone() == ("cancelled", None)
        assert call(db, f"backtest_{last}", job, "w", *arguments) == "cancelled"
        assert call(db, "backtest_expire") == 0
        assert claim(db) is None
    assert queue.row(job, "status, progress, metrics, error") == ("cancelled", 0, None, None)


def test_a_cancel_under_way_is_waited_for_and_seen(queue, database):
    job, = queue.add()
    with queue.service() as db, database.connect() as api:
        claim(db)
        with api.transaction():
            api.execute("SELECT backtest_cancel(%s)", [job])
            beat = subprocess.Popen([sys.executable, "-c", "import psycopg, sys\n"
                                     "with psycopg.connect(sys.argv[1]) as db:\n"
                                     "    print(db.execute(\"SELECT backtest_heartbeat(%s, %s, 0.5)\", sys.argv[2:]).fetchone()[0])",
                                     queue.conninfo(), str(job), str(SECRETS[str(job), "w"])], stdout=subprocess.PIPE, text=True)
            wait_until(lambda: queue.admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'",
                                                   [queue.role]).fetchone()[0], 20, "a heartbeat that waits")
        assert beat.communicate(timeout=20 * SLOWNESS)[0].strip() == "cancelled"


# ---- NOTIFY ----

def test_services_are_told_of_each_new_and_each_requeued_backtest(queue):
    told = []
    with queue.service() as listener, queue.service() as db:
        listener.add_notify_handler(lambda note: told.append((note.channel, note.payload)))
        listener.execute("LISTEN backtests")

        def heard():
            told.clear()
            listener.execute("SELECT")  # what was committed before comes before the answer
            return list(told)

        first, second = queue.add(2)
        assert sorted(heard()) == [("backtests", str(first)), ("backtests", str(second))]
        claim(db)
        call(db, "backtest_heartbeat", first, "w", 0.5)
        assert heard() == []
        call(db, "backtest_fail", first, "w", ERROR)
        assert heard() == [("backtests", str(first))]
        claim(db)
        queue.lose_leases()
        call(db, "backtest_expire")
        assert heard() == [("backtests", str(first))]
        claim(db)
        call(db, "backtest_finish", first, "w", None)
        queue.admin.execute("SELECT backtest_cancel(%s)", [second])
        assert heard() == []


# ---- many services ----

def claimers(queue, count, deaths=()):
    """Runs them to their ends; their exit statuses."""
    processes = []
    try:
        for n in range(count):
            how = list(map(str, deaths[n])) if n < len(deaths) else []
            command = [sys.executable, CLAIMER, queue.conninfo(), f"w{n}", "notes", *how]
            processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        ends = []
        for process in processes:
            errors = process.communicate(timeout=120 * SLOWNESS)[1]
            ends.append((process.returncode, errors))
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
    return ends


def add_notes(queue):
    queue.admin.execute("CREATE TABLE notes (worker text, id uuid, attempts integer)")
    queue.admin.execute(f"GRANT INSERT ON notes TO {queue.role}")


def test_eight_claimers_take_each_of_a_thousand_once(queue):
    add_notes(queue)
    queue.add(1000)
    assert claimers(queue, 8) == [(0, "")] * 8
    assert queue.statuses() == {"succeeded": 1000}
    assert queue.admin.execute("SELECT count(*), count(DISTINCT id), max(attempts) FROM notes").fetchone() == (1000, 1000, 1)
    assert queue.admin.execute("SELECT count(*) FROM backtests AS b JOIN notes AS n ON n.id = b.id AND n.worker = b.worker"
                               " WHERE b.metrics = jsonb_build_object('by', b.worker, 'parameters', '{\"n\": 14}'::jsonb)").fetchone() == (1000,)


def test_nothing_is_lost_when_claimers_are_killed(queue):
    add_notes(queue)
    queue.add(1000)
    deaths = [("claiming", 3), ("working", 1), ("beating", 5), ("finishing", 2)]
    ends = claimers(queue, 8, deaths)
    assert [status for status, _ in ends] == [-signal.SIGKILL] * 4 + [0] * 4, ends
    wait_until(lambda: queue.admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [queue.role]).fetchone()[0] == 0,
               20, "the killed ones' sessions to end")
    # The one that died in its claim left a queued one, perhaps when the others had gone already; the rest left leases.
    left = queue.statuses()
    assert left.pop("queued", 0) <= 1
    assert left.pop("running") == 3
    assert 996 <= left.pop("succeeded") <= 997 and not left
    assert queue.lose_leases() == 3
    assert claimers(queue, 2) == [(0, "")] * 2
    assert queue.statuses() == {"succeeded": 1000}
    attempts = dict(queue.admin.execute("SELECT attempts, count(*) FROM backtests GROUP BY attempts").fetchall())
    assert attempts == {1: 997, 2: 3}
    taken = "SELECT count(*), count(DISTINCT (id, attempts)), count(DISTINCT id) FROM notes"
    assert queue.admin.execute(taken).fetchone() == (1003, 1003, 1000)


# ---- the role ----

def test_the_role_may_do_its_work_and_nothing_else(queue):
    job, = queue.add()
    others = [name for name, in queue.admin.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p')")]
    assert set(others) >= {*TABLES, "backtest_keys", "access_tokens", "access_tokens_state", "backtest_trades", "backtest_equity"}
    allowed = set(queue.admin.execute(
        "SELECT c.relname, p FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',"
        " 'TRIGGER']) AS p WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')"
        " AND has_table_privilege(%s, c.oid, p)", [queue.role]).fetchall())
    assert allowed == {(table, "SELECT") for table in TABLES}
    definers = {name for name, in queue.admin.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND has_function_privilege(%s, oid, 'EXECUTE')",
        [queue.role])}
    assert definers == {"backtest_claim", "backtest_heartbeat", "backtest_finish", "backtest_fail", "backtest_give_back",
                        "backtest_result_put", "backtest_expire"}
    with queue.service() as db:
        for table in TABLES:
            db.execute(f"SELECT * FROM {table}").fetchall()
        for statement in (
                "SELECT * FROM backtest_keys", "SELECT * FROM backtest_trades", "SELECT * FROM backtest_equity", "DELETE FROM series",
                "UPDATE candle_chunks SET bars = 1", "SELECT candles_put('S', '1d', 0, '{}')", "SELECT * FROM access_tokens", "SELECT name FROM access_tokens",
                "UPDATE access_tokens SET last_used_at = now()", "SELECT * FROM access_tokens_state",
                "UPDATE backtests SET status = 'queued'", "DELETE FROM backtests", "TRUNCATE backtests",
                "SELECT * FROM backtests FOR UPDATE", "INSERT INTO strategies (name, kind) VALUES ('x', 'k')",
                "UPDATE strategies SET name = 'x'", "DELETE FROM strategy_versions", "CREATE TABLE t (n integer)",
                "SELECT backtest_attempt_failed(id, '{}', true) FROM backtests", "SELECT backtest_status_for(id, id) FROM backtests", "SELECT * FROM backtest_prune(now(), 1)",
                "SELECT backtest_result_write(id, id, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM backtests",
                "SELECT backtest_cancel(id) FROM backtests", f"SELECT backtest_grant('{queue.role}')",
                "SELECT backtest_request('{}', 'k')", f"SET ROLE {queue.database.role}",
                "DROP FUNCTION backtest_expire()", "ALTER TABLE backtests DISABLE TRIGGER ALL"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)
        assert claim(db) == job


def test_strangers_may_call_nothing(queue):
    queue.admin.execute("CREATE ROLE {0} LOGIN".format(stranger := f"stranger_{secrets.token_hex(4)}"))
    try:
        with queue.database.connect(user=stranger) as db:
            for statement in ("SELECT backtest_claim('w')", "SELECT backtest_expire()", "SELECT * FROM backtests",
                              "SELECT backtest_finish(NULL, NULL, NULL)", "SELECT backtest_heartbeat(NULL, NULL)",
                              "SELECT backtest_fail(NULL, NULL, NULL)", "SELECT backtest_give_back(NULL, NULL)",
                              "SELECT backtest_result_put(NULL, NULL, NULL)", "SELECT candles_put('S', '1d', 0, '{}')", "SELECT * FROM candle_chunks",
                              "SELECT * FROM backtest_prune(now(), 1)", f"SELECT backtest_grant('{stranger}')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(statement)
    finally:
        queue.admin.execute(f"DROP ROLE {stranger}")


def test_a_search_path_of_the_callers_own_leads_nowhere(queue):
    """The functions run as their owner: what they name must not be what the caller puts in the way."""
    job, = queue.add()
    with queue.service() as db:
        db.execute("CREATE TEMPORARY TABLE backtests (LIKE public.backtests)")
        db.execute("CREATE TEMPORARY TABLE strategy_versions (LIKE public.strategy_versions)")
        db.execute("CREATE FUNCTION pg_temp.backtest_expire() RETURNS integer LANGUAGE sql AS $$ SELECT 1 / 0 $$")
        db.execute("CREATE FUNCTION pg_temp.backtest_max_attempts() RETURNS integer LANGUAGE sql AS $$ SELECT 1 / 0 $$")
        db.execute("SET search_path = pg_temp, public")
        assert claim(db, function="public.backtest_claim") == job
        assert call(db, "public.backtest_heartbeat", job, "w", 0.5) == "running"
        assert call(db, "public.backtest_fail", job, "w", ERROR) == "queued"
        db.execute("SET search_path = ''")
        assert claim(db, function="public.backtest_claim") == job
        assert call(db, "public.backtest_finish", job, "w", None) == "succeeded"


def test_the_group_role_is_made_where_we_may_and_asked_for_where_we_may_not(command, cluster, own_database):
    """In a cluster of its own: the name of the role is the same in all databases."""
    def migrate(url):
        done = command("migrate", "up", DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def is_there(db):
        return db.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'stratslab_service'").fetchone() == (1,)

    def work(database):
        with psycopg.connect(database.url, user="service", autocommit=True) as db:
            assert claim(db) is None

    said = migrate(own_database.url)
    assert "CREATE ROLE stratslab_service NOLOGIN;" in said and "SELECT backtest_grant('stratslab_service');" in said
    second, third = (type(own_database)(cluster.url()) for _ in range(2))
    for database in (second, third):
        database.create()
    with own_database.connect() as admin, psycopg.connect(own_database.url, autocommit=True) as owner:
        assert not is_there(admin)
        admin.execute("CREATE ROLE stratslab_service NOLOGIN")
        admin.execute("CREATE ROLE service LOGIN IN ROLE stratslab_service")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            work(own_database)
        owner.execute("SELECT backtest_grant('stratslab_service')")
        work(own_database)
        assert "CREATE ROLE" not in migrate(second.url)
        work(second)
    down = command("migrate", "down", "--steps", since_the_queue(), "--yes", DATABASE_URL=second.url)
    assert down.returncode == 0, down.stderr
    with second.connect() as admin:
        assert admin.execute("SELECT has_table_privilege('stratslab_service', 'strategies', 'SELECT')").fetchone() == (False,)
    for database in (own_database, second):
        database.drop()
    with third.connect() as admin:
        admin.execute("DROP ROLE service")
        admin.execute("DROP ROLE stratslab_service")
    assert "CREATE ROLE" not in migrate(third.admin_url)
    with third.connect() as admin:
        assert is_there(admin)
        assert admin.execute("SELECT has_function_privilege('stratslab_service', 'backtest_expire()', 'EXECUTE')").fetchone() == (True,)


def test_the_migration_can_be_undone_and_done_again(command, database, queue):
    queue.add()
    queue.admin.execute(f"DROP OWNED BY {queue.role}")
    for arguments in (("down", "--steps", since_the_queue(), "--yes"), ("up",), ("redo", "--yes"), ("verify",)):
        done = command("migrate", *arguments)
        assert done.returncode == 0, done.stderr
    assert queue.statuses() == {"queued": 1}

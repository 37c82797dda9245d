"""Claims by kind, and results that are written at once: the tests play the service, as a role of its own."""
import base64
import contextlib
import hashlib
import json
import secrets
from random import Random

import psycopg
import pytest
from psycopg.types.json import Json, Jsonb
from support.wait import wait_until

KINDS = ["sma_crossover", "rules"]
HASH = "ab" * 32
TRADE = {"n": 1, "side": "long", "quantity": "1.5", "entry_time": "2024-01-01T00:00:00Z", "entry_price": "42000.50", "entry_reason": "signal",
         "exit_time": "2024-01-02T00:00:00Z", "exit_price": "43000.00", "exit_reason": "stop", "pnl": "1499.25", "fees": "0", "bars": 1}
OPEN = {"n": 2, "side": "short", "quantity": "1", "entry_time": "2024-01-03T00:00:00Z", "entry_price": "1", "entry_reason": "reverse",
        "pnl": "0", "fees": "0", "bars": 0}


@pytest.fixture
def admin(command, database):
    assert command("migrate", "up").returncode == 0
    with database.connect() as db:
        for kind in ("sma_crossover", "rules", "neural"):
            db.execute("INSERT INTO strategies (name, kind, parameters) VALUES (%s, %s, '{}')", [kind, kind])
        yield db


@pytest.fixture
def service(admin, database):
    role = f"svc_{secrets.token_hex(6)}"
    admin.execute(f"CREATE ROLE {role} LOGIN")
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("SELECT backtest_grant(%s::regrole)", [role])
    with database.connect(user=role) as db:
        yield db
    admin.execute(f"DROP OWNED BY {role} CASCADE")
    admin.execute(f"DROP ROLE {role}")


def add(admin, kind, symbol="S", age="0 s"):
    return admin.execute(
        "INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital, created_at)"
        " SELECT id, 1, %s, '1d', '2024-01-01', '2025-01-01', 1000, now() - %s::interval FROM strategies WHERE name = %s RETURNING id",
        [symbol, age, kind]).fetchone()[0]


def claim(service, kinds=KINDS, prefers=None, patience="10 s"):
    return service.execute("SELECT id, claim FROM backtest_claim('w', '1 minute', %s, %s, %s)", [kinds, prefers, patience]).fetchone()


def result(**more):
    return Json({"metrics": {"trades": 2}, "engine": "1", "data": HASH, "read": [], "result_hash": HASH, "trades": [TRADE, OPEN],
                 "equity": [{"level": 0, "piece": 0, "points": 2, "packed": base64.b64encode(b"two points").decode()}], **more})


def put(service, job, secret, document):
    return service.execute("SELECT backtest_result_put(%s, %s, %s)", [job, secret, document]).fetchone()[0]


# ---- claims ----

def test_a_worker_gets_what_it_knows_the_oldest_first(admin, service):
    add(admin, "neural")
    wanted = [add(admin, kind) for kind in ("rules", "sma_crossover", "rules")]
    assert [claim(service)[0] for _ in wanted] == wanted
    assert claim(service) is None
    assert claim(service, ["neural"]) is not None
    assert claim(service, None) is None and claim(service, []) is None


def test_without_kinds_everything_is_claimed(admin, service):
    jobs = [add(admin, kind) for kind in ("neural", "rules")]
    assert [service.execute("SELECT id FROM backtest_claim('w')").fetchone()[0] for _ in jobs] == jobs


def test_what_a_worker_has_at_hand_goes_first_but_nobody_starves(admin, service):
    other, mine = add(admin, "rules", "OTHER"), add(admin, "rules", "MINE")
    old = add(admin, "sma_crossover", "OLD", age="1 minute")
    assert [claim(service, prefers=["MINE"])[0] for _ in range(3)] == [old, mine, other]


def test_the_kind_is_that_of_the_version_that_is_tried(admin, service):
    admin.execute("UPDATE strategies SET kind = 'neural' WHERE name = 'rules'")  # version 2
    job = add(admin, "rules")
    assert admin.execute("SELECT kind FROM backtests").fetchone() == ("rules",)
    for column, value in (("kind", "'neural'"), ("execution", "'{}'")):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            admin.execute(f"UPDATE backtests SET {column} = {value}")
    assert claim(service)[0] == job


def test_any_number_of_workers_may_claim_at_one_moment(admin, service, database):
    """None of them in vain, and none more than one, though the first ones have not committed yet."""
    jobs = [add(admin, kind) for _ in range(25) for kind in KINDS]
    with contextlib.ExitStack() as stack:
        claimed = []
        for _ in jobs:
            db = stack.enter_context(database.connect(user=service.info.user))
            db.execute("BEGIN")
            claimed.append(claim(db)[0])
            assert db.execute("SELECT count(*) FROM backtests WHERE status = 'running'").fetchone() == (1,)
        assert set(claimed) == set(jobs) and claim(service) is None


MANY, CLAIMS = 20_000, 20


def test_a_claim_by_kind_does_not_read_the_queue(admin, service, database):
    """Not even if what comes first is nothing that it knows."""
    admin.execute("ALTER TABLE backtests SET (autovacuum_enabled = off)")
    for kind, count in (("neural", MANY), ("rules", MANY)):
        admin.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital)"
                      " SELECT id, 1, 'S', '1d', '2024-01-01', '2025-01-01', 1000 FROM strategies, generate_series(1, %s) WHERE name = %s",
                      [count, kind])
    entries = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'backtests'"
    with database.connect(user=service.info.user) as db:
        assert claim(db) is not None
        db.execute("SELECT pg_stat_force_next_flush()")
        admin.execute("SELECT pg_stat_force_next_flush()")
        before, = admin.execute(entries).fetchone()
        for _ in range(CLAIMS):
            assert claim(db) is not None
        db.execute("SELECT pg_stat_force_next_flush()")
        db.execute("SELECT 1")
        admin.execute("SELECT pg_stat_force_next_flush()")
        read = (admin.execute(entries).fetchone()[0] - before) / CLAIMS
    print(f"{2 * MANY} queued: index entries that a claim by kind read: {read}")
    assert read <= 200, read


# ---- results ----

def test_all_of_a_result_is_there_at_once(admin, service):
    add(admin, "rules")
    job, secret = claim(service)
    assert put(service, job, secret, result()) == "succeeded"
    assert put(service, job, secret, result(metrics={"other": 1})) == "succeeded"  # again, since an answer may be lost
    row = admin.execute("SELECT status, progress, metrics, engine, encode(data_sha256, 'hex'), data_read, encode(result_sha256, 'hex'),"
                        " finished_at IS NOT NULL, lease_until FROM backtests").fetchone()
    assert row == ("succeeded", 1, {"trades": 2}, "1", HASH, [], HASH, True, None)
    trades = admin.execute("SELECT n, side, quantity::text, entry_price::text, exit_price::text, exit_reason FROM backtest_trades ORDER BY n").fetchall()
    assert trades == [(1, "long", "1.5", "42000.50", "43000.00", "stop"), (2, "short", "1", "1", None, None)]
    assert admin.execute("SELECT level, piece, points, packed FROM backtest_equity").fetchall() == [(0, 0, 2, b"two points")]
    admin.execute("DELETE FROM backtests")
    assert admin.execute("SELECT (SELECT count(*) FROM backtest_trades) + (SELECT count(*) FROM backtest_equity)").fetchone() == (0,)


WRONG = {
    "metrics": [None, [], 1, "x" * 70_000, {"x": "x" * 66_000}], "engine": ["", "e" * 65], "data": ["ab", "xyz"], "result_hash": ["ab"],
    "read": [{}, ["x" * 5000], [1], [{"series": "x"}], [{"series": 1, "end_ms": 1e40}], [{}, {"revision": "x"}]],
    "trades": [None, {}, [{}], [TRADE, TRADE], [{**TRADE, "side": "up"}], [{**TRADE, "quantity": "much"}], [{**TRADE, "exit_price": None}],
               [{**TRADE, "n": 0}],
               [{**TRADE, "entry_time": "infinity"}], [{**TRADE, "exit_time": "-infinity"}]],
    "equity": [None, [{}], [{"level": 16, "piece": 0, "points": 1, "packed": "AA=="}], [{"level": 0, "piece": 0, "points": 2049, "packed": "AA=="}],
               [{"level": 0, "piece": 0, "points": 1, "packed": ""}], [{"level": 0, "piece": 0, "points": 1, "packed": "&"}]],
}


@pytest.mark.parametrize("member", WRONG)
def test_a_result_that_is_wrong_changes_nothing(admin, service, member):
    add(admin, "rules")
    job, secret = claim(service)
    for value in WRONG[member]:
        with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.DataError)):
            put(service, job, secret, result(**{member: value}))
        assert admin.execute("SELECT b.status, (SELECT count(*) FROM backtest_trades) FROM backtests AS b").fetchone() == ("running", 0), value
    assert put(service, job, secret, result()) == "succeeded"


def test_only_whoever_holds_the_claim_writes_a_result(admin, service, database):
    add(admin, "rules")
    job, secret = claim(service)
    guess = "01234567-89ab-4cde-8f01-23456789abcd"
    assert put(service, job, guess, result()) == "lost"
    admin.execute("UPDATE backtests SET lease_until = now() - interval '1 s'")
    again, new_secret = claim(service)
    assert again == job
    assert put(service, job, secret, result()) == "lost"  # fenced off
    admin.execute("SELECT backtest_cancel(%s)", [job])
    assert put(service, job, new_secret, result()) == "cancelled"
    assert admin.execute("SELECT count(*) FROM backtest_trades").fetchone() == (0,)
    with pytest.raises(psycopg.errors.CheckViolation, match="the claim is missing"):
        put(service, job, None, result())


def test_a_cancellation_of_what_runs_is_told(admin, service):
    jobs = [add(admin, "rules") for _ in range(2)]
    assert claim(service)[0] == jobs[0]
    heard = []
    service.add_notify_handler(lambda note: heard.append(note.payload))
    service.execute("LISTEN backtests_cancelled")
    for job in reversed(jobs):
        admin.execute("SELECT backtest_cancel(%s)", [job])
    wait_until(lambda: service.execute("SELECT 1") and heard, 60, "the notification")
    assert heard == [str(jobs[0])]


# ---- candles ----

def change(first, last, *addresses, digits=2, packed=b"packed", **more):
    return Json({"timeframe_ms": 86_400_000, "adjusted": False, "price_digits": digits, "lot_digits": 8, "first_ms": first, "last_ms": last,
                 "chunks": [{"address": a, "bars": 10, "first_ms": first, "last_ms": last, "low_min": 1, "high_max": 2, "volume": 3,
                             "packed": base64.b64encode(packed).decode()} for a in addresses], **more})


def candles_put(db, known, *arguments, **more):
    return db.execute("SELECT candles_put('S', '1d', %s, %s)", [known, change(*arguments, **more)]).fetchone()[0]


def test_candles_are_written_by_whoever_has_read_the_newest(admin, command, database):
    with psycopg.connect(database.api_url, autocommit=True) as api:
        assert candles_put(api, 0, 0, 9, 0) == 1
        assert candles_put(api, 1, 10, 20, 1, digits=4) == 2
        for known in (0, 1, 3):
            with pytest.raises(psycopg.errors.SerializationFailure):
                candles_put(api, known, 0, 9, 0)
        assert candles_put(api, 2, 30, 40, 1, digits=4, packed=b"other") == 3
        assert api.execute("SELECT symbol, price_digits, revision, bars, first_ms, last_ms, bytes FROM series").fetchall() == [
            ("S", 4, 3, 20, 0, 40, 11)]
        assert api.execute("SELECT address, packed, sha256 FROM candle_chunks ORDER BY address").fetchall() == [
            (a, p, hashlib.sha256(p).digest()) for a, p in ((0, b"packed"), (1, b"other"))]
        assert api.execute("SELECT * FROM series_changes ORDER BY revision").fetchall()[-1][1:] == (3, 3, 30, 40, 2)
        api.execute("DELETE FROM series")
        assert api.execute("SELECT (SELECT count(*) FROM candle_chunks) + (SELECT count(*) FROM series_changes)").fetchone() == (0,)
    admin.execute("SELECT candles_put('S', '1d', 0, %s)", [change(0, 9, 0)])
    again, = admin.execute("SELECT id FROM series").fetchone()
    with pytest.raises(psycopg.errors.SerializationFailure):  # the revision is right, but that of a series that is gone
        candles_put(admin, 1, 0, 9, 0, series=again - 1)
    assert candles_put(admin, 1, 0, 9, 0, series=again) == 2
    with pytest.raises(psycopg.errors.CheckViolation):  # what is damaged is not written
        admin.execute("UPDATE candle_chunks SET packed = 'x'")


DAY = 86_400_000


def is_stale(admin, series, revision, first, end, last=None, **more):
    read = {"series": series, "revision": revision, "first_ms": first, "end_ms": end, **({} if last is None else {"last_ms": last}), **more}
    return admin.execute("SELECT backtest_is_stale(%s)", [Jsonb([read])]).fetchone()[0]


def test_what_was_computed_from_bars_that_changed_is_stale(admin):
    one = "SELECT backtest_is_stale(%s)"
    candles_put(admin, 0, 100, 200, 0)
    series, = admin.execute("SELECT id FROM series").fetchone()

    def read(**more):
        return Jsonb([{"series": series, "revision": 1, "first_ms": 100, "end_ms": 200, **more}])

    assert admin.execute(one, [read()]).fetchone() == (False,)
    candles_put(admin, 1, 200, 300, 0)  # behind the end
    assert admin.execute(one, [read()]).fetchone() == (False,)
    assert admin.execute(one, [read(end_ms=201)]).fetchone() == (True,)
    candles_put(admin, 2, 50, 99, 0)  # before the beginning
    assert admin.execute(one, [read()]).fetchone() == (False,)
    candles_put(admin, 3, 90, 100, 0)
    assert admin.execute(one, [read()]).fetchone() == (True,)
    assert admin.execute(one, [read(revision=4)]).fetchone() == (False,)
    # Behind the end, but with a finer tick: what was rounded to that, and nothing else.
    candles_put(admin, 4, 400, 500, 0, digits=4)
    assert admin.execute(one, [read(revision=4)]).fetchone() == (False,)
    assert admin.execute(one, [read(revision=4, lot_digits=8)]).fetchone() == (False,)
    assert admin.execute(one, [read(revision=4, price_digits=2)]).fetchone() == (True,)
    assert admin.execute(one, [read(revision=5, price_digits=4, lot_digits=8)]).fetchone() == (False,)
    assert admin.execute(one, [read(revision=5, price_digits=4, lot_digits=7)]).fetchone() == (True,)
    assert admin.execute(one, [Jsonb([])]).fetchone() == (False,)
    admin.execute("DELETE FROM series")
    candles_put(admin, 0, 100, 200, 0)
    assert admin.execute(one, [read()]).fetchone() == (True,)  # the series of that time is gone


def test_changes_of_a_series_are_told_apart_as_far_as_it_matters(admin):
    """Against a model that keeps every change: never fresh if it is not, and exact unless it is long ago."""
    random, slots, last = Random(14), {0: 1}, 0
    candles_put(admin, 0, 0, 0, 0)
    series, = admin.execute("SELECT id FROM series").fetchone()
    reads, wrong = [], 0
    for revision in range(2, 250):
        reads.append((revision - 1, last))
        first = last + random.choice([1] * 6 + [0, 0, 0, 2, -random.randrange(last + 1)])
        end = max(first, 0) + random.choice([0, 0, 0, 1, 5])
        candles_put(admin, revision - 1, first * DAY, end * DAY, 0)
        slots.update(dict.fromkeys(range(first, end + 1), revision))
        last = max(last, end)
        admin.execute("UPDATE series SET last_ms = %s", [last * DAY])  # as the chunks of an import have it
        for known, known_last in random.sample(reads[-40:], min(len(reads), 8)) + random.sample(reads, min(len(reads), 4)):
            at = random.randrange(known_last + 1)
            until = random.choice([known_last + 1, known_last + 1, at + 1, known_last + 3])
            expected = any(slots.get(slot, 0) > known for slot in range(at, until))
            said = is_stale(admin, series, known, at * DAY, until * DAY, known_last * DAY)
            assert said or not expected, (revision, known, at, until)
            if said != expected:
                assert known < revision - 40, (revision, known, at, until)
                wrong += 1
        assert is_stale(admin, series, known, at * DAY, until * DAY) >= expected  # of a service that does not say which was the last one
    print(f"called stale for no reason, all of them long ago: {wrong}")


# Bars one by one, as they come from an exchange; each twice; with a gap between any two; in no order.
IMPORTS = {"appended": (3000, "n", "n"), "corrected": (1500, "n / 2", "n / 2"), "with gaps": (1500, "2 * n", "2 * n"),
           "all over": (1500, "n * 7919 % 1500", "n * 7919 % 1500")}


@pytest.mark.parametrize("how", IMPORTS)
def test_a_list_costs_the_same_after_very_many_imports(admin, how):
    many, first, last = IMPORTS[how]
    admin.execute("SELECT candles_put('S', '1d', 0, %s)", [change(0, 0, 0)])
    series, = admin.execute("SELECT id FROM series").fetchone()

    def put(begin, end):
        admin.execute(f"""
            DO $do$
            BEGIN
                FOR n IN {begin}..{end} LOOP
                    PERFORM candles_put('S', '1d', n, json_build_object(
                        'price_digits', 2, 'lot_digits', 8, 'chunks', '[]'::json, 'first_ms', ({first}) * {DAY}::bigint,
                        'last_ms', ({last}) * {DAY}::bigint));
                    UPDATE series SET last_ms = greatest(last_ms, ({last}) * {DAY}::bigint);
                    IF n % 50 = 0 THEN
                        COMMIT;
                    END IF;
                END LOOP;
            END
            $do$""")

    def entries():
        """How many rows and entries of the index looking 50 results up reads."""
        admin.execute("VACUUM series_changes")
        admin.execute("SELECT pg_stat_force_next_flush()")
        total = "SELECT idx_tup_read + seq_tup_read FROM pg_stat_user_tables AS t JOIN pg_stat_user_indexes AS i USING (relid) WHERE t.relname = 'series_changes'"
        before, = admin.execute(total).fetchone()
        for _ in range(50):
            is_stale(admin, series, 1, 0, 1, 0)
        admin.execute("SELECT pg_stat_force_next_flush()")
        admin.execute("SELECT 1")
        return admin.execute(total).fetchone()[0] - before

    put(1, 100)
    few = entries()
    put(101, many)
    rows, = admin.execute("SELECT count(*) FROM series_changes").fetchone()
    print(f"{how}: {rows} rows of {many} imports; 50 look-ups read {few} after 100 of them, and then {entries()}")
    assert rows <= 2 * 64
    assert entries() <= max(1.5 * few, 50)
    assert is_stale(admin, series, 1, 0, 1, 0) == (how in ("corrected", "all over"))

"""What others do in the database meanwhile: a lock is 503 for every method, and who gives way is told so if it is a write; a read is sent again."""
import threading

import psycopg
import pytest
from support import daemon as daemons
from support.wait import SLOWNESS, wait_until

STRATEGIES, BACKTESTS = "/api/v1/strategies", "/api/v1/backtests"
GIVES_WAY = """
    CREATE SEQUENCE calls;
    CREATE OR REPLACE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('calls') <= {times} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END IF;
        RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    END $$;
"""


def requests(strategy, backtest):
    """One of each operation: (method, path, body)."""
    one, other = f"{STRATEGIES}/{strategy}", f"{BACKTESTS}/{backtest}"
    return [("GET", STRATEGIES, None), ("GET", STRATEGIES + "?q=abc&status=draft", None), ("GET", one, None), ("GET", one + "/versions", None),
            ("GET", one + "/versions/1", None), ("POST", STRATEGIES, {"name": "new", "kind": "k"}),
            ("PUT", one, {"name": "a", "kind": "l"}), ("PATCH", one, {"kind": "m"}), ("DELETE", one, None),
            ("GET", BACKTESTS, None), ("GET", other, None), ("POST", other + "/cancel", None),
            ("POST", BACKTESTS, wish(strategy))]


def wish(strategy):
    return {"strategy_id": strategy, "symbol": "X", "timeframe": "1d", "start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z",
            "initial_capital": 1}


@pytest.fixture
def serving(daemon):
    """A daemon with a strategy and a backtest of it: (daemon, one request of each operation)."""
    def start(**settings):
        d = daemon(workers=1, **settings)
        strategy = d.request("POST", STRATEGIES, {"name": "abc", "kind": "k"}).json()["id"]
        backtest = d.request("POST", BACKTESTS, wish(strategy)).json()["id"]
        return d, requests(strategy, backtest)

    return start


def test_a_lock_is_503_for_every_method(serving, database):
    d, every = serving(database_lock_timeout="200ms")
    with database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE strategies, strategy_versions, backtests")
        answers = [(method, path, d.request(method, path, body)) for method, path, body in every]
    for method, path, answer in answers:
        assert answer.status == 503 and answer.json()["code"] == "database_busy", (method, path, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
    assert [d.request(method, path, body).status < 300 for method, path, body in every if method == "GET"]
    print(f"\n{len(every)} operations behind a lock: 503 database_busy with Retry-After")


def test_a_lock_on_the_tokens_does_not_say_that_a_token_is_bad(daemon, database, command):
    d = daemon(workers=1, auth="token", database_lock_timeout="200ms")
    with database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE access_tokens, access_tokens_state")
        answer = d.request("GET", STRATEGIES, headers={"Authorization": "Bearer stl_" + "0" * 64})
        assert answer.status == 503 and answer.headers["Retry-After"] and answer.json()["code"] == "database_busy", answer.text


def test_a_read_that_gives_way_is_sent_again(serving, database):
    d, every = serving(database_statement_timeout="1min")  # a read is not sent again when that has passed
    reads = [request for request in every if request[0] == "GET"]
    with psycopg.connect(database.url, autocommit=True) as db:
        for times, code, status in ((1, "40001", 200), (3, "40P01", 200), (1000000, "40001", 503), (1000000, "40P01", 503)):
            db.execute(GIVES_WAY.format(times=times, code=code))
            for method, path, body in reads:
                db.execute("ALTER SEQUENCE calls RESTART")
                answer = d.request(method, path, body)
                assert answer.status == status, (times, code, path, answer.text)
                if status == 503:
                    assert answer.json()["code"] == "database_busy" and answer.headers["Retry-After"]
                    assert db.execute("SELECT last_value FROM calls").fetchone()[0] == 4, "it is sent four times"
            db.execute("DROP SEQUENCE calls")
        db.execute(GIVES_WAY.format(times=1000000, code="40001"))
        answer = d.request("POST", STRATEGIES, {"name": "b", "kind": "k"})
        assert (answer.status, answer.json()["code"]) == (409, "conflict"), answer.text
        assert db.execute("SELECT last_value FROM calls").fetchone()[0] == 1, "a write is sent once"


def test_a_read_in_a_real_deadlock_is_served(serving, database):
    """The read holds strategies and waits for strategy_versions; the other session the other way round, and is patient."""
    d, every = serving(database_lock_timeout="1min", database_statement_timeout="1min")
    path = next(path for _, path, _ in every if path.endswith("/versions"))
    answers = []
    asker = threading.Thread(target=lambda: answers.append(d.request("GET", path, timeout=60 * SLOWNESS)))
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IN ('strategies'::regclass, 'strategy_versions'::regclass)"
    with database.connect() as look, database.connect() as holder:
        holder.execute("SET deadlock_timeout = '10min'")
        with holder.transaction():
            holder.execute("LOCK TABLE strategy_versions")
            asker.start()
            wait_until(lambda: look.execute(waiting).fetchone()[0] == 1, 20, "the read to wait")
            holder.execute("LOCK TABLE strategies")
        asker.join(60 * SLOWNESS)
        assert answers[0].status == 200, answers[0].text
        wait_until(lambda: look.execute(deadlocks).fetchone()[0] == 1, 20, "the deadlock to be counted")


def test_commands_name_what_is_in_the_way(stratslabd, command, database):
    assert command("migrate", "up").returncode == 0
    with database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE access_tokens")
        done = command("token", "list", database_statement_timeout="300ms", database_lock_timeout="1min")
        assert done.returncode == 69 and "STRATSLAB_DATABASE_STATEMENT_TIMEOUT" in done.stderr, done
        assert daemons.sanitizer_report(done.stderr) is None

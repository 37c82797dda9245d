"""From the schema that had neither bounds nor owners, with data in it."""
import concurrent.futures
import json
import os
import secrets

import psycopg
import pytest
from support.daemon import MIGRATIONS

PATH = "/api/v1/backtests"
BEFORE = "20261124220000"
NOBODY = "00000000-0000-0000-0000-000000000000"
LANDED = "20261126110000"  # claims with secrets, but neither kinds nor executions
STEPS = str(sum(name.endswith(".sql") and name[:14] > BEFORE for name in os.listdir(MIGRATIONS)))
WISH = {"symbol": "BTCUSD", "timeframe": "1d", "start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z", "initial_capital": 1000}
LARGE = 40_000_000  # bytes of metrics


def ok(command, *arguments):
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def old(command, database):
    """A database of the schema before, a connection that may do everything, and a role that had been granted what a service
    was granted then."""
    ok(command, "migrate", "up", "--to", BEFORE)
    role = f"svc_{secrets.token_hex(6)}"
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        with psycopg.connect(database.url, autocommit=True) as owner:
            owner.execute("SELECT backtest_grant(%s::regrole)", [role])
        admin.execute("INSERT INTO strategies (name, kind, parameters) VALUES ('s', 'rsi', '{\"n\": 14}')")
        yield admin, role
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
        admin.execute(f"DROP OWNED BY {role} CASCADE")
        admin.execute(f"DROP ROLE {role}")


def add(admin, symbol, metrics="NULL::jsonb", error="NULL::jsonb"):
    status = "failed" if metrics == "NULL::jsonb" and error != "NULL::jsonb" else "succeeded"
    return str(admin.execute(
        "INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital, status, finished_at,"
        f" attempts, worker, metrics, error) SELECT s.id, 1, %s, '1d', '2024-01-01', '2025-01-01', 1000, '{status}', now(), 1, 'w',"
        f" {metrics}, {error} FROM strategies AS s RETURNING id", [symbol]).fetchone()[0])


def text_of(size):
    """A JSON object that does not compress well, of about so many bytes, made there."""
    return f"jsonb_build_object('x', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, {size} / 32) AS i))"


def request(admin, key, symbol="BTCUSD"):
    """A backtest by the schema before, as its workers asked for one."""
    strategy, = admin.execute("SELECT id::text FROM strategies").fetchone()
    body = {"strategy_id": strategy, **WISH, "symbol": symbol}
    return body, str(admin.execute("SELECT id FROM backtest_request(%s, %s)", [json.dumps(body), key]).fetchone()[0])


def test_what_is_claimed_is_claimed_again_and_services_keep_their_rights(old, command, database):
    admin, role = old
    ids = [request(admin, None)[1] for _ in range(3)]
    with database.connect(user=role) as service:
        service.execute("SELECT backtest_claim('w')")
        service.execute("SELECT backtest_claim('w', '200000 years')")
        service.execute("SELECT backtest_heartbeat(%s, 'w', 0.5)", [ids[0]])
        ok(command, "migrate", "up")
        queued = admin.execute("SELECT status, attempts, progress, lease_until, started_at FROM backtests").fetchall()
        assert queued == [("queued", 0, 0, None, None)] * 3
        for function in ("backtest_finish(%s, 'w', NULL)", "backtest_heartbeat(%s, 'w')", "backtest_fail(%s, 'w', '{}')"):
            with pytest.raises((psycopg.errors.DataError, psycopg.errors.UndefinedFunction)):  # by a readable name no longer
                service.execute(f"SELECT {function}", [ids[0]])
        done = []
        while claimed := service.execute("SELECT id, claim FROM backtest_claim('w')").fetchone():
            assert service.execute("SELECT backtest_finish(%s, %s, '{}')", claimed).fetchone() == ("succeeded",)
            done.append(str(claimed[0]))
        assert sorted(done) == sorted(ids)
        ok(command, "migrate", "down", "--steps", STEPS, "--yes")
        _, again = request(admin, None)
        assert service.execute("SELECT id::text FROM backtest_claim('w')").fetchone() == (again,)
        assert service.execute("SELECT backtest_finish(%s, 'w', NULL)", [again]).fetchone() == ("succeeded",)
    ok(command, "migrate", "up")
    ok(command, "migrate", "verify")


def test_what_is_queued_and_breaks_a_bound_is_in_nobody_s_way(old, command, database):
    """Before everything else in the queue: a capital with too many digits for any update of its row, and names of workers that
    hold a control character."""
    admin, role = old
    strategy, = admin.execute("SELECT id::text FROM strategies").fetchone()
    text = json.dumps({"strategy_id": strategy, **WISH}).replace(": 1000}", f": {'9' * 2500}}}")
    too_long, = admin.execute("SELECT id::text FROM backtest_request(%s, NULL)", [text]).fetchone()
    given_back, running, plain = (request(admin, None)[1] for _ in range(3))
    admin.execute("UPDATE backtests SET worker = E'w\\x07', attempts = 1 WHERE id = %s", [given_back])
    admin.execute("UPDATE backtests SET worker = E'w\\x07', attempts = 1, status = 'running', lease_until = now() + interval '1 h',"
                  " started_at = now() WHERE id = %s", [running])
    ok(command, "migrate", "up")
    assert admin.execute("SELECT status, error->>'code' FROM backtests WHERE id = %s", [too_long]).fetchone() == (
        "failed", "initial_capital_too_long")
    assert admin.execute("SELECT status FROM backtest_cancel(%s)", [given_back]).fetchone() == ("cancelled",)
    with database.connect(user=role) as service:
        claimed = [str(service.execute("SELECT id FROM backtest_claim('w')").fetchone()[0]) for _ in range(2)]
        assert claimed == [running, plain]
        assert service.execute("SELECT id FROM backtest_claim('w')").fetchone() is None
    # Nothing of it read the table while nobody else could.
    checks = "conrelid = 'backtests'::regclass AND contype = 'c' AND conname ~ '_(claimed_by|claim_sha256)_length$'"
    assert admin.execute(f"SELECT convalidated FROM pg_constraint WHERE {checks}").fetchall() == [(False,)] * 2


def test_what_is_too_large_already_fails_its_own_request(old, command, daemon, database):
    admin, _ = old
    sizes = {"SMALL": 1000, "LONG": 5000, "MEGABYTE": 1_200_000, "LARGE": LARGE}
    ids = {symbol: add(admin, symbol, text_of(size)) for symbol, size in sizes.items()}
    ids["ERROR"] = add(admin, "ERROR", error=text_of(LARGE))
    ok(command, "migrate", "up")
    d = daemon(workers=1)
    with database.connect() as db:
        sessions = "SELECT count(*), min(pid) FROM pg_stat_activity WHERE usename = %s AND application_name = 'stratslabd worker'"
        before = db.execute(sessions, [database.role]).fetchone()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [(symbol, pool.submit(d.request, "GET", f"{PATH}/{ids[symbol]}")) for symbol in [*ids] * 3]
            lists = [pool.submit(d.request, "GET", PATH) for _ in range(6)]
        for symbol, answer in answers:
            got = answer.result()
            if symbol in ("LARGE", "ERROR"):
                assert (got.status, got.json()["code"]) == (500, "stored_too_large"), got.text[:500]
            else:
                assert got.status == 200 and len(got.json()["metrics"]["x"]) >= sizes[symbol] - 32
        for answer in lists:
            got = answer.result()
            assert got.status == 200 and len(got.body) < 20_000
            assert {item["symbol"]: item["metrics"] is not None for item in got.json()["items"]} == {
                "SMALL": True, "LONG": False, "MEGABYTE": False, "LARGE": False, "ERROR": False}
            assert all(item["error"] is None for item in got.json()["items"])
        assert db.execute(sessions, [database.role]).fetchone() == before  # nobody's session has ended
    removed = ok(command, "backtests", "prune", "--older-than", "1ms")
    assert removed.stdout.startswith("removed 5 backtests "), removed.stdout


def test_keys_that_were_there_answer_whoever_asks_for_the_same(old, command, daemon):
    """Once: then they are that client's. The answer may have been lost on the way to the client, while the service was being
    upgraded, so that asking again must not make a second backtest."""
    admin, _ = old
    body, first = request(admin, "key-1")
    other_body, other = request(admin, "key-2", symbol="OTHER")
    ok(command, "migrate", "up")
    tokens = [ok(command, "token", "create", name, "--scope", "write").stdout.strip() for name in ("one", "two")]
    d = daemon(auth="token")

    def post(token, wish, key):
        answer = d.request("POST", PATH, wish, {"Authorization": f"Bearer {token}", "Idempotency-Key": key})
        assert answer.status == 202, answer.text
        return answer.json()["id"]

    assert post(tokens[0], body, "key-1") == first
    assert post(tokens[0], body, "key-1") == first
    mine = post(tokens[1], body, "key-1")
    assert mine != first and post(tokens[1], body, "key-1") == mine
    # With another body it is another request, of a client that never sent the first.
    assert post(tokens[1], body, "key-2") != other
    assert post(tokens[0], other_body, "key-2") == other
    assert admin.execute("SELECT count(*) FROM backtests").fetchone() == (4,)


def test_keys_that_were_there_go_on_without_tokens(old, command, daemon):
    admin, _ = old
    body, first = request(admin, "key-1")
    ok(command, "migrate", "up")
    d = daemon(auth="off")
    again = d.request("POST", PATH, body, {"Idempotency-Key": "key-1"})
    assert (again.status, again.json()["id"]) == (202, first)
    assert d.request("POST", PATH, {**body, "symbol": "X"}, {"Idempotency-Key": "key-1"}).json()["code"] == "idempotency_key_reused"
    assert admin.execute("SELECT client::text, key FROM backtest_keys").fetchall() == [(NOBODY, "key-1")]


def test_going_back_keeps_the_newest_of_each_key(old, command):
    admin, _ = old
    ok(command, "migrate", "up")
    body, _ = request(admin, "k")
    newest = str(admin.execute("SELECT id FROM backtest_request(%s, 'k', gen_random_uuid())",
                               [json.dumps({**body, "symbol": "NEW"})]).fetchone()[0])
    ok(command, "migrate", "down", "--steps", STEPS, "--yes")
    assert admin.execute("SELECT key, backtest_id::text FROM backtest_keys").fetchall() == [("k", newest)]
    ok(command, "migrate", "up")


def test_workers_of_the_build_before_ask_on_while_a_reload_goes_on(old, command):
    """Theirs is the function without a client."""
    admin, _ = old
    _, first = request(admin, "k")
    ok(command, "migrate", "up")
    assert request(admin, "k")[1] == first
    assert request(admin, None)[1] != first


def test_results_come_to_a_schema_with_data_in_it(command, database):
    """What is running goes on, what is queued gets its kind, and what has finished says what it was computed with: the
    defaults. Workers of the builds before ask and claim on."""
    ok(command, "migrate", "up", "--to", LANDED)
    role = f"svc_{secrets.token_hex(6)}"
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        try:
            with psycopg.connect(database.url, autocommit=True) as owner:
                owner.execute("SELECT backtest_grant(%s::regrole)", [role])
            admin.execute("INSERT INTO strategies (name, kind, parameters) VALUES ('s', 'rsi', '{\"n\": 14}')")
            finished = add(admin, "DONE", "jsonb_build_object('sharpe', 1)")
            running, queued = (request(admin, None, symbol)[1] for symbol in ("RUNNING", "QUEUED"))
            with database.connect(user=role) as service:
                job, secret = service.execute("SELECT id::text, claim FROM backtest_claim('w')").fetchone()
                assert job == running
                ok(command, "migrate", "up")
                rows = admin.execute("SELECT id::text, kind, execution = backtest_execution_defaults(), engine, data_read FROM backtests ORDER BY id")
                assert rows.fetchall() == [(finished, None, True, None, None), (running, "rsi", True, None, None),
                                           (queued, "rsi", True, None, None)]
                assert service.execute("SELECT backtest_finish(%s, %s, '{}')", [job, secret]).fetchone() == ("succeeded",)
                assert service.execute("SELECT id::text, execution->>'intrabar' FROM backtest_claim('w')").fetchone() == (queued, "pessimistic")
                _, newest = request(admin, None, "NEW")  # by the function that knows of no execution
                assert service.execute("SELECT id::text FROM backtest_claim('w', '1 minute', '{rsi}')").fetchone() == (newest,)
                ok(command, "migrate", "down", "--steps", "2", "--yes")
                again, = service.execute("SELECT id::text FROM backtest_claim('w', '1 minute')").fetchone() or (None,)
                assert again is None
            ok(command, "migrate", "up")
            ok(command, "migrate", "verify")
        finally:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
            admin.execute(f"DROP OWNED BY {role} CASCADE")
            admin.execute(f"DROP ROLE {role}")

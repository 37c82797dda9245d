"""Every error that the OpenAPI document shows, and what the service says: status, code, sentence, errors and Retry-After are the same."""
import contextlib
import os
import re
import signal
import threading
import uuid

import psycopg
import pytest
from raw import Raw
from support import contract
from support.wait import wait_until

STRATEGIES = "/api/v1/strategies"
BACKTESTS = "/api/v1/backtests"
CANDLES = "time,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1.5,7\n2024-01-02T00:00:00Z,1,2,0.5,1.5,7\n"
NOBODY = "stl_" + "0" * 64
JSON = "Content-Type: application/json\r\n"
# Of these the limits are beyond what a test should send; test_places.c, test_state.c and test_conn.c of tests/unit/http compare them with their rows.
BY_UNIT_TESTS = {"503 overloaded", "503 overloaded_2", "503 overloaded_3", "503 overloaded_4"}


# ---- what the document shows ----

def shown():
    """What a client is told, by status and example ("404 not_found"); or by operation too, if the answer is its own."""
    document = contract.of().document
    found = {}
    for one in document["components"]["responses"].values():
        for kind in one["content"].values():
            found |= {f"{example['value']['status']} {name}": example for name, example in kind["examples"].items()}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                for kind in answer.get("content", {}).values():
                    for name, example in kind.get("examples", {}).items():
                        assert example["value"]["status"] == int(status), (path, method)
                        found[f"{operation['operationId']} {status} {name}"] = example
    return found


def is_as_shown(name, answer):
    """The answer (of either client) against the example of this name."""
    example = shown()[name]
    fields = getattr(answer, "fields", None) or {field.lower(): value for field, value in answer.headers.items()}
    said = answer.json()
    if "malformed_json" in name or "candles_" in name and "errors" in said:
        assert said.pop("errors")  # a place in this body, of which the example has none
    assert said.pop("request_id") and {**said, "request_id": example["value"]["request_id"]} == example["value"], name
    retry = fields.get("retry-after")
    wanted = example.get("summary") if said["status"] == 503 else None
    assert wanted == (None if said["status"] != 503 else f"Retry-After: {retry}" if retry else "without Retry-After"), name
    assert answer.status == said["status"], name


def ask(path, method="GET", fields="", host="localhost", content=""):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{content}"


def tell(port, request):
    with Raw(port) as c:
        return c.send(request).answer()


# ---- requests that are refused for what they are ----

REFUSED = {
    "400 malformed_json": ask(STRATEGIES, "POST", JSON + "Content-Length: 1\r\n", content="{"),
    "400 bad_request": ask("/%ff"),
    "404 not_found": ask(f"{STRATEGIES}/{uuid.UUID(int=1)}"),
    "406 not_acceptable": ask(STRATEGIES, fields="Accept: text/html\r\n"),
    "412 stale": None,  # needs a strategy
    "413 content_too_large": ask(STRATEGIES, "POST", JSON + "Content-Length: 1048577\r\n"),
    "413 content_too_large_2": ask("/", fields="Content-Length: 1\r\n", content="x"),
    "414 uri_too_long": ask("/" + "x" * 20000),
    "415 unsupported_media_type": ask(STRATEGIES, "POST", "Content-Type: text/xml\r\nContent-Length: 1\r\n", content="x"),
    "415 unsupported_media_type_2": ask(STRATEGIES, "POST", JSON + "Content-Encoding: gzip\r\nContent-Length: 1\r\n", content="x"),
    "417 expectation_failed": ask("/", fields="Expect: wonders\r\n"),
    "431 header_fields_too_large": ask("/", fields="A: b\r\n" * 500),
    "431 header_fields_too_large_2": ask("/", fields=f"A: {'b' * 40000}\r\n"),
    "501 not_implemented": ask("/", fields="Transfer-Encoding: gzip, chunked\r\n"),
    "505 http_version_not_supported": ask("/").replace("HTTP/1.1", "HTTP/3.0"),
    "505 http_version_not_supported_2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def test_requests_are_refused_in_the_words_of_the_document(daemon):
    d = daemon(workers=1)
    one = d.request("POST", STRATEGIES, {"name": "x", "kind": "k"}).json()
    for name, request in REFUSED.items():
        if request is not None:
            is_as_shown(name, tell(d.port, request))
    is_as_shown("412 stale", d.request("DELETE", f"{STRATEGIES}/{one['id']}", headers={"If-Match": '"9"'}))


LATE = {"408 request_timeout": "GET / HTTP/1.1\r\n",
        "408 request_timeout_2": ask(STRATEGIES, "POST", JSON + "Content-Length: 9\r\n", content="{")}


def test_so_are_slow_ones(daemon):
    d = daemon(workers=1, http_header_timeout="300ms", http_body_timeout="300ms")
    for name, request in LATE.items():
        is_as_shown(name, tell(d.port, request))


def test_and_those_that_have_not_come_whole_at_a_stop(daemon):
    d = daemon(workers=1, stop_timeout="300ms")
    with Raw(d.port) as c:
        c.send(LATE["408 request_timeout_2"])
        wait_until(lambda: d.status()["workers"][0]["in_flight"] == 1, 10, "the head to be read")
        d.signal(signal.SIGTERM)
        is_as_shown("503 stopping", c.answer())


def test_and_those_for_another_host(daemon):
    d = daemon(workers=1, allowed_hosts="api.example")
    is_as_shown("421 misdirected_request", tell(d.port, ask("/", host="example.net")))


def test_and_those_of_pages_from_elsewhere(daemon):
    d = daemon(workers=1)
    is_as_shown("403 cross_site_request", tell(d.port, ask(STRATEGIES, "POST", "Origin: https://evil.example\r\n")))


GUARDED = {"401 unauthorized", "401 invalid_token", "401 invalid_token_2", "403 insufficient_scope"}


def test_and_those_without_the_right_token(daemon, command, database):
    assert command("migrate", "up").returncode == 0
    reader, expired = (command("token", "create", name).stdout.strip() for name in ("reader", "expired"))
    with database.connect() as db:
        db.execute("UPDATE access_tokens SET created_at = now() - interval '2 h', expires_at = now() - interval '1 h' WHERE name = 'expired'")
    d = daemon(workers=1, auth="token")

    def request(token, method="GET"):
        return d.request(method, STRATEGIES, headers={"Authorization": f"Bearer {token}"} if token else {})

    is_as_shown("401 unauthorized", request(None))
    is_as_shown("401 invalid_token", request(expired))
    is_as_shown("401 invalid_token_2", request(NOBODY))
    is_as_shown("403 insufficient_scope", request(reader, "POST"))


# ---- what the database's state refuses ----

TELLER = """
    CREATE TABLE told (code text, name text);
    CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE t told;
    BEGIN
        SELECT * INTO t FROM told;
        IF FOUND THEN RAISE EXCEPTION 'told' USING ERRCODE = t.code, CONSTRAINT = coalesce(t.name, ''); END IF;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END $$;
    GRANT SELECT ON told TO public;
    CREATE TRIGGER a_told BEFORE INSERT OR UPDATE OR DELETE ON strategies FOR EACH ROW EXECUTE FUNCTION told();
    CREATE TRIGGER a_told BEFORE INSERT OR UPDATE ON backtests FOR EACH ROW EXECUTE FUNCTION told();
    CREATE TRIGGER a_told BEFORE INSERT OR UPDATE OR DELETE ON series FOR EACH ROW EXECUTE FUNCTION told();
"""
# By SQLSTATE: what a statement comes to, at any operation that changes something.
OUTCOMES = {"500 internal_error": "XX000", "503 database_unavailable_2": "08006", "503 timeout": "57014", "503 database_busy": "55P03",
            "503 database_resources": "53100", "503 database_read_only": "25006"}
CONFLICTS = {"409 conflict": "23505", "409 conflict_2": "23503", "409 conflict_3": "40001"}
WRITES = {
    "createStrategy": ("POST", STRATEGIES, {"name": "new", "kind": "k"}),
    "replaceStrategy": ("PUT", STRATEGIES + "/{strategy}", {"name": "old", "kind": "l"}),
    "patchStrategy": ("PATCH", STRATEGIES + "/{strategy}", {"kind": "m"}),
    "deleteStrategy": ("DELETE", STRATEGIES + "/{strategy}", None),
    "createBacktest": ("POST", BACKTESTS, {"symbol": "X", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                                           "end": "2025-01-01T00:00:00Z", "initial_capital": 1}),
    "cancelBacktest": ("POST", BACKTESTS + "/{backtest}/cancel", None),
    "importCandles": ("POST", "/api/v1/candles/NEW/1d", CANDLES),
    "deleteSeries": ("DELETE", "/api/v1/series/OLD/1d", None),
}


def requests():
    """A request of each operation of the API: a change's is in WRITES, a read's is made from the document."""
    found = {**WRITES, "checkRules": ("POST", "/api/v1/rules/check", {"kind": "k"})}
    for path, item in contract.of().document["paths"].items():
        if path.startswith("/api/") and "422" in item.get("get", {}).get("responses", {}):
            known = "{strategy}" if path.startswith(STRATEGIES) else "{backtest}"
            values = {"id": known, "timeframe": "1d"}
            target = re.sub(r"\{(\w+)\}", lambda part, values=values: values.get(part[1], "1"), path)
            found[item["get"]["operationId"]] = ("GET", target, None)
    return found


def own():
    return {f"{operation} {name}" for operation in WRITES for name in CONFLICTS} | {f"{operation} 422 invalid" for operation in requests()}


def constraints():
    """What a constraint refuses, by the example's name: the constraint's is its last word."""
    return {name for name in shown() if name.split()[0] in WRITES and name not in own() | FILES}


FILES = {"importCandles 409 candles_conflict", "importCandles 409 candles_adjusted", "importCandles 409 candles_damaged",
         "importCandles 422 candles_invalid"}


@pytest.fixture
def told(daemon, database):
    """told(operation, query, code, constraint): asks while the database refuses with this SQLSTATE and in this constraint's name."""
    d = daemon(workers=1)
    strategy = d.request("POST", STRATEGIES, {"name": "old", "kind": "k"}).json()["id"]
    wish = {**WRITES["createBacktest"][2], "strategy_id": strategy}
    backtest = d.request("POST", BACKTESTS, wish).json()["id"]
    assert d.request("POST", "/api/v1/candles/OLD/1d", CANDLES, {"Content-Type": "text/csv"}).status == 200
    with database.connect() as db:
        db.execute(TELLER)

        def run(operation, query="", code=None, constraint=None):
            method, path, body = requests()[operation]
            if code is not None:
                db.execute("INSERT INTO told VALUES (%s, %s)", [code, constraint])
            target = path.format(strategy=strategy, backtest=backtest) + query
            try:
                fields = {"Content-Type": "text/csv"} if body == CANDLES else None
                return d.request(method, target, wish if operation == "createBacktest" else body, fields)
            finally:
                db.execute("DELETE FROM told")

        run.db = db
        yield run


def test_what_a_statement_comes_to_is_told_in_the_words_of_the_document(told):
    for name, code in OUTCOMES.items():
        wait_until(lambda: told("listStrategies").status == 200, 10, "the database to be there")
        is_as_shown(name, told("createStrategy", code=code))
    wait_until(lambda: told("listStrategies").status == 200, 10, "the database to be there")
    for operation in WRITES:
        for name, code in CONFLICTS.items():
            is_as_shown(f"{operation} {name}", told(operation, code=code))
    for operation in requests():
        is_as_shown(f"{operation} 422 invalid", told(operation, "?colour=red"))


KNOWN = """SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = %(name)s) OR EXISTS (SELECT FROM pg_class WHERE relname = %(name)s)
                  OR EXISTS (SELECT FROM pg_proc WHERE position(quote_literal(%(name)s) IN prosrc) > 0)"""


def test_so_is_what_violates_a_constraint(told):
    assert len(constraints()) > 5
    for name in constraints():
        operation, _, constraint = name.split()
        assert told.db.execute(KNOWN, {"name": constraint}).fetchone()[0], f"the schema has no {constraint}"
        is_as_shown(name, told(operation, code="23514", constraint=constraint))


def test_so_are_files_of_candles(daemon, database):
    d = daemon(workers=1)

    def send(body, query=""):
        return d.request("POST", f"/api/v1/candles/X/1d{query}", body, {"Content-Type": "text/csv"})

    assert send(CANDLES).status == 200
    is_as_shown("importCandles 409 candles_conflict", send(CANDLES.replace("1.5", "1.25")))
    adjusted = "Date,Open,High,Low,Close,Adj Close\n2024-01-03,1,1,1,1,1\n"
    is_as_shown("importCandles 409 candles_adjusted", send(adjusted, "?adjusted=true"))
    is_as_shown("importCandles 422 candles_invalid", send("hello"))
    with database.connect() as db:
        db.execute("UPDATE candle_chunks SET packed = 'x', sha256 = sha256('x')")
    is_as_shown("importCandles 409 candles_damaged", send(CANDLES))


RESULTS = {f"{operation} 409 {code}" for operation in ("listTrades", "getEquity")
           for code in ("backtest_not_finished", "backtest_without_results")}


def test_so_are_results_that_are_not_there(daemon):
    d = daemon(workers=1)
    strategy = d.request("POST", STRATEGIES, {"name": "x", "kind": "k"}).json()["id"]
    backtest = d.request("POST", BACKTESTS, {**WRITES["createBacktest"][2], "strategy_id": strategy}).json()["id"]
    for code in ("backtest_not_finished", "backtest_without_results"):
        for operation, name in (("listTrades", "trades"), ("getEquity", "equity")):
            is_as_shown(f"{operation} 409 {code}", d.request("GET", f"{BACKTESTS}/{backtest}/{name}"))
        d.request("POST", f"{BACKTESTS}/{backtest}/cancel")


AWAY = {"503 database_unavailable", "503 outcome_unknown", "503 overloaded_5"}


def test_so_is_a_database_that_was_never_there(start_daemon):
    d = start_daemon(wait=False, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere", auth="token", migrate_on_start="off", workers=1)

    def answer():
        with contextlib.suppress(OSError):
            return d.request("GET", STRATEGIES, headers={"Authorization": f"Bearer {NOBODY}"})

    is_as_shown("503 database_unavailable", wait_until(answer, 20, "a worker that accepts"))


@contextlib.contextmanager
def locked(database):
    """Whoever asks for strategies waits. Gives a function: the processes that do."""
    with database.connect() as look, database.connect() as db:
        db.execute("BEGIN")
        db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
        yield lambda: [pid for pid, in look.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")]
        with contextlib.suppress(psycopg.OperationalError):
            db.execute("ROLLBACK")


def test_so_is_a_change_whose_end_nobody_saw(start_daemon, own_database):
    d = start_daemon(DATABASE_URL=own_database.url, workers=1, database_lock_timeout="60s", database_statement_timeout="60s")
    answers = []
    with locked(own_database) as waiting:
        asker = threading.Thread(target=lambda: answers.append(d.request("POST", STRATEGIES, {"name": "x", "kind": "k"}, timeout=30)))
        asker.start()
        (pid,) = wait_until(waiting, 10, "it to wait for the lock")
        os.kill(pid, signal.SIGKILL)
        asker.join()
    is_as_shown("503 outcome_unknown", answers[0])


def test_so_is_a_queue_that_is_full(daemon, database):
    d = daemon(workers=1, database_queue="10", database_lock_timeout="60s", database_statement_timeout="60s")
    with locked(database) as waiting, contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(Raw(d.port)).send(ask(STRATEGIES))
        wait_until(waiting, 10, "a query to wait")

        def refused():
            with Raw(d.port) as c:
                c.send(ask(STRATEGIES, "POST", JSON + "Content-Length: 23\r\n", content='{"name":"n","kind":"k"}'))
                c.socket.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    return c.answer()

        is_as_shown("503 overloaded_5", wait_until(refused, 10, "a refusal"))


def test_nothing_else_is_shown():
    tested = set(REFUSED) | set(LATE) | GUARDED | set(OUTCOMES) | own() | constraints() | FILES | RESULTS | AWAY | BY_UNIT_TESTS | {"403 cross_site_request", "421 misdirected_request",
                                                                                               "429 too_many_requests", "503 stopping"}
    assert set(shown()) == tested

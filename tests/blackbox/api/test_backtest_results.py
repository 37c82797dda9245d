"""What a backtest came to: execution, where the result is from, trades and equity. The test plays the service."""
import csv
import io
import json
import math
import random
import secrets
import time
from decimal import Decimal
from fractions import Fraction

import psycopg
import pytest
from psycopg.types.json import Json
from support import curve
from support import daemon as daemons

STRATEGIES = "/api/v1/strategies"
PATH = "/api/v1/backtests"
NOBODY = "019360a0-7c5e-7000-8000-000000000000"
CSV = {"Accept": "text/csv"}
DATA, RESULT = "0d" * 32, "5e" * 32
HEADER = "n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,bars"
MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01


def stamp(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + (f".{rest:03}" if rest else "") + "Z"


def trade(n, **more):
    return {"n": n, "side": "long", "quantity": "1.5", "entry_time": "2024-01-01T00:00:00Z", "entry_price": "42000.50",
            "entry_reason": "signal", "exit_time": "2024-01-02T00:00:00.250Z", "exit_price": "43000.00", "exit_reason": "stop",
            "pnl": "1499.25", "fees": "0.0001", "bars": 1440, **more}


def open_trade(n):
    return trade(n, side="short", exit_time=None, exit_price=None, exit_reason=None, pnl="-3")


@pytest.fixture
def d(daemon):
    return daemon()


@pytest.fixture
def service(d, database):
    """A connection of a role that has what a service gets."""
    role = f"svc_{secrets.token_hex(6)}"
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        with psycopg.connect(database.url, autocommit=True) as owner:
            owner.execute("SELECT backtest_grant(%s::regrole)", [role])
        with database.connect(user=role) as db:
            yield db
        admin.execute(f"DROP OWNED BY {role} CASCADE")
        admin.execute(f"DROP ROLE {role}")


def wish(d, **more):
    name = secrets.token_hex(6)
    made = d.request("POST", STRATEGIES, {"name": name, "kind": "sma_crossover"})
    assert made.status == 201, made.text
    return {"strategy_id": made.json()["id"], "symbol": "BTCUSD", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
            "end": "2025-01-01T00:00:00Z", "initial_capital": 1000, **more}


def queued(d, **more):
    answer = d.request("POST", PATH, wish(d, **more))
    assert answer.status == 202, answer.text
    return answer.json()


def succeeded(d, service, trades=(), points=(), read=()):
    """A backtest that has come to this; the oldest of the queue."""
    item = queued(d)
    job, claim = service.execute("SELECT id, claim FROM backtest_claim('w')").fetchone()
    assert str(job) == item["id"]
    result = {"metrics": {"trades": len(trades)}, "engine": "1", "data": DATA, "read": list(read), "result_hash": RESULT,
              "trades": list(trades), "equity": curve.pieces(list(points)) if points else []}
    assert service.execute("SELECT backtest_result_put(%s, %s, %s)", [job, claim, Json(result)]).fetchone() == ("succeeded",)
    return item


def get(d, item, what="", **headers):
    answer = d.request("GET", f"{PATH}/{item['id']}{what}", headers=headers)
    assert answer.status == 200, answer.text
    return answer


# ---- execution ----

def defaults(backtestd):
    all_of_them = json.loads(daemons.run(backtestd, "execution", "--json").stdout)
    del all_of_them["capital"]
    return all_of_them


def test_the_database_has_the_defaults_of_the_engine(d, database, backtestd):
    with database.connect() as db:
        assert db.execute("SELECT backtest_execution_defaults()").fetchone()[0] == defaults(backtestd)


def leaves(properties, *place):
    """Every setting of the document: its place, and its schema."""
    for name, one in properties.items():
        yield from leaves(one["properties"], *place, name) if "properties" in one else [((*place, name), one)]


def test_the_document_says_what_an_execution_may_be(d):
    schemas = d.request("GET", "/openapi.json").json()["components"]["schemas"]
    execution = schemas["BacktestInput"]["properties"]["execution"]
    plain = wish(d)

    def ask(place, value):
        for name in reversed(place):
            value = {name: value}
        return d.request("POST", PATH, {**plain, "execution": value})

    assert execution["additionalProperties"] is False and execution["properties"]["fee"]["additionalProperties"] is False
    for place, one in leaves(execution["properties"]):
        assert one["description"] and ask(place, one["default"]).status == 202, place
        fit, odd = {"boolean": ([True, False], [1, "true"]), "string": (one.get("enum"), ["x", 1, None])}.get(one["type"]) or (
            [one["minimum"], one["maximum"]], [one["minimum"] - 0.5, one["maximum"] * 2, "1", True])
        for value in fit:
            answer = ask(place, value)
            assert answer.status == 202, (place, value, answer.text)
            kept = answer.json()["execution"]
            for name in place:
                kept = kept[name]
            assert kept == value, (place, value)
        for value in odd:
            answer = ask(place, value)
            assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "/execution/" + "/".join(place), (place, value, answer.text)
    shown = {place for place, _ in leaves(schemas["Backtest"]["properties"]["execution"]["properties"])}
    assert shown == {place for place, _ in leaves(execution["properties"])}
    assert shown == {place for place, _ in leaves_of(queued(d)["execution"])}


def leaves_of(value, *place):
    for name, one in value.items():
        yield from leaves_of(one, *place, name) if isinstance(one, dict) else [((*place, name), one)]


def test_the_execution_is_kept_with_its_defaults(d, service, backtestd):
    assert queued(d)["execution"] == defaults(backtestd)
    given = {"fee": {"percent": 0.1, "minimum": 1}, "slippage": {"ticks": 2}, "short": False, "intrabar": "detail", "leverage": 3}
    item = queued(d, execution=given)
    expected = defaults(backtestd)
    expected["fee"].update(percent=0.1, minimum=1)
    expected["slippage"]["ticks"] = 2
    expected.update(short=False, intrabar="detail", leverage=3)
    assert item["execution"] == expected
    assert get(d, item).json() == item
    assert d.request("GET", PATH).json()["items"][0] == item
    service.execute("SELECT backtest_claim('w')")  # the first one
    assert service.execute("SELECT execution FROM backtest_claim('w')").fetchone()[0] == expected


@pytest.mark.parametrize("execution, faults", [
    ({"fee": {"perecnt": 1}}, [("/fee/perecnt", "did you mean fee.percent?")]),
    ({"fee": {"percent": 99}, "leverage": 0}, [("/fee/percent", "from -1 to 50"), ("/leverage", "from 1 to 1000")]),
    ({"intrabar": "optimistic"}, [("/intrabar", "pessimistic, tradingview or detail")]),
    ({"short": 1}, [("/short", "true or false")]),
    ({"short": "true", "fee": {"fixed": "1"}}, [("/fee/fixed", "is a string"), ("/short", "is a string")]),
    ({"fee.percent": 1}, [("/fee.percent", "the member percent of the object fee")]),
    ({"capital": 500}, [("/capital", "initial_capital")]),
    ({"fee": 1}, [("/fee", "must be an object")]),
    ({"a/b": 1}, [("/a~1b", "is not a setting")]),
    ({"slippage": {"percent": 1, "ticks": 1}}, [("/slippage", "only one of them")]),
    ({"leverage": 10, "maintenance_margin": 0.5}, [("/maintenance_margin", "must be below 0.1")]),
    ([], [("", "must be an object")]),
    (None, [("", "must be an object")]),
], ids=lambda value: json.dumps(value) if isinstance(value, (dict, list)) and not isinstance(value, tuple) else "")
def test_what_is_wrong_in_the_execution_is_named(d, execution, faults):
    answer = d.request("POST", PATH, wish(d, execution=execution))
    assert answer.status == 422, answer.text
    found = answer.json()["errors"]
    assert [item["pointer"] for item in found] == ["/execution" + pointer for pointer, _ in faults]
    assert all(word in item["detail"] for item, (_, word) in zip(found, faults, strict=True)), found
    assert "execution.execution" not in answer.text


def test_a_key_compares_what_was_asked_for(d):
    body = wish(d)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    first = d.request("POST", PATH, json.dumps({**body, "execution": {"spread": 1}}), headers)
    assert first.status == 202, first.text
    again = d.request("POST", PATH, json.dumps({"execution": {"spread": 1.0}, **body}), headers)
    assert (again.status, again.body) == (202, first.body)
    other = d.request("POST", PATH, json.dumps({**body, "execution": {"spread": 2}}), headers)
    assert (other.status, other.json()["code"]) == (422, "idempotency_key_reused")
    # The same thing said in other words is another request: the key compares words, not what they come to.
    assert d.request("POST", PATH, json.dumps({**body, "execution": {"spread": 1, "lot": 0}}), headers).status == 422


# ---- where it is from ----

CHUNK = {"address": 0, "bars": 1, "low_min": 1, "high_max": 1, "volume": 1, "packed": "AA=="}


def put_candles(db, first_ms, last_ms, known):
    change = {"timeframe_ms": 86_400_000, "adjusted": False, "price_digits": 2, "lot_digits": 0, "first_ms": first_ms, "last_ms": last_ms,
              "chunks": [{**CHUNK, "first_ms": first_ms, "last_ms": last_ms}]}
    return db.execute("SELECT candles_put('BTCUSD', '1d', %s, %s)", [known, Json(change)]).fetchone()[0]


def test_it_says_what_it_was_computed_from_and_whether_that_has_changed(d, service, database):
    with database.connect() as db:
        revision = put_candles(db, 1000, 5000, 0)
        series, = db.execute("SELECT id FROM series").fetchone()
        item = queued(d)
        nothing = {"engine": None, "data": None, "result_hash": None, "stale": None}
        assert {key: item[key] for key in nothing} == nothing
        db.execute("SELECT backtest_cancel(%s)", [item["id"]])
        read = [{"series": series, "revision": revision, "first_ms": 2000, "end_ms": 5000}]
        item = succeeded(d, service, read=read)
        there = {"engine": "1", "data": DATA, "result_hash": RESULT, "stale": False}
        assert {key: get(d, item).json()[key] for key in there} == there
        put_candles(db, 5000, 9000, 1)  # behind what it read
        assert get(d, item).json()["stale"] is False
        put_candles(db, 4000, 9000, 2)
        assert get(d, item).json()["stale"] is True
        assert d.request("GET", PATH).json()["items"][0]["stale"] is True
        assert d.request("DELETE", f"{STRATEGIES}/{item['strategy_id']}").json()["status"] == "archived"
        gone = succeeded(d, service, read=[{**read[0], "revision": 3}])
        assert get(d, gone).json()["stale"] is False
        db.execute("DELETE FROM series")
        assert get(d, gone).json()["stale"] is True


def test_a_service_that_stores_metrics_alone_has_no_more(d, service):
    item = queued(d)
    job, claim = service.execute("SELECT id, claim FROM backtest_claim('w')").fetchone()
    service.execute("SELECT backtest_finish(%s, %s, '{\"sharpe\": 1}')", [job, claim])
    seen = get(d, item).json()
    assert (seen["status"], seen["engine"], seen["data"], seen["result_hash"], seen["stale"]) == ("succeeded", None, None, None, None)
    assert get(d, item, "/trades").json() == {"items": [], "next": None}
    assert get(d, item, "/equity").json() == {"points": 0, "thinned": False, "items": []}
    assert get(d, item, "/trades", **CSV).text == HEADER + "\n"
    assert get(d, item, "/equity", **CSV).text == "time,equity\n"


# ---- before there are results ----

@pytest.mark.parametrize("what", ["/trades", "/equity"])
def test_without_success_there_are_no_results(d, service, database, what):
    def code(item):
        answer = d.request("GET", f"{PATH}/{item['id']}{what}")
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.status, answer.json()["code"]

    assert code({"id": NOBODY}) == (404, "not_found")
    assert d.request("GET", f"{PATH}/17{what}").status == 422
    item = queued(d)
    assert code(item) == (409, "backtest_not_finished")
    job, claim = service.execute("SELECT id, claim FROM backtest_claim('w')").fetchone()
    assert code(item) == (409, "backtest_not_finished")
    service.execute("SELECT backtest_fail(%s, %s, '{\"title\":\"No data\"}', false)", [job, claim])
    assert code(item) == (409, "backtest_without_results")
    other = queued(d)
    assert d.request("POST", f"{PATH}/{other['id']}/cancel").status == 200
    assert code(other) == (409, "backtest_without_results")


# ---- trades ----

def test_trades_as_json_and_csv(d, service):
    item = succeeded(d, service, trades=[trade(1, pnl="0.10000000000000000001"), open_trade(2)])
    answer = get(d, item, "/trades")
    assert answer.headers["Content-Type"] == "application/json"
    first, second = answer.json()["items"]
    assert first == {"n": 1, "side": "long", "quantity": 1.5, "entry_time": "2024-01-01T00:00:00Z", "entry_price": 42000.5,
                     "entry_reason": "signal", "exit_time": "2024-01-02T00:00:00.250Z", "exit_price": 43000, "exit_reason": "stop",
                     "pnl": 0.1, "fees": 0.0001, "bars": 1440}
    assert (second["exit_time"], second["exit_price"], second["exit_reason"], second["pnl"]) == (None, None, None, -3)
    # Numbers keep their digits.
    assert '"entry_price":42000.50,' in answer.text and '"pnl":0.10000000000000000001,' in answer.text
    table = get(d, item, "/trades", **CSV)
    assert table.headers["Content-Type"] == "text/csv"
    assert table.text == (f"{HEADER}\n"
                          "1,long,1.5,2024-01-01T00:00:00Z,42000.50,signal,2024-01-02T00:00:00.250Z,43000.00,stop,0.10000000000000000001,0.0001,1440\n"
                          "2,short,1.5,2024-01-01T00:00:00Z,42000.50,signal,,,,-3,0.0001,1440\n")
    assert d.request("GET", f"{PATH}/{item['id']}/trades", headers={"Accept": "text/html"}).status == 406


def test_trades_come_page_by_page(d, service):
    item = succeeded(d, service, trades=[trade(n) for n in range(1, 252)])
    succeeded(d, service, trades=[trade(n) for n in range(1, 10)])  # somebody else's
    assert [t["n"] for t in get(d, item, "/trades").json()["items"]] == list(range(1, 101))
    for accept, read in (("application/json", lambda text: [t["n"] for t in json.loads(text)["items"]]),
                         ("text/csv", lambda text: [int(row["n"]) for row in csv.DictReader(io.StringIO(text))])):
        seen, target = [], f"{PATH}/{item['id']}/trades?limit=60"
        while target:
            answer = d.request("GET", target, headers={"Accept": accept})
            assert answer.status == 200, answer.text
            page = read(answer.text)
            assert len(page) == 60 or len(seen) == 240
            seen += page
            link = answer.headers["Link"]
            target = link[1:link.index(">")] if link else None
        assert seen == list(range(1, 252))
    whole = get(d, item, "/trades?limit=251").json()
    assert len(whole["items"]) == 251 and whole["next"] is None
    assert get(d, item, "/trades?limit=250").json()["next"] == "250"
    assert get(d, item, "/trades?after=251").json() == {"items": [], "next": None}
    for query in ("limit=0", "limit=1001", "after=0", "after=x", "after=2147483648", "page=2"):
        assert d.request("GET", f"{PATH}/{item['id']}/trades?{query}").status == 422, query


REASONS = ["end", "liquidation", "reverse", "signal", "stop", "take", "trail"]
KEYS = {
    "n": lambda t: t["n"], "side": lambda t: t["side"], "quantity": lambda t: Decimal(t["quantity"]),
    "entry_price": lambda t: Decimal(t["entry_price"]), "exit_time": lambda t: t["exit_time"],
    "exit_price": lambda t: t["exit_price"] and Decimal(t["exit_price"]),
    "exit_reason": lambda t: t["exit_reason"] if t["exit_reason"] in REASONS else None, "pnl": lambda t: Decimal(t["pnl"]),
    "return": lambda t: Fraction(t["pnl"]) / (Fraction(t["quantity"]) * Fraction(t["entry_price"])) if float(t["quantity"]) else None,
    "fees": lambda t: Decimal(t["fees"]), "bars": lambda t: t["bars"],
}


def some_trades(count):
    """With many that are alike, some whose reason nobody knows, one of no quantity, and an open one at the end."""
    r = random.Random(count)
    made = []
    for n in range(1, count):
        opened = START + MINUTE * 10 * n
        made.append(trade(n, side=r.choice(["long", "short"]), quantity=r.choice(["1", "2.50", "0.000001"]), entry_price=r.choice(["100", "99.5", "1e3"]),
                          entry_time=stamp(opened), exit_time=stamp(opened + MINUTE * r.choice([0, 5, 10, 3000])), exit_price=r.choice(["98", "101.25"]),
                          exit_reason=r.choice([*REASONS, "sunset"]), pnl=r.choice(["0", "-1", "-1.0", "3.5", "3.49"]),
                          fees=r.choice(["0", "0.1", "0.10"]), bars=r.randrange(5)))
    made[7]["quantity"] = "0"
    return [*made, trade(count, entry_time=stamp(START + MINUTE * 10 * count), exit_time=None, exit_price=None, exit_reason=None)]


def paged(d, target):
    seen = []
    while target:
        answer = d.request("GET", target)
        assert answer.status == 200, answer.text
        body = answer.json()
        seen += body["items"]
        link = answer.headers["Link"]
        target = link[1:link.index(">")] if link else None
        assert (body["next"] is None) == (target is None)
    return seen


def test_trades_are_sorted_page_by_page(d, service):
    trades = some_trades(150)
    item = succeeded(d, service, trades=trades)
    succeeded(d, service, trades=some_trades(20))  # somebody else's
    path = f"{PATH}/{item['id']}/trades"
    document = d.request("GET", "/openapi.json").json()
    known = next(p for p in document["paths"][f"{PATH}/{{id}}/trades"]["get"]["parameters"] if p["name"] == "sort")["schema"]["enum"]
    assert set(known) == {sign + name for name in KEYS for sign in ("", "-")}
    for name, key in KEYS.items():
        there = sorted((t for t in trades if key(t) is not None), key=lambda t, key=key: (key(t), t["n"]))
        rest = [t for t in trades if key(t) is None]
        down = sorted(sorted(there, key=lambda t: t["n"]), key=key, reverse=True)  # which is stable: of equal ones the lower n stays first
        for sort, expected in ((name, there + rest), ("-" + name, down + rest)):
            seen = paged(d, f"{path}?limit=31&sort={sort}")
            assert [t["n"] for t in seen] == [t["n"] for t in expected], sort
    assert [t["n"] for t in get(d, item, "/trades?sort=-n&after=3").json()["items"]] == [2, 1]
    assert get(d, item, "/trades?sort=pnl&after=999").json()["items"] == []
    for query in ("sort=x", "sort=--n", "sort=", "sort=entry_time"):
        assert d.request("GET", f"{path}?{query}").status == 422, query


@pytest.mark.parametrize("sort", ["n", "-return"])
def test_trades_of_a_span(d, service, sort):
    trades = some_trades(200)
    item = succeeded(d, service, trades=trades)
    times = [t[name] for t in trades for name in ("entry_time", "exit_time") if t[name]]
    r = random.Random(7)
    for _ in range(30):
        start, end = r.choice([None, *times]), r.choice([None, *times])
        span = "".join(f"&{name}={at}" for name, at in (("start", start), ("end", end)) if at)
        expected = {t["n"] for t in trades if (not start or not t["exit_time"] or t["exit_time"] >= start) and (not end or t["entry_time"] < end)}
        seen = [t["n"] for t in paged(d, f"{PATH}/{item['id']}/trades?limit=60&sort={sort}{span}")]
        assert set(seen) == expected and len(seen) == len(expected), span


def test_what_a_service_says_does_not_break_csv(d, service):
    item = succeeded(d, service, trades=[trade(1, entry_reason='a "b",\r\n', exit_reason="é\t\u0085")])
    row, = csv.DictReader(io.StringIO(get(d, item, "/trades", **CSV).text, newline=""))
    assert (row["entry_reason"], row["exit_reason"], row["bars"]) == ('a "b",\r\n', "é\t\u0085", "1440")
    assert get(d, item, "/trades").json()["items"][0]["entry_reason"] == 'a "b",\r\n'


@pytest.mark.parametrize("wrong", [{"pnl": "NaN"}, {"quantity": "Infinity"}, {"fees": "1e100"}, {"entry_price": "1e-500"},
                                   {"entry_reason": "x" * 33}, {"exit_reason": ""}], ids=lambda w: next(iter(w)))
def test_a_page_of_trades_has_a_bound(d, service, wrong):
    with pytest.raises(psycopg.errors.CheckViolation):
        succeeded(d, service, trades=[trade(1, **wrong)])


# ---- equity ----

def walk(count, seed=1):
    r = random.Random(seed)
    points, at, time_ms = [], 10_000.0, START
    for _ in range(count):
        points.append((time_ms, at))
        time_ms += MINUTE * (1 if r.random() < 0.999 else r.randrange(2, 5000))
        if r.random() < 0.7:
            at *= 1 + (r.random() - 0.5) / 500
    return points


def equity(d, item, points):
    body = get(d, item, f"/equity?points={points}").json()
    return body["points"], [(i["time"], i["equity"]) for i in body["items"]]


@pytest.mark.parametrize("count", [1, 2, 2048, 2049, 10_000])
def test_all_points_if_there_are_no_more_than_asked_for(d, service, count):
    points = walk(count)
    item = succeeded(d, service, points=points)
    expected = [(stamp(at), value) for at, value in points]
    assert equity(d, item, 10_000) == (count, expected)
    rows = list(csv.reader(io.StringIO(get(d, item, "/equity?points=10000", **CSV).text)))
    assert rows[0] == ["time", "equity"]
    assert [(at, float(value)) for at, value in rows[1:]] == expected


@pytest.mark.parametrize("count, levels", [(3000, 1), (30_000, 2), (300_000, 3)])
def test_a_thinned_curve_keeps_its_extremes_its_ends_and_its_order(d, service, database, count, levels):
    points = walk(count, seed=count)
    r = random.Random(count)
    low, high = r.sample(range(1, count - 1), 2)
    points[low], points[high] = (points[low][0], 1.25), (points[high][0], 1e9)
    item = succeeded(d, service, points=points)
    with database.connect() as db:
        assert db.execute("SELECT count(DISTINCT level) FROM backtest_equity").fetchone() == (levels,)
    there = {(stamp(at), value) for at, value in points}
    for asked in (4, 5, 100, 1000, 2047, 2500, 9999):
        total, seen = equity(d, item, asked)
        assert total == count
        assert min(asked, count) / 3 <= len(seen) <= asked
        assert there.issuperset(seen)
        assert seen == sorted(seen)
        assert (seen[0], seen[-1]) == ((stamp(points[0][0]), points[0][1]), (stamp(points[-1][0]), points[-1][1]))
        assert min(value for _, value in seen) == 1.25 and max(value for _, value in seen) == 1e9
    assert equity(d, item, 2)[1] == [(stamp(points[0][0]), points[0][1]), (stamp(points[-1][0]), points[-1][1])]
    assert len(get(d, item, "/equity").json()["items"]) <= 1000
    for query in ("points=1", "points=10001", "points=x", "limit=3"):
        assert d.request("GET", f"{PATH}/{item['id']}/equity?{query}").status == 422, query


@pytest.mark.parametrize("count", [1, 5000, 40_000, 300_000])
def test_a_span_of_the_curve_is_as_exact_as_the_whole(d, service, count):
    points = walk(count, seed=count)
    item = succeeded(d, service, points=points)
    r = random.Random(count)
    ends = [None, START - MINUTE, points[-1][0], points[-1][0] + 1, *(points[i][0] for i in range(2047, count, 2048 * 9))]

    def end():
        return r.choice(ends) if r.random() < 0.4 else r.choice(points)[0] + r.choice([0, 0, 1, -1, 17])

    for turn in range(60):
        start, stop = end(), end()
        if turn % 2 and start is not None:
            stop = start + r.choice([0, 1, MINUTE * 3, MINUTE * 100, MINUTE * 5000])
        asked = r.choice([2, 4, 7, 100, 1000, 10_000])
        span = "".join(f"&{name}={stamp(at)}" for name, at in (("start", start), ("end", stop)) if at is not None)
        body = get(d, item, f"/equity?points={asked}{span}").json()
        expected = [(stamp(at), value) for at, value in points if (start is None or at >= start) and (stop is None or at < stop)]
        seen = [(one["time"], one["equity"]) for one in body["items"]]
        assert body["points"] == count and body["thinned"] == (len(expected) > len(seen)), span
        if not body["thinned"]:
            assert seen == expected, span
            continue
        assert asked / 3 - 1 <= len(seen) <= asked < len(expected) and seen == sorted(seen) and set(expected).issuperset(seen), span
        assert (seen[0], seen[-1]) == (expected[0], expected[-1]), span
        if asked >= 4:
            assert {f(v for _, v in seen) for f in (min, max)} == {f(v for _, v in expected) for f in (min, max)}, span
    for query in ("start=x", "end=2024-01-01"):
        assert d.request("GET", f"{PATH}/{item['id']}/equity?{query}").status == 422, query


def test_the_times_of_pieces_are_read_as_they_are_packed(database, d):
    times = [0, 1, -1, 63, -64, 64, -65, START, -START, 253_402_300_799_000, -62_135_596_800_000]
    with database.connect() as db:
        for at in times:
            for count in (1, 2, 128, 129, 2048):
                packed = curve.pack([(at + i, 1.0) for i in range(count)])
                assert db.execute("SELECT backtest_equity_first_ms(%s)", [packed]).fetchone() == (at,)
        for short in (b"", b"\x01", b"\x01\x00\x80\x80", b"\x01\x80\x80\x80", b"\x01\x00" + b"\xff" * 14):
            assert db.execute("SELECT backtest_equity_first_ms(%s)", [short]).fetchone() == (None,)


@pytest.mark.parametrize("what", ["UPDATE backtest_equity SET packed = set_byte(packed, 0, 2)",
                                  "UPDATE backtest_equity SET packed = repeat('x', 70000)::bytea",
                                  "UPDATE backtest_equity SET piece = piece + 1"])
def test_a_damaged_curve_is_not_told(d, service, database, what):
    item = succeeded(d, service, points=walk(100))
    with database.connect() as db:
        db.execute(what)
    answer = d.request("GET", f"{PATH}/{item['id']}/equity")
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert get(d, item, "/trades").json()["items"] == []


def test_numbers_of_any_size(d, service):
    values = [0.0, 5e-324, 1e-7, 0.1, 123456.789, 1e22, 1.7976931348623157e308, -12.5]
    item = succeeded(d, service, points=[(START + i, value) for i, value in enumerate(values)])
    assert [value for _, value in equity(d, item, 100)[1]] == values
    assert all(math.isfinite(float(row["equity"])) for row in csv.DictReader(io.StringIO(get(d, item, "/equity", **CSV).text)))

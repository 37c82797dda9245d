"""The backtests resource, as api.md describes it. What services do with the queue is tested in ../queue/."""
import concurrent.futures
import json
import re
import threading
import uuid

import psycopg
import pytest
from support.wait import wait_until

STRATEGIES = "/api/v1/strategies"
PATH = "/api/v1/backtests"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


def make_strategy(d, name="Golden cross", **more):
    answer = d.request("POST", STRATEGIES, {"name": name, "kind": "sma_crossover", **more})
    assert answer.status == 201, answer.text
    return answer.json()


def wish(strategy, **more):
    return {"strategy_id": strategy["id"], "symbol": "BTCUSD", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
            "end": "2025-01-01T00:00:00Z", "initial_capital": 1000, **more}


def post(d, body, key=None):
    headers = {"Content-Type": "application/json", **({} if key is None else {"Idempotency-Key": key})}
    return d.request("POST", PATH, body if isinstance(body, str) else json.dumps(body), headers)


def make(d, strategy, **more):
    answer = post(d, wish(strategy, **more))
    assert answer.status == 202, answer.text
    return answer.json()


def get(d, item):
    answer = d.request("GET", f"{PATH}/{item['id']}")
    assert answer.status == 200, answer.text
    return answer.json()


def cancel(d, item):
    return d.request("POST", f"{PATH}/{item['id']}/cancel")


def problem(answer, status, code):
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    return body


def pointers(body):
    return sorted(error["pointer"] for error in body.get("errors", []))


def count(database):
    with database.connect() as db:
        return db.execute("SELECT count(*) FROM backtests").fetchone()[0]


def bring_to(database, item, status):
    """As a service would. Its claim, if it has one."""
    with database.connect() as db:
        claim = None
        if status in ("running", "succeeded", "failed"):
            claim, = db.execute("SELECT claim FROM backtest_claim('w')").fetchone()
        if status == "succeeded":
            db.execute("SELECT backtest_finish(%s, %s, '{\"sharpe\":1.10}')", [item["id"], claim])
        if status == "failed":
            db.execute("SELECT backtest_fail(%s, %s, '{\"title\":\"No data\"}', false)", [item["id"], claim])
        if status == "cancelled":
            db.execute("SELECT backtest_cancel(%s)", [item["id"]])
        assert db.execute("SELECT status FROM backtests WHERE id = %s", [item["id"]]).fetchone() == (status,)
    return claim


def wait_blocked(database):
    """Until one of the daemon's sessions waits for somebody else's lock."""
    with database.connect() as db:
        wait_until(lambda: db.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'",
                                      [database.api_role]).fetchone()[0] > 0, 10, "a request that waits for a lock")


# ---- create and read ----

def test_create_answers_202_with_location_and_the_whole_backtest(daemon):
    d = daemon()
    strategy = make_strategy(d)
    answer = post(d, wish(strategy, start="2024-01-01T01:30:00.5+01:30", end="2025-01-01t00:00:00.123456Z"))
    assert answer.status == 202, answer.text
    item = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{item['id']}"
    assert answer.headers["ETag"] is None
    assert uuid.UUID(item["id"]).version == 7
    assert TIME.fullmatch(item["created_at"])
    expected = {"strategy_id": strategy["id"], "strategy_version": 1, "symbol": "BTCUSD", "timeframe": "1d",
                "start": "2024-01-01T00:00:00.500000Z", "end": "2025-01-01T00:00:00.123456Z", "initial_capital": 1000,
                "status": "queued", "progress": 0, "metrics": None, "error": None, "attempts": 0,
                "started_at": None, "finished_at": None, "engine": None, "data": None, "result_hash": None, "stale": None}
    assert {key: item[key] for key in expected} == expected
    assert set(item) == {*expected, "id", "created_at", "execution"}
    again = d.request("GET", answer.headers["Location"])
    assert (again.status, again.body, again.headers["ETag"]) == (200, answer.body, None)
    head = d.request("HEAD", answer.headers["Location"])
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(answer.body)))


def test_the_version_is_the_newest_or_the_one_asked_for(daemon):
    d = daemon()
    strategy = make_strategy(d)
    for fast in (1, 2):
        assert d.request("PATCH", f"{STRATEGIES}/{strategy['id']}", {"parameters": {"fast": fast}}).status == 200
    assert make(d, strategy)["strategy_version"] == 3
    for version in (1, 2, 3):
        assert make(d, strategy, strategy_version=version)["strategy_version"] == version


CAPITALS = [
    ("1000", "1000"), ("1000.50", "1000.50"), ('"1000.50"', "1000.50"), ("0.10000000000000000001", "0.10000000000000000001"),
    ('"0.10000000000000000001"', "0.10000000000000000001"), ("123456789012345678901234567890.000", "123456789012345678901234567890.000"),
    ("1e3", "1000"), ("2.5E-3", "0.0025"), ('"007"', "7"), ("4.9e-324", "0." + "0" * 323 + "49"),
    ("1e308", "1" + "0" * 308),
]


def test_capital_is_kept_to_the_digit_and_answered_as_a_number(daemon):
    d = daemon()
    strategy = make_strategy(d)
    for written, kept in CAPITALS:
        answer = post(d, json.dumps(wish(strategy, initial_capital="@")).replace('"@"', written))
        assert answer.status == 202, answer.text
        assert f'"initial_capital":{kept},' in answer.text
        assert f'"initial_capital":{kept},' in d.request("GET", answer.headers["Location"]).text


def test_what_services_do_is_seen(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    item = make(d, strategy)
    claim = bring_to(database, item, "running")
    with database.connect() as db:
        db.execute("SELECT backtest_heartbeat(%s, %s, 0.25)", [item["id"], claim])
    seen = get(d, item)
    assert (seen["status"], seen["progress"], seen["attempts"], seen["finished_at"]) == ("running", 0.25, 1, None)
    assert TIME.fullmatch(seen["started_at"]) and seen["started_at"] >= seen["created_at"]
    with database.connect() as db:
        db.execute("SELECT backtest_finish(%s, %s, '{\"sharpe\":1.10}')", [item["id"], claim])
    answer = d.request("GET", f"{PATH}/{item['id']}")
    seen = answer.json()
    assert (seen["status"], seen["progress"], seen["error"]) == ("succeeded", 1, None)
    assert '"metrics":{"sharpe": 1.10}' in answer.text
    assert seen["finished_at"] >= seen["started_at"]
    failed = make(d, strategy)
    bring_to(database, failed, "failed")
    seen = get(d, failed)
    assert (seen["status"], seen["error"], seen["metrics"]) == ("failed", {"title": "No data"}, None)
    assert set(seen) == set(item)


def test_a_strategy_with_a_backtest_is_archived_instead_of_deleted(daemon):
    d = daemon()
    strategy = make_strategy(d)
    item = make(d, strategy)
    answer = d.request("DELETE", f"{STRATEGIES}/{strategy['id']}")
    assert (answer.status, answer.json()["status"]) == (200, "archived")
    assert get(d, item) == item


@pytest.mark.parametrize("first", ["the wish", "the deletion"])
def test_a_wish_that_meets_the_deletion_of_its_strategy(daemon, database, first):
    d = daemon()
    strategy = make_strategy(d)
    with database.connect() as db, concurrent.futures.ThreadPoolExecutor(1) as pool:
        db.execute("BEGIN")
        if first == "the wish":
            db.execute("SELECT backtest_request(%s, NULL)", [json.dumps(wish(strategy))])
            answer = pool.submit(d.request, "DELETE", f"{STRATEGIES}/{strategy['id']}")
        else:
            db.execute("DELETE FROM strategies WHERE id = %s", [strategy["id"]])
            answer = pool.submit(post, d, wish(strategy), "k")
        wait_blocked(database)
        db.execute("COMMIT")
        if first == "the wish":
            problem(answer.result(), 409, "conflict")
        else:
            assert pointers(problem(answer.result(), 422, "validation_failed")) == ["/strategy_id"]
    assert count(database) == (1 if first == "the wish" else 0)


def test_the_root_links_to_it(daemon):
    assert daemon().request("GET", "/").json()["links"]["backtests"] == PATH


# ---- what is refused ----

WRONG_WISHES = [
    ({"strategy_id": None}, ["/strategy_id"]), ({"strategy_id": "17"}, ["/strategy_id"]),
    ({"strategy_version": 0}, ["/strategy_version"]), ({"strategy_version": "1"}, ["/strategy_version"]),
    ({"strategy_version": None}, ["/strategy_version"]), ({"strategy_version": 1.5}, ["/strategy_version"]),
    ({"strategy_version": 2 ** 63}, ["/strategy_version"]),
    ({"symbol": ""}, ["/symbol"]), ({"symbol": "s" * 33}, ["/symbol"]), ({"symbol": 7}, ["/symbol"]),
    ({"timeframe": "2d"}, ["/timeframe"]), ({"timeframe": "1D"}, ["/timeframe"]), ({"timeframe": None}, ["/timeframe"]),
    ({"start": "2024-01-01"}, ["/start"]), ({"start": "2024-02-30T00:00:00Z"}, ["/start"]), ({"end": 1}, ["/end"]),
    ({"start": "now"}, ["/start"]), ({"end": "infinity"}, ["/end"]),
    ({"initial_capital": 0}, ["/initial_capital"]), ({"initial_capital": -1}, ["/initial_capital"]),
    ({"initial_capital": "0.00"}, ["/initial_capital"]), ({"initial_capital": "-5"}, ["/initial_capital"]),
    ({"initial_capital": "NaN"}, ["/initial_capital"]), ({"initial_capital": "Infinity"}, ["/initial_capital"]),
    ({"initial_capital": "1e3"}, ["/initial_capital"]), ({"initial_capital": "1" * 1001}, ["/initial_capital"]),
    ({"initial_capital": "1" * 400}, ["/initial_capital"]), ({"initial_capital": True}, ["/initial_capital"]),
    ({"status": "succeeded"}, ["/status"]), ({"progress": 1, "attempts": 0}, ["/attempts", "/progress"]),
    ({"worker": "w"}, ["/worker"]), ({"symbl": "x", "timeframe": "x"}, ["/symbl", "/timeframe"]),
    # What only the database knows.
    ({"end": "2024-01-01T00:00:00Z"}, ["/end"]), ({"end": "2023-01-01T00:00:00Z"}, ["/end"]),
    ({"end": "2024-01-01T00:00:00.0000004Z"}, ["/end"]), ({"end": "2024-01-01T01:00:00+02:00"}, ["/end"]),
    ({"start": "0001-01-01T00:00:00+15:59"}, ["/start"]), ({"end": "9999-12-31T23:59:59-00:01"}, ["/end"]),
    ({"end": "9999-12-31T23:59:59.9999999Z"}, ["/end"]),
    ({"strategy_id": "00000000-0000-0000-0000-000000000000"}, ["/strategy_id"]),
    ({"strategy_version": 2}, ["/strategy_version"]), ({"strategy_version": 2 ** 63 - 1}, ["/strategy_version"]),
]


def test_a_wrong_wish_is_refused_by_name(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    for change, expected in WRONG_WISHES:
        body = problem(post(d, wish(strategy, **change)), 422, "validation_failed")
        assert pointers(body) == expected, change
    assert count(database) == 0


def test_all_that_is_missing_is_named(daemon):
    body = problem(post(daemon(), {}), 422, "validation_failed")
    assert pointers(body) == ["/end", "/initial_capital", "/start", "/strategy_id", "/symbol", "/timeframe"]


def test_the_first_and_last_moment_that_can_be_written(daemon):
    d = daemon()
    item = make(d, make_strategy(d), start="0001-01-01T00:00:00Z", end="9999-12-31T23:59:59.999999Z")
    assert (item["start"], item["end"]) == ("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z")


def test_nothing_is_tried_of_an_archived_strategy(daemon, database):
    d = daemon()
    strategy = make_strategy(d, status="archived")
    for more in ({}, {"strategy_version": 1}):
        assert pointers(problem(post(d, wish(strategy, **more)), 409, "strategy_archived")) == ["/strategy_id"]
    assert count(database) == 0


def test_other_wrong_requests(daemon):
    d = daemon()
    item = make(d, make_strategy(d))
    problem(d.request("GET", f"{PATH}/{uuid.uuid4()}"), 404, "not_found")
    problem(cancel(d, {"id": uuid.uuid4()}), 404, "not_found")
    assert pointers(problem(d.request("GET", f"{PATH}/17"), 422, "validation_failed")) == ["path:id"]
    assert pointers(problem(cancel(d, {"id": 17}), 422, "validation_failed")) == ["path:id"]
    for method in ("PUT", "PATCH", "DELETE"):
        assert d.request(method, f"{PATH}/{item['id']}").status == 405
    assert d.request("GET", f"{PATH}/{item['id']}/cancel").status == 405
    assert d.request("POST", f"{PATH}/{item['id']}/cancel", {}).status == 413
    assert get(d, item) == item


# ---- cancel ----

@pytest.mark.parametrize("status", STATUSES)
def test_cancel_in_each_state(daemon, database, status):
    d = daemon()
    item = make(d, make_strategy(d))
    bring_to(database, item, status)
    before = get(d, item)
    answer = cancel(d, item)
    if status in ("succeeded", "failed"):
        assert "errors" not in problem(answer, 409, "backtest_finished")
        assert get(d, item) == before
        return
    assert answer.status == 200, answer.text
    after = answer.json()
    assert after == get(d, item)
    if status == "cancelled":
        assert after == before
    else:
        assert TIME.fullmatch(after["finished_at"]) and after["finished_at"] >= after["created_at"]
        assert after == {**before, "status": "cancelled", "finished_at": after["finished_at"]}
    again = cancel(d, item)
    assert (again.status, again.json()) == (200, after)


def test_a_cancel_that_meets_the_end_sees_it(daemon, database):
    """The service's transaction is open when the cancel comes: whoever commits first is right, and the other is told."""
    d = daemon()
    strategy = make_strategy(d)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for end, expected in (("COMMIT", 409), ("ROLLBACK", 200)):
            item = make(d, strategy)
            claim = bring_to(database, item, "running")
            with database.connect() as service:
                service.execute("BEGIN")
                service.execute("SELECT backtest_finish(%s, %s, '{}')", [item["id"], claim])
                answer = pool.submit(cancel, d, item)
                wait_blocked(database)
                service.execute(end)
            assert answer.result().status == expected
            assert get(d, item)["status"] == ("succeeded" if expected == 409 else "cancelled")


def test_of_many_cancels_all_get_the_same_answer(daemon):
    d = daemon(workers=4)
    item = make(d, make_strategy(d))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: cancel(d, item), range(32)))
    assert {(a.status, a.body) for a in answers} == {(200, answers[0].body)}


# ---- lists ----

def test_an_empty_list(daemon):
    assert daemon().request("GET", PATH).json() == {"items": [], "next": None}


def test_filters_alone_and_together(daemon, database):
    d = daemon()
    strategies = [make_strategy(d, name=name) for name in "ab"]
    made = []
    for n, status in enumerate((*STATUSES[1:] * 2, "queued", "queued")):  # a claim takes the oldest that is queued
        item = make(d, strategies[n % 3 % 2], symbol="EURUSD" if n < 4 else "é/漢 1")
        bring_to(database, item, status)
        made.insert(0, get(d, item))
    assert d.request("GET", PATH).json() == {"items": made, "next": None}
    for strategy in (None, *strategies, {"id": str(uuid.uuid4())}):
        for status in (None, *STATUSES):
            for symbol in (None, "EURUSD", "é/漢 1", "nothing"):
                query = [f"strategy_id={strategy['id'].upper()}"] if strategy else []
                query += [f"status={status}"] if status else []
                query += [f"symbol={ {'é/漢 1': '%C3%A9%2F%E6%BC%A2+1'}.get(symbol, symbol)}"] if symbol else []
                answer = d.request("GET", f"{PATH}?{'&'.join(query)}")
                assert answer.status == 200, answer.text
                assert answer.json()["items"] == [
                    item for item in made if (not strategy or item["strategy_id"] == strategy["id"])
                    and (not status or item["status"] == status) and (not symbol or item["symbol"] == symbol)], query


def test_pages_follow_the_link_and_meet_each_backtest_once(daemon):
    d = daemon()
    strategy = make_strategy(d)
    made = [make(d, strategy, symbol="X")["id"] for _ in range(10)]
    for query in ("", "status=queued", "symbol=X", "strategy_id={}", "strategy_id={}&status=queued&symbol=X"):
        newer = walk_pages(d, query.format(strategy["id"]), made, lambda: make(d, strategy, symbol="X")["id"])
        made.append(newer)


def walk_pages(d, query, made, make_newer):
    seen, pages, path = [], 0, f"{PATH}?{query}{query and '&'}limit=4"
    while path:
        answer = d.request("GET", path)
        body = answer.json()
        seen += [item["id"] for item in body["items"]]
        pages += 1
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (body["next"] is None)
        path = link and link.group(1)
        if pages == 1:
            assert path == f"{PATH}?{query}{query and '&'}limit=4&after={body['next']}"
            newer = make_newer()  # newer than the cursor: not in this walk
    assert (seen, pages) == (made[::-1], -(-len(made) // 4))
    return newer


WRONG_QUERIES = [
    ("limit=0", ["query:limit"]), ("limit=201", ["query:limit"]), ("after=1", ["query:after"]),
    ("status=done", ["query:status"]), ("status=", ["query:status"]), ("strategy_id=x", ["query:strategy_id"]),
    ("symbol=", ["query:symbol"]), (f"symbol={'s' * 33}", ["query:symbol"]), ("timeframe=1d", ["query:timeframe"]),
    ("status=queued&status=failed", ["query:status"]), ("status=x&after=x&q=1", ["query:after", "query:q", "query:status"]),
]


def test_a_page_has_a_bound_and_one_backtest_has_all(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    texts = {"small": "x" * 4000, "long": "x" * 4100, "longest": "x" * 65000, "random": "".join(map(chr, range(0x4e00, 0x4e00 + 2000)))}
    ids = {}
    for name, text in texts.items():
        item = make(d, strategy, symbol=name)
        ids[name] = item["id"]
        with database.connect() as db:
            claim, = db.execute("SELECT claim FROM backtest_claim('w')").fetchone()
            assert db.execute("SELECT backtest_finish(%s, %s, %s)", [item["id"], claim, json.dumps({"x": text})]).fetchone() == ("succeeded",)
    failed = {}
    for name, size in (("short error", 4000), ("long error", 16000)):
        item = failed[name] = make(d, strategy, symbol=name)
        with database.connect() as db:
            claim, = db.execute("SELECT claim FROM backtest_claim('w')").fetchone()
            db.execute("SELECT backtest_fail(%s, %s, %s, false)", [item["id"], claim, json.dumps({"title": "x" * size})])
    listed = {item["symbol"]: item for item in d.request("GET", PATH).json()["items"]}
    assert listed["small"] == get(d, listed["small"]) and listed["small"]["metrics"] == {"x": texts["small"]}
    for name in ("long", "longest", "random"):
        assert listed[name] == {**get(d, listed[name]), "metrics": None}
        assert get(d, listed[name])["metrics"] == {"x": texts[name]}
    assert listed["short error"] == get(d, listed["short error"])
    assert listed["long error"] == {**get(d, listed["long error"]), "error": None}


def test_a_page_of_backtests_with_all_the_metrics_there_may_be_is_small(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    with database.connect() as db:
        db.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital, status,"
                   " finished_at, attempts, metrics) SELECT %s, 1, 'S', '1d', '2024-01-01', '2025-01-01', 1, 'succeeded', now(), 1,"
                   " jsonb_build_object('x', repeat(md5(n::text), 2000)) FROM generate_series(1, 201) AS n", [strategy["id"]])
    answer = d.request("GET", f"{PATH}?limit=200")
    assert answer.status == 200 and len(answer.json()["items"]) == 200
    print(f"a page of 200 backtests with metrics of 64 KB each: {len(answer.body)} bytes")
    assert len(answer.body) < 200 * 1024


def test_a_list_names_every_wrong_parameter(daemon):
    d = daemon()
    for query, expected in WRONG_QUERIES:
        assert pointers(problem(d.request("GET", f"{PATH}?{query}"), 422, "validation_failed")) == expected, query


# ---- Idempotency-Key ----

def test_a_key_answers_again_what_it_answered_first(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    first = post(d, wish(strategy), "a-key")
    assert first.status == 202, first.text
    item = first.json()
    respelt = json.dumps(dict(reversed(wish(strategy).items())), indent=3).replace("BTCUSD", "BT\\u0043USD")

    def same():
        for body in (wish(strategy), respelt):
            again = post(d, body, "a-key")
            assert (again.status, again.body, again.headers["Location"]) == (202, first.body, first.headers["Location"])

    same()
    bring_to(database, item, "running")
    same()
    assert cancel(d, item).status == 200
    same()
    assert d.request("PATCH", f"{STRATEGIES}/{strategy['id']}", {"description": "a newer version"}).status == 200
    assert d.request("DELETE", f"{STRATEGIES}/{strategy['id']}").json()["status"] == "archived"
    same()
    assert count(database) == 1
    assert get(d, item)["status"] == "cancelled"


def test_a_key_with_another_body_is_refused(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    assert post(d, wish(strategy), "k").status == 202
    for change in ({"symbol": "X"}, {"strategy_version": 1}, {"initial_capital": 1001}):
        body = problem(post(d, wish(strategy, **change), "k"), 422, "idempotency_key_reused")
        assert pointers(body) == ["header:Idempotency-Key"]
    assert post(d, wish(strategy), "K").status == 202
    assert post(d, wish(strategy)).status == 202
    assert post(d, wish(strategy)).status == 202
    assert count(database) == 4


@pytest.fixture
def tokens(command):
    """tokens("one"): a new access token of that name; revoke("one") ends it."""
    def make(name):
        done = command("token", "create", name, "--scope", "read", "--scope", "write")
        assert done.returncode == 0, done.stderr
        return {"Authorization": f"Bearer {done.stdout.strip()}"}

    return make


def test_a_key_belongs_to_its_client(daemon, database, command, tokens):
    """Neither of two tokens can see what the other did with the same key, and neither is refused for it. A token that was
    revoked and made again is another client."""
    d = daemon(auth="token")
    one, two = tokens("one"), tokens("two")

    def ask(who, body, key="same"):
        return d.request("POST", PATH, body, {**who, "Idempotency-Key": key})

    made = d.request("POST", STRATEGIES, {"name": "s", "kind": "k"}, one)
    assert made.status == 201, made.text
    first = ask(one, wish(made.json()))
    assert first.status == 202, first.text
    second = ask(two, wish(made.json()))
    assert second.status == 202 and second.json()["id"] != first.json()["id"]
    assert ask(one, wish(made.json())).body == first.body
    assert ask(two, wish(made.json())).body == second.body
    assert count(database) == 2
    # What one of them asks for otherwise is refused to that one only.
    problem(ask(one, wish(made.json(), symbol="X")), 422, "idempotency_key_reused")
    assert ask(two, wish(made.json()), "other").status == 202
    assert ask(one, wish(made.json(), symbol="Y"), "other").status == 202
    assert command("token", "revoke", "one").returncode == 0
    again = tokens("one")
    third = ask(again, wish(made.json(), symbol="Z"))
    assert third.status == 202 and third.json()["symbol"] == "Z"
    assert count(database) == 5


def test_of_many_requests_of_two_clients_with_one_key_each_makes_one_backtest(daemon, database, tokens):
    d = daemon(workers=4, auth="token")
    clients = [tokens("one"), tokens("two")]
    strategy = d.request("POST", STRATEGIES, {"name": "s", "kind": "k"}, clients[0]).json()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda n: (n % 2, d.request("POST", PATH, wish(strategy), {**clients[n % 2], "Idempotency-Key": "k"})), range(48)))
    assert {answer.status for _, answer in answers} == {202}
    made = [{answer.json()["id"] for client, answer in answers if client == n} for n in (0, 1)]
    assert len(made[0]) == len(made[1]) == 1 and made[0] != made[1]
    assert count(database) == 2


def test_a_key_is_visible_ascii(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    for key in ("", "a b", "k" * 256, "é", "tab\tinside"):
        body = problem(post(d, wish(strategy), key), 422, "validation_failed")
        assert pointers(body) == ["header:Idempotency-Key"], key
    body = problem(post(d, wish(strategy, symbol=""), "a b"), 422, "validation_failed")
    assert pointers(body) == ["/symbol", "header:Idempotency-Key"]
    assert count(database) == 0


def test_every_visible_character_makes_a_key(daemon):
    d = daemon()
    strategy = make_strategy(d)
    characters = "".join(map(chr, range(0x21, 0x7f)))
    for key in (characters, "k" * 255, "%", "'", "\\"):
        first = post(d, wish(strategy), key)
        assert (first.status, post(d, wish(strategy), key).body) == (202, first.body)


def test_two_keys_in_one_request_are_none(daemon):
    d = daemon()
    strategy = make_strategy(d)
    body = json.dumps(wish(strategy)).encode()
    with d.connect() as s:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                  b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n%s" % (PATH.encode(), len(body), body))
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 422 ") and b"header:Idempotency-Key" in answer


def test_a_refused_request_does_not_use_its_key_up(daemon):
    d = daemon()
    strategy = make_strategy(d)
    for change in ({"strategy_version": 2}, {"end": "2020-01-01T00:00:00Z"}, {"symbol": ""}):
        problem(post(d, wish(strategy, **change), "k"), 422, "validation_failed")
    assert post(d, wish(strategy), "k").status == 202


def test_a_key_is_forgotten_after_a_day(daemon, database):
    d = daemon()
    strategy = make_strategy(d)
    first = post(d, wish(strategy), "k")
    for other in range(3):
        assert post(d, wish(strategy), f"other-{other}").status == 202
    with database.connect() as db:
        db.execute("UPDATE backtest_keys SET created_at = now() - interval '23 hours 59 minutes'")
        assert post(d, wish(strategy), "k").body == first.body
        db.execute("UPDATE backtest_keys SET created_at = now() - interval '24 hours 1 second'")
        again = post(d, wish(strategy, symbol="X"), "k")
        assert again.status == 202 and again.json()["id"] != first.json()["id"]
        assert db.execute("SELECT key, backtest_id::text FROM backtest_keys").fetchall() == [("k", again.json()["id"])]
    assert post(d, wish(strategy, symbol="X"), "k").body == again.body
    assert get(d, first.json()) == first.json()


def test_of_many_requests_with_one_key_one_makes_a_backtest(daemon, database):
    d = daemon(workers=4)
    strategy = make_strategy(d)
    start = threading.Barrier(16)

    def ask(n):
        if n < 16:
            start.wait(30)
        return post(d, wish(strategy), "one")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    assert {(a.status, a.body, a.headers["Location"]) for a in answers} == {(202, answers[0].body, answers[0].headers["Location"])}
    assert count(database) == 1


def test_of_many_requests_with_one_key_and_several_bodies_one_body_wins(daemon, database):
    d = daemon(workers=4)
    strategy = make_strategy(d)
    symbols = [f"S{n % 4}" for n in range(48)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda symbol: post(d, wish(strategy, symbol=symbol), "one"), symbols))
    made = {a.body for a in answers if a.status == 202}
    assert len(made) == 1
    winner = json.loads(made.pop())["symbol"]
    for symbol, answer in zip(symbols, answers, strict=True):
        if symbol == winner:
            assert answer.status == 202
        else:
            problem(answer, 422, "idempotency_key_reused")
    assert count(database) == 1


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_request_waits_for_another_with_its_key(daemon, database, end):
    d = daemon()
    strategy = make_strategy(d)
    with database.connect() as first, concurrent.futures.ThreadPoolExecutor(1) as pool:
        first.execute("BEGIN")
        made = first.execute("SELECT id::text FROM backtest_request(%s, 'k')", [json.dumps(wish(strategy))]).fetchone()[0]
        answer = pool.submit(post, d, wish(strategy), "k")
        wait_blocked(database)
        first.execute(end)
        item = answer.result().json()
    assert answer.result().status == 202
    assert (item["id"] == made) == (end == "COMMIT")
    assert count(database) == 1


def test_what_was_asked_for_never_changes(daemon, database):
    d = daemon()
    item = make(d, make_strategy(d))
    with database.connect() as db:
        for column, value in (("symbol", "X"), ("initial_capital", "1"), ("\"end\"", "2026-01-01"), ("id", str(uuid.uuid4())),
                              ("created_at", "2020-01-01")):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                db.execute(f"UPDATE backtests SET {column} = %s", [value])
        for wrong in ("initial_capital) VALUES ('NaN'", "initial_capital) VALUES ('Infinity'"):
            with pytest.raises(psycopg.errors.CheckViolation):
                db.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", "
                           + wrong.replace("VALUES (", f"VALUES ('{item['strategy_id']}', 1, 'X', '1d', '2024-01-01', '2025-01-01', ") + ")")


def test_backtests_leave_the_log_without_warnings(daemon):
    d = daemon()
    strategy = make_strategy(d)
    item = make(d, strategy)
    post(d, wish(strategy, strategy_version=9))
    post(d, wish(strategy, end="2020-01-01T00:00:00Z"), "k")
    cancel(d, item)
    assert not re.search(r"level=(warning|error)", d.log()), d.log()

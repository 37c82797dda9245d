"""Requests made from the OpenAPI document, some of them odd: each operation takes what the document allows, refuses what it does not
and names every wrong place, and never answers 500. The client judges each answer by the document besides.

STRATSLAB_TEST_SEED gives another run; a failure names its own."""
import json
import os
import random
import re
import urllib.parse
import uuid
from collections import Counter

import pytest
from psycopg.types.json import Json
from support import contract, curve, generate

SEED = int(os.environ.get("STRATSLAB_TEST_SEED", "20261124"))
PARTS = 2
EACH = 110  # requests for each operation, in each part
CANDLES = "time,open,high,low,close,volume\n" + "".join(f"2024-01-{day:02}T00:00:00Z,1,2,0.5,1.5,7\n" for day in (1, 8))
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


class World:
    """What is there to be asked about; what no schema says."""

    def __init__(self, values, client, database):
        self.values, self.client, self.database = values, client, database
        self.ids = {"strategies": [], "backtests": []}
        self.succeeded = self.succeed()
        self.made = 0
        self.files = re.findall(r'"/docs/([a-z.-]+)', client.request("GET", "/docs").text)
        self.page_files = re.findall(r'"/ui/[^/]+/([a-z.-]+)', client.request("GET", "/", headers={"Accept": "text/html"}).text)

    def fill(self):
        while len(self.ids["strategies"]) < 6:
            self.made += 1
            body = {"name": f"made {self.made} {self.values.r.random()}", "kind": "k"}
            self.ids["strategies"].append(self.client.request("POST", "/api/v1/strategies", body).json()["id"])
        while len(self.ids["backtests"]) < 6:
            body = {"strategy_id": self.fresh(), "symbol": "X", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                    "end": "2025-01-01T00:00:00Z", "initial_capital": 1}
            answer = self.client.request("POST", "/api/v1/backtests", body)
            if answer.status == 202:
                self.ids["backtests"].append(answer.json()["id"])

    def succeed(self):
        """A backtest with results."""
        body = {"strategy_id": self.fresh(), "symbol": "X", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                "end": "2025-01-01T00:00:00Z", "initial_capital": 1}
        item = self.client.request("POST", "/api/v1/backtests", body).json()["id"]
        trades = [{"n": n, "side": "short", "quantity": 1, "entry_time": "2024-01-02", "entry_price": 2, "entry_reason": "signal",
                   "pnl": 0, "fees": 0, "bars": 0} for n in range(1, 4)]
        points = [(86_400_000 * day, 100 + day % 7) for day in range(5000)]
        with self.database.connect() as db:
            claim, = db.execute("SELECT claim FROM backtest_claim('w')").fetchone()
            db.execute("SELECT backtest_result_put(%s, %s, %s)", [item, claim, Json({
                "metrics": {}, "engine": "1", "data": "00" * 32, "read": [], "result_hash": "ff" * 32, "trades": trades,
                "equity": curve.pieces(points)})])
        return item

    def series(self, path):
        """Candles for what the path of a request names, if it is about them and needs some."""
        found = re.match("/api/v1/(?:series|candles)/([^/?]+)/([^/?]+)", path)
        if found and self.values.chance(0.7):
            self.client.request("POST", f"/api/v1/candles/{found[1]}/{found[2]}", CANDLES, {"Content-Type": "text/csv"})

    def fresh(self):
        body = {"name": f"fresh {self.values.r.random()}", "kind": "k"}
        return self.client.request("POST", "/api/v1/strategies", body).json()["id"]

    def some(self, kind):
        if self.values.chance(0.05):
            return str(uuid.UUID(int=self.values.r.getrandbits(128)))
        return self.values.r.choice(self.ids[kind])

    def members(self):
        v = self.values
        return {"strategy_id": lambda: self.some("strategies"), "strategy_version": lambda: 1,
                "start": lambda: v.time(1990, 1998), "end": lambda: v.time(2000, 2020),
                "name": lambda: f"{v.r.random()} {v.r.choice('abc漢')}",
                "execution": lambda: v.r.choice([{}, {"fee": {"percent": 0.1}}, {"short": False, "slippage": {"ticks": 2}}])}

    def parameter(self, operation, name):
        """A better value than any, or None."""
        if name == "id":
            kind = operation.path.split("/")[3]
            if operation.path.endswith(("/trades", "/equity")) and self.values.chance(0.7):
                return lambda: self.succeeded
            return lambda: self.some(kind)
        if name == "If-Match":
            return lambda: self.values.r.choice(["*", "*", '"1"', '"1", "2"', '"7"', 'W/"1"', '"x"', '"1" ,"2",'])
        if name == "file":
            return lambda: self.values.r.choice(self.page_files if operation.path.startswith("/ui/") else self.files)
        better = {"version": lambda: 1, "symbol": lambda: self.values.r.choice(["X", "A:B", "a/b c", "漢%2F", "'\"<"]),
                  "timezone": lambda: self.values.r.choice(["UTC", "+05:30", "America/New_York"]),
                  "adjusted": lambda: "false"}
        return better.get(name)


class Run:
    def __init__(self, seed, client, document, database):
        self.seed, self.client, self.document = seed, client, document
        self.values = generate.Values(random.Random(seed))
        self.world = World(self.values, client, database)
        self.good, self.bad = Counter(), Counter()

    def request(self, operation):
        """Target, fields, body, and what the document has against them: a set of pointers, or the status for it."""
        wrong, query, fields, path = set(), [], {}, operation.path
        for parameter in operation.parameters:
            where, name = parameter["in"], parameter["name"]
            if not parameter.get("required") and not self.values.chance(0.35):
                continue
            text, fits = self.values.text(parameter["schema"], self.world.parameter(operation, name))
            if where == "path":
                text = text or "0"
                fits = self.values.text_fits(parameter["schema"], text)
                path = path.replace("{" + name + "}", self.quote(text))
            elif where == "query":
                query.append((name, text))
            else:
                text = text.strip().encode("latin-1", "replace").decode("latin-1")
                fits = self.values.text_fits(parameter["schema"], text)
                fields[name] = text.encode("latin-1")
            wrong |= set() if fits else {f"{where}:{name}"}
        if 422 in operation.answers and self.values.chance(0.03):
            query.append(("colour", "1"))
            wrong.add("query:colour")
        if query and self.values.chance(0.03):
            query.append(query[0])
            wrong.add(f"query:{query[0][0]}")
        target = path + ("?" + "&".join(f"{self.quote(n)}={self.quote(t)}" for n, t in query) if query else "")
        body, expected = self.content(operation, fields, wrong)
        if expected is None and "application/json" in operation.contents and self.values.chance(0.03):
            fields["Accept"] = self.values.r.choice(["text/plain", "application/json;q=0", "image/*"])
            expected = 406
        return target, fields, body, wrong if expected is None else expected

    def content(self, operation, fields, wrong):
        """The body, and the status that must come of it whatever else is wrong (None: none must)."""
        if operation.body is None:
            return None, None
        kinds = operation.body["content"]
        if "text/csv" in kinds:
            return self.file(list(kinds), fields)
        fields["Content-Type"] = kind = self.values.r.choice(list(kinds))
        if self.values.chance(0.03):
            fields["Content-Type"] = self.values.r.choice(["text/plain", "application/jsonp", f"{kind};charset=latin1", "json"])
            return b"{}", 415
        if self.values.chance(0.03):
            return b"", 400
        if self.values.chance(0.03):
            return self.values.r.choice([b"{", b"{]", b'{"a":1,"a":2}', b"\xff", b'{"name":"\\u0000"}', b"nul", b"{} {}", b" "]), 400
        body, found = self.values.body(kinds[kind]["schema"], self.world.members())
        wrong |= found
        return json.dumps(body, ensure_ascii=self.values.chance(0.5)).encode(), None

    def file(self, kinds, fields):
        """What is not JSON has no schema that says more: it is sound, or not taken at all."""
        fields["Content-Type"] = self.values.r.choice(kinds)
        if self.values.chance(0.05):
            fields["Content-Type"] = self.values.r.choice(["application/json", "text/plain", "text/csv;charset=latin1", "csv"])
            return b"{}", 415
        if self.values.chance(0.05):
            return b"", 400
        return CANDLES.encode(), None

    def quote(self, text):
        return "".join(c if c in PLAIN else urllib.parse.quote(c, safe="") for c in text)

    def ask(self, operation):
        self.world.fill()
        target, fields, body, expected = self.request(operation)
        if operation.method != "POST":
            self.world.series(target)
        told = f"STRATSLAB_TEST_SEED={self.seed}: {operation.id}: {operation.method} {target} {fields} {body!r}"
        try:
            answer = self.client.request(operation.method, target, body, fields)
        except AssertionError as e:
            raise AssertionError(f"{told}: {e}") from None
        told += f" → {answer.status} {answer.body[:1500]!r}, expected {expected or 'to be taken'}"
        assert answer.status < 500, told
        if isinstance(expected, int):
            assert answer.status == expected, told
            self.bad[operation.id] += 1
        elif expected and 422 in operation.answers:
            assert answer.status == 422 and {error["pointer"] for error in answer.json()["errors"]} == expected, told
            self.bad[operation.id] += 1
        elif expected:
            assert answer.status == 404, told  # a name in the path, not of a row
        else:
            self.taken(operation, answer, target, fields, told)

    def taken(self, operation, answer, target, fields, told):
        """Nothing is wrong with the request itself: only the state of things may be against it."""
        code = answer.json()["code"] if answer.status >= 400 else None
        if answer.status < 400:
            self.good[operation.id] += 1
        elif answer.status == 422:  # of what the state decides, the database says so in the same way
            assert code in ("idempotency_key_reused", "candles_invalid") or re.search(
                "There is no such strategy|The strategy has no such version|is not a known zone|must be later than start", answer.text), told
        else:
            assert answer.status in (404, 409, 412), told
            assert answer.status != 412 or "If-Match" in fields, told
        if operation.method == "DELETE" and answer.status in (200, 204):
            self.world.ids["strategies"] = [i for i in self.world.ids["strategies"] if i.lower() not in target.lower()]
        if answer.status == 201:
            self.world.ids["strategies"].append(answer.json()["id"])


@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation_takes_what_the_document_allows_and_nothing_else(daemon, database, part):
    d = daemon(database_statement_timeout="60s")
    document = contract.of(d.settings)
    operations = document.operations()
    assert len(operations) > 14
    with d.client() as client:
        run = Run(SEED + part, client, document, database)
        turns = operations * EACH
        run.values.r.shuffle(turns)
        for operation in turns:
            run.ask(operation)
    for operation in operations:
        assert run.good[operation.id] >= EACH // 5, f"of {operation.id} only {run.good[operation.id]} requests were taken"
        if 422 in operation.answers:
            assert run.bad[operation.id] > 3, f"of {operation.id} only {run.bad[operation.id]} requests were refused"
    assert not re.search(r"level=(?:error|warning) ", d.log()), d.log()[-3000:]

"""Random requests against a model of the resource: what the service answers, keeps and lists is what the model says.

The model knows nothing of the service: it is a dict, RFC 8259's grammar by Python's json, RFC 7396 in ten lines, and the rules
of a strategy as the interface's description has them. STRATSLAB_TEST_SEED gives another run."""
import json
import os
import random
import re
import uuid
from decimal import Decimal

import pytest

PATH = "/api/v1/strategies"
SEED = int(os.environ.get("STRATSLAB_TEST_SEED", "20261123"))
STATUSES = ("draft", "active", "archived")
FIELDS = {"name", "description", "kind", "parameters", "status"}
READ_ONLY = {"id", "version", "created_at", "updated_at"}
UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
KIND = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
DEPTH = 32


# ---- JSON, strictly ----

class Malformed(Exception):
    pass


def pairs(members):
    keys = [key for key, _ in members]
    if len(set(keys)) != len(keys):
        raise Malformed("twin")
    return dict(members)


def number(text):
    exponent = int((re.split("[eE]", text) + ["0"])[1])
    if len(text) > 1000 or abs(exponent) > 400:
        raise Malformed("range")
    value = Decimal(text)
    try:
        double = float(text)
    except OverflowError:
        raise Malformed("range") from None
    if double in (float("inf"), float("-inf")) or (double == 0 and value != 0):
        raise Malformed("range")
    return value


def constant(_):
    raise Malformed("no number")


def check_text(value, depth=1):
    if isinstance(value, str):
        if "\0" in value or any(0xD800 <= ord(c) < 0xE000 for c in value):
            raise Malformed("text")
    elif isinstance(value, dict | list):
        if depth > DEPTH:
            raise Malformed("depth")
        for one in value if isinstance(value, list) else [*value, *value.values()]:
            check_text(one, depth + 1)


def parse(data):
    """The value, numbers as Decimal; Malformed where it is none that the service may take."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_float=number, parse_int=number,
                           parse_constant=constant)
    except (ValueError, RecursionError):
        raise Malformed("grammar") from None
    check_text(value)
    return value


def same(a, b):
    """Equality of JSON values: True is not 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def merge_patch(target, patch):
    """RFC 7396 section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


# ---- making requests ----

class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def chance(self, probability):
        return self.r.random() < probability

    def text(self, length):
        planes = ("abz09 _-%\\\"'/<>&", "\u0001\u001f\u007f\u0080éßñ", "漢字\u2028\ufeff\uffff", "\U0001f600\U0010ffff")
        return "".join(self.r.choice(self.r.choice(planes)) for _ in range(length))

    def name(self):
        return self.r.choice([f"n{self.r.randrange(12)}"] * 4 + [self.text(self.r.randint(1, 20)), self.text(100), "a%_\\b"])

    def value(self, depth):
        """Any JSON value; numbers as Decimal."""
        kind = self.r.randrange(9 if depth > 0 else 6)
        if kind == 0:
            return None
        if kind == 1:
            return self.chance(0.5)
        if kind == 2:
            return self.text(self.r.randrange(6))
        if kind in (3, 4, 5):
            return Decimal(self.r.choice(["0", "1", "-7", "1.50", "0.1", "1e5", "-2.5E-3", "123456789012345678901234567890", "1e300",
                                          "0.10000000000000000001", "4.9e-324", "-0.0", "0e-9",
                                          "0." + "3" * self.r.randrange(1, 900)]))
        if kind == 6:
            return [self.value(depth - 1) for _ in range(self.r.randrange(4))]
        return self.parameters(depth - 1)

    def parameters(self, depth=3):
        keys = ("a", "b", "c", "", "é", "a/b", "~", 'q"', "\U0001f600", "name")
        return {self.r.choice(keys): self.value(depth) for _ in range(self.r.randrange(5))}

    def deep(self, levels):
        value = Decimal(1)
        for i in range(levels):
            value = {"d": value} if i % 2 or i == levels - 1 else [value]
        return value

    def member(self, name):
        """A value for a member, fit or not."""
        odd = [None, True, Decimal(7), [], {}, "x", ""]
        fit = {
            "name": [self.name, self.name, self.name],
            "description": [lambda: "", lambda: self.text(30), lambda: self.text(2000)],
            "kind": [lambda: self.r.choice(["rsi", "own_crossover", "k", "k" * 64, "x_1"])],
            "parameters": [self.parameters, self.parameters, lambda: self.deep(DEPTH - 1)],
            "status": [lambda: self.r.choice(STATUSES)],
        }[name]
        unfit = {
            "name": [lambda: "", lambda: self.text(101)],
            "description": [lambda: self.text(2001)],
            "kind": [lambda: self.r.choice(["", "A", "1a", "a-b", "k" * 65, "a\n", "é", "a ", "\n"])],
            "parameters": [lambda: self.deep(DEPTH), lambda: [], lambda: {"p": "x" * 66000}],
            "status": [lambda: self.r.choice(["on", "", "Draft", "draft "])],
        }[name]
        if self.chance(0.93):
            return self.r.choice(fit)()
        return self.r.choice([self.r.choice(unfit), lambda: self.r.choice(odd)])()

    def body(self, whole):
        body = {}
        for name, probability in (("name", 0.97), ("kind", 0.97), ("description", 0.4), ("parameters", 0.6), ("status", 0.5)):
            if self.chance(probability if whole else 0.35):
                body[name] = None if not whole and self.chance(0.1) else self.member(name)
        if self.chance(0.04):
            body[self.r.choice([*READ_ONLY, "colour", "Name", "a/b~c", ""])] = self.value(1)
        if self.chance(0.01):
            return self.r.choice([[], "text", None, True, Decimal(1), [body]])
        return body

    # One value has many spellings.
    def spell(self, value):
        space = self.r.choice(["", "", " ", "\t\n", "\r\n "])
        if isinstance(value, dict):
            inner = ",".join(f"{space}{self.spell(key)}{space}:{self.spell(one)}" for key, one in value.items())
            return "{" + inner + space + "}"
        if isinstance(value, list):
            return "[" + space + ",".join(map(self.spell, value)) + space + "]"
        if isinstance(value, str):
            return '"' + "".join(map(self.spell_character, value)) + '"'
        if isinstance(value, Decimal):
            return str(value).replace("E", self.r.choice("eE"))
        return {None: "null", True: "true", False: "false"}[value]

    def spell_character(self, c):
        named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "/": "\\/"}
        if c in '"\\' or (c in named and self.chance(0.5)):
            return named[c]
        if ord(c) < 0x20 or self.chance(0.05):
            units = c.encode("utf-16-be")
            spelt = (f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))
            return "".join(self.r.choice([s, s[:2] + s[2:].upper()]) for s in spelt)
        return c

    def garble(self, data):
        """Some bytes changed, often so that it is no JSON any more."""
        data = bytearray(data)
        for _ in range(self.r.randint(1, 3)):
            at = self.r.randrange(len(data) + 1)
            data[at:at + self.r.randrange(3)] = self.r.choice([b"", b'"', b"{", b"}", b",", b":", b"0", b"-", b".", b"e9", b"\\", b"\\u0000",
                                                               b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"1e999", b"1e-400", b"NaN", b" "])
        return bytes(data)


# ---- the model ----

def faults(body, whole):
    """The pointers of all that is wrong with a body."""
    if not isinstance(body, dict):
        return {""}
    wrong = set()

    def has(name, fits):
        if name not in body:
            return whole and name in ("name", "kind")
        if body[name] is None:
            return whole or name in ("name", "kind")
        return not fits(body[name])

    if has("name", lambda v: isinstance(v, str) and 1 <= len(v) <= 100):
        wrong.add("/name")
    if has("description", lambda v: isinstance(v, str) and len(v) <= 2000):
        wrong.add("/description")
    if has("kind", lambda v: isinstance(v, str) and KIND.match(v)):
        wrong.add("/kind")
    if has("parameters", lambda v: isinstance(v, dict) and len(json.dumps(v, default=str)) <= 65536):
        wrong.add("/parameters")
    if has("status", lambda v: v in STATUSES):
        wrong.add("/status")
    for name in body.keys() - FIELDS:
        wrong.add("/" + name.replace("~", "~0").replace("/", "~1"))
    return wrong


def fill(body):
    """A whole strategy from a valid body."""
    defaults = {"description": "", "parameters": {}, "status": "draft"}
    return {**defaults, **body}


class Model:
    def __init__(self):
        self.items = {}  # id: what GET answers
        self.versions = {}
        self.gone = []

    def is_taken(self, name, but=None):
        return any(i["name"] == name and i["status"] != "archived" and key != but for key, i in self.items.items())

    def listed(self, query):
        """All that a list with these filters has, the newest first."""
        found = []
        for key in sorted(self.items, reverse=True):
            item = self.items[key]
            if all(query.get(name) in (None, item[name]) for name in ("status", "kind")) and \
                    ("after" not in query or key < query["after"].lower()) and \
                    lower(query.get("q", "")) in lower(item["name"]):
                found.append(item)
        return found


def lower(text):
    """As the test clusters' locale (C) does it."""
    return "".join(c.lower() if c.isascii() else c for c in text)


class Run:
    def __init__(self, client, database, seed):
        self.client, self.database = client, database
        self.make = Maker(seed)
        self.model = Model()
        self.trail = []  # of the last requests, for whoever reads a failure

    # -- asking --

    def ask(self, method, path, data=None, headers=None):
        headers = dict(headers or {})
        if data is not None:
            kinds = ["application/json"] + (["application/merge-patch+json"] if method == "PATCH" else [])
            headers.setdefault("Content-Type", self.make.r.choice(kinds))
        self.trail = [*self.trail[-4:], (method, path, headers, data)]
        answer = self.client.request(method, path, data, headers)
        assert answer.status < 500, self.told(answer)
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", self.told(answer)
            assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        return answer

    def told(self, answer):
        return "\n".join([*map(repr, self.trail), repr((answer.status, answer.body[:2000]))])

    def expect(self, answer, status, pointers=None):
        assert answer.status == status, f"not {status}:\n{self.told(answer)}"
        if pointers is not None:
            found = {error["pointer"] for error in answer.json()["errors"]}
            assert found == pointers, f"not {pointers}:\n{self.told(answer)}"

    def item(self, answer):
        value = json.loads(answer.body, parse_float=Decimal, parse_int=Decimal)
        return {**value, "version": int(value["version"])} if "version" in value else value

    # -- choosing --

    def some_id(self):
        """An id, and the model's item where there is one (None: 404, False: no id at all)."""
        r = self.make.r
        if self.model.items and self.make.chance(0.85):
            key = r.choice(list(self.model.items))
            return (key.upper() if self.make.chance(0.1) else key), key
        if self.make.chance(0.3):
            return r.choice(["17", "x" * 36, str(uuid.uuid4())[:-1], "%20" + str(uuid.uuid4()), "0", "null", "%E2%82%AC"]), False
        return r.choice([*self.model.gone, str(uuid.UUID(int=r.getrandbits(128)))]), None

    def if_match(self, key):
        """The field, and whether it holds: None where it is malformed."""
        version = self.model.items[key]["version"] if key else 1
        choices = [({}, True)] * 5 + [(value, True) for value in ("*", f'"{version}"', f'"0", "{version}"', f'"{version}" ,"x"',
                                                                 f'"a,b", "{version}"', f', "{version}",,', f'"", "{version}"')]
        choices += [(value, False) for value in (f'"{version + 1}"', f'W/"{version}"', '"x"', '""', f'"0{version}"',
                                                 f'"{version},{version}"', '"99999999999999999999"', f'"{version}.0"')]
        choices += [(value, None) for value in (str(version), f'"{version}', "", f'" {version}"', f'"{version}" "{version}"', f'*, "{version}"',
                                                f"'{version}'", f'w/"{version}"', ",")]
        value, holds = self.make.r.choice(choices)
        return (value or {} if isinstance(value, dict) else {"If-Match": value}), holds

    def body(self, whole):
        """Bytes, the value (None: malformed), and its faults."""
        data = self.make.spell(self.make.body(whole)).encode()
        if self.make.chance(0.1):
            data = self.make.garble(data)
        if not data:
            data = b" "
        try:
            value = parse(data)
        except Malformed:
            return data, None, None
        return data, value, faults(value, whole)

    # -- steps --

    def refused(self, answer, body_is_malformed, wrong):
        """Was the request one that is refused before the database? Checks that it was."""
        if body_is_malformed:
            self.expect(answer, 400)
            return True
        if wrong:
            self.expect(answer, 422, wrong)
            return True
        return False

    def create(self):
        data, value, wrong = self.body(True)
        answer = self.ask("POST", PATH, data)
        if self.refused(answer, wrong is None, wrong):
            return
        new = fill(value)
        if new["status"] != "archived" and self.model.is_taken(new["name"]):
            self.expect(answer, 409, {"/name"})
            return
        self.expect(answer, 201)
        item = self.item(answer)
        assert item["id"] not in self.model.items
        assert answer.headers["Location"] == f"{PATH}/{item['id']}" and answer.headers["ETag"] == '"1"'
        self.keep(answer, {**new, "id": item["id"], "version": 1, "created_at": item["created_at"], "updated_at": item["created_at"]})

    def keep(self, answer, expected):
        item = self.item(answer)
        assert same(item, expected), f"not {expected}:\n{self.told(answer)}"
        assert answer.headers["ETag"] == f'"{item["version"]}"'
        self.model.items[item["id"]] = item
        versions = self.model.versions.setdefault(item["id"], [])
        if not versions or versions[-1]["version"] != item["version"]:
            assert item["version"] == len(versions) + 1
            versions.append(item)

    def change(self):
        method = self.make.r.choice(["PUT", "PATCH", "PATCH"])
        spelt, key = self.some_id()
        headers, holds = self.if_match(key)
        data, value, wrong = self.body(method == "PUT")
        answer = self.ask(method, f"{PATH}/{spelt}", data, headers)
        if wrong is not None:
            wrong |= {"path:id"} if key is False else set()
            wrong |= {"header:If-Match"} if holds is None else set()
        if self.refused(answer, wrong is None, wrong):
            return
        if key is None:
            self.expect(answer, 404)
            return
        if not holds:
            self.expect(answer, 412)
            return
        old = self.model.items[key]
        before = {name: old[name] for name in FIELDS}
        after = fill(value) if method == "PUT" else fill(merge_patch(before, value))
        if after["status"] != "archived" and self.model.is_taken(after["name"], key):
            self.expect(answer, 409, {"/name"})
            return
        self.expect(answer, 200)
        if same(before, after):
            self.keep(answer, old)
            return
        updated = self.item(answer)["updated_at"]
        assert updated >= old["updated_at"]
        self.keep(answer, {**old, **after, "version": old["version"] + 1, "updated_at": updated})

    def delete(self):
        spelt, key = self.some_id()
        headers, holds = self.if_match(key)
        used = bool(key) and self.make.chance(0.3)
        if used:
            self.database.execute('INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital)'
                                  " VALUES (%s, 1, 'X', '1d', '2024-01-01', '2025-01-01', 1)", [key])
        used = bool(key) and self.database.execute("SELECT count(*) FROM backtests WHERE strategy_id = %s", [key]).fetchone()[0] > 0
        answer = self.ask("DELETE", f"{PATH}/{spelt}", headers=headers)
        wrong = ({"path:id"} if key is False else set()) | ({"header:If-Match"} if holds is None else set())
        if self.refused(answer, False, wrong):
            return
        if key is None:
            self.expect(answer, 404)
        elif not holds:
            self.expect(answer, 412)
        elif used:
            self.expect(answer, 200)
            old = self.model.items[key]
            changed = old["status"] != "archived"
            self.keep(answer, {**old, "status": "archived", "version": old["version"] + changed,
                               "updated_at": self.item(answer)["updated_at"] if changed else old["updated_at"]})
        else:
            self.expect(answer, 204)
            assert answer.body == b""
            self.model.items.pop(key)
            self.model.versions.pop(key)
            self.model.gone.append(key)

    def read(self):
        spelt, key = self.some_id()
        answer = self.ask("GET", f"{PATH}/{spelt}")
        if key is False:
            self.expect(answer, 422, {"path:id"})
        elif key is None:
            self.expect(answer, 404)
        else:
            self.expect(answer, 200)
            self.keep(answer, self.model.items[key])

    def read_versions(self):
        spelt, key = self.some_id()
        n = self.make.r.choice(["0", "-1", "x", "1.0", "01", "9" * 19, "9" * 18, "1", "2", "3", ""])
        answer = self.ask("GET", f"{PATH}/{spelt}/versions/{n}")
        wrong = ({"path:id"} if key is False else set())
        if n == "":
            self.expect(answer, 404)  # no such path
            return
        if not re.fullmatch("[1-9][0-9]{0,18}", n) or int(n) >= 1 << 63:
            wrong.add("path:version")
        if self.refused(answer, False, wrong):
            return
        versions = self.model.versions.get(key) or []
        if int(n) > len(versions):
            self.expect(answer, 404)
            return
        self.expect(answer, 200)
        assert same(self.item(answer), self.as_version(versions[int(n) - 1])), self.told(answer)

    def as_version(self, item):
        return {**{name: item[name] for name in (*FIELDS, "version")}, "strategy_id": item["id"], "created_at": item["updated_at"]}

    def list_versions(self):
        spelt, key = self.some_id()
        limit = self.make.r.choice([1, 2, 200])
        seen, path = [], f"{PATH}/{spelt}/versions?limit={limit}"
        while path:
            answer = self.ask("GET", path)
            if key is False:
                self.expect(answer, 422, {"path:id"})
                return
            if key is None:
                self.expect(answer, 404)
                return
            self.expect(answer, 200)
            page = self.item(answer)
            assert 0 < len(page["items"]) <= limit
            seen += page["items"]
            path = self.next_of(answer, page)
        expected = [self.as_version(v) for v in reversed(self.model.versions[key])]
        seen = [{**v, "version": int(v["version"])} for v in seen]
        assert same(seen, expected), self.told(answer)

    def next_of(self, answer, page):
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (page["next"] is None), self.told(answer)
        return link and link.group(1)

    def query(self):
        """Pairs of a query, and the pointers of what is wrong with them."""
        r, query, wrong = self.make.r, [], set()

        def add(name, good, bad):
            if self.make.chance(0.06):
                query.append((name, r.choice(bad)))
                wrong.add(f"query:{name}")
            else:
                query.append((name, r.choice(good)))

        names = [i["name"] for i in self.model.items.values()]
        part = (r.choice(names) + "%%")[:r.randint(3, 5)] if names else "nam"
        if self.make.chance(0.5):
            add("status", STATUSES, ["on", "", "Draft", "draft,active", None])
        if self.make.chance(0.4):
            add("kind", ["rsi", "k", "x_1", "none"], ["A", "", "k" * 65, None])
        if self.make.chance(0.4):
            add("q", ["nam", "N1_", "%%%", "___", "\\" * 3, "a%_", part, "x" * 100], ["", "n", "N1", "x" * 101, None])
        if self.make.chance(0.5):
            add("limit", ["1", "3", "200", "50"], ["0", "201", "-1", "1.0", "1e1", "01", "+1", "", "x", "9" * 30, " 1", None])
        if self.make.chance(0.3):
            keys = list(self.model.items) or [str(uuid.uuid4())]
            add("after", [r.choice(keys), r.choice(keys).upper(), str(uuid.UUID(int=r.getrandbits(128)))], ["", "1", "x" * 36, None])
        if self.make.chance(0.03):
            name = r.choice(["colour", "Limit", "", "limit "])
            query.append((name, "1"))
            wrong.add(f"query:{name}")
        if query and self.make.chance(0.03):
            query.append(query[0])
            wrong.add(f"query:{query[0][0]}")
        return query, wrong

    def list(self):
        query, wrong = self.query()
        text = "&".join(self.encode(name) + ("" if value is None else "=" + self.encode(value)) for name, value in query)
        answer = self.ask("GET", PATH + ("?" + text if text else ""))
        if self.refused(answer, False, wrong):
            return
        query = dict(query)
        limit = int(query.get("limit", 50))
        expected = self.model.listed(query)
        while True:
            page = self.item(answer)
            found = [{**i, "version": int(i["version"])} for i in page["items"]]
            assert same(found, expected[:limit]), f"not {[i['name'] for i in expected[:limit]]}:\n{self.told(answer)}"
            expected = expected[limit:]
            path = self.next_of(answer, page)
            assert (path is not None) == bool(expected), self.told(answer)
            if path is None:
                return
            assert page["next"] == found[-1]["id"]
            answer = self.ask("GET", path)

    def encode(self, text):
        out = ""
        for byte in text.encode():
            c = chr(byte)
            if c == " ":
                out += self.make.r.choice(["+", "%20"])
            elif c.isascii() and (c.isalnum() or c in "-._~") and not self.make.chance(0.1):
                out += c
            else:
                out += f"%{byte:02x}" if self.make.chance(0.5) else f"%{byte:02X}"
        return out

    def step(self):
        steps = [(self.create, 5 if len(self.model.items) < 25 else 1), (self.change, 7), (self.delete, 1), (self.read, 2),
                 (self.read_versions, 1), (self.list_versions, 1), (self.list, 3)]
        self.make.r.choices([s for s, _ in steps], [w for _, w in steps])[0]()


@pytest.mark.parametrize("part", range(4))
def test_random_requests_are_answered_as_the_model_says(daemon, database, part):
    d = daemon(database_statement_timeout="60s")
    with d.client() as client, database.connect() as connection:
        run = Run(client, connection, SEED + part)
        for _ in range(500):
            run.step()
        rows = connection.execute("SELECT id::text, name, status, version FROM strategies").fetchall()
        assert sorted(rows) == sorted((i["id"], i["name"], i["status"], i["version"]) for i in run.model.items.values())
        kept = connection.execute("SELECT count(*) FROM strategy_versions").fetchone()[0]
        assert kept == sum(map(len, run.model.versions.values()))
    assert not re.search(r"level=(?:error|warning) ", d.log()), d.log()[-3000:]

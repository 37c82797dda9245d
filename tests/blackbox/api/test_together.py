"""Writes that are there at the same moment share a commit, and creates a statement: nobody can tell that by an answer."""
import collections
import json
import os
import random

import pytest
from support.ledger import PATH
from support.together import SETTINGS, at_once

BACKTESTS = "/api/v1/backtests"
JSON = {"Content-Type": "application/json"}
SCRIPTS = ["Золотой крест", "黄金交叉", "ゴールデン", "התבנית", "النمط", "ᚠᚢᚦ", "😀🏴‍☠️",
           "\u202eleft", "a\tb\nc", '"\\/', "e\u0301", "\ufeff", "$1 '; --", "[{},{}]"]
# PostgreSQL refuses what is so named with the SQLSTATE that it describes itself with; or at the commit.
REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name LIKE TG_ARGV[0] THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = NEW.description;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON strategies FOR EACH ROW EXECUTE FUNCTION refuse('bad%');
CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON strategies DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse('late%')"""
CODES = ["22P05", "40001", "55P03", "57014", "XX000"]


@pytest.fixture
def seed():
    chosen = int(os.environ.get("STRATSLAB_TEST_SEED", random.randrange(1 << 32)))
    print(f"\nSTRATSLAB_TEST_SEED={chosen}")
    return random.Random(chosen)


def nested(depth):
    """Parameters that, with the body around them, are so deep."""
    return '{"a":' + "[" * (depth - 2) + "]" * (depth - 2) + "}"


def body(name, parameters="{}", **more):
    return json.dumps({"name": name, "kind": "fault", **more}, ensure_ascii=False)[:-1] + f',"parameters":{parameters}}}'


def create(text):
    return "POST", PATH, text, dict(JSON)


def rows(database):
    """How often each name is there, with its versions."""
    with database.connect() as db:
        strategies = collections.Counter(name for name, in db.execute("SELECT name FROM strategies"))
        versions = collections.Counter(name for name, in db.execute("SELECT name FROM strategy_versions WHERE version = 1"))
    assert strategies == versions
    return strategies


def strategy(r, number):
    """One unlike all others, and what is left out of it."""
    name = f"{number} {r.choice(SCRIPTS)}"
    wanted = {"name": name, "description": r.choice(["", f"of {number}: {' '.join(r.sample(SCRIPTS, 4))}"]), "kind": f"kind_{number}",
              "parameters": {f"k{number}": r.choice([None, number, -0.5, [number, {}], r.choice(SCRIPTS), {"é": [[]]}]), r.choice(SCRIPTS): number},
              "status": r.choice(["draft", "active", "archived"])}
    sent = dict(wanted)
    for member, default in (("description", ""), ("parameters", {}), ("status", "draft")):
        if r.random() < 0.3:
            wanted[member] = default
            del sent[member]
    members = list(sent.items())
    r.shuffle(members)
    return wanted, json.dumps(dict(members), ensure_ascii=r.random() < 0.5, indent=r.choice([None, 2]))


def test_each_answer_belongs_to_its_request(daemon, database, seed):
    d = daemon(**SETTINGS)
    asked = [strategy(seed, number) for number in range(64)]
    answers, commits = at_once(d, database, [create(text) for _, text in asked])
    print(commits.told())
    there = rows(database)
    for (wanted, text), answer in zip(asked, answers, strict=True):
        assert answer.status == 201, (answer.text, text)
        made = answer.json()
        assert {member: made[member] for member in wanted} == wanted, text
        assert (answer.headers["Location"], answer.headers["ETag"], made["version"]) == (f"{PATH}/{made['id']}", '"1"', 1)
        again = d.request("GET", answer.headers["Location"])
        assert (again.status, again.body, again.headers["ETag"]) == (200, answer.body, '"1"')
        assert there[wanted["name"]] == 1
    assert len({answer.json()["id"] for answer in answers}) == len(asked)
    assert commits.shared() > 0 and commits.since()["shared_rollbacks"] == 0


def alone(d, request):
    return said(d.request(*request))


def said(answer):
    """All of an answer that does not go by the moment."""
    assert answer.status >= 400, answer.text
    return answer.status, answer.body, sorted((name, value) for name, value in answer.headers.items() if name != "Date")


def with_good_ones(d, database, r, bad, round_):
    """`bad`, requests of which each is refused alone, are refused in the same words among 31 others, and those are made."""
    marked = [(*request[:3], {**request[3], "X-Request-ID": f"bad-{number}"}) for number, request in enumerate(bad)]
    wanted = [alone(d, request) for request in marked]
    names = [f"good {round_} {number}" for number in range(31)]
    requests = [(create(body(name, description="good")), None) for name in names] + list(zip(marked, wanted, strict=True))
    r.shuffle(requests)
    before = rows(database)
    answers, commits = at_once(d, database, [request for request, _ in requests])
    print(f"{bad[0][2][:80]}: {wanted[0][0]}; {commits.told()}")
    for (request, refusal), answer in zip(requests, answers, strict=True):
        if refusal is None:
            assert answer.status == 201 and answer.json()["name"] == json.loads(request[2])["name"], (answer.text, bad)
        else:
            assert said(answer) == refusal
    more = rows(database) - before
    assert {name: count for name, count in more.items() if not name.startswith(("warm", "held", "first"))} == dict.fromkeys(names, 1)
    return commits


TOO_LONG = [
    '{"a":[' + ",".join(["1e300"] * 250) + "]}",  # 1.5 KB; as PostgreSQL writes it, 75 KB
    '{"a":[' + ",".join(["1"] * 30000) + "]}",  # 60 KB; with a space after each comma, 90 KB
]


@pytest.mark.parametrize("parameters", TOO_LONG, ids=["digits", "spaces"])
def test_one_is_too_long_for_the_database_alone(daemon, database, seed, parameters):
    d = daemon(**SETTINGS)
    commits = with_good_ones(d, database, seed, [create(body("long", parameters))], 0)
    assert commits.shared() > 0 and commits.since()["shared_rollbacks"] > 0


def test_one_is_refused_by_the_database(daemon, database, seed):
    d = daemon(**SETTINGS)
    with database.connect() as db:
        db.execute(REFUSES)
    for round_, code in enumerate(CODES):
        commits = with_good_ones(d, database, seed, [create(body("bad", description=code))], round_)
        assert commits.shared() > 0 and commits.since()["shared_rollbacks"] > 0
    # Whose fault that was nobody knows: each goes alone.
    assert with_good_ones(d, database, seed, [create(body("late", description="23514"))], "late").since()["shared_rollbacks"] > 0
    several = [create(body(f"{kind} {code}", description=code)) for kind, code in zip(["bad", "bad", "late", "bad", "late"], CODES, strict=True)]
    assert with_good_ones(d, database, seed, several, "several").since()["shared_rollbacks"] > 0


def test_some_are_refused_by_our_checks(daemon, database, seed):
    """They never come to the database; the good ones are at the limits of what may."""
    d = daemon(**SETTINGS)
    bad = [body("\0"), body("n", '{"a":"\\u0000"}'), body("n", '{"a":"\\ud800"}'), body("n", '{"\\udc00":1}'), body("n", '{"a":1e400000}'),
           body("n", '{"a":-1e309}'), body("n", '{"a":1e-400}'), body("n", nested(33)), body("n", '{"a":1,"a":2}'), body("n", '{"a":1,"\\u0061":2}'),
           body(""), body("n", "[]"), "", "[]", body("n") + ",", body("n", '{"a":"' + 66000 * "x" + '"}')]
    assert with_good_ones(d, database, seed, [create(text) for text in bad], 0).shared() > 0


def test_what_is_at_the_limit_is_made(daemon, database, seed):
    d = daemon(**SETTINGS)
    parameters = [nested(32), '{"a":' + 300 * "9" + "}", '{"":{}}', '{"a":1e308}', '{"a":-1e-307}', '{"a":"' + 60000 * "x" + '"}',
                  '{"\\ud83d\\ude00":"\\ud83d\\ude00"}']
    asked = [body(f"{number} {100 * seed.choice('aé黄😀')}"[:100], text, description=2000 * seed.choice("aé黄😀"))
             for number, text in enumerate(4 * parameters)]
    seed.shuffle(asked)
    answers, commits = at_once(d, database, [create(text) for text in asked])
    print(commits.told())
    for text, answer in zip(asked, answers, strict=True):
        assert answer.status == 201, (answer.text, text)
        wanted, made = json.loads(text, parse_int=float), json.loads(answer.body, parse_int=float)
        assert {member: made[member] for member in wanted} == wanted
    there = rows(database)
    assert all(there[json.loads(text)["name"]] == 1 for text in asked) and commits.shared() > 0


def test_one_name_is_asked_for_several_times(daemon, database, seed):
    """Of each name one is made, and the others are told that it is there, in the words that they would have had alone."""
    d = daemon(**SETTINGS)
    taken = [f"taken {number}" for number in range(4)]
    for name in taken:
        assert d.request(*create(body(name))).status == 201
    names = 3 * [f"thrice {number}" for number in range(4)] + 2 * taken + [f"once {number}" for number in range(24)]
    seed.shuffle(names)
    answers, commits = at_once(d, database, [create(body(name, status="active")) for name in names])
    print(commits.told())
    made = collections.Counter(name for name, answer in zip(names, answers, strict=True) if answer.status == 201)
    assert made == dict.fromkeys(set(names) - set(taken), 1)
    for name, answer in zip(names, answers, strict=True):
        if answer.status == 201:
            assert answer.json()["name"] == name
        else:
            again = d.request(*create(body(name, status="active"))[:3], {**JSON, "X-Request-ID": answer.json()["request_id"]})
            assert (answer.status, answer.body) == (409, again.body)
    there = rows(database)
    assert all(there[name] == 1 for name in names) and commits.met()


def wish(strategy_id, symbol, key=None):
    text = json.dumps({"strategy_id": strategy_id, "symbol": symbol, "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                       "end": "2025-01-01T00:00:00Z", "initial_capital": 1000})
    return "POST", BACKTESTS, text, JSON if key is None else {**JSON, "Idempotency-Key": key}


@pytest.mark.parametrize("bodies", [1, 2])
def test_a_key_is_used_several_times_at_once(daemon, database, seed, bodies):
    """Each key makes one backtest, and every answer to it is the same, or says that the key is another body's; what comes with them is made."""
    d = daemon(**SETTINGS)
    strategy_id = d.request(*create(body("of backtests"))).json()["id"]
    for _ in range(3):  # until they are known to be quick
        assert d.request(*wish(strategy_id, "WARM")).status == 202
    symbols = {key: [f"K{key}B{n}" for n in range(bodies if key == 0 else 1)] for key in range(4)}
    requests = [wish(strategy_id, symbol, f"key-{key}") for key, own in symbols.items() for symbol in own for _ in range(4)]
    requests += [wish(strategy_id, f"P{number}") for number in range(4)] + [create(body(f"beside {number}")) for number in range(8)]
    seed.shuffle(requests)
    answers, commits = at_once(d, database, requests)
    print(commits.told())
    by_key = collections.defaultdict(set)
    for request, answer in zip(requests, answers, strict=True):
        if answer.status == 422:
            assert answer.json()["code"] == "idempotency_key_reused" and bodies == 2
            continue
        assert answer.status == (202 if request[1] == BACKTESTS else 201), answer.text
        if request[1] == BACKTESTS:
            assert answer.json()["symbol"] == json.loads(request[2])["symbol"]
            by_key[request[3].get("Idempotency-Key", answer.json()["id"])].add((answer.body, answer.headers["Location"]))
    assert len(by_key) == 4 + len(symbols) and all(len(own) == 1 for own in by_key.values())
    assert collections.Counter(answer.status for answer in answers) == {202: 20, 201: 8, **({422: 4} if bodies == 2 else {})}
    with database.connect() as db:
        made = collections.Counter(symbol[:2] for symbol, in db.execute("SELECT symbol FROM backtests WHERE symbol <> 'WARM'"))
    assert made == dict.fromkeys([*(f"K{key}" for key in symbols), *(f"P{number}" for number in range(4))], 1)
    assert commits.met() if bodies == 2 else commits.shared() > 0

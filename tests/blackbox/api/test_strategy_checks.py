"""Strategies of kinds that backtestd knows are checked when they are written."""
import concurrent.futures
import json

import pytest

PATH = "/api/v1/strategies"
MERGE = {"Content-Type": "application/merge-patch+json"}
RULES = {"v": 1, "let": {"f": "sma(close, 10)"}, "long": {"enter": "close > f", "exit": "close < f"}}


def post(d, kind, parameters, **more):
    return d.request("POST", PATH, {"name": "n", "kind": kind, "parameters": parameters, **more})


def made(d, kind="rules", parameters=RULES, **more):
    answer = post(d, kind, parameters, **more)
    assert answer.status == 201, answer.text
    return answer.json()


def patch(d, item, change, **headers):
    return d.request("PATCH", f"{PATH}/{item['id']}", change, {**MERGE, **headers})


def errors(answer):
    assert answer.status == 422, answer.text
    assert answer.json()["code"] == "validation_failed"
    return answer.json()["errors"]


WRONG = [
    ("rules", {"long": {"enter": "close > smaa(close, 3)"}}, "/parameters/long/enter", 9, "did you mean sma?"),
    ("rules", {"long": {"enter": "close > sma(close)"}}, "/parameters/long/enter", 9, "the second argument (length) is missing"),
    ("rules", {"long": {"enter": "close > sma(close, 0)"}}, "/parameters/long/enter", 20, "must be between 1 and"),
    ("rules", {"let": {"é": "close"}, "long": {"enter": "1 > 2"}}, "/parameters/let/é", None, ""),
    ("rules", {"let": {"a": "b", "b": "a"}, "long": {"enter": "a > 1"}}, "/parameters/let/a", None, "a -> b -> a"),
    ("rules", {}, "/parameters", None, "long or short is missing"),
    ("rules", {"long": {"enter": "close > 1"}, "stpo": {"percent": 1}}, "/parameters/stpo", None, "did you mean stop?"),
    ("sma_crossover", {"fats": 3}, "/parameters/fats", None, "did you mean fast?"),
    ("sma_crossover", {"fast": 0.5}, "/parameters/fast", None, "must be a whole number"),
    ("sma_crossover", {"fast": 9999}, "/parameters/fast", None, "must be between 1 and 5000"),
    ("sma_crossover", {"a/b~c": 1}, "/parameters/a~1b~0c", None, "no such parameter"),
]


@pytest.mark.parametrize("of, parameters, pointer, column, detail", WRONG)
def test_what_is_wrong_is_named(daemon, of, parameters, pointer, column, detail):
    d = daemon()
    item, = errors(post(d, of, parameters))
    assert item["pointer"] == pointer
    assert item.get("column") == column
    assert detail in item["detail"]
    there = made(d, of, {} if of != "rules" else RULES)
    assert errors(d.request("PUT", f"{PATH}/{there['id']}", {"name": "n", "kind": of, "parameters": parameters})) == [item]
    assert d.request("GET", f"{PATH}/{there['id']}").json() == there


def test_every_fault_is_named_those_of_the_schema_too(daemon):
    d = daemon()
    answer = d.request("POST", PATH, {"kind": "rules", "colour": 1, "parameters": {"long": {"enter": "clos > 1", "exit": "hihg < 1"}}})
    assert [item["pointer"] for item in errors(answer)] == ["/colour", "/name", "/parameters/long/enter", "/parameters/long/exit"]
    # What is not an object has one fault, not two.
    assert [item["pointer"] for item in errors(post(d, "rules", [1]))] == ["/parameters"]
    assert [item["pointer"] for item in errors(d.request("POST", PATH, {"name": "n", "kind": 7, "parameters": {}}))] == ["/kind"]


def test_the_kind_is_read_whatever_its_escapes(daemon):
    answer = daemon().request("POST", PATH, '{"name":"n","kind":"\\u0073ma_crossover","parameters":{"fats":1}}', {"Content-Type": "application/json"})
    assert [item["pointer"] for item in errors(answer)] == ["/parameters/fats"]


def test_a_draft_is_checked_and_other_kinds_are_not(daemon):
    d = daemon()
    assert post(d, "sma_crossover", {"fats": 1}, status="draft").status == 422
    assert post(d, "neural", {"fats": 1}).status == 201
    assert d.request("POST", PATH, {"name": "bare", "kind": "sma_crossover"}).status == 201
    assert errors(d.request("POST", PATH, {"name": "bare rules", "kind": "rules"}))[0]["pointer"] == "/parameters"


# ---- patches: what comes of them is checked ----

def test_a_patch_is_checked_with_what_is_there(daemon):
    d = daemon()
    item = made(d)
    fault, = errors(patch(d, item, {"parameters": {"long": {"exit": "close < g"}}}))
    assert (fault["pointer"], fault["column"]) == ("/parameters/long/exit", 9)
    # f is not used any more if only one of its two places goes; both and it can.
    assert [e["pointer"] for e in errors(patch(d, item, {"parameters": {"let": None}}))] == ["/parameters/long/enter", "/parameters/long/exit"]
    assert d.request("GET", f"{PATH}/{item['id']}").json() == item
    answer = patch(d, item, {"parameters": {"let": None, "long": {"enter": "close > open", "exit": None}}})
    assert answer.status == 200, answer.text
    assert answer.headers["ETag"] == '"2"'
    assert answer.json()["parameters"] == {"v": 1, "long": {"enter": "close > open"}}


def test_a_patch_of_the_kind_is_checked(daemon):
    d = daemon()
    item = made(d, "neural", {"layers": 3})
    assert [e["pointer"] for e in errors(patch(d, item, {"kind": "sma_crossover"}))] == ["/parameters/layers"]
    answer = patch(d, item, {"kind": "sma_crossover", "parameters": {"layers": None, "fast": 3}})
    assert (answer.status, answer.json()["parameters"]) == (200, {"fast": 3})
    assert [e["pointer"] for e in errors(patch(d, item, {"parameters": {"fast": 0}}))] == ["/parameters/fast"]
    assert patch(d, item, {"parameters": None}).json()["parameters"] == {}


def test_what_was_there_before_it_was_checked_can_be_archived(daemon, database):
    d = daemon()
    item = made(d, "neural", {"layers": 3})
    with database.connect() as db:
        db.execute("UPDATE strategies SET kind = 'sma_crossover'")
    answer = patch(d, item, {"status": "archived", "description": "old"})
    assert (answer.status, answer.json()["status"]) == (200, "archived")
    assert errors(patch(d, item, {"parameters": {"fast": 3}}))[0]["pointer"] == "/parameters/layers"


@pytest.mark.parametrize("change", [{"description": "d"}, {"parameters": {"fast": 3}}], ids=["apart", "rules"])
def test_a_patch_keeps_its_conditions(daemon, change):
    d = daemon()
    item = made(d, "sma_crossover", {})
    stale = patch(d, item, change, **{"If-Match": '"7"'})
    assert (stale.status, stale.json()["code"]) == (412, "stale")
    fresh = patch(d, item, change, **{"If-Match": '"7", "1"'})
    assert (fresh.status, fresh.headers["ETag"], fresh.json()["version"]) == (200, '"2"', 2)
    same = patch(d, item, change)
    assert (same.status, same.json()["version"]) == (200, 2)
    nobody = {**item, "id": "019360a0-7c5e-7000-8000-000000000000"}
    assert patch(d, nobody, change).status == 404
    assert patch(d, nobody, change, **{"If-Match": '"1"'}).status == 404


def test_patches_of_rules_lose_nothing_to_each_other(daemon):
    """Each is checked with what the others have made of it, and made to that."""
    d = daemon(workers=2)
    names = [f"p{i}" for i in range(16)]
    item = made(d, parameters={"params": {name: 1 for name in names}, "long": {"enter": "close > " + " + ".join(f"${name}" for name in names)}})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: patch(d, item, {"parameters": {"params": {name: 2}}}), names))
    assert {answer.status for answer in answers} == {200}
    last = d.request("GET", f"{PATH}/{item['id']}").json()
    assert last["parameters"]["params"] == {name: 2 for name in names}
    assert last["version"] == 1 + len(names)


def test_two_patches_that_are_wrong_only_together(daemon):
    """One takes a parameter away that the other begins to use: one of them is refused, whichever comes second."""
    d = daemon(workers=2)
    for number in range(12):
        item = made(d, parameters={"params": {"a": 1, "b": 2}, "long": {"enter": "close > $a", "exit": "close < $b"}}, description=str(number))
        changes = [{"parameters": {"params": {"a": None}, "long": {"enter": "close > 1"}}}, {"parameters": {"long": {"exit": "close < $a + $b"}}}]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            statuses = sorted(answer.status for answer in pool.map(lambda change, item=item: patch(d, item, change), changes))
        assert statuses == [200, 422]
        assert d.request("DELETE", f"{PATH}/{item['id']}").status == 204


def test_a_large_document_is_checked(daemon):
    d = daemon()
    names = [f"n{i}" for i in range(150)]
    let = {name: f"sma(close, {i + 1})" for i, name in enumerate(names)}
    sums = " + ".join(names)
    answer = post(d, "rules", {"let": let, "long": {"enter": f"close > {sums}"}})
    assert answer.status == 201, answer.text
    deep = "(" * 5000 + "close" + ")" * 5000
    assert errors(post(d, "rules", {"long": {"enter": f"{deep} > 1"}}))[0]["pointer"] == "/parameters/long/enter"
    assert len(errors(post(d, "rules", {"let": {name: "clos" for name in names}, "long": {"enter": "close > 1"}}))) == 64
    assert json.loads(d.request("GET", "/health").body)["status"] == "ok"

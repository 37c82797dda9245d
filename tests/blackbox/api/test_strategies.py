"""The strategies resource, as api.md describes it."""
import concurrent.futures
import json
import re
import uuid
from urllib.parse import quote

import pytest

PATH = "/api/v1/strategies"
# Not one that backtestd computes: of those the parameters are checked (test_strategy_checks.py).
KIND = "house_rule"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MERGE = {"Content-Type": "application/merge-patch+json"}


def make(d, name="Golden cross", **more):
    answer = d.request("POST", PATH, {"name": name, "kind": KIND, **more})
    assert answer.status == 201, answer.text
    return answer.json()


def patch(d, item, change, **headers):
    return d.request("PATCH", f"{PATH}/{item['id']}", change, {**MERGE, **headers})


def names(answer):
    assert answer.status == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def problem(answer, status, code):
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code, body
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


def pointers(body):
    return sorted(error["pointer"] for error in body.get("errors", []))


def add_backtest(database, item):
    with database.connect() as db:
        db.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\","
                   " initial_capital) VALUES (%s, 1, 'BTCUSD', '1d', '2024-01-01', '2025-01-01', 1000)", [item["id"]])


# ---- create and read ----

def test_create_answers_201_with_location_etag_and_the_whole_strategy(daemon):
    d = daemon()
    answer = d.request("POST", PATH, {"name": "Golden cross", "kind": KIND, "parameters": {"fast": 10.50}})
    assert answer.status == 201
    item = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{item['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert uuid.UUID(item["id"]).version == 7
    assert TIME.fullmatch(item["created_at"]) and item["updated_at"] == item["created_at"]
    expected = {"name": "Golden cross", "description": "", "kind": KIND, "parameters": {"fast": 10.5},
                "status": "draft", "version": 1}
    assert {key: item[key] for key in expected} == expected
    assert set(item) == {*expected, "id", "created_at", "updated_at"}
    again = d.request("GET", answer.headers["Location"])
    assert (again.status, again.json(), again.headers["ETag"]) == (200, item, '"1"')


def test_numbers_keep_their_digits(daemon):
    d = daemon()
    answer = d.request("POST", PATH, '{"name":"n","kind":"k","parameters":{"price":0.10000000000000000001,"big":123456789012345678901234567890}}',
                       {"Content-Type": "application/json"})
    assert answer.status == 201, answer.text
    assert b"0.10000000000000000001" in answer.body and b"123456789012345678901234567890" in answer.body


@pytest.mark.parametrize("is_escaped", [False, True], ids=["raw", "escaped"])
def test_text_of_every_plane_comes_back_as_it_went(daemon, is_escaped):
    d = daemon()
    name = "\u0001 \"\\/ Größe é 漢字 \x7f\u0080\u07ff\uffff\U0001f600\U0010ffff <b>&amp;"
    text = {"name": name, "description": name * 20, "parameters": {name: [name, {"漢": "Größe 漢字 😀"}]}}

    def send(method, path, body, **headers):
        return d.request(method, path, json.dumps(body, ensure_ascii=is_escaped), {"Content-Type": "application/json", **headers})

    def assert_is(answer, status, expected):
        assert answer.status == status, answer.text
        assert {key: answer.json()[key] for key in expected} == expected

    made = send("POST", PATH, {"kind": "k", **text})
    assert_is(made, 201, text)
    path = made.headers["Location"]
    assert_is(d.request("GET", path), 200, text)
    assert names(d.request("GET", PATH)) == [name]
    for part in ("Größe", "é 漢字", "\uffff\U0001f600\U0010ffff"):
        assert names(d.request("GET", f"{PATH}?q={quote(part)}")) == [name]
    assert names(d.request("GET", f"{PATH}?q={quote('Grösse')}")) == []
    # A change, and its twin in the history.
    assert_is(send("PATCH", path, {"name": "😀", "parameters": {name: None, "ß": "ß"}}, **MERGE), 200,
              {"name": "😀", "description": text["description"], "parameters": {"ß": "ß"}})
    assert_is(send("PUT", path, {"kind": "k", **text, "name": "漢字"}, **{"If-Match": '"2"'}), 200, {**text, "name": "漢字"})
    assert [item["name"] for item in d.request("GET", f"{path}/versions").json()["items"]] == ["漢字", "😀", name]


@pytest.mark.parametrize("character", ["a", "ß", "漢", "😀"])
@pytest.mark.parametrize("is_escaped", [False, True], ids=["raw", "escaped"])
def test_a_name_s_length_is_in_characters(daemon, character, is_escaped):
    d = daemon(workers=1)
    body, longer = (json.dumps({"name": character * count, "kind": "k"}, ensure_ascii=is_escaped) for count in (100, 101))
    answer = d.request("POST", PATH, body, {"Content-Type": "application/json"})
    assert answer.status == 201, answer.text
    assert answer.json()["name"] == character * 100
    found = problem(d.request("POST", PATH, longer, {"Content-Type": "application/json"}), 422, "validation_failed")
    assert [error["detail"] for error in found["errors"]] == ["must have at most 100 characters, but has 101"]


def test_head_is_get_without_the_body(daemon):
    d = daemon()
    item = make(d)
    get, head = (d.request(method, f"{PATH}/{item['id']}") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]


def test_a_name_is_unique_among_what_is_not_archived(daemon):
    d = daemon()
    first = make(d)
    body = problem(d.request("POST", PATH, {"name": "Golden cross", "kind": "k"}), 409, "name_taken")
    assert pointers(body) == ["/name"]
    assert patch(d, first, {"status": "archived"}).status == 200
    make(d)
    assert pointers(problem(patch(d, first, {"status": "active"}), 409, "name_taken")) == ["/name"]


# ---- change ----

def test_put_replaces_the_whole_and_defaults_what_is_left_out(daemon):
    d = daemon()
    item = make(d, description="old", parameters={"a": 1}, status="active")
    answer = d.request("PUT", f"{PATH}/{item['id']}", {"name": "new", "kind": "rsi"}, {"If-Match": '"1"'})
    assert answer.status == 200, answer.text
    new = answer.json()
    assert (new["name"], new["kind"], new["description"], new["parameters"], new["status"], new["version"]) == \
        ("new", "rsi", "", {}, "draft", 2)
    assert new["created_at"] == item["created_at"] and new["updated_at"] > item["updated_at"]
    assert answer.headers["ETag"] == '"2"'


def test_patch_merges_as_rfc_7396_says(daemon):
    d = daemon()
    item = make(d, description="d", parameters={"a": {"b": 1, "c": 2}, "list": [1, 2], "gone": True})
    answer = patch(d, item, {"parameters": {"a": {"b": None, "n": {"x": None, "y": 1}}, "list": [3], "gone": None},
                             "description": None})
    assert answer.status == 200, answer.text
    new = answer.json()
    assert new["parameters"] == {"a": {"c": 2, "n": {"y": 1}}, "list": [3]}
    assert (new["description"], new["name"], new["version"]) == ("", "Golden cross", 2)


def test_patch_takes_plain_json_too_and_null_for_a_required_member_is_refused(daemon):
    d = daemon()
    item = make(d)
    assert d.request("PATCH", f"{PATH}/{item['id']}", {"kind": "rsi"}).status == 200
    assert pointers(problem(patch(d, item, {"name": None}), 422, "validation_failed")) == ["/name"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_guards_every_change(daemon, method):
    d = daemon()
    item = make(d)
    path = f"{PATH}/{item['id']}"
    body = None if method == "DELETE" else {"name": "x", "kind": "k"}
    for stale in ('"2"', 'W/"1"', '"2", "3"', '"abc"', '"99999999999999999999999"', '"01"', '"1,1"', '""'):
        problem(d.request(method, path, body, {"If-Match": stale}), 412, "stale")
    assert d.request("GET", path).json() == item
    for bad in ("1", '"1', "", ",", '"1" "2"', '*, "1"', '" 1"'):
        assert pointers(problem(d.request(method, path, body, {"If-Match": bad}), 422, "validation_failed")) == \
            ["header:If-Match"]
    assert d.request(method, path, body, {"If-Match": ', "7,8",, "1"'}).status == (204 if method == "DELETE" else 200)
    missing = f"{PATH}/{uuid.uuid4()}"
    problem(d.request(method, missing, body, {"If-Match": "*"}), 404, "not_found")


def test_of_many_changes_to_one_version_exactly_one_wins(daemon):
    d = daemon()
    item = make(d)

    def change(i):
        return patch(d, item, {"description": f"by {i}"}, **{"If-Match": '"1"'}).status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(change, range(16)))
    assert statuses == [200] + [412] * 15
    assert d.request("GET", f"{PATH}/{item['id']}").json()["version"] == 2


def test_merge_patches_without_if_match_lose_nothing_to_each_other(daemon):
    d = daemon()
    item = make(d)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda i: patch(d, item, {"parameters": {f"p{i}": i}}).status, range(24)))
    assert statuses == {200}
    now = d.request("GET", f"{PATH}/{item['id']}").json()
    assert now["parameters"] == {f"p{i}": i for i in range(24)} and now["version"] == 25


def test_a_change_that_changes_nothing_makes_no_version(daemon):
    d = daemon()
    item = make(d)
    answer = patch(d, item, {"name": "Golden cross"})
    assert (answer.status, answer.json(), answer.headers["ETag"]) == (200, item, '"1"')


def test_if_none_match_answers_304(daemon):
    d = daemon()
    item = make(d)
    path = f"{PATH}/{item['id']}"
    for tag in ('"1"', 'W/"1"', '"5", "1"', "*"):
        answer = d.request("GET", path, headers={"If-None-Match": tag})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", '"1"'), tag
    assert d.request("GET", path, headers={"If-None-Match": '"2"'}).status == 200


# ---- delete ----

def test_delete_forgets_a_strategy_that_nothing_refers_to(daemon):
    d = daemon()
    item = make(d)
    answer = d.request("DELETE", f"{PATH}/{item['id']}")
    assert (answer.status, answer.body, answer.headers.get("Content-Type")) == (204, b"", None)
    for path in ("", "/versions", "/versions/1"):
        problem(d.request("GET", f"{PATH}/{item['id']}{path}"), 404, "not_found")
    problem(d.request("DELETE", f"{PATH}/{item['id']}"), 404, "not_found")


def test_delete_archives_a_strategy_with_a_backtest(daemon, database):
    d = daemon()
    item = make(d)
    add_backtest(database, item)
    problem(d.request("DELETE", f"{PATH}/{item['id']}", headers={"If-Match": '"9"'}), 412, "stale")
    answer = d.request("DELETE", f"{PATH}/{item['id']}", headers={"If-Match": '"1"'})
    assert answer.status == 200
    assert (answer.json()["status"], answer.json()["version"], answer.headers["ETag"]) == ("archived", 2, '"2"')
    again = d.request("DELETE", f"{PATH}/{item['id']}")
    assert (again.status, again.json()["version"]) == (200, 2)


# ---- versions ----

def test_every_change_is_a_version_that_never_changes(daemon, database):
    d = daemon()
    item = make(d, parameters={"n": 1})
    for n in (2, 3):
        patch(d, item, {"parameters": {"n": n}})
    path = f"{PATH}/{item['id']}/versions"
    listed = d.request("GET", path).json()
    assert [(v["version"], v["parameters"]["n"]) for v in listed["items"]] == [(3, 3), (2, 2), (1, 1)]
    assert listed["next"] is None
    answer = d.request("GET", f"{path}/2")
    assert (answer.status, answer.json(), answer.headers["ETag"]) == (200, listed["items"][1], '"2"')
    assert set(answer.json()) == {"strategy_id", "version", "name", "description", "kind", "parameters", "status",
                                  "created_at"}
    problem(d.request("GET", f"{path}/4"), 404, "not_found")
    problem(d.request("GET", f"{PATH}/{uuid.uuid4()}/versions"), 404, "not_found")
    with database.connect() as db, pytest.raises(Exception, match="immutable"):
        db.execute("UPDATE strategy_versions SET name = 'x'")


def test_versions_are_paged(daemon):
    d = daemon()
    item = make(d)
    for n in range(6):
        patch(d, item, {"description": str(n)})
    path = f"{PATH}/{item['id']}/versions?limit=3"
    seen = []
    while path:
        answer = d.request("GET", path)
        seen += [v["version"] for v in answer.json()["items"]]
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (answer.json()["next"] is None)
        path = link and link.group(1)
    assert seen == [7, 6, 5, 4, 3, 2, 1]


# ---- lists ----

def test_an_empty_list(daemon):
    assert daemon().request("GET", PATH).json() == {"items": [], "next": None}


def test_pages_follow_the_link_and_meet_each_strategy_once(daemon):
    d = daemon()
    made = [make(d, name=f"s{i}", status="active")["name"] for i in range(10)]
    make(d, name="other")
    seen, path, pages = [], f"{PATH}?status=active&limit=4", 0
    while path:
        answer = d.request("GET", path)
        seen += names(answer)
        pages += 1
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert (link is None) == (answer.json()["next"] is None)
        path = link and link.group(1)
        if pages == 1:
            assert path.startswith(f"{PATH}?status=active&limit=4&after=") and answer.json()["next"] in path
            make(d, name="made meanwhile", status="active")  # newer than the cursor: not in this walk
    assert (seen, pages) == (made[::-1], 3)


def test_filters(daemon):
    d = daemon()
    make(d, name="Alpha 50%", kind="rsi")
    make(d, name="beta_x", status="active")
    make(d, name="ALPHA two", kind="rsi", status="active")
    make(d, name="back\\slash")
    for query, expected in [
        ("status=active", ["ALPHA two", "beta_x"]),
        ("kind=rsi", ["ALPHA two", "Alpha 50%"]),
        ("kind=rsi&status=active", ["ALPHA two"]),
        ("q=alpha", ["ALPHA two", "Alpha 50%"]),
        ("q=alpha&kind=rsi&status=draft", ["Alpha 50%"]),
        ("q=50%25", ["Alpha 50%"]),
        ("q=a_x", ["beta_x"]), ("q=l_h", []),
        ("q=k%5Cs", ["back\\slash"]),
        ("q=a+50", ["Alpha 50%"]),
        ("q=nothing", []),
        ("status=archived", []),
    ]:
        assert names(d.request("GET", f"{PATH}?{query}")) == expected, query


# ---- what is refused ----

@pytest.mark.parametrize(("query", "expected"), [
    ("limit=0", ["query:limit"]), ("limit=201", ["query:limit"]), ("limit=ten", ["query:limit"]),
    ("limit=1.0", ["query:limit"]), ("limit=", ["query:limit"]), ("limit=1&limit=2", ["query:limit"]),
    ("after=x", ["query:after"]), ("status=on", ["query:status"]), ("kind=A", ["query:kind"]), ("q=", ["query:q"]), ("q=ab", ["query:q"]), ("q=%E6%BC%A2%E5%AD%97", ["query:q"]),
    ("limit", ["query:limit"]), ("status", ["query:status"]), ("q&q=abc", ["query:q", "query:q"]),
    ("nope=1", ["query:nope"]), ("nope", ["query:nope"]), ("q=%FF", ["query:"]), ("q=%00", ["query:"]),
    ("limit=0&status=x&zzz=1", ["query:limit", "query:status", "query:zzz"]),
])
def test_a_list_names_every_wrong_parameter(daemon, query, expected):
    assert pointers(problem(daemon().request("GET", f"{PATH}?{query}"), 422, "validation_failed")) == expected


def test_a_bad_id_is_named(daemon):
    d = daemon()
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"name": "n", "kind": "k"})):
        assert pointers(problem(d.request(method, f"{PATH}/17", body), 422, "validation_failed")) == ["path:id"]
    for version in ("0", "x", "-1", "99999999999999999999"):
        body = problem(d.request("GET", f"{PATH}/{uuid.uuid4()}/versions/{version}"), 422, "validation_failed")
        assert pointers(body) == ["path:version"]


@pytest.mark.parametrize(("body", "expected"), [
    ({}, ["/kind", "/name"]),
    ({"name": "", "kind": "k"}, ["/name"]),
    ({"name": "n" * 101, "kind": "k"}, ["/name"]),
    ({"name": 7, "kind": None, "parameters": [], "status": True, "description": {}},
     ["/description", "/kind", "/name", "/parameters", "/status"]),
    ({"name": "n", "kind": "Bad Kind"}, ["/kind"]),
    ({"name": "n", "kind": "k" * 65}, ["/kind"]),
    ({"name": "n", "kind": "k", "description": "d" * 2001}, ["/description"]),
    ({"name": "n", "kind": "k", "status": "paused"}, ["/status"]),
    ({"name": "n", "kind": "k", "colour": 1, "a/b~c": 2}, ["/a~1b~0c", "/colour"]),
    ({"name": "n", "kind": "k", "id": "x", "version": 3}, ["/id", "/version"]),
    ({"name": "n", "kind": "k", "parameters": {"p": "x" * 66000}}, ["/parameters"]),
    ({"name": "n", "kind": "k", "parameters": {"p": [1] * 30000}}, ["/parameters"]),  # too long only as SQL writes it
    ([], [""]),
    ("text", [""]),
])
def test_a_body_names_every_wrong_member(daemon, body, expected):
    d = daemon()
    answer = d.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
    assert pointers(problem(answer, 422, "validation_failed")) == expected
    assert d.request("GET", PATH).json()["items"] == []


DEEP = '{"name":"n","kind":"k","parameters":' + '{"a":' * 40 + "1" + "}" * 40 + "}"


@pytest.mark.parametrize("body", [
    b"{", b"{'name':1}", b'{"name":"n","name":"m","kind":"k"}', b'{"name":"n","n\\u0061me":"m","kind":"k"}',
    b'{"name":"\xff","kind":"k"}', b'{"name":"a\\u0000b","kind":"k"}', b'{"name":"a\x00b","kind":"k"}',
    b'{"name":"\\ud800","kind":"k"}', b'{"name":"n","kind":"k"} x', b'{"name":"n","kind":"k",}', b"nul", b"\xef\xbb\xbf{}",
    b'{"name":"n","kind":"k","parameters":{"x":NaN}}', b'{"name":"n","kind":"k","parameters":{"x":01}}',
    b'{"name":"n","kind":"k","parameters":{"x":1e999}}', b'{"name":"n","kind":"k","parameters":{"x":1e-20000}}',
    b'{"name":"n","kind":"k","parameters":{"x":0.' + b"0" * 17000 + b"1}}", b'{"name":"n","kind":"k","parameters":{"a":{"b":1,"b":2}}}',
    DEEP.encode(),
])
def test_what_is_not_strict_json_is_400_and_says_where(daemon, body):
    d = daemon()
    answer = d.request("POST", PATH, body, {"Content-Type": "application/json"})
    errors = problem(answer, 400, "malformed_json")["errors"]
    assert len(errors) == 1 and re.search(r"line \d+, column \d+", errors[0]["detail"]), errors
    assert d.request("GET", PATH).json()["items"] == []


def test_other_wrong_requests(daemon):
    d = daemon()
    item = make(d)
    path = f"{PATH}/{item['id']}"
    problem(d.request("GET", "/api/v1/nothing"), 404, "not_found")
    wrong = d.request("DELETE", PATH)
    problem(wrong, 405, "method_not_allowed")
    assert {m.strip() for m in wrong.headers["Allow"].split(",")} == {"GET", "HEAD", "POST", "OPTIONS"}
    problem(d.request("POST", PATH, "<a/>", {"Content-Type": "text/xml"}), 415, "unsupported_media_type")
    refused = d.request("PATCH", path, "x", {"Content-Type": "text/plain"})
    problem(refused, 415, "unsupported_media_type")
    assert "application/merge-patch+json" in refused.headers["Accept-Patch"]
    problem(d.request("GET", PATH, headers={"Accept": "text/html"}), 406, "not_acceptable")
    problem(d.request("POST", PATH, b"x" * 1153434, {"Content-Type": "application/json"}), 413, "content_too_large")
    assert d.request("OPTIONS", path).status == 204
    assert d.request("POST", PATH, None, {"Content-Type": "application/json"}).status == 400


def test_bad_requests_leave_the_log_without_warnings(daemon):
    d = daemon()
    d.request("POST", PATH, b"{", {"Content-Type": "application/json"})
    d.request("POST", PATH, {"name": 1})
    make(d)
    d.request("POST", PATH, {"name": "Golden cross", "kind": "k"})
    d.request("GET", "/nowhere")
    d.wait_log(r'status=404')
    assert not re.search(r"level=(error|warning)", d.log()), d.log()


# ---- what stays ----

def test_strategies_outlive_the_daemon(daemon):
    first = daemon()
    item = make(first)
    assert first.stop() == 0
    assert daemon().request("GET", f"{PATH}/{item['id']}").json() == item

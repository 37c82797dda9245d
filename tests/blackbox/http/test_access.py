"""What is decided about a stranger: pages of other origins (CORS), other hosts, requests without a token; all on the head."""
import json
import os

import pytest
from quiet import Quiet
from raw import Raw
from support import daemon as daemons
from support.database import Database
from support.wait import wait_until

LIST = "/api/v1/strategies"
OURS, OTHER = "https://app.example", "https://evil.example"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXPOSED = {"Allow", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"}
NOBODY = "stl_" + "0" * 64


def run(stratslabd, tmp_path_factory, **settings):
    database = Database(os.environ["STRATSLAB_TEST_DATABASE_URL"])
    database.create()
    daemon = daemons.Daemon(stratslabd, ("serve",), {**database.settings(), "docs_url": "off", **settings}, str(tmp_path_factory.mktemp("access")))
    daemon.token = None
    try:
        daemon.start()
        if settings["auth"] == "token":
            done = daemons.run(stratslabd, "token", "create", "t", "--scope=read", "--scope=write", DATABASE_URL=database.url)
            daemon.token = done.stdout.strip()
            wait_until(lambda: ask(daemon, "GET", LIST, Host="127.0.0.1").status == 200, 20, "the token to be known")
        watched = Quiet(daemon)
        yield daemon
        watched.check()
        daemon.finish()
    finally:
        if daemon.process is not None:
            daemon.kill()
        database.drop()


@pytest.fixture(scope="module")
def strict(stratslabd, tmp_path_factory):
    """A daemon that asks for tokens and knows two origins and three hosts."""
    yield from run(stratslabd, tmp_path_factory, auth="token", workers=1, cors_origins=f"{OURS} http://localhost:3000",
                   allowed_hosts="api.example *.example.org 127.0.0.1")


@pytest.fixture(scope="module")
def wide(stratslabd, tmp_path_factory):
    """One that answers every origin and every host."""
    yield from run(stratslabd, tmp_path_factory, auth="off", workers=1, cors_origins="*")


@pytest.fixture(scope="module")
def plain(stratslabd, tmp_path_factory):
    yield from run(stratslabd, tmp_path_factory, auth="off", workers=1)


def cors(answer):
    """The fields of CORS in an answer."""
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def listed(value):
    return {item.strip() for item in value.split(",")}


def is_open_to(answer, origin):
    fields = cors(answer)
    assert fields.pop("access-control-allow-origin") == origin
    assert listed(fields.pop("access-control-expose-headers")) == EXPOSED
    assert "access-control-allow-credentials" not in fields
    assert ("Origin" in (answer.headers["Vary"] or "")) == (origin != "*")
    return fields


def ask(d, method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if d.token and "Authorization" not in headers:
        headers["Authorization"] = f"Bearer {d.token}"
    return d.request(method, path, body, headers)


# ---- CORS ----

@pytest.mark.parametrize("path", ["/", "/health", LIST, f"{LIST}/x", "/api/v1/nothing", "/a/b/c/d/e/f/g/h/i/j", "/%ff", "/?q=%zz"])
@pytest.mark.parametrize("method", METHODS[:-1])
def test_a_preflight_is_answered_whatever_the_request_will_come_to(strict, path, method):
    """Also where that is a 404 or a 405: a script can only see it if the browser sends the request."""
    answer = strict.request("OPTIONS", path, headers={"Origin": OURS, "Access-Control-Request-Method": method,
                                                      "Access-Control-Request-Headers": "authorization,if-match, x-trace"})
    assert (answer.status, answer.body) == (204, b"")
    fields = is_open_to(answer, OURS)
    assert listed(fields.pop("access-control-allow-methods")) == set(METHODS)
    assert fields.pop("access-control-allow-headers") == "authorization,if-match, x-trace"
    assert fields == {"access-control-max-age": "600"}
    assert "Allow" not in answer.headers and "WWW-Authenticate" not in answer.headers


def test_a_preflight_without_fields_is_told_of_none(strict):
    for fields in (None, "", "a b", "x,,y", "a/b"):
        more = {} if fields is None else {"Access-Control-Request-Headers": fields}
        answer = strict.request("OPTIONS", LIST, headers={"Origin": OURS, "Access-Control-Request-Method": "GET", **more})
        assert answer.status == 204
        assert "access-control-allow-headers" not in is_open_to(answer, OURS), fields


@pytest.mark.parametrize("origin", [OTHER, "null", "", "https://app.example:8443", "http://app.example", "https://APP.example",
                                    "https://app.example.evil.example", "https://app.example/", f"{OURS}, {OTHER}", "*"])
def test_other_origins_are_told_nothing(strict, origin):
    answer = strict.request("OPTIONS", LIST, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert (answer.status, answer.headers["Vary"], cors(answer)) == (204, "Origin", {})
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert strict.request("OPTIONS", "/nothing", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}).status == 404
    answer = ask(strict, "GET", LIST, Origin=origin)
    assert (answer.status, answer.headers["Vary"], cors(answer)) == (200, "Origin", {})


def test_every_answer_names_the_origin(strict):
    item = ask(strict, "POST", LIST, {"name": "cors", "kind": "k"}, Origin=OURS)
    here = item.headers["Location"]
    for answer, status in (
            (item, 201), (ask(strict, "GET", here, Origin=OURS), 200), (ask(strict, "HEAD", here, Origin=OURS), 200),
            (ask(strict, "GET", here, Origin=OURS, If_None_Match='"1"'), 304), (ask(strict, "PATCH", here, {"nmae": 1}, Origin=OURS), 422),
            (ask(strict, "GET", "/nothing", Origin=OURS), 404), (ask(strict, "DELETE", LIST, Origin=OURS), 405),
            (ask(strict, "GET", LIST, Origin=OURS, Authorization="x"), 401), (ask(strict, "GET", LIST, Origin=OURS, Accept="text/html"), 406),
            (ask(strict, "GET", LIST, Origin=OURS, Host="evil.example"), 421), (ask(strict, "OPTIONS", LIST, Origin=OURS), 204),
            (ask(strict, "GET", "/health", Origin=OURS), 200), (ask(strict, "POST", LIST, "x", Origin=OURS, Content_Type="text/plain"), 415)):
        assert answer.status == status, answer.text
        assert is_open_to(answer, OURS) == {}
    assert is_open_to(ask(strict, "GET", "/", Origin="http://localhost:3000"), "http://localhost:3000") == {}
    answer = ask(strict, "GET", "/")
    assert (answer.headers["Vary"], cors(answer)) == ("Accept, Origin", {})


def test_a_request_that_cannot_be_read_names_it_too(strict):
    with Raw(strict.port) as c:
        answer = c.ask(f"GET / HTTP/1.1\r\nHost: api.example\r\nHost: api.example\r\nOrigin: {OURS}\r\n\r\n")
        assert answer.status == 400 and answer.fields["vary"] == "Origin"
    with Raw(strict.port) as c:
        answer = c.ask("nonsense\r\n\r\n")
        assert answer.status == 400 and "access-control-allow-origin" not in answer.fields


def test_all_origins(wide):
    for origin in (OURS, OTHER, "null"):
        assert is_open_to(ask(wide, "GET", LIST, Origin=origin), "*") == {}
        fields = is_open_to(wide.request("OPTIONS", "/x", headers={"Origin": origin, "Access-Control-Request-Method": "PUT"}), "*")
        assert listed(fields["access-control-allow-methods"]) == set(METHODS)
    assert is_open_to(ask(wide, "GET", LIST), "*") == {}
    assert wide.request("OPTIONS", "/x", headers={"Access-Control-Request-Method": "PUT"}).status == 404


def test_none_by_default(plain):
    for answer in (ask(plain, "GET", LIST, Origin=OURS),
                   plain.request("OPTIONS", LIST, headers={"Origin": OURS, "Access-Control-Request-Method": "GET"})):
        assert (answer.headers["Vary"], cors(answer)) == (None, {})


# ---- hosts ----

@pytest.mark.parametrize("host", ["api.example", "API.EXAMPLE:8000", "api.example.", "x.example.org", "a.b.example.org:1", "127.0.0.1"])
def test_hosts_that_are_listed(strict, host):
    with Raw(strict.port) as c:
        assert c.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").status == 200
        assert c.ask(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n").status == 200


@pytest.mark.parametrize("host", ["evil.example", "example.org", "api.example.evil.example", "127.0.0.2", "[::1]", "localhost"])
def test_other_hosts_are_misdirected(strict, host):
    with Raw(strict.port) as c:
        for request in (f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", f"GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n",
                        f"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", f"GET /healthy HTTP/1.1\r\nHost: {host}\r\n\r\n",
                        f"OPTIONS / HTTP/1.1\r\nHost: {host}\r\nOrigin: {OURS}\r\nAccess-Control-Request-Method: GET\r\n\r\n",
                        f"GET http://{host}/ HTTP/1.1\r\nHost: api.example\r\n\r\n",
                        f"GET {LIST} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {NOBODY}\r\n\r\n"):
            answer = c.ask(request)
            assert (answer.status, answer.json()["code"]) == (421, "misdirected_request"), answer
            assert host in answer.json()["detail"]
        # A probe comes with an address, and may.
        for path in ("/health", "/health/live", "/health/ready"):
            assert c.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").status == 200


def test_no_host_is_no_listed_one(strict):
    with Raw(strict.port) as c:
        assert c.ask("GET / HTTP/1.0\r\n\r\n").status == 421
    with Raw(strict.port) as c:
        assert c.ask("GET /health HTTP/1.0\r\n\r\n").status == 200


# ---- tokens, on the head ----

def post(token, fields, name="head"):
    body = json.dumps({"name": name, "kind": "k"})
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {LIST} HTTP/1.1\r\nHost: api.example\r\n{bearer}Content-Type: application/json\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return head, body


def test_the_content_of_a_stranger_is_not_asked_for(strict):
    """Before 100-continue, before 413 and 415, and before any of it is read."""
    for token, status in ((None, 401), (NOBODY, 401)):
        with Raw(strict.port) as c:
            answer = c.ask(post(token, "Expect: 100-continue\r\n")[0])
            assert answer.status == status and answer.closes
            assert answer.fields["www-authenticate"].startswith('Bearer realm="stratslab"')
            c.end()
    with Raw(strict.port) as c:
        answer = c.ask(f"POST {LIST} HTTP/1.1\r\nHost: api.example\r\nContent-Type: text/plain\r\nContent-Length: 999999999999\r\n\r\n")
        assert answer.status == 401
    with Raw(strict.port) as c:
        assert c.ask(f"POST {LIST} HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n").status == 401
    with Raw(strict.port) as c:
        head, body = post(strict.token, "Expect: 100-continue\r\n")
        assert c.ask(head).status == 100
        assert c.ask(body).status == 201


def test_requests_of_one_connection_are_judged_one_by_one(strict):
    get = f"GET {LIST} HTTP/1.1\r\nHost: api.example\r\n%s\r\n"
    tokens = ["", f"Authorization: Bearer {strict.token}\r\n", f"Authorization: Bearer {NOBODY}\r\n", f"authorization: bearer {strict.token}\r\n"]
    with Raw(strict.port) as c:
        c.send("".join(get % token for token in tokens * 10))
        assert [c.answer().status for _ in range(40)] == [401, 200, 401, 200] * 10
    twice = get % (tokens[1] + tokens[1])
    with Raw(strict.port) as c:
        assert c.ask(twice).status == 401

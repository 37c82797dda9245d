"""A browser runs the pages of strangers, on this machine. Without tokens, only this machine's own names are answered, and a page of
another site changes nothing."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys

import pytest
from raw import Raw
from support import contract
from support.daemon import MIGRATIONS, Backtestd, environment
from support.kinds import BOTH
from support.namespaces import unshare
from support.wait import wait_until

LIST = "/api/v1/strategies"
OWN = ["localhost", "LOCALHOST:8000", "localhost.", "lab.localhost", "127.0.0.1", "127.8.8.8:1", "[::1]", "[::1]:8000", "[0:0::1]"]
# A name that was rebound to this machine, its name by chance, those that only look like loopback, and addresses that are not this one's.
FOREIGN = ["rebound.example", "rebound.example:8000", "127.0.0.1.rebound.example", "localhost.rebound.example", "api", "a", "0.0.0.0",
           "192.168.1.5", "[::]", "[fe80::1]", "127.1", "2130706433"]
SITES = [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"},
         {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"}]


def get(path, host, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"


def is_misdirected(answer, host=None):
    problem = answer.json()
    assert (answer.status, problem["code"]) == (421, "misdirected_request"), answer
    assert "STRATSLAB_ALLOWED_HOSTS" in problem["detail"] and (host is None or f'"{host}"' in problem["detail"])


def judge(port, paths, own=OWN, foreign=FOREIGN):
    """Every path for every host, in the field and in the target."""
    with Raw(port) as c:
        for path in paths:
            for host in own:
                assert c.send(get(path, host)).answer().status == 200, host
                assert c.send(get(f"http://{host}{path}", "rebound.example")).answer().status == 200, host
            for host in foreign:
                is_misdirected(c.send(get(path, host)).answer(), host)
                is_misdirected(c.send(get(f"http://{host}{path}", "localhost")).answer(), host)
            # Probes have the address that they were given in it.
            for health in ("/health", "/health/live", "/health/ready"):
                assert c.send(get(health, "10.0.0.1:8080")).answer().status == 200
    with Raw(port) as c:
        answer = c.send(f"GET {paths[0]} HTTP/1.0\r\n\r\n").answer()
        assert answer.status == (421 if foreign else 200)
    print(f"\n{len(own)} hosts are answered, {len(foreign)} are not: on {', '.join(paths)}")


@BOTH
def test_only_names_of_this_machine_are_answered(daemon, kind):
    d = daemon(workers=1)
    judge(d.admin_port, ["/status", "/metrics"])
    if kind is not Backtestd:
        judge(d.port, ["/", LIST, "/openapi.json"])


@BOTH
def test_names_are_added_by_the_setting(daemon, kind):
    d = daemon(workers=1, allowed_hosts="api *.lab.example")
    own, foreign = [*OWN, "api", "API:8080", "x.lab.example"], ["rebound.example", "lab.example"]
    judge(d.admin_port, ["/status"], own, foreign)
    if kind is not Backtestd:
        judge(d.port, [LIST], own, foreign)


@BOTH
def test_any_name_must_be_written(daemon, kind):
    d = daemon(workers=1, allowed_hosts="*")
    judge(d.admin_port, ["/status"], [*OWN, "rebound.example"], [])
    if kind is not Backtestd:
        judge(d.port, [LIST], [*OWN, "rebound.example"], [])


def test_with_tokens_only_the_admin_port_asks_for_names(daemon):
    """It knows no tokens. On the other one a page without a token reads nothing."""
    d = daemon(workers=1, auth="token")
    judge(d.admin_port, ["/status", "/metrics"])
    with Raw(d.port) as c:
        assert c.send(get("/", "rebound.example")).answer().status == 200
        assert c.send(get(LIST, "rebound.example")).answer().status == 401


def test_a_unix_socket_has_no_browser(daemon, tmp_path):
    path = str(tmp_path / "api.sock")
    d = daemon(workers=1, listen=f"unix:{path}", admin_listen=f"unix:{path}.admin", wait=False)
    d.wait_log("msg=serving")
    for address, target in ((path, LIST), (f"{path}.admin", "/status")):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(address)
            s.sendall(get(target, "proxy.example", "Connection: close\r\n").encode())
            assert s.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


INSIDE = r"""
import http.client, json, subprocess, sys, time
address, *command = sys.argv[1:]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
daemon = subprocess.Popen(command)
statuses = {}
while daemon.poll() is None:
    try:
        for to, host in (("127.0.0.1", "127.0.0.1:8080"), (address, f"{address}:8080"), (address, "localhost"), (address, "rebound.example"),
                         ("127.0.0.1", address), (address, "192.0.2.99")):
            connection = http.client.HTTPConnection(to, 8080, timeout=60)
            connection.request("GET", "/status", headers={"Host": host})
            statuses[f"{to} {host}"] = connection.getresponse().status
            connection.close()
        break
    except OSError:
        time.sleep(0.1)
daemon.terminate()
daemon.wait()
print("SAID " + json.dumps(statuses), flush=True)
"""


def test_the_address_that_a_connection_came_in_on_is_a_name(backtestd, tmp_path):
    """Of a wildcard, as a machine on the same network asks; in a network of its own. It needs no database for its status."""
    from support.daemon import environment

    settings = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "admin_listen": "*:8080", "migrations_dir": os.path.realpath(MIGRATIONS)}
    command = [*unshare("--net"), sys.executable, "-c", INSIDE, "192.0.2.5", backtestd, "serve"]
    done = subprocess.run(command, env=environment(settings), cwd=tmp_path,
                          capture_output=True, text=True, timeout=300, check=False)
    if "ip" in done.stderr and "SAID" not in done.stdout:
        pytest.skip(f"no address can be added here: {done.stderr[-300:]}")
    said = json.loads(re.search("^SAID (.*)$", done.stdout, re.MULTILINE)[1])
    assert said == {"127.0.0.1 127.0.0.1:8080": 200, "192.0.2.5 192.0.2.5:8080": 200, "192.0.2.5 localhost": 200,
                    "192.0.2.5 rebound.example": 421, "127.0.0.1 192.0.2.5": 421, "192.0.2.5 192.0.2.99": 421}, done.stderr[-2000:]


# ---- changes ----

def unsafe():
    """(method, path) of every operation that may change something."""
    for operation in contract.of().operations():
        if operation.method not in ("GET", "HEAD", "OPTIONS"):
            yield operation.method, re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", operation.path)


@pytest.mark.parametrize("auth", ["off", "token"])
def test_a_page_of_another_site_changes_nothing(daemon, auth):
    d = daemon(workers=1, auth=auth)
    routes = [*unsafe(), ("POST", "/nothing"), ("DELETE", "/health"), ("PUT", "/")]
    assert any(path.endswith("/cancel") for _, path in routes)
    for method, path in routes:
        for headers in SITES:
            answer = d.request(method, path, headers=headers)
            assert (answer.status, answer.json()["code"]) == (403, "cross_site_request"), (method, path, headers)
            assert "STRATSLAB_CORS_ORIGINS" in answer.json()["detail"]
        for headers in ({}, {"Origin": d.url}, {"Sec-Fetch-Site": "same-origin", "Origin": d.url}, {"Sec-Fetch-Site": "none"},
                        {"Origin": d.url.replace("http:", "https:")}):
            assert d.request(method, path, headers=headers).status != 403, (method, path, headers)
    print(f"\n{len(routes) * len(SITES)} changes of {len(routes)} routes were refused")


@BOTH
def test_nor_does_it_on_the_admin_port(daemon):
    d = daemon(workers=1)
    for path in ("/status", "/metrics", "/health", "/nothing"):
        for headers in SITES:
            assert d.admin("POST", path, headers=headers).status == 403
        assert d.admin("POST", path).status in (404, 405)
        assert d.admin("GET", path, headers=SITES[0]).status in (200, 404)


def test_an_origin_that_is_listed_may(daemon):
    d = daemon(workers=1, cors_origins="https://app.example")
    body = {"name": "listed", "kind": "k"}
    assert d.request("POST", LIST, body, {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}).status == 201
    for headers in SITES:
        assert d.request("POST", LIST, body, headers).status == 403


# ---- what is kept, and by whom ----

def kept(answer):
    return answer.headers["Cache-Control"], answer.headers["Cross-Origin-Resource-Policy"]


def test_only_what_has_a_version_is_kept(daemon):
    d = daemon(workers=1)
    made = d.request("POST", LIST, {"name": "kept", "kind": "k"})
    here = made.headers["Location"]
    again = {"If-None-Match": made.headers["ETag"]}
    for answer, status in (
            (made, 201), (d.request("GET", LIST), 200), (d.request("GET", "/nothing"), 404), (d.request("PUT", "/"), 405),
            (d.request("POST", LIST, {}), 422), (d.request("OPTIONS", LIST), 204), (d.request("GET", LIST, headers={"Host": "x.example"}), 421),
            (d.request("GET", "/health"), 200), (d.admin("GET", "/health"), 200), (d.admin("GET", "/status"), 200),
            (d.admin("GET", "/status", headers={"Accept": "text/html"}), 200), (d.admin("GET", "/metrics"), 200), (d.admin("GET", "/x"), 404),
            (d.request("DELETE", here, headers={"Origin": "null"}), 403)):
        assert (answer.status, *kept(answer)) == (status, "no-store", "same-origin")
    for answer, status in ((d.request("GET", here), 200), (d.request("HEAD", here), 200), (d.request("GET", here, headers=again), 304)):
        assert (answer.status, *kept(answer)) == (status, "private, no-cache", "same-origin")
    assert kept(d.request("GET", "/openapi.json")) == ("no-cache", "same-origin")
    assert kept(d.request("GET", "/docs")) == ("no-cache", "same-origin")
    with Raw(d.port) as c:
        answer = c.send("nonsense\r\n\r\n").answer()
        assert (answer.status, answer.fields["cache-control"], answer.fields["cross-origin-resource-policy"]) == (400, "no-store", "same-origin")


def test_an_origin_that_may_read_is_told_so(daemon):
    d = daemon(workers=1, cors_origins="https://app.example")
    for origin, policy in (("https://app.example", "cross-origin"), ("https://evil.example", "same-origin")):
        for path in ("/", "/nothing", LIST):
            assert d.request("GET", path, headers={"Origin": origin}).headers["Cross-Origin-Resource-Policy"] == policy


# ---- a token where an id should be ----

def test_a_token_is_not_taken_for_an_id(daemon):
    d = daemon(workers=1)
    token = "stl_" + "5ec4e7" * 10 + "beef"
    for sent in (token, f"id-{token}", token[:20], f"a.{token}.b"):
        answer = d.request("GET", LIST, headers={"X-Request-ID": sent})
        assert answer.status == 200 and "stl_" not in answer.headers["X-Request-ID"]
    for path in (f"/{token}", f"{LIST}/{token}", f"{LIST}?q={token}", f"{LIST}?{token}=1", f"{LIST}?q={token.replace('_', '%5F')}",
                 f"{LIST}?q={token.replace('_', '%5f')}", f"{LIST}?after={token}"):
        d.request("GET", path, headers={"User-Agent": token, "X-Request-ID": token, "Referer": f"http://localhost/{token}"})
    with Raw(d.port) as c:
        for line in (f"GET /{token} HTTP/9.9\r\n\r\n", f"{token} / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with contextlib.suppress(AssertionError, OSError):
                c.send(line).answer()
    assert d.request("GET", LIST, headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    wait_until(lambda: "mine-1" in d.log(), 10, "the last request to be logged")
    d.stop()
    assert "5ec4e7" not in d.log()

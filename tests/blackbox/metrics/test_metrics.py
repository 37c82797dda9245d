"""/metrics: exact counts of known traffic, sums that never fall, and text that Prometheus' own tool takes without a word."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import uuid

import pytest
from support import docs_ui
from support.client import Client
from support.daemon import Backtestd, run
from support.load import Load
from support.metrics import fallen, scrape
from support.wait import wait_until

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PATH = "/api/v1/strategies"
REQUESTS = "stratslabd_http_requests_total"
DURATION = "stratslabd_http_request_duration_seconds"


def promtool(*arguments, text=None):
    if not shutil.which("promtool"):
        docs_ui.cannot_run("not installed: promtool")
    return subprocess.run(["promtool", "check", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)


def raw(d, data):
    with d.connect() as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return s.makefile("rb").read()


def make(client, **more):
    body = {"name": f"m {uuid.uuid4()}", "kind": "k", **more}
    return client.request("POST", PATH, body)


def total(metrics):
    return sum(metrics.requests().values())


def restarts(metrics):
    return {own["cause"]: v for n, own, v in metrics.samples if n == "stratslabd_worker_restarts_total" and v > 0}


# ---- the form ----

def test_promtool_takes_it_without_a_word(daemon):
    d = daemon()
    with d.client() as client:
        make(client)
        client.request("GET", "/nope")
    done = promtool("metrics", text=d.admin("GET", "/metrics").text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_family_has_help_type_and_samples_in_one_place(daemon):
    d = daemon()
    text = d.admin("GET", "/metrics").text
    metrics = scrape(d)
    families = list(dict.fromkeys(metrics.family(name) for name, _, _ in metrics.samples))
    assert families == list(metrics.types) == list(metrics.helps)
    runs = [name for i, (name, _, _) in enumerate(metrics.samples)
            if i == 0 or metrics.family(metrics.samples[i - 1][0]) != metrics.family(name)]
    assert len(runs) == len(families), "a family's samples stand together"
    seen = [(name, *sorted(labels.items())) for name, labels, _ in metrics.samples]
    assert len(seen) == len(set(seen)), "a sample is there twice"


def test_a_scraper_s_own_accept_field_and_head(daemon):
    d = daemon()
    accept = ("application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.6,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    assert d.admin("GET", "/metrics", headers={"Accept": accept}).status == 200
    head = d.admin("HEAD", "/metrics")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 1000
    assert d.admin("POST", "/metrics").status == 405


# ---- counting ----

def test_requests_are_counted_by_route_method_and_class(daemon):
    d = daemon()
    before = scrape(d).requests()
    with d.client() as client:
        ids = [make(client).json()["id"] for _ in range(3)]
        for one in ids * 2:
            assert client.request("GET", f"{PATH}/{one}").status == 200
        assert client.request("GET", f"{PATH}/{ids[0]}", headers={"If-None-Match": '"1"'}).status == 304
        assert client.request("GET", f"{PATH}/{uuid.uuid4()}").status == 404
        assert client.request("POST", PATH, {"name": 7}).status == 422
        assert client.request("POST", PATH, "{}", {"Content-Type": "text/plain"}).status == 415
        assert client.request("HEAD", PATH).status == 200
        assert client.request("GET", PATH).status == 200
        assert client.request("PATCH", PATH).status == 405
        assert client.request("GET", "/nothing/here").status == 404
        assert client.request("GET", "/nor/here").status == 404
        assert client.request("OPTIONS", PATH).status == 204
        assert client.request("BREW", PATH).status == 501
    assert raw(d, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(d, b"\x00\x01\x02 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    after = scrape(d).requests()
    counted = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    strategy = PATH + "/{id}"
    assert counted == {
        ("POST", PATH, "2xx"): 3, ("POST", PATH, "4xx"): 2,
        ("GET", strategy, "2xx"): 6, ("GET", strategy, "3xx"): 1, ("GET", strategy, "4xx"): 1,
        ("HEAD", PATH, "2xx"): 1, ("GET", PATH, "2xx"): 1,
        ("PATCH", "unmatched", "4xx"): 1, ("GET", "unmatched", "4xx"): 2, ("OPTIONS", "unmatched", "2xx"): 1,
        ("other", "unmatched", "5xx"): 1, ("other", "unmatched", "4xx"): 2,
    }


def test_clients_cannot_make_series(daemon):
    d = daemon(workers=1)
    with d.client() as client:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            client.request(method, "/nope")
        first = len(scrape(d).samples)
        for i in range(50):
            client.request("GET", f"/nope/{i}", headers={"X-Request-ID": f"id-{i}"})
            client.request(f"GET{i}", "/")
            client.close()
    assert len(scrape(d).samples) <= first + 24  # "other": five classes, a histogram


def test_a_histogram_has_every_request_and_only_grows_with_its_buckets(daemon):
    d = daemon()
    with d.client() as client:
        for _ in range(20):
            client.request("GET", PATH)
    metrics = scrape(d)
    bounds = [(float(own["le"]), v) for n, own, v in metrics.samples
              if n == f"{DURATION}_bucket" and (own["method"], own["route"]) == ("GET", PATH)]
    assert bounds == sorted(bounds) and len(bounds) == 17 and bounds[-1][0] == float("inf")
    assert [v for _, v in bounds] == sorted(v for _, v in bounds)
    assert bounds[-1][1] == 20 == metrics.value(f"{DURATION}_count", method="GET", route=PATH)
    assert 0 < metrics.value(f"{DURATION}_sum", method="GET", route=PATH) < 20 * 10
    assert metrics.value(f"{DURATION}_count") == total(metrics)


def test_a_slow_request_is_in_flight_and_then_in_a_high_bucket(daemon, database):
    d = daemon(workers=1)
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
        with Load(d.port, PATH, threads=1) as load:
            wait_until(lambda: scrape(d).value("stratslabd_http_requests_in_flight") == 1, 10, "it in flight")
            wait_until(lambda: scrape(d).value("stratslabd_database_queue_depth") == 1, 10, "its query in the queue")
            wait_until(lambda: db.execute("SELECT max(clock_timestamp() - query_start) > '300 ms' FROM pg_stat_activity"
                                          " WHERE wait_event_type = 'Lock' AND datname = current_database()").fetchone()[0],
                       20, "it to have waited")
            db.execute("COMMIT")
            load.wait(1)
    metrics = scrape(d)
    for name, more in ((DURATION, {"route": PATH}), ("stratslabd_database_query_duration_seconds", {})):
        assert metrics.value(f"{name}_count", **more) > metrics.value(f"{name}_bucket", le="0.25", **more)


def test_bytes_are_those_of_the_wire(daemon):
    d = daemon(workers=1)
    raw(d, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")  # behind it, all that came before has been counted
    before = scrape(d)
    sent = received = 0
    for request in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3, b"GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n", b"rubbish\r\n\r\n",
                    b"POST /api/v1/strategies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"):
        sent += len(request)
        received += len(raw(d, request))
    after = scrape(d)
    assert after.value("stratslabd_http_received_bytes_total") - before.value("stratslabd_http_received_bytes_total") == sent
    assert after.value("stratslabd_http_sent_bytes_total") - before.value("stratslabd_http_sent_bytes_total") == received
    accepted = "stratslabd_http_connections_accepted_total"
    assert after.value(accepted) - before.value(accepted) == 4


def test_connections_are_a_gauge_for_each_worker(daemon):
    d = daemon(workers=2)
    wait_until(lambda: scrape(d).value("stratslabd_workers", state="ready") == 2, 15, "both workers")
    clients = [d.connect() for _ in range(5)]
    wait_until(lambda: scrape(d).value("stratslabd_http_connections") == 5, 10, "five connections")
    for one in clients:
        one.close()
    wait_until(lambda: scrape(d).value("stratslabd_http_connections") == 0, 10, "none")
    metrics = scrape(d)
    assert {own["worker"] for n, own, _ in metrics.samples if n == "stratslabd_http_connections"} == {"0", "1"}
    for worker in ("0", "1"):
        assert metrics.value("stratslabd_resident_memory_bytes", role="worker", worker=worker) > 1 << 20
        assert 0 <= metrics.value("stratslabd_worker_heartbeat_age_seconds", worker=worker) < 30
    assert metrics.value("stratslabd_resident_memory_bytes", role="master") > 1 << 20
    assert metrics.value("stratslabd_resident_memory_bytes", role="admin") > 1 << 20


# ---- the database ----

def test_the_database_s_state_and_reconnects(start_daemon, cluster, own_database):
    d = start_daemon(DATABASE_URL=own_database.url, workers=1)
    metrics = scrape(d)
    assert metrics.value("stratslabd_database_state", worker="0", state="ready") == 1
    assert metrics.value("stratslabd_database_state", worker="0") == 1
    assert metrics.value("stratslabd_health", status="ok") == 1 == metrics.value("stratslabd_health")
    assert metrics.value("stratslabd_database_reconnects_total") == 0
    cluster.stop()
    wait_until(lambda: scrape(d).value("stratslabd_database_state", worker="0", state="down") == 1, 15, "it to be down")
    assert d.request("GET", PATH).status == 503
    metrics = scrape(d)
    assert metrics.value("stratslabd_health", status="database_down") == 1
    assert metrics.value("stratslabd_database_queries_total", outcome="unavailable") >= 1
    cluster.start()
    wait_until(lambda: scrape(d).value("stratslabd_database_state", worker="0", state="ready") == 1, 15, "it to be back")
    assert scrape(d).value("stratslabd_database_reconnects_total") == 1


def test_queries_are_counted_by_outcome(daemon):
    d = daemon(workers=1)
    name = "stratslabd_database_queries_total"
    before = scrape(d)
    with d.client() as client:
        for _ in range(7):
            client.request("GET", PATH)
        strategy = make(client, name="taken").json()
        assert make(client, name="taken").status == 409 and strategy["id"]
    after = scrape(d)
    grown = {own["outcome"]: v - before.value(name, **own) for n, own, v in after.samples if n == name}
    assert {k: v for k, v in grown.items() if v} == {"ok": 8, "unique": 1}
    duration = "stratslabd_database_query_duration_seconds_count"
    assert after.value(duration) - before.value(duration) == 9


def test_commits_are_counted_with_their_writes(daemon):
    d = daemon(workers=1)
    name = "stratslabd_database_{}_total".format
    with d.client() as client:
        for _ in range(5):
            assert make(client).status == 201
        assert client.request("POST", PATH, {"name": "", "kind": "k"}).status == 422
    seen = scrape(d)
    assert (seen.value(name("commits")), seen.value(name("committed_writes"))) == (5, 5)
    assert (seen.value(name("shared_rollbacks")), seen.value(name("writes_again"))) == (0, 0)


def test_migrations_that_are_missing_are_counted(daemon, database):
    d = daemon()
    assert scrape(d).value("stratslabd_migrations_pending") == 0
    d.stop()
    with database.connect() as db:
        db.execute("DELETE FROM schema_migrations WHERE version IN"
                   " (SELECT version FROM schema_migrations ORDER BY version DESC LIMIT 2)")
    d = daemon(wait=False, migrate_on_start="off")
    wait_until(lambda: "msg=serving" in d.log(), 20, "it to serve")
    wait_until(lambda: scrape(d).value("stratslabd_migrations_pending") == 2, 10, "two to be pending")
    assert scrape(d).value("stratslabd_health", status="schema_mismatch") == 1


# ---- sums that never fall ----

def kill_a_worker(d, number=signal.SIGKILL):
    victim = wait_until(d.workers, 10, "a worker")[0]
    os.kill(victim, number)
    wait_until(lambda: victim not in d.workers() and d.workers(), 15, "another worker")


def test_a_killed_worker_s_counts_stay_and_its_successor_goes_on(daemon):
    d = daemon(workers=1, log_access="off")
    for round_ in range(1, 4):
        with d.client() as client:
            for _ in range(10):
                assert client.request("GET", "/").status == 200
        before = scrape(d)
        assert before.requests()[("GET", "/", "2xx")] == 10 * round_
        kill_a_worker(d)
        assert not fallen(before, scrape(d))
    metrics = scrape(d)
    assert restarts(metrics) == {"SIGKILL": 3}


def test_deaths_are_counted_by_cause(daemon):
    d = daemon(workers=1)
    for number in (signal.SIGABRT, signal.SIGABRT, signal.SIGXCPU):  # those that no sanitizer takes
        kill_a_worker(d, number)
    wait_until(lambda: restarts(scrape(d)) == {"SIGABRT": 2, "signal": 1}, 10, "three deaths")


def test_a_hung_worker_is_told_apart_and_does_not_hold_up_a_scrape(daemon):
    d = daemon(workers=1, hang_timeout="2s")
    (victim,) = wait_until(d.workers, 10, "a worker")
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: restarts(scrape(d)).get("hang"), 30, "the hang to be counted")


def test_recycling_loses_no_count(daemon):
    """Each request is counted once, whichever worker served it."""
    d = daemon(workers=2, max_requests=40, log_access="off")
    before = scrape(d)
    with Load(d.port, "/", threads=2, fresh=True) as load:
        wait_until(lambda: restarts(scrape(d)).get("recycled", 0) >= 3, 40, "three workers to be recycled")
    after = scrape(d)
    assert set(load.fates) == {200}
    assert after.requests()[("GET", "/", "2xx")] == load.total
    assert not fallen(before, after) and set(restarts(after)) == {"recycled"}


def test_more_and_fewer_workers_lose_no_count(daemon):
    d = daemon(workers=1, log_access="off")
    desired = "stratslabd_workers_desired"
    assert scrape(d).value(desired) == 1
    with Load(d.port, "/", threads=2, fresh=True) as load:
        for number, goal in ((signal.SIGTTIN, 2), (signal.SIGTTIN, 3), (signal.SIGTTOU, 2), (signal.SIGTTOU, 1)):
            before = scrape(d)
            d.signal(number)
            wait_until(lambda n=goal: scrape(d).value("stratslabd_workers") == n == scrape(d).value(desired), 20,
                       f"{goal} workers")
            load.wait(20)
            assert not fallen(before, scrape(d))
    assert set(load.fates) == {200}
    assert scrape(d).requests()[("GET", "/", "2xx")] == load.total


def reload_wait(d, program):
    return run(program, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")


def test_reloads_under_load_lose_no_count_and_are_counted_by_verdict(start_daemon, database, executable):
    d = start_daemon("serve", program=executable.path, DATABASE_URL=database.url, log_access="off", reload_timeout="20s")
    start = scrape(d)
    assert start.value("stratslabd_last_reload_successful") == 1
    assert start.value("stratslabd_last_reload_timestamp_seconds") == start.value("stratslabd_start_time_seconds")
    before = start
    with Load(d.port, "/", threads=2, fresh=True) as load:
        for generation in (2, 3):
            done = reload_wait(d, executable.real)
            assert done.returncode == 0, done.stderr
            after = scrape(d)
            assert after.value("stratslabd_generation") == generation and not fallen(before, after)
            before = after
        executable.replace("int main(void) { return 1; }")
        assert reload_wait(d, executable.real).returncode == 1
        load.wait(20)
    after = scrape(d)
    assert set(load.fates) == {200} and not fallen(before, after)
    assert after.requests()[("GET", "/", "2xx")] == load.total
    reloads = "stratslabd_reloads_total"
    assert (after.value(reloads, verdict="succeeded"), after.value(reloads, verdict="failed")) == (2, 1)
    assert after.value("stratslabd_last_reload_successful") == 0
    assert after.value("stratslabd_last_reload_timestamp_seconds") > before.value("stratslabd_last_reload_timestamp_seconds")
    assert after.value("stratslabd_start_time_seconds") == start.value("stratslabd_start_time_seconds")
    assert restarts(after) == {}


def test_the_next_code_s_other_routes_do_not_mix_with_the_old_one_s(start_daemon, database, executable):
    """Another executable whose table has other paths in the same places: the real one, with a path changed in it."""
    with open(executable.path, "rb") as f:
        code = f.read()
    old, new = b"/health/live\0", b"/healthy/now\0"
    if old not in code:
        pytest.skip("the path is not a plain string in this executable")
    d = start_daemon("serve", program=executable.path, DATABASE_URL=database.url, log_access="off", reload_timeout="20s")
    for _ in range(5):
        assert d.request("GET", "/health/live").status == 200
    changed = executable.path + ".new"
    with open(changed, "wb") as f:
        f.write(code.replace(old, new))
    os.chmod(changed, 0o755)
    os.rename(changed, executable.path)
    before = scrape(d)
    done = reload_wait(d, executable.real)
    assert done.returncode == 0, done.stderr
    d.is_judged = False  # it has a path that the document of the real one lacks
    for _ in range(3):
        assert d.request("GET", "/healthy/now").status == 200
    assert d.request("GET", "/health/live").status == 404
    after = scrape(d)
    assert not fallen(before, after)
    counted = after.requests()
    assert (counted[("GET", "/health/live", "2xx")], counted[("GET", "/healthy/now", "2xx")]) == (5, 3)


# ---- what is written about it ----

def test_the_page_has_every_metric_and_no_other(daemon):
    metrics = scrape(daemon())
    with open(os.path.join(TOP, "docs", "metrics.md"), encoding="utf-8") as f:
        rows = re.findall(r"^\| `(stratslabd_\w+)` \| (\w+) \| \w+ \|([^|]*)\|", f.read(), re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(metrics.types)
    for name, kind, labels in rows:
        assert metrics.types[name] == kind, name
        exposed = {label for n, own, _ in metrics.samples if metrics.family(n) == name for label in own} - {"le"}
        assert exposed == set(re.findall(r"`(\w+)`", labels)), name


def parsed(expressions, folder):
    """As rules, so that promtool reads each expression as Prometheus would."""
    plain = [e.replace("$__rate_interval", "1m") for e in expressions]
    listed = [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(plain)]
    path = folder / "rules.json"  # which is YAML
    path.write_text(json.dumps({"groups": [{"name": "expressions", "rules": listed}]}), encoding="utf-8")
    done = promtool("rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_names_only_what_there_is(daemon, database, backtestd, tmp_path):
    metrics = scrape(daemon())
    other = Backtestd(backtestd, ["serve"], {"DATABASE_URL": database.url}, str(tmp_path))
    other.start()
    try:
        others = scrape(other)
    finally:
        other.finish()
    samples = metrics.samples + others.samples
    names = {name for name, _, _ in samples}
    labels = {label for _, own, _ in samples for label in own} | {"le", "instance", "job"}
    with open(os.path.join(TOP, "docs", "grafana-dashboard.json"), encoding="utf-8") as f:
        board = json.load(f)
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(expressions) >= 12
    used = set()
    for expression in expressions:
        found = set(re.findall(r"\b(?:stratslabd|backtestd)_\w+", expression))
        assert found and found <= names, expression
        used |= found
        for group in re.findall(r"\b(?:by|without) \(([^)]*)\)", expression):
            assert set(re.split(r",\s*", group)) <= labels, expression
    parsed(expressions, tmp_path)
    for variable in board["templating"]["list"]:
        for name in re.findall(r"\bstratslabd_\w+", json.dumps(variable)):
            assert name in names
    for family in metrics.types:
        assert any(metrics.family(name) == family for name in used), f"{family} is on no panel"
    for family in others.types:  # what both count is there once
        shared = family.replace("backtestd_", "stratslabd_", 1) in metrics.types
        assert shared or any(others.family(name) == family for name in used), f"{family} is on no panel"


def test_client_leaving_is_counted_without_a_status(daemon, database):
    d = daemon(workers=1)
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
        leaver = Client(d.port)
        leaver.connection.request("GET", PATH)
        wait_until(lambda: scrape(d).value("stratslabd_http_requests_in_flight") == 1, 10, "it in flight")
        leaver.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        leaver.close()
        wait_until(lambda: scrape(d).requests().get(("GET", PATH, "none")) == 1, 10, "it to be counted")

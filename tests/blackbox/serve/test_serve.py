"""The life of the daemon: boot, workers that die, stop, a database that is away."""
import os
import re
import signal
import socket
import threading

import pytest
from support.namespaces import unshare
from support.wait import wait_until

PATH = "/api/v1/strategies"


def test_it_says_where_it_serves_and_what_it_is(daemon):
    d = daemon()
    assert d.wait_log(rf"msg=serving listen=127\.0\.0\.1:{d.port}")
    root = d.request("GET", "/").json()
    assert root["name"] == "stratslabd" and root["links"]["strategies"] == PATH


def test_health_on_both_ports(daemon):
    d = daemon()
    for ask in (d.request, d.admin):
        for path in ("/health", "/health/ready", "/health/live"):
            answer = ask("GET", path)
            assert answer.status == 200 and b'"status":"ok"' in answer.body, path


def test_each_process_has_a_role(daemon):
    d = daemon(workers=3)
    wait_until(lambda: len(d.workers()) == 3, 10, "three workers")


def test_a_worker_that_is_killed_is_replaced_and_the_next_request_is_answered(daemon):
    d = daemon(workers=1)
    for _ in range(3):
        (victim,) = wait_until(d.workers, 10, "a worker")
        os.kill(victim, signal.SIGKILL)
        assert d.request("GET", PATH).status == 200
        wait_until(lambda v=victim: d.workers() and v not in d.workers(), 10, "another worker")
    d.wait_log("a child died", count=3)


def test_term_and_int_stop_it_with_0(daemon):
    for number in (signal.SIGTERM, signal.SIGINT):
        d = daemon()
        assert d.stop(number) == 0
        assert "msg=stopped status=0" in d.log()


def test_quit_stops_it_at_once(daemon):
    d = daemon()
    assert d.stop(signal.SIGQUIT) == 0


def ask_behind_a_lock(d, db):
    """A request that waits for as long as db's transaction: the thread that asks, and the list for the answer."""
    db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
    answers = []
    asker = threading.Thread(target=lambda: answers.append(d.request("GET", PATH)))
    asker.start()
    wait_until(lambda: db.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0], 10, "it to wait")
    return asker, answers


def test_a_request_in_flight_is_finished_before_the_end(daemon, database):
    d = daemon(workers=1)
    with database.connect() as db, db.transaction():
        asker, answers = ask_behind_a_lock(d, db)
        idle = d.connect()
        d.signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # an idle connection is closed first
    asker.join(20)
    assert answers and answers[0].status == 200 and answers[0].headers["Connection"] == "close"
    assert d.wait() == 0


def test_what_hangs_at_the_stop_is_answered_503_in_time(daemon, database):
    d = daemon(workers=1, stop_timeout="300ms", database_statement_timeout="60s", database_lock_timeout="60s")
    with database.connect() as db, db.transaction():
        asker, answers = ask_behind_a_lock(d, db)
        assert d.stop() == 0
        asker.join(20)
    assert answers and answers[0].status == 503


def test_during_the_stop_delay_it_serves_but_is_not_ready(daemon):
    d = daemon(stop_delay="60s")
    d.signal(signal.SIGTERM)
    wait_until(lambda: d.request("GET", "/health/ready").status == 503, 10, "readiness to end")
    answer = d.request("GET", "/health")
    assert b'"status":"draining"' in answer.body and answer.headers["Retry-After"]
    assert b'"status":"draining"' in d.admin("GET", "/health").body
    assert d.request("GET", PATH).status == 200
    assert d.stop() == 0  # a second TERM: at once


def test_when_the_master_is_killed_the_workers_end_and_the_port_is_free(daemon):
    d = daemon()
    children = [pid for pids in d.children().values() for pid in pids]
    d.expect_exit = -signal.SIGKILL
    os.kill(d.pid, signal.SIGKILL)
    d.wait()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), 10, "the children to end")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", d.port))


def test_a_port_in_use_is_named_with_its_holder(start_daemon, database):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        d = start_daemon(wait=False, expect_exit=71, DATABASE_URL=database.url, listen=f"127.0.0.1:{port}")
        assert d.wait() == 71
        assert f"127.0.0.1:{port}" in d.log() and f"pid {os.getpid()}" in d.log()


def test_bad_settings_are_named_all_at_once(start_daemon):
    d = start_daemon(wait=False, expect_exit=78, workers="many", nonsense="1", http_body="-3")
    assert d.wait() == 78
    for name in ("STRATSLAB_WORKERS", "STRATSLAB_NONSENSE", "STRATSLAB_HTTP_BODY"):
        assert name in d.log()


def test_a_unix_socket_and_several_addresses(daemon, tmp_path):
    path = tmp_path / "api.sock"
    d = daemon()
    d.stop()
    d = daemon(wait=False, listen=f"unix:{path} 127.0.0.1:{d.port}")
    d.wait_log("msg=serving", count=2)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert s.makefile("rb").read().startswith(b"HTTP/1.1 200")
    assert d.stop() == 0 and not path.exists()


@pytest.mark.parametrize("listen", ["*:8000", "127.0.0.1:8000", "localhost:8000", "[::]:8000"])
def test_without_ipv6_it_serves_on_what_there_is(start_daemon, stratslabd, listen):
    """In a network of its own that has no IPv6, as a container's by default; it needs no database to listen."""
    d = start_daemon(program=" ".join([*unshare("--net"), stratslabd]), wait=False, listen=listen, migrate_on_start="off",
                     DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    d.wait_log(f"msg=serving listen={re.escape(listen)}")
    warned = f'level=warning .*msg="nobody can reach this address: IPv6 is off on this machine" listen={re.escape(listen)}'
    assert bool(re.search(warned, d.log())) == (listen == "[::]:8000"), d.log()


def test_without_ipv6_an_address_of_it_is_refused_with_the_reason(start_daemon, stratslabd):
    d = start_daemon(program=" ".join([*unshare("--net"), stratslabd]), wait=False, expect_exit=71, listen="127.0.0.1:8000 [::1]:8000",
                     migrate_on_start="off", DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert d.wait() == 71
    assert "cannot bind [::1]:8000 (STRATSLAB_LISTEN): IPv6 is off on this machine. Choose an address of this machine" in d.log()


# ---- the database ----

def test_while_the_database_is_away_requests_get_503_and_it_comes_back_by_itself(start_daemon, cluster, own_database):
    d = start_daemon(DATABASE_URL=own_database.url)
    cluster.stop()
    wait_until(lambda: d.request("GET", PATH).status == 503, 10, "503")
    answer = d.request("GET", PATH)
    assert answer.json()["code"] == "database_unavailable" and answer.headers["Retry-After"]
    health = d.request("GET", "/health")
    assert (health.status, health.json()["status"]) == (503, "database_down")
    assert d.request("GET", "/health/live").status == 200
    wait_until(lambda: d.admin("GET", "/health").json()["status"] == "database_down", 10, "the admin port to know")
    workers = d.workers()
    cluster.start()
    wait_until(lambda: all(d.request("GET", PATH).status == 200 for _ in range(8)), 10, "every worker to serve again")
    assert d.workers() == workers, "no process was restarted"


def test_at_boot_it_waits_for_the_database_and_says_so(start_daemon, cluster, own_database):
    cluster.stop()
    d = start_daemon(wait=False, DATABASE_URL=own_database.url)
    d.wait_log("role=migrate")
    health = wait_until(lambda: d.admin("GET", "/health"), 10, "the admin port")
    assert (health.status, health.json()["status"]) == (503, "migrating")
    cluster.start()
    d.wait_ready()


def test_a_database_out_of_reach_past_the_deadline_is_69(start_daemon, cluster, own_database):
    cluster.stop()
    d = start_daemon(wait=False, expect_exit=69, DATABASE_URL=own_database.url, database_boot_timeout="1s")
    assert d.wait() == 69


def test_a_wrong_password_is_not_retried(start_daemon, cluster, database):
    d = start_daemon(wait=False, expect_exit=69, DATABASE_URL=database.url.replace(f"/{database.name}", "/no_such_database"))
    assert d.wait() == 69
    assert "no_such_database" in d.log()


def test_a_password_is_never_in_the_log(start_daemon, database):
    secret = "s3cr3t-" + database.name
    user = database.role
    url = database.url.replace(database.password, secret)
    d = start_daemon(wait=False, expect_exit=None, DATABASE_URL=url, log_level="debug")
    wait_until(lambda: d.process.poll() is not None or "msg=serving" in d.log(), 20, "a verdict")
    assert user and secret not in d.log()


def test_migrations_that_are_not_there_make_it_unready(daemon, database, command):
    d = daemon()
    with database.connect() as db:
        db.execute("DELETE FROM schema_migrations WHERE version = '20261123120100'")
    d.stop()
    d = daemon(wait=False, migrate_on_start="off")
    wait_until(lambda: "msg=serving" in d.log(), 20, "it to serve")
    answer = d.request("GET", "/health")
    assert (answer.status, answer.json()["status"]) == (503, "schema_mismatch")
    assert command("migrate", "stamp", "20261123120100").returncode == 0
    d.wait_ready()


def test_an_empty_database_makes_it_unready_until_it_is_migrated(daemon, command):
    d = daemon(wait=False, migrate_on_start="off")
    wait_until(lambda: "msg=serving" in d.log(), 20, "it to serve")
    answer = d.request("GET", "/health")
    assert (answer.status, answer.json()["status"]) == (503, "schema_mismatch")
    assert command("migrate", "up").returncode == 0
    d.wait_ready()

"""The name server answers nothing, or the first of several hosts does: what needs no database is answered as ever, what connects says
what it waits for within its time, and the other hosts are tried."""
import os
import re
import signal
import time

import psycopg
import pytest
from support import daemon as daemons
from support.cluster import Cluster
from support.daemon import Backtestd
from support.database import Database
from support.kinds import BOTH
from support.names import NameServer, PoweredOff, with_hosts
from support.wait import SLOWNESS, wait_until

NAME = "db.names.test"
FOLDER = os.path.realpath(daemons.MIGRATIONS)
SERVES_WITHIN = 15  # s; it takes 2.5, and this machine may be busy
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%worker' AND datname = current_database()"
SILENT = f'no answer from the name server for "{NAME}"'


def told(what, began):
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


@pytest.fixture
def name_server(tmp_path):
    server = NameServer(tmp_path, **{NAME: ["127.0.0.1"]})
    yield server
    server.silent = False
    server.close()


@pytest.fixture
def powered_off():
    host = PoweredOff()
    yield host
    host.close()


def port_of(database):
    with database.connect() as db:
        return db.info.port


@pytest.fixture
def by_name(database):
    """The database's URL, with a name for its host."""
    return with_hosts(database.url, f"{NAME}:{port_of(database)}")


@pytest.fixture
def second_host(database, powered_off):
    """The database's URL, with a first host that is powered off."""
    return with_hosts(database.url, f"{powered_off.address}:{powered_off.port},127.0.0.1:{port_of(database)}")


def sessions(database):
    """The server processes of the daemon's workers."""
    with database.connect() as db:
        return {pid for pid, in db.execute(SESSIONS)}


def live_is_answered(d):
    """On both ports, at once: this is what an orchestrator gives a second or a few for."""
    for port in {d.port, d.admin_port}:
        answer = daemons.client.request(port, "GET", "/health/live", timeout=5)
        assert answer.status == 200
    return True


# ---- names ----

@BOTH
def test_names_fail_while_serving(start_daemon, database, by_name, name_server, program, stratslabd):
    """The sessions are lost while the name server is silent: the address of before serves."""
    daemons.migrate(stratslabd, database.url)
    d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=by_name, wait=False, hang_timeout="2s", log_access="off")
    d.wait_ready()
    workers = wait_until(lambda: len(d.workers()) == 2 and sorted(d.workers()), 10, "both workers")
    wait_until(lambda: len(sessions(database)) == 2, 10, "both sessions")
    name_server.silent = True
    began = time.monotonic()
    with database.connect() as db:
        before = sessions(database)
        for pid in before:
            db.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(lambda: live_is_answered(d) and len(sessions(database) - before) == 2, 30, "new sessions")
    d.wait_ready()
    told("sessions again, by the last good address", began)
    assert sorted(d.workers()) == workers
    assert "worker hung" not in d.log() and "a child died" not in d.log()


@BOTH
def test_workers_are_replaced_while_names_fail(start_daemon, database, by_name, name_server, program, stratslabd):
    """One that died, and all of them by a reload: each new worker has the address from the others."""
    daemons.migrate(stratslabd, database.url)
    d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=by_name, wait=False, log_access="off",
                     database_connect_timeout="2s")
    d.wait_ready()
    workers = wait_until(lambda: len(d.workers()) == 2 and d.workers(), 10, "both workers")
    before = wait_until(lambda: len(sessions(database)) == 2 and sessions(database), 10, "both sessions")
    name_server.silent = True
    began = time.monotonic()
    os.kill(workers[0], signal.SIGKILL)
    wait_until(lambda: len(sessions(database) - before) == 1, 30, "a session of the new worker")
    told("the session of a new worker", began)
    before, began = sessions(database), time.monotonic()
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["reload"]["state"] in ("succeeded", "failed"), 60, "a reload")
    assert d.status()["reload"]["state"] == "succeeded", d.log()
    wait_until(lambda: len(sessions(database)) == 2 and not sessions(database) & before, 30, "sessions of new workers alone")
    told("a reload", began)
    d.wait_ready()


@BOTH
def test_names_fail_at_the_start(start_daemon, database, by_name, name_server, program, stratslabd):
    """No address yet: 503 for what needs the database, and everything else as ever; no worker is taken for hung."""
    daemons.migrate(stratslabd, database.url)
    name_server.silent = True
    d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=None, wait=False, hang_timeout="2s",
                     migrate_on_start="off" if program == stratslabd else None, POSTGRES_HOST=NAME, POSTGRES_PORT=port_of(database),
                     POSTGRES_USER=database.role, POSTGRES_PASSWORD=database.password, POSTGRES_DB=database.name,
                     database_connect_timeout="1s")
    d.wait_log("no answer from the name server", 30)
    rounds, end = 0, time.monotonic() + 6 * SLOWNESS  # three times what makes a worker hung
    while time.monotonic() < end:
        all_else_is_answered(d)
        rounds += 1
        time.sleep(0.05)
    assert rounds > 10
    assert "hung" not in d.log() and "a child died" not in d.log()
    said = len(re.findall("out of reach", d.log()))
    assert said <= 4, d.log()  # once a worker, not each time
    name_server.silent = False
    began = time.monotonic()
    d.wait_ready(60)
    told("ready after the name server came back", began)


def all_else_is_answered(d):
    """What needs no database."""
    live_is_answered(d)
    assert d.admin("GET", "/status", timeout=5).status == 200
    if not isinstance(d, Backtestd):
        assert d.request("GET", "/api/v1/nothing", timeout=5).status == 404
        assert d.request("GET", "/api/v1/strategies", timeout=5).status == 503


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=["TERM", "QUIT"])
def test_it_ends_while_a_look_up_hangs(start_daemon, database, by_name, name_server, program, stratslabd, number):
    daemons.migrate(stratslabd, database.url)
    name_server.silent = True
    d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=by_name, wait=False,
                     # A worker looks the name up, or what migrates or waits before the first worker.
                     migrate_on_start="off" if program == stratslabd and number == signal.SIGTERM else None)
    wait_until(lambda: name_server.asked > 0, 20, "a look-up")
    began = time.monotonic()
    assert d.stop(number, timeout=5) == 0
    told(f"{number.name} while a look-up hangs", began)


COMMANDS = [("migrate", "status"), ("migrate", "current"), ("migrate", "history"), ("migrate", "plan"), ("migrate", "verify"),
            ("migrate", "up"), ("migrate", "wait"), ("migrate", "down", "--yes"), ("migrate", "redo", "--yes"), ("token", "list"),
            ("token", "create", "t"), ("token", "revoke", "t"), ("check",)]


def run_by_names(name_server, program, url, *command, **settings):
    began = time.monotonic()
    done = daemons.run(name_server.program(program), *command, DATABASE_URL=url, migrations_dir=FOLDER,
                       environment="development", **settings)
    told(" ".join(command), began)
    return done


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_that_names_fail(by_name, name_server, stratslabd, command):
    name_server.silent = True
    done = run_by_names(name_server, stratslabd, by_name, *command, database_connect_timeout="500ms", database_boot_timeout="1s")
    assert done.returncode == 69, done.stderr
    assert SILENT in done.stdout + done.stderr
    if command[:2] not in (("migrate", "up"), ("migrate", "wait")):  # which try again for a while
        assert f"{SILENT} within 500ms" in done.stdout + done.stderr


def test_check_of_the_lab_says_that_names_fail(by_name, name_server, backtestd):
    name_server.silent = True
    done = run_by_names(name_server, backtestd, by_name, "check", database_connect_timeout="500ms")
    assert done.returncode == 69, done.stderr
    assert f"{SILENT} within 500ms" in done.stdout + done.stderr


def test_an_address_that_is_a_name(database, name_server, stratslabd):
    """What listens, and what asks the admin port, has its time, too."""
    name_server.silent = True
    for command in ("health", "status"):
        done = run_by_names(name_server, stratslabd, database.url, command, admin_listen=f"{NAME}:8080")
        assert done.returncode != 0
        assert "no answer from the name server" in done.stderr
    done = run_by_names(name_server, stratslabd, database.url, "serve", admin_listen="off", listen=f"{NAME}:8000")
    assert done.returncode == 71, done.stderr
    assert "no answer from the name server" in done.stderr


# ---- hosts ----

@BOTH
def test_the_second_host_serves(start_daemon, database, second_host, stratslabd, kind):
    """At the start (migrations first), and when the sessions are lost."""
    if kind is Backtestd:
        daemons.migrate(stratslabd, database.url)
    began = time.monotonic()
    d = start_daemon("serve", DATABASE_URL=second_host, wait=False, log_access="off")
    d.wait_ready(SERVES_WITHIN)
    told("serving by the second host", began)
    with database.connect() as db:
        before = wait_until(lambda: len(sessions(database)) == 2 and sessions(database), 10, "both sessions")
        for pid in before:
            db.execute("SELECT pg_terminate_backend(%s)", [pid])
        began = time.monotonic()
        wait_until(lambda: len(sessions(database) - before) == 2, SERVES_WITHIN, "new sessions")
    d.wait_ready(SERVES_WITHIN)
    told("again, after the sessions were lost", began)
    assert "a child died" not in d.log()


@pytest.mark.parametrize("command", [("migrate", "up"), ("migrate", "status"), ("check",), ("token", "list")], ids=" ".join)
def test_a_command_uses_the_second_host(database, second_host, stratslabd, command):
    daemons.migrate(stratslabd, database.url)
    began = time.monotonic()
    done = daemons.run(stratslabd, *command, DATABASE_URL=second_host, migrations_dir=FOLDER)
    told(" ".join(command), began)
    assert done.returncode == 0, done.stderr


def test_nobody_answers(powered_off, stratslabd):
    """Each host with its reason, on a line."""
    url = f"postgresql://u:s3cret@{powered_off.address}:{powered_off.port},127.0.0.1:1,[2001:db8::1]:5432/x"
    done = daemons.run(stratslabd, "migrate", "status", DATABASE_URL=url, database_connect_timeout="1s",
                       migrations_dir=FOLDER)
    assert done.returncode == 69
    for host in (f'"{powered_off.address}", port {powered_off.port} failed: no answer in time', '"127.0.0.1", port 1 failed: Connection refused',
                 '"2001:db8::1", port 5432 failed: '):
        assert host in done.stderr
    assert "s3cret" not in done.stderr and done.stderr.count("\n") == 1


@BOTH
def test_the_second_address_of_a_name_serves(start_daemon, name_server, program, stratslabd, kind):
    """getaddrinfo puts 127.0.0.1 first (RFC 6724 section 6, rule 9), where nobody answers; the server is at the other address."""
    with Cluster() as cluster:
        other = "127.0.0.9"
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute(f"ALTER SYSTEM SET listen_addresses = '{other}'")
        cluster.stop()
        cluster.start()
        own = Database(with_hosts(cluster.url(), f"{other}:{cluster.port}"))
        own.create()
        if kind is Backtestd:
            daemons.migrate(stratslabd, own.url)
        name_server.records[NAME] = [other, "127.0.0.1"]
        first = PoweredOff(port=cluster.port)
        try:
            began = time.monotonic()
            d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=with_hosts(own.url, f"{NAME}:{cluster.port}"),
                             wait=False, log_access="off")
            d.wait_ready(SERVES_WITHIN)
            told("serving by the second address", began)
            d.stop()
        finally:
            first.close()


@pytest.mark.parametrize("parameters", [
    {"load_balance_hosts": "random"}, {"target_session_attrs": "read-write"}, {"target_session_attrs": "primary"},
    {"target_session_attrs": "prefer-standby"}, {"target_session_attrs": "prefer-standby", "load_balance_hosts": "random"},
], ids=lambda parameters: " ".join(parameters.values()))
def test_the_choice_among_hosts(start_daemon, database, parameters):
    url = with_hosts(database.url, f"127.0.0.1:1,127.0.0.1:{port_of(database)}", **parameters)
    start_daemon("serve", DATABASE_URL=url)


def test_no_host_is_of_the_kind(database, stratslabd):
    """A primary, where a standby is asked for."""
    url = with_hosts(database.url, f"127.0.0.1:{port_of(database)}", target_session_attrs="standby")
    done = daemons.run(stratslabd, "migrate", "status", DATABASE_URL=url, migrations_dir=FOLDER)
    assert done.returncode == 69
    assert "hot standby" in done.stderr

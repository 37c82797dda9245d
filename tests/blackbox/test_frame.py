"""The tests' own frame: it must see what it is there to see."""
import os
import sys
import time

import pytest
from support import daemon as daemons
from support import processes
from support.ports import Port
from support.wait import wait_until

FAKE = f"{sys.executable} {os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support', 'fake_daemon.py')}"


@pytest.fixture
def fake(tmp_path):
    started = []

    def start(fault="", **settings):
        one = daemons.Daemon(FAKE, (), {"FAKE": fault, "FAKE_ONCE": tmp_path / "once", **settings}, str(tmp_path))
        one.is_judged = False
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.kill()


def test_well_behaved_daemon_passes(fake):
    daemon = fake()
    assert daemon.request("GET", "/health/ready").json() == {"status": "ok"}
    assert daemon.workers() == processes.children(daemon.pid)
    daemon.finish()


@pytest.mark.parametrize("fault, seen", [("status", "ended with 3, not 0"), ("leave", "left behind"),
                                         ("report", "ERROR: AddressSanitizer")])
def test_bad_end_is_seen(fake, fault, seen):
    daemon = fake(fault)
    with pytest.raises(AssertionError, match=seen):
        daemon.finish()
    wait_until(lambda: not processes.belonging(daemon.pid, daemon.marker), 10, "the processes that were killed to be gone")


def test_failed_start_shows_the_log(fake):
    with pytest.raises(daemons.StartFailure, match="the settings are wrong"):
        fake("refuse")


def test_port_that_was_taken_is_tried_again(fake):
    fake("taken").finish()


def test_settings_do_not_leak_in(monkeypatch):
    monkeypatch.setenv("STRATSLAB_WORKERS", "7")
    monkeypatch.setenv("PGHOST", "nowhere")
    env = daemons.environment({"listen": "127.0.0.1:1", "DATABASE_URL": None})
    assert env["STRATSLAB_LISTEN"] == "127.0.0.1:1"
    assert not {"STRATSLAB_WORKERS", "PGHOST", "DATABASE_URL"} & env.keys()


def test_ports_differ():
    ports = [Port() for _ in range(20)]
    try:
        assert len({int(p) for p in ports}) == 20
    finally:
        for port in ports:
            port.release()


def test_waiting_is_bounded():
    began = time.monotonic()
    with pytest.raises(AssertionError, match="for the moon"):
        wait_until(lambda: False, 0.1, "the moon")
    assert time.monotonic() - began < 60


def test_database_belongs_to_an_ordinary_role(database):
    with database.connect(user=database.role, password=database.password) as connection:
        row = connection.execute("SELECT current_user, current_database(), usesuper FROM pg_user "
                                 "WHERE usename = current_user").fetchone()
        assert row == (database.role, database.name, False)
        connection.execute("CREATE TABLE ours (id integer)")


def test_database_is_gone_afterwards(request):
    from support.database import Database
    admin = os.environ["STRATSLAB_TEST_DATABASE_URL"]
    one, other = Database(admin), Database(admin)
    other.create()
    one.create()
    held = one.connect()  # DROP DATABASE must not mind
    request.addfinalizer(held.close)
    one.drop()
    with other.connect() as connection:
        left = connection.execute("SELECT count(*) FROM pg_database, pg_roles WHERE datname = %s OR rolname = %s",
                                  (one.name, one.role)).fetchone()
    other.drop()
    assert left == (0,)


def test_password_of_a_member_of_pw_users_counts(cluster):
    import psycopg
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE pw_one LOGIN PASSWORD 'right' IN ROLE pw_users")
    psycopg.connect(cluster.url(role="pw_one"), password="right").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url(role="pw_one"), password="wrong")


def test_cluster_stops_and_starts_again(cluster, own_database):
    with own_database.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    port = cluster.port
    cluster.stop()
    cluster.start()
    assert cluster.port == port
    with own_database.connect() as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)

"""backtestd as a daemon: start, health, the commands beside it, and the database that goes and comes."""
import json
import os
import re
import signal
import socket

import pytest
from support import daemon as daemons
from support import processes
from support.daemon import Backtestd, migrate, run
from support.wait import wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)


def health(d):
    return d.request("GET", "/health").json()["status"]


def databases(d):
    return [w["database"] for w in d.status()["workers"]]


def ask(d):
    return {"admin_listen": f"127.0.0.1:{d.admin_port}"}


def test_it_serves_with_a_session_for_each_worker(daemon, database):
    d = daemon(workers=2)
    wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions")
    with database.connect() as db:
        names = db.execute("SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND usename = %s",
                           (database.role,)).fetchall()
    assert names == [("backtestd worker",)] * 2
    for path in ("/health", "/health/ready", "/health/live"):
        assert d.request("GET", path).json()["status"] == "ok"


def test_its_metrics_are_its_own(daemon):
    d = daemon(workers=1)
    wait_until(lambda: databases(d) == ["ready"], 15, "the session")
    text = d.request("GET", "/metrics").text
    assert "worker_restarts_total" in text and "http_request" not in text, text
    assert not re.search(r"^stratslabd_", text, re.MULTILINE), text


def test_it_waits_for_the_schema(start_daemon, database, stratslabd):
    d = start_daemon("serve", DATABASE_URL=database.url, workers=1, wait=False)
    wait_until(lambda: _health_or_none(d) == "schema_mismatch", 20, "schema_mismatch")
    worker = d.status()["workers"][0]["pid"]
    migrate(stratslabd, database.url)
    wait_until(lambda: health(d) == "ok", 20, "ok")
    assert d.status()["workers"][0]["pid"] == worker, "a worker was replaced"


def _health_or_none(d):
    try:
        return health(d)
    except (OSError, ValueError):
        return None


def test_the_database_goes_and_comes(start_daemon, cluster, own_database):
    d = start_daemon("serve", DATABASE_URL=own_database.url, workers=2)
    wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions")
    before = sorted(w["pid"] for w in d.status()["workers"])
    for _ in range(3):
        cluster.stop()
        wait_until(lambda: health(d) == "database_down", 15, "database_down")
        cluster.start()
        wait_until(lambda: health(d) == "ok", 15, "ok")
        wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions")
    assert sorted(w["pid"] for w in d.status()["workers"]) == before, "a worker was replaced"


def test_it_asks_for_no_right_but_those_of_backtest_grant(start_daemon, database, stratslabd, program):
    migrate(stratslabd, database.url)
    with database.connect() as db:
        db.execute(f"CREATE ROLE {database.role}_b LOGIN PASSWORD 'b'")
        db.execute(f"SELECT backtest_grant('{database.role}_b')")
    url = database.url.replace(f"{database.role}:{database.password}@", f"{database.role}_b:b@")
    try:
        settings = {"DATABASE_URL": url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS)}
        done = run(program, "check", **settings)
        assert done.returncode == 0, done
        d = start_daemon("serve", wait=False, DATABASE_URL=url, workers=1)
        wait_until(lambda: _health_or_none(d) == "ok", 20, "ok")
        d.stop()
    finally:
        with database.connect() as db:
            db.execute(f"DROP OWNED BY {database.role}_b")
            db.execute(f"DROP ROLE {database.role}_b")


def test_sessions_that_are_ended_come_back(daemon, database):
    d = daemon(workers=2)
    wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions")
    with database.connect() as db:
        def backends():
            return {pid for pid, in db.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'backtestd worker'"
                                               " AND datname = current_database()")}
        first = backends()
        for pid in first:
            db.execute("SELECT pg_terminate_backend(%s)", (pid,))
        wait_until(lambda: len(backends()) == 2 and not backends() & first, 20, "new sessions")
    wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions to be seen")


def test_a_migration_that_the_database_lacks_stops_a_reload(start_daemon, database, program, tmp_path):
    """It does not migrate: that is stratslabd's part. The old code goes on."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in os.listdir(daemons.MIGRATIONS):
        if name.endswith(".sql"):
            (folder / name).write_bytes(open(os.path.join(daemons.MIGRATIONS, name), "rb").read())
    d = start_daemon("serve", DATABASE_URL=database.url, migrations_dir=str(folder))
    (folder / "20990101000000_more.sql").write_text("-- migrate:up\nSELECT 1;\n-- migrate:down\n")
    done = run(program, "reload", "--wait", timeout=60, **ask(d))
    assert done.returncode == 1 and "20990101000000" in done.stdout + done.stderr, done
    assert "stratslabd migrate up" in done.stdout + done.stderr
    assert health(d) == "ok" and d.status()["generation"] == 1


def test_both_daemons_share_an_environment(start_daemon, database, stratslabd, tmp_path):
    """What is stratslabd's alone is neither taken nor an error."""
    d = start_daemon("serve", DATABASE_URL=database.url, workers=1, http_body="64KiB", cors_origins="https://a.example", docs_url="off")
    with socket.socket() as s, pytest.raises(ConnectionRefusedError):
        s.connect(("127.0.0.1", int(d._ports[0])))
    other = daemons.Daemon(stratslabd, ["serve"], {"DATABASE_URL": database.url, "workers": 1}, str(tmp_path))
    other.start()
    try:
        assert other.request("GET", "/health").status == 200 and health(d) == "ok"
    finally:
        other.finish()


def test_an_unknown_setting_is_an_error(program):
    done = run(program, "config", workerz="1")
    assert done.returncode == 78 and "STRATSLAB_WORKERZ" in done.stderr and "STRATSLAB_WORKERS" in done.stderr


@pytest.fixture
def half_asked(daemon):
    """A daemon with half a request on its admin port. Its master kills what has not ended before the admin process gives
    the request up for being late."""
    d = daemon(workers=1, stop_timeout="7s")
    with socket.create_connection(("127.0.0.1", d.admin_port)) as s:
        s.sendall(b"GET /status HT")
        # What is answered later tells that the half was read before.
        assert health(d) == "ok"
        yield d


def test_a_stop_does_not_wait_for_the_other_half_of_a_request(half_asked):
    assert half_asked.stop() == 0
    assert "killing" not in half_asked.log()


def test_nor_does_an_admin_process_whose_code_was_replaced(half_asked, program):
    d = half_asked
    old = set(processes.children(d.pid))
    done = run(program, "reload", "--wait", timeout=60, **ask(d))
    assert done.returncode == 0, done
    wait_until(lambda: not old & set(processes.children(d.pid)), 40, "the old processes to be gone")
    assert "killing" not in d.log()


# ---- the commands ----

def test_config_names_its_own_settings(program):
    done = run(program, "config")
    assert done.returncode == 0, done.stderr
    assert "STRATSLAB_ADMIN_LISTEN" in done.stdout and "127.0.0.1:8081" in done.stdout
    assert "STRATSLAB_HTTP_BODY" not in done.stdout and "STRATSLAB_AUTH" not in done.stdout
    sample = run(program, "config", "--sample").stdout
    assert "STRATSLAB_WORKERS" in sample and "STRATSLAB_HTTP_BODY" not in sample


def test_health_and_status(daemon, program):
    d = daemon(workers=2)
    wait_until(lambda: databases(d) == ["ready"] * 2, 15, "both sessions")
    for flags in ([], ["--live"]):
        done = run(program, "health", *flags, **ask(d))
        assert (done.returncode, done.stderr) == (0, "") and '"status":"ok"' in done.stdout
    text = run(program, "status", **ask(d)).stdout
    assert f"pid {d.pid}" in text and all(str(w["pid"]) in text for w in d.status()["workers"])
    assert json.loads(run(program, "status", "--json", **ask(d)).stdout)["pid"] == d.pid
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        free = f"127.0.0.1:{nobody.getsockname()[1]}"
    for command in ("health", "status", "reload"):
        done = run(program, command, admin_listen=free)
        assert done.returncode == 1 and free in done.stderr and "stratslabd" not in done.stderr
        assert run(program, command, "--nonsense", **ask(d)).returncode == 64


def test_check(program, database, stratslabd):
    settings = {"DATABASE_URL": database.url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS)}
    done = run(program, "check", **settings)
    assert done.returncode == 65 and "stratslabd migrate up" in done.stderr, done
    migrate(stratslabd, database.url)
    done = run(program, "check", **settings)
    assert done.returncode == 0, done
    done = run(program, "check", "--json", **settings)
    assert json.loads(done.stdout)["ok"] is True
    assert run(program, "check", **{**settings, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}).returncode == 69
    assert run(program, "check", **{**settings, "workers": "none"}).returncode == 78


def test_without_a_database_the_start_ends_with_69(start_daemon):
    d = start_daemon("serve", wait=False, expect_exit=69, DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", database_boot_timeout="1s")
    assert d.wait(30) == 69
    assert "127.0.0.1:1/x" in d.log()


def test_a_second_one_on_the_same_port_is_refused(daemon, program, database):
    d = daemon(workers=1)
    done = run(program, "serve", DATABASE_URL=database.url, migrations_dir=os.path.realpath(daemons.MIGRATIONS), **ask(d))
    assert done.returncode == 71 and f"127.0.0.1:{d.admin_port}" in done.stderr


def test_replicas_share_a_database(daemon):
    several = [daemon(workers=1) for _ in range(3)]
    for d in several:
        wait_until(lambda one=d: health(one) == "ok", 15, "each to be well")


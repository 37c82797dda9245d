"""What the service manager is told, by a socket of the test's own in its place (sd_notify(3))."""
import signal
import time

import pytest
from support.daemon import run
from support.notify import Manager
from support.wait import wait_until


@pytest.fixture
def manager(tmp_path):
    with Manager(str(tmp_path)) as one:
        yield one


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "stratslabd.conf"
    path.touch()
    return path


def reload_wait(stratslabd, d):
    return run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")


def is_ready(told):
    return told.get("READY") == "1"


def test_boot_reload_and_stop(daemon, stratslabd, manager, config, tmp_path):
    d = daemon(NOTIFY_SOCKET=manager.path, config=str(config))

    # It is ready when a worker is, and not before; more time is asked for while the migrations run.
    ready = manager.wait_for("READY")
    assert ready["STATUS"] == f"Serving on 127.0.0.1:{d.port} with 2 workers, generation 1"
    starting = manager.messages[0][1]
    assert int(starting["EXTEND_TIMEOUT_USEC"]) == 60_000_000 and "migrations" in starting["STATUS"]
    assert "READY" not in starting and "EXTEND_TIMEOUT_USEC" not in ready

    # A reload: RELOADING with the time, then READY with the verdict, before `reload --wait` ends.
    mark = len(manager.messages)
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert reload_wait(stratslabd, d).returncode == 0
    done = manager.wait(is_ready, 5, "READY after the reload", mark)
    assert "reload 1 succeeded" in done["STATUS"] and "generation 2" in done["STATUS"]
    reloading = manager.told("RELOADING", mark)
    assert [told["STATUS"] for told in reloading] == [f"Reload 1: {step}" for step in ("preflight", "migrate", "exec", "roll")]
    for told in reloading:
        assert before_us <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    # One that fails: READY again, and why it failed.
    config.write_text("STRATSLAB_WORKERS=many\n")
    mark = len(manager.messages)
    assert reload_wait(stratslabd, d).returncode == 1
    done = manager.wait(is_ready, 5, "READY after the reload that failed", mark)
    assert manager.messages[mark][1]["RELOADING"] == "1"
    assert "RELOAD 2 FAILED in preflight" in done["STATUS"] and "STRATSLAB_WORKERS" in done["STATUS"]
    assert "generation 2" in done["STATUS"]

    mark = len(manager.messages)
    assert d.stop() == 0
    stopping = manager.wait_for("STOPPING", 5, mark)
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 11_000_000

    # All of it came from the one process that the manager listens to.
    assert {told["pid"] for _, told in manager.messages} == {d.pid}
    assert not any("MAINPID" in told for _, told in manager.messages)


def test_the_database_is_waited_for_with_more_time(start_daemon, manager, cluster, own_database):
    cluster.stop()
    d = start_daemon(wait=False, DATABASE_URL=own_database.url, NOTIFY_SOCKET=manager.path)
    told = manager.wait_for("EXTEND_TIMEOUT_USEC")
    assert "waiting for the database" in told["STATUS"]
    d.wait_log("waiting for the database")
    assert not manager.told("READY")
    cluster.start()
    manager.wait_for("READY", 30)


def test_a_migration_that_fails_is_told(daemon, manager, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "20260101000000_bad.sql").write_text("-- migrate:up\nSELECT nonsense;\n-- migrate:down\n")
    d = daemon(wait=False, expect_exit=65, NOTIFY_SOCKET=manager.path, migrations_dir=str(folder))
    assert d.wait() == 65
    assert "exit status 65" in manager.wait_for("STOPPING", 5)["STATUS"]
    assert not manager.told("READY")


def test_the_watchdog_hears_of_it_through_a_reload(daemon, stratslabd, tmp_path):
    with Manager(str(tmp_path), abstract=True) as manager:
        d = daemon(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
        wait_until(lambda: len(manager.times("WATCHDOG")) >= 4, 10, "signs of life")
        assert reload_wait(stratslabd, d).returncode == 0
        mark = len(manager.times("WATCHDOG"))
        wait_until(lambda: len(manager.times("WATCHDOG")) >= mark + 4, 10, "signs of life after the reload")
        at = manager.times("WATCHDOG")
        # Twice within the time, not in every turn of the loop.
        assert at[-1] - at[0] > 0.15 * (len(at) - 1)
        d.signal(signal.SIGSTOP)
        try:
            mark = len(manager.times("WATCHDOG"))
            time.sleep(0.6)  # in which three would come
            assert len(manager.times("WATCHDOG")) <= mark + 1
        finally:
            d.signal(signal.SIGCONT)


def test_nobody_at_the_socket_is_no_harm(daemon, tmp_path):
    d = daemon(NOTIFY_SOCKET=str(tmp_path / "nobody"))
    assert d.request("GET", "/health").status == 200
    d.wait_log("the service manager cannot be notified; trying again")
    # It comes late, and is told what is so by then.
    with Manager(str(tmp_path)) as manager:
        (tmp_path / "nobody").symlink_to(manager.path)
        manager.wait_for("READY", 10)
    assert len([line for line in d.log().split("\n") if "cannot be notified" in line]) <= 2


@pytest.mark.parametrize("text", ["", "relative", "vsock:2:1234", "/" + "x" * 200])
def test_a_socket_that_is_none_is_ignored(daemon, text):
    d = daemon(NOTIFY_SOCKET=text, workers=1)
    assert d.request("GET", "/health").status == 200
    assert "notified" not in d.log()

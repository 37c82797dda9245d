"""Old backtests are removed: by a command, and by a setting while the service runs."""
import json
import re

import pytest
from support.wait import wait_until

PATH = "/api/v1/backtests"
REMOVED = re.compile(r"removed (\d+) backtests that finished before (\S+)\n")


@pytest.fixture
def admin(command, database):
    done = command("migrate", "up")
    assert done.returncode == 0, done.stderr
    with database.connect() as db:
        db.execute("INSERT INTO strategies (name, kind) VALUES ('s', 'rsi')")
        yield db


def add(admin, count, age, status="succeeded"):
    """Backtests that ended so long ago."""
    admin.execute(
        "INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital, status, attempts,"
        " finished_at, error) SELECT s.id, 1, %s, '1d', '2024-01-01', '2025-01-01', 1000, %s, 1, now() - %s::interval,"
        " CASE %s WHEN 'failed' THEN '{}'::jsonb END FROM strategies AS s, generate_series(1, %s)", [age, status, age, status, count])


def left(admin):
    return dict(admin.execute("SELECT symbol, count(*) FROM backtests GROUP BY symbol").fetchall())


def told(*daemons):
    """How many the services say that they have removed."""
    return sum(int(n) for d in daemons for n in re.findall(r"longer ago than they are kept\" backtests=(\d+)", d.log()))


def prune(command, *arguments, **settings):
    done = command("backtests", "prune", *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done


def test_the_command_removes_what_is_old_in_pieces(admin, command):
    for status in ("succeeded", "failed", "cancelled"):
        add(admin, 500, "91 days", status)
    add(admin, 7, "89 days")
    admin.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital, created_at)"
                  " SELECT id, 1, 'queued', '1d', '2024-01-01', '2025-01-01', 1, now() - interval '1 year' FROM strategies")
    dry = prune(command, "--older-than", "90d", "--dry-run")
    assert dry.stdout.startswith("would remove 1500 backtests that finished before "), dry.stdout
    assert left(admin) == {"91 days": 1500, "89 days": 7, "queued": 1}
    before = admin.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]
    done = prune(command, "--older-than", "90d")
    assert REMOVED.fullmatch(done.stdout).group(1) == "1500" and done.stderr == ""
    assert left(admin) == {"89 days": 7, "queued": 1}
    # Three pieces of 500 at least, each committed by itself.
    wait_until(lambda: admin.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").fetchone()[0]
               >= before + 4, 20, "several transactions")
    assert json.loads(prune(command, "--older-than=90d", "--json").stdout).items() >= {"removed": 0, "left": 0, "dry_run": False}.items()


def test_what_is_locked_or_asked_for_by_a_key_stays_for_later(admin, command, database):
    add(admin, 3, "2 days")
    locked, keyed, _ = (row[0] for row in admin.execute("SELECT id FROM backtests ORDER BY finished_at, id").fetchall())
    admin.execute("INSERT INTO backtest_keys (key, request, backtest_id) VALUES ('k', '{}', %s)", [keyed])
    with database.connect() as other, other.transaction():
        other.execute("SELECT FROM backtests WHERE id = %s FOR UPDATE", [locked])
        dry = json.loads(prune(command, "--older-than", "1d", "--dry-run", "--json").stdout)
        assert (dry["would_remove"], dry["left"]) == (2, 1)
        done = prune(command, "--older-than", "1d")
        assert REMOVED.fullmatch(done.stdout).group(1) == "1"
        assert "2 older ones stay" in done.stderr
    admin.execute("UPDATE backtest_keys SET created_at = now() - interval '25 hours'")
    assert REMOVED.fullmatch(prune(command, "--older-than", "1d").stdout).group(1) == "2"
    assert admin.execute("SELECT count(*) FROM backtest_keys").fetchone() == (0,)


def test_the_command_needs_an_age_or_the_setting(admin, command):
    add(admin, 2, "3 days")
    for arguments, said in (((), "--older-than"), (("--older-than", "0s"), "--older-than"), (("--older-than", "soon"), "soon")):
        done = command("backtests", "prune", *arguments)
        assert done.returncode == 64 and said in done.stderr, done.stderr
    assert left(admin) == {"3 days": 2}
    assert prune(command, backtest_retention="2d").stdout.startswith("removed 2 ")


def test_the_command_says_why_it_cannot(admin, command, database):
    assert command("backtests", "prune", "--older-than", "1d", DATABASE_URL="postgresql://x@127.0.0.1:1/x").returncode == 69
    add(admin, 1, "2 days")
    admin.execute(f"REVOKE EXECUTE ON FUNCTION backtest_prune FROM {database.role}")
    denied = command("backtests", "prune", "--older-than", "1d")
    assert denied.returncode == 69 and "may not remove backtests" in denied.stderr, denied.stderr
    admin.execute("DROP FUNCTION IF EXISTS backtest_prune")
    missing = command("backtests", "prune", "--older-than", "1d")
    assert missing.returncode == 65 and "migrate up" in missing.stderr, missing.stderr


def test_a_table_that_others_have_locked_is_told_as_that(admin, command, database):
    add(admin, 1, "100 days")
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE backtests IN ACCESS EXCLUSIVE MODE")
        done = command("backtests", "prune", "--older-than", "90d", database_lock_timeout="200ms")
    assert done.returncode == 69 and "another session has locked the backtests" in done.stderr, done.stderr
    assert left(admin) == {"100 days": 1}


def test_the_setting_removes_what_is_old_while_the_service_runs(admin, daemon):
    add(admin, 250, "91 days")
    add(admin, 7, "89 days")
    d = daemon(workers=2, backtest_retention="90d")
    wait_until(lambda: left(admin) == {"89 days": 7}, 60, "what is old to be removed")
    wait_until(lambda: told(d) == 250, 20, "the log to say so")
    assert "kept_s=7776000" in d.log()
    assert len(d.request("GET", PATH).json()["items"]) == 7


def test_several_services_share_the_work(admin, daemon):
    add(admin, 1000, "91 days")
    ds = [daemon(workers=2, backtest_retention="90d") for _ in range(2)]
    wait_until(lambda: left(admin) == {}, 90, "what is old to be removed")
    wait_until(lambda: told(*ds) == 1000, 90, "the logs to say so, once for each")


def test_a_service_that_may_not_says_so_once_and_serves_on(admin, daemon, database):
    add(admin, 3, "91 days")
    admin.execute(f"REVOKE EXECUTE ON FUNCTION backtest_prune FROM {database.role}")
    d = daemon(workers=1, backtest_retention="90d")
    d.wait_log(r"STRATSLAB_BACKTEST_RETENTION\) cannot be removed.* statement=pruneBacktests sqlstate=42501", timeout=60)
    assert len(d.request("GET", PATH).json()["items"]) == 3

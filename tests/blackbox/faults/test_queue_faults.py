"""The database goes and comes while a backtest is loaded, computed and written: it succeeds once, with the result that it would
have had."""
import contextlib
import os
import signal
import time

import pytest
from support.backtests import COSTLY, Lab
from support.daemon import Backtestd, migrate
from support.lab import Random
from support.wait import wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)


@pytest.fixture
def lab(own_database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, own_database.url)
    return Lab(own_database, backtestd, tmp_path)


def waits_for_lock(lab):
    return lab.db.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'backtestd worker'"
                          " AND datname = current_database()").fetchone()[0] > 0


def come_back(lab, database, cluster):
    cluster.stop()
    cluster.start()
    lab.db = database.connect()


def test_while_it_is_computed(start_daemon, own_database, cluster, lab):
    lab.candles(bars=80000, minutes=1)
    d = start_daemon("serve", DATABASE_URL=own_database.url, workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    assert d.jobs()
    come_back(lab, own_database, cluster)
    done = lab.succeed(backtest)
    assert done["attempts"] == 1
    assert done["result_hash"] == lab.run("rules", COSTLY)[0]["result_hash"]


def test_it_is_away_when_the_job_ends(start_daemon, own_database, cluster, lab):
    lab.candles(bars=80000, minutes=1)
    d = start_daemon("serve", DATABASE_URL=own_database.url, workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    cluster.stop()
    wait_until(lambda: d.jobs() == [], 90, "the job to end")
    cluster.start()
    lab.db = own_database.connect()
    assert lab.succeed(backtest)["attempts"] == 1


@pytest.mark.parametrize("table", ["candle_chunks", "backtest_trades"], ids=["loaded", "written"])
def test_while_it_is(start_daemon, own_database, cluster, lab, table):
    lab.candles(bars=5000)
    parameters = {"fast": 3, "slow": 10}
    d = start_daemon("serve", DATABASE_URL=own_database.url, workers=1, database_lock_timeout="1min")
    locking = own_database.connect()  # until the database is stopped
    locking.execute("BEGIN")
    locking.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    backtest = lab.request(lab.strategy("sma_crossover", parameters))
    wait_until(lambda: waits_for_lock(lab), 30, "the worker to wait")
    come_back(lab, own_database, cluster)
    done = lab.succeed(backtest)
    assert done["attempts"] == 1
    metrics, trades, equity = lab.run("sma_crossover", parameters)
    assert done["result_hash"] == metrics["result_hash"]
    assert (len(lab.trades(backtest)), lab.pieces(backtest)[1]) == (len(trades), len(equity))
    assert d.status()["workers"][0]["restarts"] == 0


def test_workers_are_killed_all_the_time(start_daemon, database, stratslabd, backtestd, tmp_path):
    """Three services, and every half second one of their workers dies: each backtest succeeds, once, with the same result."""
    migrate(stratslabd, database.url)
    lab = Lab(database, backtestd, tmp_path)
    lab.candles(bars=3000)
    services = [start_daemon("serve", DATABASE_URL=database.url, workers=2) for _ in range(3)]
    strategy = lab.strategy()
    backtests = lab.request(strategy, count=50)
    random, kills, next_kill = Random(7), 0, time.monotonic()

    def all_ended():
        nonlocal kills, next_kill
        if time.monotonic() > next_kill:
            workers = [w["pid"] for w in services[kills % 3].status()["workers"]]
            dead = workers[int(random.next() * len(workers))]
            with contextlib.suppress(ProcessLookupError):
                os.kill(dead, signal.SIGKILL)
            # As if a minute had passed since. The attempts are another test's: on a slow machine, one backtest may die often.
            lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp(), attempts = 0 WHERE status = 'running' AND worker LIKE %s", (f"%:{dead}",))
            kills, next_kill = kills + 1, time.monotonic() + 0.5
        if kills < 10:  # a fast machine computes more meanwhile
            backtests.extend(lab.request(strategy, count=10))
            return False
        return lab.db.execute("SELECT count(*) FROM backtests WHERE status IN ('queued', 'running')").fetchone()[0] == 0

    wait_until(all_ended, 240, "the end of all", interval=0.05)
    ended = lab.db.execute("SELECT status, count(*), count(DISTINCT result_sha256) FROM backtests GROUP BY status").fetchall()
    assert ended == [("succeeded", len(backtests), 1)]
    pieces = lab.db.execute("SELECT count(*), min(points), max(points) FROM (SELECT backtest_id, sum(points) AS points FROM backtest_equity"
                            " WHERE level = 0 GROUP BY backtest_id) AS p").fetchone()
    assert pieces == (len(backtests), 3001, 3001)

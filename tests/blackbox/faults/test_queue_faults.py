"""The database goes and comes while a backtest is loaded, computed and written: it succeeds once, with the result that it would
have had."""

import pytest
from support.backtests import COSTLY, Lab
from support.daemon import Backtestd, migrate
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

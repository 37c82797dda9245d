"""The network between a worker and the queue falls silent, or is cut in the middle of what it writes: one result stays, the right one."""
import os
import re
import signal

import pytest
from support.backtests import COSTLY, Lab
from support.daemon import Backtestd, migrate
from support.metrics import scrape
from support.relay import Relay
from support.wait import SLOWNESS, wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)

QUICK = {"fast": 3, "slow": 10}
PUT = b"\0queue_put\0"  # a Bind of that statement (PostgreSQL, "Message Formats")


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, database.url)
    return Lab(database, backtestd, tmp_path)


@pytest.fixture
def network(database):
    with Relay(database.url) as relay:
        yield relay


def assert_right(lab, backtest, kind, parameters):
    """What is stored is what `backtestd run` makes of it, once."""
    done = lab.get(backtest)
    metrics, trades, equity = lab.run(kind, parameters)
    assert done["status"] == "succeeded" and done["result_hash"] == metrics["result_hash"]
    assert (len(lab.trades(backtest)), lab.pieces(backtest)[1]) == (len(trades), len(equity))


def lost(d):
    return scrape(d).value("backtestd_backtests_ended_total", outcome="lost")


def test_it_is_silent_for_longer_than_the_lease(start_daemon, database, network, lab):
    """Of two backtests one is still computed when it comes back, and the other waits to be told."""
    lab.candles(bars=20000, minutes=1)
    far = start_daemon("serve", DATABASE_URL=network.url, workers=2, database_statement_timeout=f"{5 * SLOWNESS:g}s")
    strategy = lab.strategy("rules", COSTLY)
    backtests = lab.request(strategy, timeframe="1m", count=2)
    stays, ends = wait_until(lambda: len(far.jobs()) == 2 and far.jobs(), 60, "two jobs")
    for job in (stays, ends):
        os.kill(job, signal.SIGSTOP)
    network.fall_silent(back=False)
    for backtest in backtests:  # of itself each worker asks after 20 s
        lab.db.execute("SELECT pg_notify('backtests_cancelled', %s)", (str(backtest),))
    wait_until(lambda: network.kept == 2, 30, "heartbeats into the silence")
    network.fall_silent()
    os.kill(ends, signal.SIGCONT)
    # As if the minute were over: how long a lease is, is the worker's to say when it claims, and not a setting.
    lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp() WHERE status = 'running'")
    near = start_daemon("serve", DATABASE_URL=database.url, workers=2)
    for backtest in backtests:
        assert lab.succeed(backtest)["attempts"] == 2
    wait_until(lambda: far.jobs() == [stays], 90, "the job that goes on to end")
    wait_until(lambda: len(set(re.findall(r'pid=(\d+) msg="database out of reach', far.log()))) == 2, 60, "both workers to notice")
    assert lost(far) == 0 and "outcome=" not in far.log()
    before = [(lab.get(backtest), lab.trades(backtest)) for backtest in backtests]

    network.go_on()
    for backtest in backtests:
        far.wait_log(f"msg=backtest id={backtest} .*outcome=lost", timeout=60)
        near.wait_log(f"msg=backtest id={backtest} .*outcome=succeeded")
    wait_until(lambda: lost(far) == 2, 30, "the figure")
    assert [(lab.get(backtest), lab.trades(backtest)) for backtest in backtests] == before
    assert before[0][0]["result_hash"] == before[1][0]["result_hash"]
    assert_right(lab, backtests[1], "rules", COSTLY)
    assert far.jobs() == []
    near.stop()
    lab.succeed(lab.request(lab.strategy(), timeframe="1m"))


@pytest.mark.parametrize("cut", ["before_it_is_whole", "before_the_answer"])
def test_it_is_cut_while_the_result_is_written(start_daemon, network, lab, cut):
    """Nobody knows then whether it is there."""
    lab.candles(bars=5000)
    d = start_daemon("serve", DATABASE_URL=network.url, workers=1)
    lab.succeed(lab.request(lab.strategy()))
    happened = network.cut_after(PUT, 20000) if cut == "before_it_is_whole" else network.lose_answers_to(PUT)
    backtest = lab.request(lab.strategy("sma_crossover", QUICK))
    assert happened.wait(60 * SLOWNESS)
    if cut == "before_the_answer":
        lab.succeed(backtest)
        assert f"msg=backtest id={backtest}" not in d.log(), "it knows"
        network.cut()
        network.go_on()
    d.wait_log(f"msg=backtest id={backtest} .*outcome=succeeded", timeout=60)
    assert lab.get(backtest)["attempts"] == 1
    assert_right(lab, backtest, "sma_crossover", QUICK)
    assert lost(d) == 0
    lab.succeed(lab.request(lab.strategy()))

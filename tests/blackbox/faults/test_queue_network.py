"""The network between a worker and the queue falls silent, or is cut in the middle of what it writes: one result stays, the right one."""
import contextlib
import os
import re
import signal
import threading

import pytest
from support import processes
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


def assert_right(lab, backtests, kind, parameters):
    """What is stored is what `backtestd run` makes of it, once."""
    metrics, trades, equity = lab.run(kind, parameters)
    for backtest in backtests:
        done = lab.get(backtest)
        assert done["status"] == "succeeded" and done["result_hash"] == metrics["result_hash"]
        assert (len(lab.trades(backtest)), lab.pieces(backtest)[1]) == (len(trades), len(equity))


def lost(d):
    return scrape(d).value("backtestd_backtests_ended_total", outcome="lost")


class Held:
    """Jobs that are stopped, but for a moment now and then: one that uses no processor time for two minutes would be ended (JOB_STALL_MS)."""

    def __init__(self):
        self._handles, self._lock, self._over = {}, threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._nudge)
        self._thread.start()

    def stop(self, pids):
        with self._lock:
            for pid in pids:
                self._handles[pid] = os.pidfd_open(pid)
                signal.pidfd_send_signal(self._handles[pid], signal.SIGSTOP)

    def go_on(self, pids):
        with self._lock:
            for pid in pids:
                handle = self._handles.pop(pid)
                signal.pidfd_send_signal(handle, signal.SIGCONT)
                os.close(handle)

    def close(self):
        self._over.set()
        self._thread.join()
        for handle in self._handles.values():
            os.close(handle)

    def _nudge(self):
        while not self._over.wait(10):
            with self._lock:
                for handle in self._handles.values():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(handle, signal.SIGCONT)
                        signal.pidfd_send_signal(handle, signal.SIGSTOP)


@pytest.fixture
def held():
    held = Held()
    yield held
    held.close()


def two_jobs(d):
    """Their processes. They would take some seconds."""
    workers = [worker["pid"] for worker in d.status()["workers"]]

    def look():
        jobs = [job for worker in workers for job in processes.offspring(worker)]
        return len(jobs) == 2 and jobs

    return wait_until(look, 60, "two jobs")


@pytest.mark.parametrize("other", ["has_finished", "computes"])
def test_it_is_silent_for_longer_than_the_lease(start_daemon, database, network, lab, held, other):
    """Of two backtests one is still computed when it comes back, and the other waits to be told. Another service has them by then."""
    lab.candles(bars=30000, minutes=1)
    far = start_daemon("serve", DATABASE_URL=network.url, workers=2, database_statement_timeout=f"{5 * SLOWNESS:g}s")
    strategy = lab.strategy("rules", COSTLY)
    backtests = lab.request(strategy, timeframe="1m", count=2)
    stays, ends = two_jobs(far)
    held.stop([stays, ends])
    network.fall_silent(back=False)
    for backtest in backtests:  # of itself each worker asks after 20 s
        lab.db.execute("SELECT pg_notify('backtests_cancelled', %s)", (str(backtest),))
    wait_until(lambda: network.kept >= 2, 30, "heartbeats into the silence")
    network.fall_silent()
    held.go_on([ends])
    # As if the minute were over: how long a lease is, is the worker's to say when it claims, and not a setting.
    lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp() WHERE status = 'running'")
    near = start_daemon("serve", DATABASE_URL=database.url, workers=2)
    others = two_jobs(near)
    held.stop(others)
    if other == "has_finished":
        held.go_on(others)
        for backtest in backtests:
            lab.succeed(backtest)
    wait_until(lambda: far.jobs() == [stays], 90, "the job that goes on to end")
    wait_until(lambda: len(set(re.findall(r'pid=(\d+) msg="database out of reach', far.log()))) == 2, 60, "both workers to notice")
    assert lost(far) == 0 and "outcome=" not in far.log()

    network.go_on()
    for backtest in backtests:
        far.wait_log(f"msg=backtest id={backtest} .*outcome=lost", timeout=60)
    wait_until(lambda: lost(far) == 2, 30, "the figure")
    assert far.jobs() == []
    if other == "computes":
        assert [lab.status(backtest) for backtest in backtests] == ["running"] * 2
        assert [lab.trades(backtest) for backtest in backtests] == [[]] * 2
        held.go_on(others)
    for backtest in backtests:
        assert lab.succeed(backtest)["attempts"] == 2
        near.wait_log(f"msg=backtest id={backtest} .*outcome=succeeded")
    assert_right(lab, backtests, "rules", COSTLY)
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
    assert_right(lab, [backtest], "sma_crossover", QUICK)
    assert lost(d) == 0
    lab.succeed(lab.request(lab.strategy()))

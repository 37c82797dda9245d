"""backtestd's workers and the queue: a backtest from its request to its result, and what may come in between."""
import os
import re
import signal

import pytest
from support import folders, processes
from support.backtests import COSTLY, Lab
from support.daemon import Backtestd, migrate, run
from support.wait import wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, database.url)
    return Lab(database, backtestd, tmp_path)


def outcomes(d, id):
    """How the claims of a backtest ended, as the log tells."""
    return re.findall(rf"msg=backtest id={id} .*?outcome=(\w+)", d.log())


def end(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def test_a_result_is_that_of_backtestd_run(daemon, lab):
    lab.candles(bars=3000)
    d = daemon(workers=2)
    parameters = {"fast": 5, "slow": 20}
    backtest = lab.request(lab.strategy("sma_crossover", parameters), start="2024-02-01T00:00:00Z", end="2024-04-01T00:00:00Z",
                           execution={"fee": {"percent": 0.1}})
    done = lab.succeed(backtest)
    with open(os.path.join(lab.folder, "execution.json"), "w", encoding="utf-8") as f:
        f.write('{"fee": {"percent": 0.1}}')
    metrics, trades, equity = lab.run("sma_crossover", parameters, "--start", "2024-02-01T00:00:00Z", "--end", "2024-04-01T00:00:00Z",
                                      "--capital", "10000", "--execution", f.name)
    assert done["result_hash"] == metrics["result_hash"]
    assert done["engine"] == metrics["engine"]
    for name, value in done["metrics"].items():
        assert value == metrics[name], name
    stored = lab.trades(backtest)
    assert len(stored) == len(trades) > 10
    for row, own in zip(stored, trades):
        assert (str(row[0]), row[1], row[2], row[4], row[5], row[9], row[10]) == (
            own["n"], own["side"], own["quantity"], own["entry_price"], own["entry_reason"], own["pnl"], own["fees"]), own
    assert lab.pieces(backtest)[1] == len(equity)
    assert done["attempts"] == 1 and done["progress"] == 1
    d.wait_log(f"msg=backtest id={backtest} kind=sma_crossover symbol=LAB:X timeframe=1h outcome=succeeded")


def test_a_finer_tick_makes_stale_what_was_rounded_to_it(daemon, lab):
    """Neither the bars that were read change, nor does what has a tick and a lot of its own."""
    lab.candles(bars=400)
    daemon(workers=1)
    strategy, own = lab.strategy(), {"tick": 0.01, "lot": 0.001}
    first = [lab.succeed(lab.request(strategy, end="2024-01-15T00:00:00Z", execution=execution)) for execution in (None, own, {"tick": 0.01})]
    finer = os.path.join(lab.folder, "finer.csv")
    with open(finer, "w", encoding="utf-8") as f:
        f.write("time,open,high,low,close,volume\n2025-02-01T00:00:00Z,1.00000001,1.00000001,1.00000001,1.00000001,1.000000001\n")
    done = run(lab.backtestd, "candles", "import", "--symbol", "LAB:X", "--timeframe", "1h", finer, DATABASE_URL=lab.database.url)
    assert done.returncode == 0, done.stderr
    stale = [lab.db.execute("SELECT backtest_is_stale(data_read) FROM backtests WHERE id = %s", [one["id"]]).fetchone()[0] for one in first]
    assert stale == [True, False, True]
    again = [lab.succeed(lab.request(strategy, end="2024-01-15T00:00:00Z", execution=execution)) for execution in (None, own, {"tick": 0.01})]
    assert [one["data"] == before["data"] for one, before in zip(again, first)] == [False, True, False]
    assert again[1]["result_hash"] == first[1]["result_hash"]


def test_its_metrics_and_status_tell_of_it(daemon, lab):
    lab.candles()
    d = daemon(workers=2)
    strategy = lab.strategy()
    for backtest in lab.request(strategy, count=3):
        lab.succeed(backtest)
    lab.end(lab.request(strategy, symbol="LAB:NONE"))

    def counted():
        text = d.request("GET", "/metrics").text
        return all(f"backtestd_{line}\n" in text for line in (
            "backtests_claimed_total 4", 'backtests_ended_total{outcome="succeeded"} 3', 'backtests_ended_total{outcome="failed"} 1',
            'backtest_failures_total{code="no_data"} 1', 'backtest_phase_seconds_count{phase="write"} 3',
            'backtest_phase_seconds_count{phase="load"} 3', "bars_computed_total 1200"))
    wait_until(counted, 15, "the figures")
    assert sum(w["requests"] for w in d.status()["workers"]) == 4


def test_a_backtest_is_cancelled_while_it_runs(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=1)
    costly = lab.strategy("rules", COSTLY)
    backtest = lab.request(costly, timeframe="1m")
    lab.wait_progress(backtest)
    [job] = d.jobs()
    lab.cancel(backtest)
    wait_until(lambda: not processes.is_alive(job), 20, "the job to end")
    wait_until(lambda: outcomes(d, backtest) == ["cancelled"], 20, "the worker to be told")
    assert lab.status(backtest) == "cancelled" and lab.trades(backtest) == []
    lab.succeed(lab.request(lab.strategy(), timeframe="1m"))


def test_it_is_cancelled_although_nobody_is_notified(daemon, lab):
    """As behind a pooler that knows no LISTEN: the heartbeat's answer tells."""
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    lab.db.execute("ALTER TABLE backtests DISABLE TRIGGER backtests_notify_cancelled")
    lab.cancel(backtest)
    wait_until(lambda: outcomes(d, backtest) == ["cancelled"], 30, "the worker to be told")
    assert d.jobs() == []


def test_it_claims_although_nobody_is_notified(daemon, lab):
    lab.candles()
    daemon(workers=1)
    lab.succeed(lab.request(lab.strategy()))
    lab.db.execute("ALTER TABLE backtests DISABLE TRIGGER backtests_notify_new")
    lab.succeed(lab.request(lab.strategy()))


def test_a_strategy_of_another_kind_is_left_in_the_queue(daemon, lab):
    lab.candles()
    daemon(workers=2)
    other = lab.request(lab.strategy("somebody_elses"))
    lab.succeed(lab.request(lab.strategy()))
    assert lab.status(other) == "queued"


def test_a_wrong_strategy_fails_for_good_with_its_place(daemon, lab):
    lab.candles()
    daemon(workers=1)
    done = lab.end(lab.request(lab.strategy("rules", {"v": 1, "long": {"enter": "sma(close) > 3"}})))
    error = done["error"]
    assert (done["status"], error["code"], done["attempts"]) == ("failed", "strategy_invalid", 1)
    assert error["errors"][0] == {"pointer": "/parameters/long/enter", "column": 1, "detail": error["errors"][0]["detail"]}
    assert "the second argument (length) is missing" in error["detail"]
    done = lab.end(lab.request(lab.strategy("rules", {"v": 1, "long": {"enter": 'tf("90m", close) > 3'}})))
    assert (done["error"]["code"], done["attempts"]) == ("strategy_invalid", 1)


def test_parameters_of_64_KiB(daemon, lab):
    """As much as the schema lets a client write, and nothing of it makes sense."""
    lab.candles()
    d = daemon(workers=1)
    pid = d.status()["workers"][0]["pid"]
    for parameters in ({"v": 1, "long": {"enter": "(" * 60000}}, {"v": 1, "let": {f"n{i}": "sma(" for i in range(3500)}, "long": {"enter": "x"}},
                       {"v": 1, "long": {"enter": "\u0001" * 10000}}, {"é" * 20000: 1}):
        done = lab.end(lab.request(lab.strategy("rules", parameters)))
        assert (done["status"], done["error"]["code"], done["attempts"]) == ("failed", "strategy_invalid", 1)
    lab.succeed(lab.request(lab.strategy()))
    assert d.status()["workers"][0]["pid"] == pid, "the worker was replaced"


@pytest.mark.parametrize("wanted", [{"symbol": "LAB:NONE"}, {"symbol": "é\U0001f4c8'; DROP TABLE x"}, {"timeframe": "1m"},
                                    {"start": "2001-01-01T00:00:00Z", "end": "2001-02-01T00:00:00Z"},
                                    {"start": "0001-01-01T00:00:00Z", "end": "0001-01-02T00:00:00Z"},
                                    {"start": "9999-01-01T00:00:00Z", "end": "9999-12-31T23:59:59.999999Z"}])
def test_where_there_are_no_candles(daemon, lab, wanted):
    lab.candles()
    daemon(workers=1)
    done = lab.end(lab.request(lab.strategy(), **wanted))
    assert (done["status"], done["error"]["code"], done["attempts"]) == ("failed", "no_data", 1), done["error"]


def test_it_fails_as_the_execution_says(daemon, lab):
    lab.candles()
    lab.candles("LAB:GAP", bars=300)
    lab.candles("LAB:GAP", bars=30, start="2024-02-01")
    daemon(workers=1)
    done = lab.end(lab.request(lab.strategy(), symbol="LAB:GAP", execution={"missing": "error"}))
    assert (done["error"]["code"], done["attempts"]) == ("data_incomplete", 1)
    lab.succeed(lab.request(lab.strategy(), symbol="LAB:GAP", execution={"missing": "skip"}))
    done = lab.end(lab.request(lab.strategy(), execution={"fee": {"percent": "much"}}))
    assert (done["error"]["code"], done["attempts"]) == ("execution_invalid", 1)


def test_limits_of_a_job(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    daemon(workers=1, job_timeout="1s")
    done = lab.end(lab.request(lab.strategy("rules", COSTLY), timeframe="1m"))
    assert (done["error"]["code"], done["attempts"]) == ("out_of_time", 1)
    lab.succeed(lab.request(lab.strategy(), timeframe="1m"))


def test_a_job_that_is_killed_is_tried_three_times(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    seen = set()
    for attempt in (1, 2, 3):
        [job] = wait_until(lambda: lab.get(backtest)["attempts"] == attempt and [job for job in d.jobs() if job not in seen], 60,
                           f"the job of attempt {attempt}")
        seen.add(job)
        end(job, signal.SIGKILL)
    done = lab.end(backtest)
    assert (done["status"], done["error"]["code"], done["attempts"]) == ("failed", "crashed", 3)
    assert "killed (signal 9)" in done["error"]["detail"]
    lab.succeed(lab.request(lab.strategy(), timeframe="1m"))


def test_a_drain_gives_back_what_cannot_finish(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=2, stop_timeout="500ms")
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    running = d.jobs()
    d.stop()
    done = lab.get(backtest)
    assert (done["status"], done["attempts"], done["progress"]) == ("queued", 0, 0)
    assert not any(processes.is_alive(job) for job in running)


def test_a_drain_finishes_what_it_can(daemon, lab):
    lab.candles(bars=20000, minutes=1)
    d = daemon(workers=1, stop_timeout="10min")
    backtest, waiting = lab.request(lab.strategy("rules", COSTLY), timeframe="1m"), lab.request(lab.strategy(), timeframe="1m")
    lab.wait_for(backtest, "running")
    d.stop(timeout=120)
    assert lab.status(backtest) == "succeeded" and lab.status(waiting) == "queued"


def test_a_second_signal_gives_back_at_once(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=1, retire_timeout="10min", stop_timeout="10min")
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    worker = d.status()["workers"][0]["pid"]
    for _ in range(2):
        os.kill(worker, signal.SIGTERM)
        wait_until(lambda: d.status()["workers"][0]["state"] != "ready" or d.status()["workers"][0]["pid"] != worker, 20, "its drain")
    wait_until(lambda: "given_back" in outcomes(d, backtest), 30, "the backtest to be given back")
    assert lab.get(backtest)["attempts"] <= 1
    lab.cancel(backtest)


def test_a_reload_lets_the_old_workers_finish(daemon, lab, program):
    lab.candles(bars=20000, minutes=1)
    d = daemon(workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_for(backtest, "running")
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["generation"] == 2, 60, "the new code")
    quick = lab.request(lab.strategy(), timeframe="1m")
    lab.succeed(quick)
    done = lab.succeed(backtest)
    assert done["attempts"] == 1


def test_a_worker_is_killed_and_another_takes_over(start_daemon, database, lab):
    lab.candles(bars=80000, minutes=1)
    first = start_daemon("serve", DATABASE_URL=database.url, workers=1, expect_exit=None)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    running = first.jobs()
    first.kill()
    wait_until(lambda: not any(processes.is_alive(job) for job in running), 20, "the job to end with its worker")
    assert lab.status(backtest) == "running"
    lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp() WHERE id = %s", (backtest,))  # the minute is over
    start_daemon("serve", DATABASE_URL=database.url, workers=1)
    done = lab.succeed(backtest)
    assert done["attempts"] == 2


def test_a_worker_that_dies_is_named_with_what_it_worked_on(daemon, lab):
    lab.candles(bars=100000, minutes=1)
    d = daemon(workers=1)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    [job] = d.jobs()
    end(d.status()["workers"][0]["pid"], signal.SIGKILL)
    d.wait_log(f'a child died.* last_request_id={backtest}')
    wait_until(lambda: not processes.is_alive(job), 20, "the job to end with its worker")
    lab.cancel(backtest)


def test_a_master_is_killed_and_its_worker_gives_back(start_daemon, database, lab):
    lab.candles(bars=80000, minutes=1)
    first = start_daemon("serve", DATABASE_URL=database.url, workers=1, stop_timeout="200ms", expect_exit=None)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    os.kill(first.pid, signal.SIGKILL)
    lab.wait_for(backtest, "queued")
    start_daemon("serve", DATABASE_URL=database.url, workers=1)
    assert lab.succeed(backtest)["attempts"] == 1


def test_a_lost_lease_is_dropped(daemon, lab):
    """Two have it, as after a network that was away for longer than the lease: one result."""
    lab.candles(bars=80000, minutes=1)
    d = daemon(workers=2)
    backtest = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    lab.wait_progress(backtest)
    lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s", (backtest,))
    lab.db.execute("SELECT backtest_expire()")
    done = lab.succeed(backtest)
    wait_until(lambda: sorted(outcomes(d, backtest)) == ["lost", "succeeded"], 30, "both ends")
    assert done["attempts"] == 2
    assert lab.pieces(backtest)[1] == 80001


def test_two_services_share_the_queue(start_daemon, database, lab):
    lab.candles()
    both = [start_daemon("serve", DATABASE_URL=database.url, workers=2) for _ in range(2)]
    all_of_them = lab.request(lab.strategy(), count=60)
    hashes = {lab.succeed(backtest)["result_hash"] for backtest in all_of_them}
    assert len(hashes) == 1
    assert lab.db.execute("SELECT count(*), max(attempts) FROM backtests").fetchone() == (60, 1)
    ends = [outcomes(d, backtest) for backtest in all_of_them for d in both]
    assert sorted(end for some in ends for end in some) == ["succeeded"] * 60
    assert all(any(outcomes(d, backtest) for backtest in all_of_them) for d in both)


def test_workers_are_replaced_after_so_many(daemon, lab):
    lab.candles()
    d = daemon(workers=1, max_requests=10)
    first = d.status()["workers"][0]["pid"]
    for backtest in lab.request(lab.strategy(), count=30):
        lab.succeed(backtest)
    d.wait_log("asking to be replaced.*why=STRATSLAB_MAX_REQUESTS")
    wait_until(lambda: first not in [w["pid"] for w in d.status()["workers"]], 20, "another worker")


@pytest.fixture
def cache_parent():
    """A folder in which whoever the workers are may make another."""
    with folders.made("cache", 0o777) as folder:
        yield folder


def test_a_cache_is_shared_and_found_again(daemon, lab, cache_parent):
    lab.candles(bars=5000)
    d = daemon(workers=2, cache_dir=os.path.join(cache_parent, "cache"))
    strategy = lab.strategy()
    first = lab.succeed(lab.request(strategy))
    assert all(lab.succeed(b)["result_hash"] == first["result_hash"] for b in lab.request(strategy, count=5))
    d.wait_log(f"id={first['id']} .*cached=no")
    d.wait_log("msg=backtest .*cached=yes", count=5)


def test_a_role_without_rights_is_told_how_to_get_them(start_daemon, database, lab):
    lab.db.execute(f"CREATE ROLE {database.role}_b LOGIN PASSWORD 'b'")
    lab.db.execute(f"GRANT SELECT ON schema_migrations TO {database.role}_b")
    url = database.url.replace(f"{database.role}:{database.password}@", f"{database.role}_b:b@")
    try:
        lab.candles()
        backtest = lab.request(lab.strategy())
        d = start_daemon("serve", wait=False, DATABASE_URL=url, workers=1)
        d.wait_log("does not let this role claim backtests", timeout=30)
        lab.db.execute(f"SELECT backtest_grant('{database.role}_b')")
        lab.succeed(backtest)
        d.stop()
    finally:
        lab.db.execute(f"DROP OWNED BY {database.role}_b")
        lab.db.execute(f"DROP ROLE {database.role}_b")

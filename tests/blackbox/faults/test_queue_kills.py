"""1,000 backtests, three services on one queue, and every moment one of their processes is killed: a job, a worker or a master."""
import contextlib
import http.client
import os
import signal
import time

import pytest
from support import processes
from support.backtests import Lab
from support.daemon import Backtestd, migrate
from support.lab import Random
from support.wait import SLOWNESS, wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)

BACKTESTS = int(os.environ.get("STRATSLAB_TEST_BACKTESTS", 1000 / SLOWNESS))
KILL_SECONDS = 0.25 * SLOWNESS
KILLS = 24  # at least
SERVICES = 3
KINDS = ("job", "worker", "master")

# Each end that the queue ever saw, whatever became of it later.
COUNT_ENDS = """
    CREATE TABLE ends (backtest_id uuid NOT NULL, status text NOT NULL);
    CREATE FUNCTION count_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.ends VALUES (NEW.id, NEW.status);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER count_ends AFTER UPDATE OF status ON backtests FOR EACH ROW
        WHEN (NEW.status IN ('succeeded', 'failed', 'cancelled')) EXECUTE FUNCTION count_end();
"""

# All that a result has, row by row, but for whose it is.
RESULTS = """
    SELECT b.strategy_id, b.status, e.ends, encode(b.result_sha256, 'hex'), encode(b.data_sha256, 'hex'), b.metrics::text,
        t.trades, t.digest, q.points, q.digest, count(*)
    FROM backtests AS b
        CROSS JOIN LATERAL (SELECT count(*) AS ends FROM ends AS e WHERE e.backtest_id = b.id) AS e
        CROSS JOIN LATERAL (
            SELECT count(*) AS trades, md5(string_agg((to_jsonb(t) - 'backtest_id')::text, ',' ORDER BY t.n)) AS digest
            FROM backtest_trades AS t
            WHERE t.backtest_id = b.id) AS t
        CROSS JOIN LATERAL (
            SELECT sum(q.points) FILTER (WHERE q.level = 0) AS points,
                md5(string_agg((to_jsonb(q) - 'backtest_id')::text, ',' ORDER BY q.level, q.piece)) AS digest
            FROM backtest_equity AS q
            WHERE q.backtest_id = b.id) AS q
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""


class Killer:
    """Kills a process of the services now and then, and starts masters again, as the service manager would."""

    def __init__(self, lab, start):
        self.lab, self.start = lab, start
        self.services, self.ended_services = [start() for _ in range(SERVICES)], []
        self.random = Random(7)
        self.dead = set()  # workers
        self.killed = dict.fromkeys(KINDS, 0)
        self.at_work = 0  # workers and masters that were killed while a backtest was theirs
        self.due, self.ended = time.monotonic(), 0  # when the next one may be killed; how many had succeeded at the last

    def pick(self, pids):
        return pids[int(self.random.next() * len(pids))] if pids else None

    def workers(self, service):
        """Those that are ready by the service's own word, if it gives one."""
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            return [w["pid"] for w in service.status()["workers"] if w["state"] == "ready"]
        return []

    def kill(self, pid, parent):
        """Whether it died of this: the process of that parent, and no other that has its number by now."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if processes.is_alive(pid) and processes.parent(pid) == parent:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    return True
            finally:
                os.close(handle)
        return False

    def kill_job(self, service):
        """Each lives for some milliseconds."""
        workers = self.workers(service)
        deadline = time.monotonic() + 1
        while workers and time.monotonic() < deadline:
            for worker in workers:
                job = self.pick(processes.offspring(worker))
                if job is not None and self.kill(job, worker):
                    return True
        return False

    def kill_worker(self, service):
        worker = self.pick(self.workers(service))
        if worker is None or not self.kill(worker, service.pid):
            return False
        self.dead.add(worker)
        self.at_work += self.running([worker])
        return True

    def kill_master(self, service):
        workers = self.workers(service)
        if not workers:
            return False
        service.signal(signal.SIGKILL)
        service.wait()
        self.at_work += self.running(workers)
        return True

    def running(self, workers):
        """Whether the queue has a backtest as theirs."""
        return self.lab.db.execute("SELECT count(*) FROM backtests WHERE status = 'running' AND split_part(worker, ':', 2) = ANY (%s)",
                                   ([str(pid) for pid in workers],)).fetchone()[0] > 0

    def expire(self):
        """As if a minute had passed since they died."""
        gone = [str(pid) for pid in self.dead if not processes.is_alive(pid)]
        self.lab.db.execute("UPDATE backtests SET lease_until = clock_timestamp() WHERE status = 'running' AND lease_until > clock_timestamp()"
                            " AND split_part(worker, ':', 2) = ANY (%s)", (gone,))

    def start_masters(self):
        for i, service in enumerate(self.services):
            if service.process.poll() is not None:
                self.ended_services.append(service)
                self.services[i] = self.start()

    def may_kill(self):
        """Not so often that a slow machine gets nothing done, nor while a backtest has one attempt left: who is struck
        three times has failed, as was promised."""
        if time.monotonic() < self.due:
            return False
        ended, last = self.lab.db.execute("SELECT count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE attempts >= 2"
                                          " AND status IN ('queued', 'running')) FROM backtests").fetchone()
        if last > 0 or ended < self.ended + 5:
            return False
        self.ended = ended
        return True

    def turn(self):
        self.start_masters()
        self.expire()
        if not self.may_kill():
            return
        count = sum(self.killed.values())
        kind = KINDS[count % len(KINDS)]
        if getattr(self, f"kill_{kind}")(self.services[count // len(KINDS) % SERVICES]):
            self.killed[kind] += 1
            self.due = time.monotonic() + KILL_SECONDS


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, database.url)
    lab = Lab(database, backtestd, tmp_path)
    lab.candles(bars=1500)
    lab.db.execute(COUNT_ENDS)
    return lab


def test_a_process_is_killed_every_moment(start_daemon, database, lab):
    killer = Killer(lab, lambda: start_daemon("serve", wait=False, expect_exit=None, DATABASE_URL=database.url, workers=2))
    strategies = [lab.strategy("sma_crossover", {"fast": 3 + n, "slow": 20 + 3 * n}) for n in range(8)]
    for backtest in [lab.request(strategy) for strategy in strategies]:
        lab.succeed(backtest)
    undisturbed = {row[0]: row[1:-1] for row in lab.db.execute(RESULTS).fetchall()}
    assert len(undisturbed) == len(strategies) == len({row[2] for row in undisturbed.values()})
    assert all(row[:2] == ("succeeded", 1) and row[5] > 10 and row[7] == 1501 for row in undisturbed.values()), undisturbed

    def request(count):
        with lab.db.transaction():
            return sum(len(lab.request(strategy, count=-(-count // len(strategies)))) for strategy in strategies)

    requested = request(BACKTESTS) + len(strategies)
    began = time.monotonic()

    def all_ended():
        nonlocal requested
        killer.turn()
        left = lab.db.execute("SELECT count(*) FROM backtests WHERE status IN ('queued', 'running')").fetchone()[0]
        if left < 20 and sum(killer.killed.values()) < KILLS:  # a fast machine computes more meanwhile
            requested += request(80)
            return False
        return left == 0

    wait_until(all_ended, 600 + BACKTESTS / 4, "the end of all")
    took = time.monotonic() - began
    for service in killer.ended_services:
        wait_until(lambda: not processes.belonging(service.pid, service.marker), 60, "the workers to end without their master")
    attempts = dict(lab.db.execute("SELECT attempts, count(*) FROM backtests GROUP BY attempts ORDER BY attempts").fetchall())
    print(f"{requested} backtests in {took:.0f} s, 3 services with 2 workers each; killed: {killer.killed}, {killer.at_work} of the workers and masters"
          f" with a backtest at work; attempts: {attempts}")
    results = lab.db.execute(RESULTS).fetchall()
    assert {row[0]: row[1:-1] for row in results} == undisturbed and len(results) == len(strategies), results
    assert sum(row[-1] for row in results) == requested
    assert min(killer.killed.values()) >= KILLS // len(KINDS) and killer.at_work > 0
    assert set(attempts) <= {1, 2, 3} and sum(attempts[n] for n in attempts if n > 1) > 0

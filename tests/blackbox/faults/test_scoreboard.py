"""A worker writes over all memory that it shares with others, and says anything: it can only hurt itself."""
import json
import os
import signal

import pytest
from support import daemon as daemons
from support import metrics, processes
from support.kinds import BOTH
from support.names import NameServer, with_hosts
from support.scribble import Scribbler
from support.wait import wait_until

SEEDS = int(os.environ.get("STRATSLAB_TEST_REPEAT", "10"))
ROUNDS = 200
WORKERS = 3


@pytest.fixture
def scribbler(tmp_path):
    made = Scribbler(str(tmp_path))
    yield made
    made.close()


def ready(d):
    """The pids of the workers that are ready, the oldest first."""
    return [w["pid"] for w in sorted(d.status()["workers"], key=lambda w: -w["uptime_s"]) if w["state"] == "ready"]


def wait_workers(d, count):
    return wait_until(lambda: len(ready(d)) == count and ready(d), 40, f"{count} workers")


def wait_replaced(d, gone, count):
    """The one that has gone last is not there any more, and so many are; those that stayed come first."""
    return wait_until(lambda: gone not in ready(d) and len(ready(d)) == count and ready(d), 40, f"another worker than {gone}")


def one_of(d, pid):
    return next(w for w in d.status()["workers"] if w["pid"] == pid)


def ask_everything(d, seen):
    """What the master and the admin process look at the scoreboard for."""
    d.signal(signal.SIGUSR2)
    wait_until(lambda: d.log().count('msg="state of a child"') >= seen * (WORKERS + 1), 20, "the state in the log")
    told = d.status()
    metrics.scrape(d)
    for path in ("/health/live", "/health", "/health/ready"):
        assert d.admin("GET", path).status in (200, 503)
    return told


@BOTH
def test_a_worker_writes_over_all_that_it_shares(daemon, scribbler, program):
    """By chance, many times, while everybody reads it."""
    d = daemon(workers=WORKERS, log_access="off", **scribbler.settings)
    workers = wait_workers(d, WORKERS)
    looks = 0
    with d.load(threads=2) as load:
        load.wait(20)
        for seed in range(1, SEEDS + 1):
            victim, *others = workers
            before = {pid: one_of(d, pid) for pid in others}
            scribbler.begin_own(victim, seed, ROUNDS)
            for _ in range(3):
                looks += 1
                told = ask_everything(d, looks)
                assert told["pid"] == d.pid
                for pid in others:
                    now = next(w for w in told["workers"] if w["pid"] == pid)
                    assert now["restarts"] == before[pid]["restarts"] and now["database"] == "ready", now
                    assert 0 <= now["requests"] - before[pid]["requests"] < 10**6 and now["connections"] < 10**4, now
            scribbler.wait()
            wait_until(lambda v=victim: one_of(d, v)["database"] == "ready", 20, "the worker to say again what is so")
            load.wait(10)
            workers = [*others, victim]
            assert set(ready(d)) == set(workers), d.log()
        scribbler.begin_own(workers[0], 99, 10 * ROUNDS)
        for number in (signal.SIGTTIN, signal.SIGTTOU):
            d.signal(number)
            wait_workers(d, WORKERS + (number == signal.SIGTTIN))
        done = daemons.run(program, "reload", "--wait", timeout=90, admin_listen=f"127.0.0.1:{d.admin_port}")
        assert done.returncode == 0, done.stdout + done.stderr + d.log()
        new = wait_workers(d, WORKERS)
        load.wait(20)
    assert not set(new) & set(workers)
    print(f"\n{SEEDS} times {ROUNDS} rounds over what a worker can write: {load.told()}; the master looked {looks} times")
    assert set(load.fates) <= {200} | d.not_now, load.fates  # a worker that says that the schema does not fit is heard
    assert d.status()["pid"] == d.pid and "a child died" not in d.log(), d.log()


@BOTH
def test_what_was_never_counted_is_not_in_the_sums(daemon, scribbler, kind):
    d = daemon(workers=2, log_access="off", **scribbler.settings)
    victim, other = wait_workers(d, 2)
    with d.load(threads=2) as load:
        load.wait(50)
    served = d.status()["requests"]
    scribbler.begin_own(victim, 7, 1)  # one round: by chance
    scribbler.wait()
    told = d.status()
    assert one_of(d, other)["requests"] <= told["requests"] <= served + 10**4, told
    now = metrics.scrape(d)
    if kind is daemons.Daemon:
        assert now.value("stratslabd_http_requests_total") < 10**6
        assert now.value("stratslabd_http_request_duration_seconds_count") < 10**6
    os.kill(victim, signal.SIGKILL)  # the one that follows does not go on from there either
    wait_until(lambda: "a child died" in d.log(), 20, "its end")
    wait_replaced(d, victim, 2)
    assert d.status()["requests"] <= served + 10**4


@BOTH
def test_a_write_to_others_ends_only_the_writer(daemon, scribbler):
    """The master's pages, a sibling's, the admin process's: each place of the memory but its own."""
    d = daemon(workers=WORKERS, log_access="off", **scribbler.settings)
    workers = wait_workers(d, WORKERS)
    admin = set(processes.children(d.pid)) - set(workers)
    assert len(admin) == 1
    ended = 0
    with d.load(threads=2) as load:
        load.wait(20)
        for offset in (0, 4096, 300_000, 2_000_000_000):
            victim, *others = workers
            scribbler.elsewhere(victim, offset)
            wait_until(lambda v=victim: not processes.is_alive(v), 20, "the writer's end")
            ended += 1
            d.wait_log(r'msg="a child died; starting another".*cause=SEGV', 20, ended)
            workers = wait_replaced(d, victim, WORKERS)
            assert set(workers[:-1]) == set(others)
        assert admin <= set(processes.children(d.pid)) and d.status()["pid"] == d.pid
    print(f"\n{ended} workers wrote to others' memory, and each ended alone: {load.told()}")


@BOTH
def test_a_worker_talks_without_end(daemon, scribbler):
    d = daemon(workers=2, log_access="off", **scribbler.settings)
    workers = wait_workers(d, 2)
    for seed in range(1, 4):
        victim, other = workers
        scribbler.flood(victim, seed)
        wait_until(lambda v=victim: not processes.is_alive(v), 20, "the talker's end")
        workers = wait_replaced(d, victim, 2)
        assert d.status()["pid"] == d.pid and d.request("GET", d.path).status == 200
        assert workers[0] == other, (other, workers, d.log())


@BOTH
def test_a_worker_cannot_send_others_to_another_database(start_daemon, database, scribbler, tmp_path, program, stratslabd):
    """What it says of addresses once it serves is not heard: the next worker, without a name server, has the good ones."""
    name_server = NameServer(tmp_path, **{"db.names.test": ["127.0.0.1"]})
    try:
        daemons.migrate(stratslabd, database.url)
        with database.connect() as db:
            url = with_hosts(database.url, f"db.names.test:{db.info.port}")
        d = start_daemon("serve", program=name_server.program(program), DATABASE_URL=url, wait=False, log_access="off", workers=2,
                         **scribbler.settings)
        d.wait_ready()
        victim, other = wait_workers(d, 2)
        scribbler.say(victim, b"Adb.names.test=127.66.66.66")
        name_server.silent = True
        os.kill(other, signal.SIGKILL)
        assert victim in wait_replaced(d, other, 2)
        wait_until(lambda: all(w["database"] == "ready" for w in d.status()["workers"]), 40, "its session")
        assert "127.66.66.66" not in d.log() + json.dumps(d.status())
    finally:
        name_server.silent = False
        name_server.close()

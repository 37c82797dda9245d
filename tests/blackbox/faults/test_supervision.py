"""How the master looks after its children: the hung, the crashed, the worn-out, and how many there are."""
import os
import signal
import threading
import time

from support import processes
from support.executables import plain_build
from support.kinds import BOTH
from support.load import CLOSED
from support.wait import wait_until

PATH = "/api/v1/strategies"


def workers(d):
    return {w["pid"]: w for w in d.status()["workers"]}


def wait_ready(d, count):
    """The workers, once that many are ready."""
    return wait_until(lambda: [w["state"] for w in workers(d).values()] == ["ready"] * count and set(workers(d)), 20, f"{count} workers")


@BOTH
def test_a_worker_that_hangs_is_ended_and_replaced(daemon):
    clients = 4
    d = daemon(workers=2, hang_timeout="2s", log_access="off")
    victim = sorted(wait_ready(d, 2))[0]
    with d.load(threads=clients, timeout=30) as load:
        load.wait(50)
        os.kill(victim, signal.SIGSTOP)
        start = time.monotonic()
        d.wait_log(r"event loop is silent.*child_pid=" + str(victim), timeout=15)
        wait_until(lambda: victim not in workers(d), 20, "it to be gone")
        gone = time.monotonic() - start
        d.wait_log(r"a child died.*cause=hung", timeout=15)
        wait_ready(d, 2)
        load.wait(50)
    print(f"\na worker hangs, hang timeout 2 s: {load.told()}; ended after {gone:.2f} s")
    assert load.lost <= clients and set(load.fates) <= {200} | CLOSED, load.fates


def test_a_slow_query_is_no_hang(daemon, database):
    d = daemon(workers=1, hang_timeout="2s", database_lock_timeout="30s", database_statement_timeout="30s")
    before = workers(d)
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE")
        answers = []
        asker = threading.Thread(target=lambda: answers.append(d.request("GET", PATH, timeout=30).status))
        asker.start()
        # Two heartbeats later than a hung worker would have been ended.
        beat = wait_until(lambda: [w for w in workers(d).values() if w["uptime_s"] > list(before.values())[0]["uptime_s"] + 4], 30, "time")
        assert beat[0]["heartbeat_age_s"] < 2
    asker.join(30)
    assert answers == [200] and set(workers(d)) == set(before)


def test_a_crash_is_put_down_to_its_route_and_leaves_a_backtrace(daemon, executable, stratslabd, tmp_path):
    """While others are served beside it, when its query is sent: libpq's function for it aborts. What is told is the last that was begun
    or answered, so that it is certain where nothing else was in flight in that worker, nor was answered in the turn of its loop between
    the request and its query; it is tried until that has been so three times."""
    plain_build(stratslabd)
    library = executable.compile("""
        #include <dlfcn.h>
        typedef struct pg_conn PGconn;
        int PQsendQueryPrepared(PGconn *c, const char *name, int n, const char *const *v, const int *l, const int *f, int r)
        {
            int (*next)(PGconn *, const char *, int, const char *const *, const int *, const int *, int);
            if (strcmp(name, "patchStrategy:change") == 0) abort();
            *(void **)&next = dlsym(RTLD_NEXT, "PQsendQueryPrepared");
            return next(c, name, n, v, l, f, r);
        }
        """, ["-shared", "-fPIC", "-D_GNU_SOURCE", "-ldl"], str(tmp_path / "abort.so"))
    clients, wanted = 3, 3
    crashes = certain = 0
    d = daemon(workers=2, log_access="off", LD_PRELOAD=library)
    wait_ready(d, 2)
    item = d.request("POST", PATH, {"name": "x", "kind": "k"}).json()
    with d.load(threads=clients) as load:
        while certain < wanted and crashes < 5 * wanted:
            crashes += 1
            load.wait_served()
            wait_ready(d, 2)
            with d.connect() as s:
                s.sendall(f"PATCH {PATH}/{item['id']} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: crash-{crashes}\r\nContent-Length: 2\r\n"
                          "Content-Type: application/json\r\n\r\n{}".encode())
                assert s.recv(1) == b"", "it was answered"
            told = d.wait_log(r"a child died.*cause=ABRT.*in_flight=(\d+) (last_route=\S+ last_request_id=\S+ last_statement=\S+)",
                              count=crashes)
            if told.group(1) == "1" and f"last_request_id=crash-{crashes} " in told.group(2):
                certain += 1
                assert told.group(2) == f"last_route={PATH}/{{id}} last_request_id=crash-{crashes} last_statement=patchStrategy:change"
        assert certain == wanted
        load.wait_served()
        wait_ready(d, 2)
    print(f"\na worker aborts in a handler, {crashes} times: {load.told()}; {d.status()['restarts']} restarts")
    assert load.lost <= crashes * clients and set(load.fates) <= {200} | CLOSED, load.fates
    assert d.status()["restarts"] == crashes
    assert d.log().count("a child crashed; its backtrace") == crashes
    assert "event_base_loop" in d.log() and "PQsendQueryPrepared" in d.log()


def test_workers_are_recycled_without_a_loss(daemon):
    d = daemon(workers=2, max_requests=300, log_access="off")
    first = set(workers(d))
    with d.load() as load:
        wait_until(lambda: not first & set(workers(d)), 60, "both to be replaced")
        load.wait(50, wait_until)
    print(f"\nrecycling: {load.total} requests, {load.lost} lost, {dict(load.fates)}")
    assert set(load.fates) == {200}
    d.wait_log("asking to be replaced.*why=STRATSLAB_MAX_REQUESTS")
    assert "a child died" not in d.log()


@BOTH
def test_a_worker_that_is_too_large_is_recycled(daemon):
    d = daemon(workers=1, max_memory="1MiB")
    d.wait_log("asking to be replaced.*why=STRATSLAB_MAX_MEMORY", timeout=20)
    (first,) = list(workers(d))[:1]
    wait_until(lambda: first not in workers(d), 20, "it to be replaced")
    assert d.request("GET", d.path).status == 200


@BOTH
def test_ttin_and_ttou_change_the_number_of_workers(daemon):
    d = daemon(workers=2)
    d.signal(signal.SIGTTIN)
    wait_until(lambda: [w["state"] for w in workers(d).values()] == ["ready"] * 3, 20, "three workers")

    def one_is_left():
        d.signal(signal.SIGTTOU)  # two that come together are one
        return len([w for w in workers(d).values() if w["state"] == "ready"]) == 1

    for _ in range(3):
        wait_until(one_is_left, 20, "one worker to be left")
    assert d.request("GET", d.path).status == 200


@BOTH
def test_usr2_writes_the_state_and_usr1_does_no_harm(daemon):
    d = daemon(workers=2)
    wait_until(lambda: [w["database"] for w in workers(d).values()] == ["ready"] * 2, 10, "both workers")
    d.signal(signal.SIGUSR1)
    d.signal(signal.SIGUSR2)
    assert d.wait_log(r"msg=state health=ok generation=1")
    assert d.wait_log(r'msg="state of a child" child=worker.*database=ready', count=2)
    assert d.request("GET", d.path).status == 200


@BOTH
def test_a_service_that_was_frozen_as_a_whole_is_not_taken_for_hung(daemon):
    """As `docker pause` or a machine that slept: nobody's heartbeat moved, and nobody is to blame."""
    d = daemon(workers=2, hang_timeout="2s", log_access="off")
    before = wait_ready(d, 2)
    everybody = [d.pid, *wait_until(lambda: len(processes.children(d.pid)) == 3 and processes.children(d.pid), 10, "the children")]
    with d.load(threads=2) as load:
        load.wait(20)
        for _ in range(2):
            for pid in everybody:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(5)  # longer than what counts as a hang, both looks together
            for pid in everybody:
                os.kill(pid, signal.SIGCONT)  # the master first: it sees what is silent before that can speak
            load.wait_served(1)  # and at once again, before anybody has had time to look around
    print(f"\nfrozen as a whole twice for 5 s, hang timeout 2 s: {load.told()}")
    assert set(load.fates) == {200} and set(workers(d)) == before
    assert "silent" not in d.log()


@BOTH
def test_ps_shows_each_process_s_role(daemon):
    d = daemon(workers=2)
    wait_ready(d, 2)
    shown = sorted(processes.describe(pid).split(" ", 1)[1] for pid in [d.pid, *processes.children(d.pid)])
    assert shown == [f"({d.name}: {role})" for role in ("admin", "master", "worker 0", "worker 1")]


@BOTH
def test_an_admin_process_that_hangs_is_ended_and_replaced(daemon):
    """Nothing else would notice: health would be silent for ever, and an orchestrator would kill what serves."""
    d = daemon(workers=2, hang_timeout="2s", log_access="off")
    wait_ready(d, 2)
    (victim,) = wait_until(lambda: set(processes.children(d.pid)) - set(workers(d)), 10, "the admin process")
    with d.load(threads=2) as load:
        load.wait(20)
        os.kill(victim, signal.SIGSTOP)
        start = time.monotonic()
        wait_until(lambda: victim not in processes.children(d.pid), 20, "it to be gone")
        d.wait_log(rf"a child died.*child=admin.*child_pid={victim} cause=hung")
        wait_until(lambda: d.admin("GET", "/health/live", timeout=2).status == 200, 10, "the admin port")
        back = time.monotonic() - start
        load.wait(20)
    print(f"\nthe admin process hangs, hang timeout 2 s: {load.told()}; back after {back:.2f} s")
    assert set(load.fates) - d.with_admin == {200}

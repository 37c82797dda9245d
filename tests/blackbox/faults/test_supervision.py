"""How the master looks after its children: the hung, the crashed, the worn-out, and how many there are."""
import os
import signal
import threading
import time

from support import processes
from support.load import Load
from support.wait import wait_until

PATH = "/api/v1/strategies"


def status(d):
    return d.admin("GET", "/status").json()


def workers(d):
    return {w["pid"]: w for w in status(d)["workers"]}


def wait_ready(d, count):
    """The workers, once that many are ready."""
    return wait_until(lambda: [w["state"] for w in workers(d).values()] == ["ready"] * count and set(workers(d)), 20, f"{count} workers")


def test_a_worker_that_hangs_is_ended_and_replaced(daemon):
    d = daemon(workers=1, hang_timeout="2s", log_access="off")
    (victim,) = workers(d)
    os.kill(victim, signal.SIGSTOP)
    d.wait_log(r"event loop is silent.*child_pid=" + str(victim), timeout=15)
    wait_until(lambda: victim not in workers(d), 20, "it to be gone")
    d.wait_log(r"a child died.*cause=hung", timeout=15)
    assert d.request("GET", PATH).status == 200


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


def test_a_crash_is_put_down_to_its_route_and_leaves_a_backtrace(daemon, database):
    d = daemon(workers=1, database_lock_timeout="30s", database_statement_timeout="30s")
    item = d.request("POST", PATH, {"name": "locked", "kind": "k"}).json()
    with database.connect() as db, db.transaction():
        db.execute("SELECT FROM strategies FOR UPDATE")
        for i in range(1, 4):
            (victim,) = wait_until(lambda: [p for p, w in workers(d).items() if w["state"] == "ready"], 20, "a worker")
            with d.connect() as s:
                s.sendall(f"PATCH {PATH}/{item['id']} HTTP/1.1\r\nHost: x\r\nX-Request-ID: crash-{i}\r\nContent-Length: 2\r\n"
                          "Content-Type: application/json\r\n\r\n{}".encode())
                wait_until(lambda v=victim: workers(d)[v]["in_flight"] == 1, 10, "it to be in flight")
                os.kill(victim, signal.SIGABRT)
                wait_until(lambda v=victim: v not in workers(d), 10, "it to be gone")
            d.wait_log(rf"a child died.*cause=ABRT.*in_flight=1 last_route={PATH}/.id. last_request_id=crash-{i} "
                       rf"last_statement=patchStrategy.*restarts={i}")
    assert d.log().count("a child crashed; its backtrace") == 3
    assert "event_base_loop" in d.log()


def test_workers_are_recycled_without_a_loss(daemon):
    d = daemon(workers=2, max_requests=300, log_access="off")
    first = set(workers(d))
    with Load(d.port) as load:
        wait_until(lambda: not first & set(workers(d)), 60, "both to be replaced")
        load.wait(50, wait_until)
    print(f"\nrecycling: {load.total} requests, {load.lost} lost, {dict(load.fates)}")
    assert set(load.fates) == {200}
    d.wait_log("asking to be replaced.*why=STRATSLAB_MAX_REQUESTS")
    assert "a child died" not in d.log()


def test_a_worker_that_is_too_large_is_recycled(daemon):
    d = daemon(workers=1, max_memory="1MiB")
    d.wait_log("asking to be replaced.*why=STRATSLAB_MAX_MEMORY", timeout=20)
    (first,) = list(workers(d))[:1]
    wait_until(lambda: first not in workers(d), 20, "it to be replaced")
    assert d.request("GET", PATH).status == 200


def test_ttin_and_ttou_change_the_number_of_workers(daemon):
    d = daemon(workers=2)
    d.signal(signal.SIGTTIN)
    wait_until(lambda: [w["state"] for w in workers(d).values()] == ["ready"] * 3, 20, "three workers")
    for _ in range(5):
        d.signal(signal.SIGTTOU)
        wait_until(lambda: len(workers(d)) < 4, 20, "the signal to be taken")
    wait_until(lambda: len([w for w in workers(d).values() if w["state"] == "ready"]) == 1, 20, "one worker to be left")
    assert d.request("GET", PATH).status == 200


def test_usr2_writes_the_state_and_usr1_does_no_harm(daemon):
    d = daemon(workers=2)
    wait_until(lambda: [w["database"] for w in workers(d).values()] == ["ready"] * 2, 10, "both workers")
    d.signal(signal.SIGUSR1)
    d.signal(signal.SIGUSR2)
    assert d.wait_log(r"msg=state health=ok generation=1")
    assert d.wait_log(r'msg="state of a child" child=worker.*database=ready', count=2)
    assert d.request("GET", PATH).status == 200


def test_a_service_that_was_frozen_as_a_whole_is_not_taken_for_hung(daemon):
    """As `docker pause` or a machine that slept: nobody's heartbeat moved, and nobody is to blame."""
    d = daemon(workers=2, hang_timeout="2s", log_access="off")
    before = wait_ready(d, 2)
    everybody = [d.pid, *wait_until(lambda: len(processes.children(d.pid)) == 3 and processes.children(d.pid), 10, "the children")]
    with Load(d.port, threads=2) as load:
        load.wait(20)
        for _ in range(3):
            for pid in everybody:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(3)  # longer than what counts as a hang
            for pid in everybody:
                os.kill(pid, signal.SIGCONT)  # the master first: it sees what is silent before that can speak
            load.wait_served()
    print(f"\nfrozen as a whole 3 times for 3 s, hang timeout 2 s: {load.told()}")
    assert set(load.fates) == {200} and set(workers(d)) == before
    assert "silent" not in d.log()


def test_an_admin_process_that_hangs_is_ended_and_replaced(daemon):
    """Nothing else would notice: health would be silent for ever, and an orchestrator would kill what serves."""
    d = daemon(workers=2, hang_timeout="2s", log_access="off")
    wait_ready(d, 2)
    (victim,) = wait_until(lambda: set(processes.children(d.pid)) - set(workers(d)), 10, "the admin process")
    with Load(d.port, threads=2) as load:
        load.wait(20)
        os.kill(victim, signal.SIGSTOP)
        start = time.monotonic()
        wait_until(lambda: victim not in processes.children(d.pid), 20, "it to be gone")
        d.wait_log(rf"a child died.*child=admin.*child_pid={victim} cause=hung")
        wait_until(lambda: d.admin("GET", "/health/live", timeout=2).status == 200, 10, "the admin port")
        back = time.monotonic() - start
        load.wait(20)
    print(f"\nthe admin process hangs, hang timeout 2 s: {load.told()}; back after {back:.2f} s")
    assert set(load.fates) == {200}

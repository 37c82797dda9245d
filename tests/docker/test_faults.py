"""What goes wrong around the containers, and how the service comes through it."""
import json
import subprocess
import threading
import time

from support.stack import SLOWNESS, docker, inspect, wait_until


def processes(stack):
    """(process, parent, state, command) of the api's container."""
    shown = stack.exec("ps", "-eo", "pid=,ppid=,stat=,args=").stdout
    return [line.split(None, 3) for line in shown.splitlines()]


def workers(stack):
    status = json.loads(stack.exec("stratslabd", "status", "--json").stdout)
    return {worker["pid"] for worker in status["workers"] if worker["state"] == "ready"}


def connected(stack):
    """Does every worker have its database? /health tells of one of them."""
    status = json.loads(stack.exec("stratslabd", "status", "--json").stdout)
    return all(worker["database"] == "ready" for worker in status["workers"])


def test_postgres_restarted(shared):
    api = shared.container()
    before = inspect(api, "{{.State.StartedAt}}")
    shared.run("restart", "postgres")
    wait_until(lambda: connected(shared), 180, "all workers to have their database again")
    shared.wait_status(200)
    assert shared.create("after the restart").status == 201
    assert inspect(api, "{{.State.StartedAt}}") == before


def test_postgres_stopped_and_started(shared):
    shared.run("stop", "postgres")
    shared.wait_status(503)
    answer = shared.get("/api/v1/strategies")
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert shared.get("/health/live").status == 200
    shared.run("start", "postgres")
    shared.wait_status(200)


def test_api_restarted(shared):
    shared.run("restart", "api")
    shared.wait_status(200)
    assert inspect(shared.container(), "{{.State.ExitCode}}") == "0"


def test_both_restarted_database_first(shared):
    shared.run("restart", "postgres")
    shared.run("restart", "api")
    shared.wait_status(200)


def test_both_restarted_api_first(shared):
    """The service starts while its database is away, and waits for it."""
    shared.run("stop", "postgres")
    shared.run("restart", "api")
    shared.run("start", "postgres")
    shared.wait_status(200)
    shared.wait_healthy()


def test_network_cut_and_back(shared):
    """20 s without a network; then it serves again, without a restart of anything."""
    api, network = shared.container(), f"{shared.project}_default"
    before = inspect(api, "{{.State.StartedAt}} {{.State.Pid}}")
    docker("network", "disconnect", network, api)
    cut = time.monotonic()
    try:
        wait_until(lambda: shared.exec("stratslabd", "health", check=False).returncode == 1, 60, "the cut to be noticed")
        time.sleep(max(0, 20 - (time.monotonic() - cut)))  # as long as the case asks for
    finally:
        docker("network", "connect", "--alias", "api", network, api)
    wait_until(lambda: connected(shared), 180, "all workers to have their database again")
    shared.wait_status(200)
    assert shared.create("after the cut").status == 201
    assert inspect(api, "{{.State.StartedAt}} {{.State.Pid}}") == before


def test_a_killed_worker_is_replaced(shared):
    before = workers(shared)
    victim = min(before)
    shared.exec("kill", "-9", str(victim))
    wait_until(lambda: len(workers(shared)) == len(before) and victim not in workers(shared), 180, "a new worker")
    assert shared.get("/health").status == 200
    assert inspect(shared.container(), "{{.State.Status}}") == "running"


def test_no_zombie_is_left(shared):
    """Not of killed workers, not of processes that lose their parent: the master is process 1 and reaps strangers."""
    shared.exec("sh", "-c", "(sleep 0.2 &) ; (sh -c 'sleep 0.1 & sleep 0.3' &)")
    for victim in workers(shared):
        shared.exec("kill", "-9", str(victim))
    assert processes(shared)[0][0] == "1" and "stratslabd" in processes(shared)[0][3]
    wait_until(lambda: len(workers(shared)) == 2, 180, "new workers")
    wait_until(lambda: not any(state.startswith("Z") for _, _, state, _ in processes(shared)), 10, "no zombie to be left")


def test_stop_loses_no_request(shared):
    """docker stop while requests are in flight: each is answered, the end comes in time and is a clean one."""
    count = 8
    lock = subprocess.Popen([*shared.compose.split(), "exec", "-T", "postgres", "psql", "-U", "stratslab", "-d", "stratslab", "-Xq"],
                            cwd=shared.folder, env=shared.env(), stdin=subprocess.PIPE, text=True)
    lock.stdin.write("BEGIN; LOCK TABLE strategies;\n")
    lock.stdin.flush()
    wait_until(lambda: shared.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted "
                                  "AND relation = 'strategies'::regclass") == "1", 60, "the lock")
    answers = []

    def post(number):
        answers.append(shared.create(f"in flight {number}").status)

    threads = [threading.Thread(target=post, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(w["in_flight"] for w in json.loads(shared.exec("stratslabd", "status", "--json").stdout)["workers"]) >= count,
               20, "the requests to be in flight")
    api = shared.container()
    began = time.monotonic()
    stop = subprocess.Popen(["docker", "stop", api], stdout=subprocess.DEVNULL)
    wait_until(lambda: "stop" in shared.logs().split("serving")[-1], 5, "the stop to begin")
    lock.stdin.write("COMMIT;\n")
    lock.stdin.close()
    lock.wait(30)
    stop.wait(60)
    took = time.monotonic() - began
    for thread in threads:
        thread.join(30)
    assert inspect(api, "{{.State.ExitCode}}") == "0"
    assert took < 10 * SLOWNESS
    assert answers == [201] * count
    shared.run("start", "api")
    shared.wait_status(200)
    assert shared.sql("SELECT count(*) FROM strategies WHERE name LIKE 'in flight %'") == str(count)

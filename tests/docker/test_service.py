"""A service beside the API: the example, and what the template makes."""
import os
import re
import subprocess

from support.stack import docker, inspect, wait_until


def test_the_example_starts_under_its_profile(stack):
    stack.run("--profile", "queue", "build", "queue-service", timeout=600)
    stack.start()
    assert not stack.containers("queue-service")
    stack.run("--profile", "queue", "up", "-d")
    stack.settings["COMPOSE_PROFILES"] = "queue"
    stack.wait_healthy("queue-service")
    assert "queue-service: empty" in stack.logs("queue-service")
    # It works as its own role, which may read the queue and nothing else.
    assert stack.sql("SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'queue_service'") == "f"
    wait_until(lambda: "queue_service" in stack.sql("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity") or
               stack.logs("queue-service").count("queue-service:") > 0, 10, "the role at work")
    refused = stack.exec("psql", "-Xc", "DELETE FROM backtests", service="queue-service", check=False)
    assert "permission denied" in refused.stderr
    refused = stack.exec("psql", "-Xc", "SELECT * FROM access_tokens", service="queue-service", check=False)
    assert "permission denied" in refused.stderr
    if stack.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'stratslab_service'") == "1":
        assert stack.sql("SELECT pg_has_role('queue_service', 'stratslab_service', 'USAGE')") == "t"
    # It sees what is in the queue.
    answer = stack.create("to be tried").json()
    stack.sql("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital) "
              f"VALUES ('{answer['id']}', 1, 'BTC', '1d', '2024-01-01', '2024-02-01', 1000)")
    wait_until(lambda: "queue-service: queued=1" in stack.logs("queue-service"), 180, "the queued backtest to be seen")
    # It outlives its database, and stops at once.
    stack.run("restart", "postgres")
    stack.wait_healthy("postgres", "queue-service")
    container = stack.container("queue-service")
    docker("stop", "-t", "5", container)
    assert inspect(container, "{{.State.ExitCode}}") == "0"


def test_its_password_can_be_changed(one_stack):
    one_stack.run("--profile", "queue", "build", "queue-service", timeout=600)
    one_stack.settings["COMPOSE_PROFILES"] = "queue"
    one_stack.start()
    one_stack.wait_healthy("queue-service")
    one_stack.settings["QUEUE_SERVICE_PASSWORD"] = "an'other $$ \"one\""
    one_stack.up()
    one_stack.wait_healthy("queue-service")


def test_the_template_makes_a_service(one_stack):
    """The steps of docs/adding-a-service.md, as they stand there."""
    with open(os.path.join(one_stack.folder, "docs/adding-a-service.md")) as f:
        steps = re.search(r"```sh\n(.*?)```", f.read(), re.DOTALL).group(1)
    done = subprocess.run(["sh", "-eu", "-c", steps], cwd=one_stack.folder, capture_output=True, text=True, env=one_stack.env())
    assert done.returncode == 0, done.stderr
    one_stack.settings["COMPOSE_PROFILES"] = "report"
    one_stack.run("build", "report-service", timeout=600)
    one_stack.start()
    one_stack.wait_healthy("report-service")
    assert "report-service: 0" in one_stack.logs("report-service")
    one_stack.run("down", "-v", "--remove-orphans")

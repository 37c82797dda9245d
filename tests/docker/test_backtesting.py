"""backtesting-service in the stack: as whom it works, how many of it, how it follows edits, and what it computes."""
import json
import os
import subprocess
import time

import pytest
from support.stack import SLOWNESS, docker, inspect, wait_until
from test_reload import BUILT
from test_stack import MIGRATIONS, write_secret

SERVICE = "backtesting-service"
BOTH = ("postgres", "api", SERVICE)


def as_service(stack, statement):
    """In a session of the service's own role."""
    return stack.exec("sh", "-c", 'PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") psql -XAtq -v ON_ERROR_STOP=1 -h "$POSTGRES_HOST" -U "$POSTGRES_USER" '
                      '-d "$POSTGRES_DB" -c "$1"', "sh", statement, service=SERVICE, check=False)


def demo(stack, token=""):
    """The candles of DEMO:BTCUSD and DEMO:ETHUSD, three strategies, and backtests of them; the first one has succeeded."""
    done = subprocess.run([os.path.join(stack.folder, "scripts", "demo"), f"http://127.0.0.1:{stack.port}"], env=stack.env(DEMO_TOKEN=token),
                          capture_output=True, text=True, timeout=600 * SLOWNESS)
    assert done.returncode == 0, done.stderr
    return done.stderr


def backtests(stack, token=""):
    answer = stack.get("/api/v1/backtests?limit=200", headers={"Authorization": f"Bearer {token}"} if token else {})
    assert answer.status == 200, answer.text
    return answer.json()["items"]


def await_all_succeeded(stack, count, token=""):
    def all_succeeded():
        now = backtests(stack, token)
        assert not [b for b in now if b["status"] in ("failed", "cancelled")], now
        return len(now) == count and all(b["status"] == "succeeded" for b in now) and now

    return wait_until(all_succeeded, 180, f"{count} backtests to succeed")


def test_it_starts_with_the_stack(stack, capsys):
    began = time.monotonic()
    stack.up()
    stack.wait_healthy(*BOTH)
    with capsys.disabled():
        print(f"\nup, with backtesting-service: {time.monotonic() - began:.1f} s")
    container = stack.container(SERVICE)
    assert '"status":"ok"' in stack.exec("backtestd", "health", service=SERVICE).stdout
    # Locked down, and not reached from outside.
    assert inspect(container, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}") == "true [ALL] [no-new-privileges:true]"
    assert inspect(container, "{{json .HostConfig.PortBindings}}") in ("{}", "null")
    assert not [e for e in json.loads(inspect(container, "{{json .Config.Env}}")) if "PASSWORD" in e and not e.startswith("POSTGRES_PASSWORD_FILE=")]
    # It sees its own password, and no other.
    assert stack.exec("sh", "-c", "ls /run/stratslab", service=SERVICE, check=False).returncode != 0
    assert stack.exec("ls", "/run/backtesting-service", service=SERVICE).stdout.split() == ["password"]
    assert stack.exec("ls", "/run/backtesting-service", check=False).returncode != 0, "the API has no need of it"
    # Its folder of candles is its own.
    assert stack.exec("stat", "-c", "%u", "/var/cache/backtestd", service=SERVICE).stdout.strip() == "10001"
    # It outlives its database, and stops at once.
    stack.run("restart", "postgres")
    stack.wait_healthy(*BOTH)
    wait_until(lambda: '"status":"ok"' in stack.exec("backtestd", "health", service=SERVICE, check=False).stdout, 60, "its health")
    docker("stop", "-t", "9", container)
    assert inspect(container, "{{.State.ExitCode}}") == "0"


def test_its_role(shared):
    """It works the queue by functions, reads what that needs, and has no more."""
    shared.wait_healthy(SERVICE)
    assert shared.sql("SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE application_name LIKE 'backtestd%'") == "backtesting_service"
    assert shared.sql("SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles "
                      "WHERE rolname = 'backtesting_service'") == "f"
    assert shared.sql("SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member = 'backtesting_service'::regrole") == \
        "stratslab_service"
    for allowed in ("SELECT count(*) FROM backtests", "SELECT count(*) FROM strategy_versions", "SELECT count(*) FROM candle_chunks",
                    "SELECT count(*) FROM schema_migrations", "SELECT backtest_expire()"):
        done = as_service(shared, allowed)
        assert done.returncode == 0, (allowed, done.stderr)
    for refused in ("DELETE FROM backtests", "UPDATE backtests SET status = 'succeeded'", "INSERT INTO strategies (name, kind) VALUES ('x', 'sma')",
                    "DELETE FROM series", "SELECT candles_put('x', '1d', 0, '{}')", "SELECT * FROM access_tokens", "DELETE FROM schema_migrations",
                    "INSERT INTO backtest_trades (backtest_id, n) VALUES (gen_random_uuid(), 1)", "CREATE TABLE mine (n integer)",
                    "CREATE TEMPORARY TABLE mine (n integer)", "SET ROLE stratslab_api", "SET ROLE stratslab_owner"):
        done = as_service(shared, refused)
        assert done.returncode != 0 and "permission denied" in done.stderr, (refused, done.stdout, done.stderr)


def test_an_edit_is_loaded_by_both(shared, capsys):
    """A line that both programs have: one of the containers builds it, and both load it, without a restart."""
    shared.wait_healthy(SERVICE)
    place, old, new = "src/master/master.c", "SERVED", "SERVED"
    for folder, _, names in os.walk(os.path.join(shared.folder, "src", "child")):
        for name in names:
            with open(os.path.join(folder, name)) as f:
                if '"database ready"' in f.read():
                    place, old, new = os.path.relpath(os.path.join(folder, name), shared.folder), '"database ready"', '"database is there"'
    before = {service: (inspect(shared.container(service), "{{.State.StartedAt}} {{.State.Pid}}"), len(BUILT.findall(shared.logs(service))))
              for service in ("api", SERVICE)}
    shared.edit(place, old, new)
    for service, (process, seen) in before.items():
        wait_until(lambda s=service: "database is there" in shared.logs(s), 180, f"the edit to be loaded by {service}")
        wait_until(lambda s=service, n=seen: len(BUILT.findall(shared.logs(s))) > n, 60, "the time to be logged")
        built, served = BUILT.findall(shared.logs(service))[-1]
        with capsys.disabled():
            print(f"\n{service}: built {built} s, serving after {served} s")
        assert inspect(shared.container(service), "{{.State.StartedAt}} {{.State.Pid}}") == process
    seen = {service: len(BUILT.findall(shared.logs(service))) for service in ("api", SERVICE)}
    shared.edit(place, new, old)
    for service, count in seen.items():
        wait_until(lambda s=service, n=count: len(BUILT.findall(shared.logs(s))) > n, 180, "the source to be as it was")


def test_an_edit_of_its_own_leaves_the_api_alone(shared):
    shared.wait_healthy(SERVICE)
    seen = len(BUILT.findall(shared.logs(SERVICE)))
    nothing = shared.logs().count("nothing to load")
    serving = shared.logs().count("reload begins")
    shared.edit("src/backtestd/serve.c", '"database",\n         .plural = "looks for the database"', '"database",\n         .plural = "looks for a database"')
    wait_until(lambda: len(BUILT.findall(shared.logs(SERVICE))) > seen, 180, "the edit to be loaded")
    wait_until(lambda: shared.logs().count("nothing to load") > nothing, 60, "the API's watcher to have looked")
    assert shared.logs().count("reload begins") == serving
    shared.edit("src/backtestd/serve.c", '"looks for a database"', '"looks for the database"')
    wait_until(lambda: len(BUILT.findall(shared.logs(SERVICE))) > seen + 1, 180, "the source to be as it was")


def test_a_compile_error_is_shown_by_both(shared):
    shared.wait_healthy(SERVICE)
    shared.edit("src/backtestd/serve.c", "static int serve_main(", "this is no C\nstatic int serve_main(")
    for service in ("api", SERVICE):
        wait_until(lambda s=service: "dev:     src/backtestd/serve.c:" in shared.logs(s), 180, f"the compiler's words in the log of {service}")
    assert shared.get("/health").status == 200
    assert shared.exec("backtestd", "health", service=SERVICE).returncode == 0
    done = subprocess.run([os.path.join(shared.folder, "scripts", "docker.sh"), "health"], env=shared.env(COMPOSE=shared.compose),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.count("src/backtestd/serve.c:") >= 2, done.stdout + done.stderr
    seen = {service: shared.logs(service).count("nothing to load") + len(BUILT.findall(shared.logs(service))) for service in ("api", SERVICE)}
    shared.edit("src/backtestd/serve.c", "this is no C\n", "")
    for service, count in seen.items():
        wait_until(lambda s=service, n=count: shared.logs(s).count("nothing to load") + len(BUILT.findall(shared.logs(s))) > n, 180, "the mended source")


def test_a_migration_is_awaited(shared):
    """The API's container migrates; the other one knows the migration when it is there, and does not fail before."""
    shared.wait_healthy(SERVICE)
    seen = len(BUILT.findall(shared.logs(SERVICE)))
    path = os.path.join(shared.folder, "sql/migrations/20991231235958_hot.sql")
    with open(path, "w") as f:
        f.write("-- migrate:up\nSELECT pg_sleep(1);\nCREATE TABLE warm (n integer);\n-- migrate:down\nDROP TABLE warm;\n")
    try:
        wait_until(lambda: len(BUILT.findall(shared.logs(SERVICE))) > seen, 120, "the migration to be known")
        assert "was not taken over" not in shared.logs(SERVICE)
        assert shared.sql("SELECT to_regclass('warm') IS NOT NULL") == "t"
        assert shared.exec("backtestd", "check", service=SERVICE).returncode == 0
    finally:
        shared.exec("stratslabd", "migrate", "down", "--steps", "1", "--yes", check=False)
        os.unlink(path)
        shared.wait_status(200)


def test_it_computes(shared):
    """The demo: candles by the API, backtests by the queue, results by the API. Again, and nothing is there twice."""
    shared.wait_healthy(SERVICE)
    said = demo(shared)
    assert "the first backtest has succeeded" in said and "look around" in said
    first = await_all_succeeded(shared, 4)
    for one in first:
        assert one["result_hash"] and one["metrics"]["trades"] > 10
        assert one["stale"] is False
    demo(shared)
    assert {one["id"]: one["result_hash"] for one in await_all_succeeded(shared, 4)} == {one["id"]: one["result_hash"] for one in first}
    assert {one["symbol"] for one in shared.get("/api/v1/series").json()["items"]} == {"DEMO:BTCUSD", "DEMO:ETHUSD"}


def test_three_of_it(one_stack):
    """--scale needs no ports. They share the queue and the folder of candles, and have the same results as one."""
    one_stack.up("--scale", f"{SERVICE}=3")
    one_stack.wait_healthy("postgres", "api")
    containers = one_stack.containers(SERVICE)
    assert len(containers) == 3
    for container in containers:
        wait_until(lambda c=container: inspect(c, "{{.State.Health.Status}}") == "healthy", 180, "all to be healthy")
    demo(one_stack)
    asked = await_all_succeeded(one_stack, 4)[0]
    body = {key: asked[key] for key in ("strategy_id", "symbol", "timeframe", "start", "end", "initial_capital", "execution")}
    for _ in range(30):
        answer = one_stack.request("POST", "/api/v1/backtests", json.dumps(body), {"Content-Type": "application/json"})
        assert answer.status == 202, answer.text
    done = await_all_succeeded(one_stack, 34)
    assert len({one["result_hash"] for one in done if one["strategy_id"] == asked["strategy_id"] and one["symbol"] == asked["symbol"]}) == 1


def test_in_production(stack, images):
    """The runtime image: limits, a password by file, tokens asked for, and a backtest that succeeds."""
    write_secret(stack, "s3cret\n")
    stack.settings.update(COMPOSE_FILE="docker-compose.prod.yml", API_IMAGE=images["runtime"])
    stack.up("--no-build")
    stack.wait_healthy(*BOTH)
    container = stack.container(SERVICE)
    assert inspect(container, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.RestartPolicy.Name}}") == \
        "true [ALL] unless-stopped"
    assert int(inspect(container, "{{.HostConfig.Memory}}")) == 1536 * 1024 * 1024
    assert inspect(container, "{{.HostConfig.PidsLimit}}") == "64"
    assert [m["Destination"] for m in json.loads(inspect(container, "{{json .Mounts}}")) if m["Type"] == "bind"] == []
    assert "s3cret" not in inspect(container, "{{json .Config.Env}}")
    assert stack.exec("backtestd", "health", service=SERVICE).returncode == 0
    token = stack.exec("stratslabd", "token", "create", "demo", "--scope=read", "--scope=write").stdout.strip()
    wait_until(lambda: stack.get("/api/v1/series", headers={"Authorization": f"Bearer {token}"}).status == 200, 20, "the token to be known")
    demo(stack, token)
    assert len(await_all_succeeded(stack, 4, token)) == 4
    assert MIGRATIONS  # the schema is the image's

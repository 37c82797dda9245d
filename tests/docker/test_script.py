"""scripts/docker.sh: each verb, with both Compose flavours."""
import os
import socket
import subprocess

import pytest
from support.stack import SLOWNESS, docker, wait_until


@pytest.fixture
def script(stack):
    """script("up-d"): runs the checkout's own."""
    def run(*arguments, check=True, stdin=None, timeout=300, **settings):
        done = subprocess.run([os.path.join(stack.folder, "scripts", "docker.sh"), *arguments], cwd="/", input=stdin or "",
                              env=stack.env(COMPOSE=stack.compose, **settings), capture_output=True, text=True,
                              timeout=timeout * SLOWNESS)
        assert not check or done.returncode == 0, f"docker.sh {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done
    return run


def test_each_verb(stack, script):
    assert "rebuild" in script("help").stdout
    assert script("nonesuch", check=False).returncode == 64
    assert script("health", check=False).returncode == 1  # nothing is there yet
    assert "healthy" not in script("health", check=False).stdout
    assert "nothing found" in script("doctor").stderr

    script("up-d")  # and waits
    assert stack.get("/health").status == 200
    shown = script("health").stdout
    assert shown.count("running healthy") == 2 and '"status":"ok"' in shown
    assert "api" in script("ps").stdout
    assert "serving" in script("logs-api").stdout
    assert "serving" not in script("logs-db").stdout and "ready to accept connections" in script("logs-db").stdout
    everything = script("logs", "--tail=50").stdout
    assert "serving" in everything and "ready to accept connections" in everything
    assert script("exec-api", "id", "-u").stdout.strip() == "10001"
    assert script("exec-api", stdin="echo from the shell\n").stdout.strip() == "from the shell"
    assert script("exec-db", "-Atc", "SELECT 6 * 7").stdout.strip() == "42"
    assert script("exec-db", "-At", stdin="SELECT current_database();\n").stdout.strip() == "stratslab"
    tested = script("test", "SUITES=lint", timeout=600).stdout
    assert "0 failed" in tested.strip().splitlines()[-1] or "0 failed" in tested
    assert "held by this stack" in script("doctor").stdout

    assert stack.create("kept").status == 201
    script("rebuild", timeout=900)
    assert [item["name"] for item in stack.get("/api/v1/strategies").json()["items"]] == ["kept"]
    script("down")
    assert stack.status() == 0
    assert docker("volume", "inspect", f"{stack.project}_postgres_data").returncode == 0
    assert "PostgreSQL 15 data" in script("doctor").stdout

    refused = script("clean", check=False, stdin="n\n")
    assert refused.returncode != 0 and "DATA" in refused.stderr
    assert docker("volume", "inspect", f"{stack.project}_postgres_data").returncode == 0
    script("clean", "-y")
    assert docker("volume", "inspect", f"{stack.project}_postgres_data", check=False).returncode != 0
    # It has removed the image that later tests start from.
    docker("build", "--target", "dev", "-t", "stratslab-api:dev", ".", cwd=stack.folder, timeout=900)


def test_up_follows_the_log_until_interrupted(stack, tmp_path_factory):
    command = [os.path.join(stack.folder, "scripts", "docker.sh"), "up"]
    shown = tmp_path_factory.mktemp("up") / "output"
    with open(shown, "wb") as output:
        process = subprocess.Popen(command, cwd="/", env=stack.env(COMPOSE=stack.compose, PYTHONUNBUFFERED=1),
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_until(lambda: "serving" in shown.read_text(), 180, "the service's log to be shown")
        assert process.poll() is None
        stack.wait_status(200)
    finally:
        os.killpg(process.pid, 2)  # Ctrl-C
        process.wait(120 * SLOWNESS)
    assert stack.status() == 0


def test_port_in_use_names_port_and_holder(stack, script):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.port))
        holder.listen()
        for verb in ("up-d", "doctor"):
            done = script(verb, check=False)
            assert done.returncode != 0
            assert f"port {stack.port} is in use by" in done.stderr and "API_PORT" in done.stderr
        assert f"process {os.getpid()}" in done.stderr


def test_doctor_reads_env(stack, script):
    with open(os.path.join(stack.folder, ".env"), "w", newline="") as f:
        f.write("API_PROT=8001\nDB_PORT=many\nSTRATSLAB_LOG_LEVEL = debug\nnonsense\nPOSTGRES_DB=x\r\n")
    done = script("doctor", check=False, DB_PORT="many")
    assert done.returncode == 1
    for words in ("API_PROT is not in .env.docker.example", "DB_PORT is not a port", '"STRATSLAB_LOG_LEVEL " is not a name',
                  ".env:4 is not a NAME=VALUE line", "Windows line ends"):
        assert words in done.stdout, words


def test_doctor_sees_a_volume_of_another_major_version(stack, script):
    volume = f"{stack.project}_postgres_data"
    docker("volume", "create", volume)
    docker("run", "--rm", "-v", f"{volume}:/v", "--entrypoint", "sh", "postgres:15-alpine", "-c", "echo 14 >/v/PG_VERSION")
    done = script("doctor", check=False)
    assert done.returncode == 1
    assert "holds data of PostgreSQL 14" in done.stdout


def test_no_engine_is_said(script):
    done = script("up-d", check=False, DOCKER_HOST="unix:///nonexistent/socket")
    assert done.returncode == 1 and "no Docker engine answers" in done.stderr

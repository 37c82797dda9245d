"""scripts/docker.sh: each verb, with both Compose flavours."""
import contextlib
import os
import socket
import subprocess

import pytest
from runner.checkout import copy_checkout
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
    assert shown.count("running healthy") == 3 and '"status":"ok"' in shown
    assert "api" in script("ps").stdout
    assert "serving" in script("logs-api").stdout and "backtestd" not in script("logs-api").stdout
    assert "backtesting_service@postgres" in script("logs-backtesting").stdout
    assert "serving" not in script("logs-db").stdout and "ready to accept connections" in script("logs-db").stdout
    everything = script("logs", "--tail=50").stdout
    assert "serving" in everything and "ready to accept connections" in everything
    assert script("exec-api", "id", "-u").stdout.strip() == "10001"
    assert '"status":"ok"' in script("exec-backtesting", "backtestd", "health").stdout
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


def bad(done):
    """doctor's BAD lines."""
    return [line for line in done.stdout.splitlines() if line.startswith("  BAD   ")]


def test_port_in_use_names_port_and_holder(stack, script):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.port))
        holder.listen()
        done = script("up-d", check=False)
        assert done.returncode != 0 and f"port {stack.port} is in use by" in done.stderr and "API_PORT" in done.stderr
        done = script("doctor", check=False)
        (line,) = bad(done)
        assert done.returncode == 1 and f"port {stack.port} is in use by" in line and "API_PORT" in line
        assert f"process {os.getpid()}" in line
        # One of a range.
        (line,) = bad(script("doctor", check=False, API_PORT=f"{stack.port - 1}-{stack.port}"))
        assert f"port {stack.port} is in use by" in line


@pytest.mark.parametrize("line", [
    "API_PORT={port}", 'API_PORT="{port}"', "API_PORT='{port}'", 'API_PORT="{port}" # the port', "API_PORT={port} # the port",
    "export API_PORT={port}", "THE_PORT={port}\nAPI_PORT=${{THE_PORT}}", "API_PORT={port}-{next}",
])
def test_ports_however_they_are_written(stack, script, line):
    """In .env, as Compose reads it: who has the port is found, and nothing is wrong with how it is written."""
    next_port = stack.port + 1
    with open(os.path.join(stack.folder, ".env"), "w") as f:
        f.write(line.format(port=stack.port, next=next_port) + "\n")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.port))
        holder.listen()
        (said,) = bad(script("doctor", check=False, API_PORT=None))
        assert f"port {stack.port} is in use by" in said and f"process {os.getpid()}" in said, said
    assert not bad(script("doctor", check=False, API_PORT=None))


PORTS = """services:
  api:
    ports:
      - "{short}:8001"
      - target: 8002
        published: {long}
        protocol: tcp
      - "8003"
"""


def test_ports_of_further_files(stack, script):
    """Short and long, as docker-compose.override.yml may have them."""
    held = []
    with contextlib.ExitStack() as holders:
        for _ in range(2):
            holder = holders.enter_context(socket.socket())
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            held.append(holder.getsockname()[1])
        with open(os.path.join(stack.folder, "docker-compose.override.yml"), "w") as f:
            f.write(PORTS.format(short=held[0], long=held[1]))
        said = bad(script("doctor", check=False))
        assert len(said) == 2 and all(f"port {port} is in use by" in "\n".join(said) for port in held), said


def test_doctor_tells_what_the_service_refuses(stack, script):
    """The service's own words about each variable, and nothing is left of the asking."""
    done = script("doctor", check=False, STRATSLAB_WORKERS="many", STRATSLAB_LOG_LEVEL="loud", STACK_DATABASE_URL="mysql://x/y")
    said = "\n".join(bad(done))
    assert done.returncode == 1
    for words in ('STRATSLAB_WORKERS: "many" is not an integer', 'STRATSLAB_LOG_LEVEL: "loud" is not one of', "DATABASE_URL: its scheme"):
        assert words in said, done.stdout
    for kind in ("volume", "network"):
        assert stack.project not in docker(kind, "ls").stdout
    said = "\n".join(bad(script("doctor", check=False, BACKTESTING_WORKERS="several")))
    assert 'backtesting-service refuses a setting' in said and 'STRATSLAB_WORKERS: "several" is not an integer' in said, said
    said = "\n".join(bad(script("doctor", check=False, DEV_WATCH="pol", DOCS_UI="maybe", APP_UID="me", DEBIAN_RELEASE="bookworm", API_PORT=0)))
    for words in ("DEV_WATCH is pol", "DOCS_UI is maybe", "APP_UID is not a number: me", "DEBIAN_RELEASE is bookworm", "API_PORT is not a port"):
        assert words in said, said


def test_a_checkout_that_only_its_owner_reads(stack, script):
    """umask 077: said before anything is started, by doctor, and by the container if plain Compose starts it."""
    subprocess.run(["chmod", "-R", "go=", stack.folder], check=True)
    subprocess.run(["chown", "-R", "1234:4321", stack.folder], check=True)
    for verb in ("up-d", "doctor"):
        done = script(verb, check=False)
        said = done.stderr if verb == "up-d" else "\n".join(bad(done))
        assert done.returncode == 1, verb
        assert "user 10001 of the container cannot read" in said and "APP_UID=1234 and APP_GID=4321" in said and "chmod -R go+rX" in said, said
    assert not stack.containers()
    stack.up(check=False)
    wait_until(lambda: "cannot be read by this container" in stack.logs("roles") and "chmod -R go+rX docker/postgres" in stack.logs("roles"), 120,
               "the words of the one that makes the roles")
    subprocess.run(["chmod", "-R", "go+rX", os.path.join(stack.folder, "docker", "postgres")], check=True)
    stack.up(check=False)
    wait_until(lambda: "cannot be read by user 10001" in stack.logs() and "chmod -R go+rX" in stack.logs(), 120, "the container's own words")
    # The image must be built for that user.
    said = "\n".join(bad(script("doctor", check=False, APP_UID=1234, APP_GID=4321)))
    assert "was built for user 10001:10001" in said and "rebuild" in said
    # In a container of that user, whose files of the image came from a checkout like this one.
    subprocess.run(["chmod", "-R", "go+rX", stack.folder], check=True)
    assert "can read the checkout" in script("doctor", check=False).stdout


def test_nothing_runs_is_said(stack, script):
    for verb in ("demo", "exec-api", "exec-backtesting", "exec-db", "logs", "logs-api", "logs-backtesting", "logs-db", "ps"):
        done = script(verb, check=False)
        assert done.returncode == 1 and "up-d" in done.stderr, (verb, done.stderr)
    assert "up-d" in script("health", check=False).stderr
    stack.start()
    stack.run("stop", "api")
    done = script("exec-api", "true", check=False)
    assert done.returncode == 1 and "the API service does not run (it is exited)" in done.stderr


def test_doctor_on_a_service_that_has_ended(stack, script):
    """Rows of the README's table that show only when the stack is up: another password than the volume's, a bad variable."""
    stack.start()
    assert "takes the user and the password" in script("doctor").stdout
    done = script("up-d", check=False, POSTGRES_PASSWORD="another", STRATSLAB_WORKERS="1")
    assert done.returncode != 0 and "keeps its" in done.stderr, done.stderr
    said = "\n".join(bad(script("doctor", check=False, POSTGRES_PASSWORD="another")))
    assert "does not take the settings' user and password" in said and "docs/containers.md" in said, said
    assert "The service roles has ended with 69" in said, said
    stack.up(check=False, STRATSLAB_WORKERS="none")
    wait_until(lambda: stack.state().startswith("exited") and "not an integer" in stack.logs(), 120, "the service to end")
    assert "has ended with 78: mend the variables" in "\n".join(bad(script("doctor", check=False)))


def test_a_path_with_a_colon_is_refused(one_stack, tmp_path):
    """Docker takes it for two; a space it can do with."""
    for name, well in (("a:b", False), ("a b", True)):
        folder = copy_checkout(str(tmp_path / name))
        done = subprocess.run([os.path.join(folder, "scripts", "docker.sh"), "doctor"], env=one_stack.env(COMPOSE=one_stack.compose),
                              capture_output=True, text=True, timeout=120 * SLOWNESS)
        assert ("has a : in it" in done.stdout) is not well and (done.returncode == 0) is well, done.stdout


def test_more_than_one(stack, script):
    """--scale api=2 needs a range of ports, and says so."""
    done = script("up-d", "--scale", "api=2", check=False)
    assert done.returncode == 1 and f"API_PORT={stack.port}-{stack.port + 1}" in done.stderr
    assert not stack.containers()
    first = next(p for p in range(stack.port, stack.port + 50) if is_free(p) and is_free(p + 1))
    done = script("up-d", "--scale", "api=2", API_PORT=f"{first}-{first + 1}")
    for port in (first, first + 1):
        assert f"http://127.0.0.1:{port}/health" in done.stderr
        assert stack.get("/health", port=port).status == 200
    assert script("health", API_PORT=f"{first}-{first + 1}").stdout.count('"status":"ok"') == 2


def is_free(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def test_a_commit_is_in_the_labels(one_stack):
    """docker.sh builds with version, commit and time; --build-arg is all that is asked for here."""
    folder = one_stack.folder
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-C", folder]
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    seen = os.path.join(folder, "seen")
    fake = os.path.join(folder, "compose")
    with open(fake, "w") as f:
        f.write(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{seen}\nexit 1\n')
    os.chmod(fake, 0o755)
    for wanted in (commit, f"{commit}-modified"):
        subprocess.run([os.path.join(folder, "scripts", "docker.sh"), "rebuild"], env=one_stack.env(COMPOSE=fake), capture_output=True,
                       timeout=60 * SLOWNESS)
        with open(seen) as f:
            arguments = f.read().split("\n")
        assert f"REVISION={wanted}" in arguments and "VERSION=0.1.0" in arguments, arguments
        assert any(argument.startswith("CREATED=20") for argument in arguments)
        with open(os.path.join(folder, "README.md"), "a") as f:
            f.write("\n")


def test_doctor_reads_env(stack, script):
    with open(os.path.join(stack.folder, ".env"), "w", newline="") as f:
        f.write("API_PROT=8001\nDB_PORT=many\nSTRATSLAB LOG_LEVEL=debug\nnonsense\nPOSTGRES_DB=x\r\nexport DATABASE_URL=x\n")
    done = script("doctor", check=False, DB_PORT="many")
    assert done.returncode == 1
    for words in ("API_PROT is not in .env.docker.example", "DB_PORT is not a port", '"STRATSLAB LOG_LEVEL" is not a name',
                  ".env:4 is not a NAME=VALUE line", "Windows line ends", "DATABASE_URL is not used here any more",
                  "its name is now STACK_DATABASE_URL"):
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

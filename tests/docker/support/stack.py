"""A stack of its own for a test: a copy of the checkout, a project name, free ports."""
import http.client
import json
import os
import random
import secrets
import socket
import subprocess
import time

SLOWNESS = float(os.environ.get("STRATSLAB_TEST_SLOWNESS", "1"))
OURS = ("COMPOSE_", "STACK_", "POSTGRES_", "STRATSLAB_", "DATABASE_URL", "MIGRATE_", "API_", "DB_", "BIND_ADDRESS", "APP_", "DEV_WATCH", "DOCS_UI", "QUEUE_", "BACKTESTING_")


def wait_until(look, seconds, what):
    """Until look() is true; returns what it returned."""
    deadline = time.monotonic() + seconds * SLOWNESS
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds * SLOWNESS:.0f} s for {what}"
        time.sleep(0.05)


def free_port():
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def environment(**settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    env["LC_ALL"] = "C.UTF-8"
    env.update({k: str(v) for k, v in settings.items() if v is not None})
    return env


def docker(*arguments, check=True, timeout=300, **options):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout * SLOWNESS, **options)
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def inspect(thing, template):
    return docker("inspect", "-f", template, thing).stdout.strip()


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)


class Stack:
    def __init__(self, compose, folder, **settings):
        self.compose, self.folder = compose, str(folder)
        self.project = f"stl{secrets.token_hex(4)}"
        self.port, self.db_port = free_port(), free_port()
        self.settings = {"COMPOSE_PROJECT_NAME": self.project, "API_PORT": self.port, "DB_PORT": self.db_port, **settings}

    def env(self, **settings):
        return environment(**{**self.settings, **settings})

    def run(self, *arguments, check=True, timeout=300, stdin=None, **settings):
        """A Compose command, to its end: .returncode, .stdout, .stderr."""
        done = subprocess.run([*self.compose.split(), *arguments], cwd=self.folder, env=self.env(**settings), input=stdin,
                              capture_output=True, text=True, timeout=timeout * SLOWNESS)
        assert not check or done.returncode == 0, f"{self.compose} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def up(self, *arguments, **options):
        return self.run("up", "-d", *arguments, **options)

    def start(self, *arguments, **settings):
        self.settings.update(settings)
        self.up(*arguments)
        self.wait_healthy()
        return self

    def down(self, *arguments):
        self.run("--profile", "queue", "down", "--remove-orphans", "-t", "10", *arguments, check=False)

    def containers(self, service="api"):
        return docker("ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}",
                      "--filter", f"label=com.docker.compose.service={service}").stdout.split()

    def container(self, service="api"):
        found = self.containers(service)
        assert found, f"there is no container of {service}"
        return found[0]

    def state(self, service="api"):
        return inspect(self.container(service), "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}").strip()

    def wait_healthy(self, *services, seconds=180):
        for service in services or ("postgres", "api"):
            try:
                wait_until(lambda s=service: self.state(s) == "running healthy", seconds, f"{service} to be healthy")
            except AssertionError as e:
                raise AssertionError(f"{e}; its log:\n{self.logs(service)[-3000:]}") from None
        return self

    def request(self, method, path, body=None, headers=None, timeout=15, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout * SLOWNESS)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def create(self, name, token=None, **options):
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        body = json.dumps({"name": name, "kind": "sma"}, ensure_ascii=False).encode()
        return self.request("POST", "/api/v1/strategies", body, headers, **options)

    def status(self):
        """Of /health; 0 where nobody answers."""
        try:
            return self.get("/health", timeout=3).status
        except (OSError, http.client.HTTPException):
            return 0

    def wait_status(self, status, seconds=120):
        wait_until(lambda: self.status() == status, seconds, f"/health to answer {status}")

    def logs(self, service="api"):
        """What each container of the service has written."""
        done = [docker("logs", container, check=False) for container in self.containers(service)]
        return "".join(one.stdout + one.stderr for one in done)

    def exec(self, *command, service="api", check=True, **options):
        """As `docker-compose exec -T` does it, without its half second."""
        return docker("exec", self.container(service), *command, check=check, **options)

    def sql(self, statement):
        user = self.settings.get("POSTGRES_USER", "stratslab")
        return self.exec("psql", "-XAtq", "-U", user, "-d", "stratslab", "-c", statement, service="postgres").stdout.strip()

    def edit(self, name, old, new):
        """As an editor does it: a new file, moved into place."""
        path = os.path.join(self.folder, name)
        with open(path) as f:
            text = f.read()
        assert old in text, f"{name} does not hold {old!r}"
        with open(path + ".swp", "w") as f:
            f.write(text.replace(old, new))
        os.replace(path + ".swp", path)

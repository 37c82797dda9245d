"""The daemon under test: started as an operator would, watched, stopped, and looked at afterwards."""
import contextlib
import os
import re
import secrets
import shlex
import socket
import subprocess
import threading
from signal import SIGKILL, SIGTERM

from . import client, contract, docs_ui, processes
from .load import CLOSED, Load
from .ports import Port
from .wait import SLOWNESS, wait_until

START_SECONDS = 15
STOP_SECONDS = 15
PORT_TRIES = 5
# What a daemon inherits from the tests' environment; above all no setting of ours and none of libpq's.
INHERITED = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
             "STRATS_RUN")
SANITIZERS = re.compile(r"(?:ERROR|WARNING): \w+Sanitizer|LeakSanitizer|runtime error:|==\d+== (?:Invalid|Conditional)")
ROLE = re.compile(r'\brole=(\S+) pid=(\d+)|"role":"([^"]+)","pid":(\d+)')
PORT_TAKEN = re.compile(r"address (?:is )?already in use", re.IGNORECASE)
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "sql", "migrations")


class StartFailure(AssertionError):
    """The daemon ended, or was not ready in time; the message holds its log."""


def environment(settings):
    """The environment of a program under test. `workers=4` is STRATSLAB_WORKERS=4; a name in capitals is taken as it
    is; None takes a variable away."""
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env["LC_ALL"] = "C.UTF-8"
    for name, value in settings.items():
        name = name if name.isupper() else f"STRATSLAB_{name.upper()}"
        env.pop(name, None)
        if value is not None:
            env[name] = str(value)
    return env


def sanitizer_report(text):
    found = SANITIZERS.search(text)
    return found.group(0) if found else None


def run(program, *arguments, timeout=30, stdin=None, **settings):
    """Runs a subcommand to its end; .returncode, .stdout and .stderr are there to look at."""
    done = subprocess.run([*shlex.split(program), *arguments], env=environment(settings), input=stdin, text=True,
                          capture_output=True, timeout=timeout * SLOWNESS, check=False)
    report = sanitizer_report(done.stderr)
    assert report is None, f"{report} in:\n{done.stderr}"
    return done


def migrate(stratslabd, database_url):
    """The schema of this checkout, in place."""
    done = run(stratslabd, "migrate", "up", DATABASE_URL=database_url, migrations_dir=os.path.realpath(MIGRATIONS))
    assert done.returncode == 0, done.stderr


def finish(started):
    """Stops them, the last first, and says of all what is wrong with their ends."""
    wrong = []
    for one in reversed(started):
        try:
            one.finish()
        except AssertionError as e:
            wrong.append(str(e))
    assert not wrong, "\n\n".join(wrong)


def docs_settings():
    """Swagger UI from the build of the program under test; where that has none, made-up files, rather than a warning about it."""
    return {"docs_dir": docs_ui.folder_or_made_up(os.path.abspath(os.environ.get("STRATSLABD", "stratslabd")))}


class Daemon:
    """One stratslabd. `path` is what load() asks its port for, and `not_now` the statuses that say that it stops, or has no worker. `with_admin` is
    what becomes of requests whose admin process dies. `expect_exit` is the status that its end must have (None: any), for a test that ends it otherwise."""

    name, path, not_now, with_admin = "stratslabd", "/api/v1/strategies?limit=1", set(), set()

    def __init__(self, program, arguments, settings, folder):
        self.command = [*shlex.split(program), *arguments]
        self.settings = {**docs_settings(), **settings}
        self.log_path = os.path.join(folder, f"daemon-{secrets.token_hex(3)}.log")
        self.marker = f"STRATS_FRAME={secrets.token_hex(8)}"
        self.expect_exit = 0
        self.is_judged = True  # each answer on the service port must be one that the OpenAPI document allows
        self.process = None
        self._ports = []

    def start(self, wait=True):
        for left in reversed(range(PORT_TRIES)):
            self._spawn()
            if not wait:
                return
            try:
                self.wait_ready()
                return
            except StartFailure:
                # A stranger may take a port between our look at it and the daemon's bind.
                if left == 0 or self.process.poll() is None or not PORT_TAKEN.search(self.log()):
                    raise

    def _spawn(self):
        self._release_ports()
        self._ports = [Port(), Port()]
        self.port, self.admin_port = map(int, self._ports)
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"listen": f"127.0.0.1:{self.port}", "admin_listen": f"127.0.0.1:{self.admin_port}", "workers": 2,
                    "migrations_dir": os.path.realpath(MIGRATIONS), "environment": "development", "auth": "off",
                    **self.settings}
        env = environment(settings)
        name, _, value = self.marker.partition("=")
        env[name] = value
        # Tests that are killed take their daemons along. The signal is for the end of the thread that starts the
        # process, so that a short-lived one must do without.
        main = threading.current_thread() is threading.main_thread()
        command = (["setpriv", "--pdeathsig", "TERM"] if main else []) + self.command
        with open(self.log_path, "wb", buffering=0) as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

    def wait_ready(self, timeout=START_SECONDS):
        """Until /health/ready says 200."""
        try:
            wait_until(self._is_ready, timeout, "/health/ready to answer 200")
        except AssertionError as e:
            raise StartFailure(f"{e}; the log:\n{self.log()}") from None

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}")
        with contextlib.suppress(OSError, client.http.client.HTTPException):
            return client.request(self.port, "GET", "/health/ready", timeout=5).status == 200
        return False

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """All that it has written to standard error and standard output so far."""
        with contextlib.suppress(OSError), open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()
        return ""

    def wait_log(self, pattern, timeout=10, count=1):
        """Until the log has `count` matches of a regular expression; the last of them."""
        def look():
            found = list(re.finditer(pattern, self.log()))
            return found[-1] if len(found) >= count else None

        try:
            return wait_until(look, timeout, f"/{pattern}/ in the log")
        except AssertionError as e:
            raise AssertionError(f"{e}; the log:\n{self.log()}") from None

    def request(self, method, path, body=None, headers=None, timeout=client.REQUEST_SECONDS):
        return client.request(self.port, method, path, body, headers, timeout, self._contract())

    def admin(self, method, path, body=None, headers=None, timeout=client.REQUEST_SECONDS):
        return client.request(self.admin_port, method, path, body, headers, timeout)

    def client(self, source=None, timeout=client.REQUEST_SECONDS):
        """A kept-alive connection: `with daemon.client() as c: c.request(…)`. `source` is an address of this machine."""
        return client.Client(self.port, timeout=timeout, contract=self._contract(), source=source)

    def _contract(self):
        return contract.of(self.settings) if self.is_judged else None

    def load(self, **options):
        """`with daemon.load(threads=4) as load: …`: see support/load.py."""
        return Load(self.port, self.path, **options)

    def connect(self, timeout=10):
        """A raw socket to the service port."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout * SLOWNESS)

    def children(self):
        """The master's living children by role, as they call themselves in the log: {"worker": [41, 42], …}."""
        roles = {}
        for line in self.log().split("\n"):
            for found in ROLE.finditer(line):
                roles[int(found.group(2) or found.group(4))] = found.group(1) or found.group(3)
        by_role = {}
        for pid in processes.children(self.pid):
            by_role.setdefault(roles.get(pid, "unknown"), []).append(pid)
        return by_role

    def status(self):
        """What the admin port says of everything."""
        return self.admin("GET", "/status").json()

    def workers(self):
        return self.children().get("worker", [])

    def signal(self, number):
        """To the master alone."""
        self.process.send_signal(number)

    def wait(self, timeout=STOP_SECONDS):
        """Until it has ended of itself; its exit status (negative: by that signal)."""
        try:
            return self.process.wait(timeout * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.kill()
            late = f"the daemon had not ended after {timeout * SLOWNESS:g} s"
            raise AssertionError(f"{late}; its log:\n{self.log()}") from None

    def stop(self, number=SIGTERM, timeout=STOP_SECONDS):
        if self.process.poll() is None:
            self.signal(number)
        return self.wait(timeout)

    def kill(self):
        """All that belongs to it, at once."""
        for pid in processes.belonging(self.process.pid, self.marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self.process.wait()

    def finish(self):
        """Stops it where it runs, and says in AssertionError what is wrong with its end."""
        if self.process is None:
            return
        try:
            status = self.stop()
            wrong = self._wrong_ends(status)
        finally:
            self.kill()
            self._release_ports()
        assert not wrong, f"{'; '.join(wrong)}; its log:\n{self.log()}"

    def _wrong_ends(self, status):
        wrong = []
        if self.expect_exit is not None and status != self.expect_exit:
            wrong.append(f"the daemon ended with {status}, not {self.expect_exit}")
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not processes.belonging(self.pid, self.marker), 2, "its processes to be gone")
        left = processes.belonging(self.pid, self.marker)
        if left:
            wrong.append("it left behind " + ", ".join(map(processes.describe, left)))
        report = sanitizer_report(self.log())
        if report:
            wrong.append(f"its log has a report: {report}")
        return wrong

    def _release_ports(self):
        for port in self._ports:
            port.release()
        self._ports = []


class Backtestd(Daemon):
    """One backtestd. The only port that it has is the admin port, which is asked in place of a service port."""
    name, path, not_now, with_admin = "backtestd", "/health/ready", {503}, CLOSED

    def _spawn(self):
        super()._spawn()
        self.port, self.is_judged = self.admin_port, False

    def jobs(self):
        """The processes that compute: children of workers."""
        return [job for worker in self.status()["workers"] for job in processes.children(worker["pid"])]

"""A private PostgreSQL cluster: made in a folder of its own, started, stopped, started again, gone.

Standard library only: tests/with-postgres uses it before any test, with whatever Python there is.
"""
import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

OLDEST = 15
START_SECONDS = 60
STOP_SECONDS = 30

HBA = """\
# method by who connects: see tests/with-postgres
local  all          all                       trust
host   all          +pw_users   127.0.0.1/32  scram-sha-256
host   all          all         127.0.0.1/32  trust
host   replication  all         127.0.0.1/32  trust
"""

SETTINGS = """\
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
password_encryption = 'scram-sha-256'
fsync = off
synchronous_commit = off
full_page_writes = off
jit = off
max_wal_size = 512MB
autovacuum_naptime = 1d
timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
"""


class Failure(Exception):
    """What went wrong, in words for whoever runs the tests."""


def server_programs():
    """The folder that holds a new enough `postgres`, the newest first."""
    folders = []
    if os.environ.get("STRATSLAB_TEST_PGBIN"):
        folders.append(os.environ["STRATSLAB_TEST_PGBIN"])
    else:
        folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda f: -float(f.split("/")[-2]))
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            told = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
            folders.append(told.stdout.strip())
        folders += os.environ.get("PATH", "").split(":")
    for folder in folders:
        if not all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            continue
        said = subprocess.run([os.path.join(folder, "postgres"), "-V"], capture_output=True, text=True).stdout
        version = re.search(r"(\d+)", said)
        if version and int(version.group(1)) >= OLDEST:
            return folder
    raise Failure(f"no PostgreSQL server of version {OLDEST} or newer was found (Debian: apt install postgresql)")


def unprivileged():
    """The account that runs the server, or None for our own: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure("running as root, and there is neither a user postgres nor a user nobody to run the server as")


def as_user(user, command):
    """`command` run by `user`; the server dies with this program, however that ends (pdeathsig)."""
    setpriv = ["setpriv", "--pdeathsig", "INT"]
    if user is not None:
        setpriv += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*setpriv, *command]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text, mode="w"):
    with open(path, mode, encoding="utf-8") as f:
        f.write(text)


def read(path):
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as f:
        return f.read()
    return ""


class Cluster:
    """`with Cluster() as cluster:` has it running; `stop` and `start` in between keep its data and its port."""

    def __init__(self, port=None):
        """`port`: one that a cluster before it had, for a test that puts another one in its place."""
        self.bin = server_programs()
        self.user = unprivileged()
        self.folder = tempfile.mkdtemp(prefix="stratslab-pg.", dir="/tmp")  # a unix socket's path must stay short
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.port = port
        self.server = None
        self.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "HOME": self.folder}

    def __enter__(self):
        try:
            self.init()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def give(self, path):
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def make_folders(self):
        os.chmod(self.folder, 0o755)
        os.mkdir(self.data, 0o700)
        self.give(self.folder)
        self.give(self.data)

    def init(self):
        self.make_folders()
        initdb = [os.path.join(self.bin, "initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--no-locale", "--no-sync", "--no-instructions"]
        done = subprocess.run(as_user(self.user, initdb), cwd="/", env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure("initdb failed:\n" + done.stdout + done.stderr)
        write(os.path.join(self.data, "pg_hba.conf"), HBA)
        settings = SETTINGS + f"unix_socket_directories = '{self.folder}'\n"
        write(os.path.join(self.data, "postgresql.conf"), settings, "a")
        # A role that pg_hba.conf names need not exist for the server to start; single-user mode makes it before that.
        single = [os.path.join(self.bin, "postgres"), "--single", "-D", self.data, "postgres"]
        done = subprocess.run(as_user(self.user, single), cwd="/", env=self.env, capture_output=True, text=True,
                              input="CREATE ROLE pw_users NOLOGIN;\n")
        if done.returncode != 0 or "ERROR" in done.stdout + done.stderr:
            raise Failure("creating the role pw_users failed:\n" + done.stdout + done.stderr)

    def start(self):
        """Starts the server, at the port that it had before if any, and waits until it accepts connections."""
        first = self.port is None
        for _ in range(10):  # a port that was free may be taken by the time the server binds it
            if first:
                self.port = free_port()
            write(self.log, "")
            with open(self.log, "ab") as log:
                command = [os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port)]
                self.server = subprocess.Popen(as_user(self.user, command), cwd="/", env=self.env,
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            if self.is_up():
                return
            self.server.wait()
            if "Address already in use" not in read(self.log):
                break
        raise Failure("the server did not start:\n" + read(self.log))

    def is_up(self):
        """Waits until the server accepts connections, by its own word (the last line of postmaster.pid)."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.server.poll() is not None:
                return False
            lines = read(os.path.join(self.data, "postmaster.pid")).split("\n")
            if len(lines) > 7 and lines[0] == str(self.server.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.02)
        raise Failure(f"the server was not ready after {START_SECONDS} s:\n" + read(self.log))

    def stop(self, numbers=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)):
        """Stops the server: fast, else immediately, else by what cannot fail."""
        if self.server is None or self.server.poll() is not None:
            return
        for number in numbers:
            self.server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.server.wait(STOP_SECONDS)
                return

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="postgres", role="postgres"):
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def variables(self):
        return {
            "STRATSLAB_TEST_DATABASE_URL": self.url(),
            "STRATSLAB_TEST_SOCKET_URL": f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}",
            "STRATSLAB_TEST_PGDATA": self.data,
            "STRATSLAB_TEST_PGBIN": self.bin,
        }


class Standby(Cluster):
    """A streaming standby of `primary`, which runs. It is a cluster like any other once it is promoted."""

    def __init__(self, primary, port=None):
        super().__init__(port)
        self.primary = primary

    def init(self):
        self.make_folders()
        source = f"host=127.0.0.1 port={self.primary.port} user=postgres application_name=standby"
        copy = [os.path.join(self.bin, "pg_basebackup"), "-D", self.data, "-d", source, "-X", "stream", "-c", "fast",
                "-R", "--no-sync"]
        done = subprocess.run(as_user(self.user, copy), cwd="/", env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure("pg_basebackup failed:\n" + done.stdout + done.stderr)
        # It has its primary's settings, and the last one counts.
        write(os.path.join(self.data, "postgresql.conf"), f"unix_socket_directories = '{self.folder}'\n", "a")

    def promote(self):
        """Returns at once; it takes writes a moment later."""
        write(os.path.join(self.data, "promote"), "")
        self.server.send_signal(signal.SIGUSR1)

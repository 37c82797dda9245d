"""What a daemon is given by whoever starts it: descriptors, signals, limits, a folder, an environment. None of it is believed, whatever a careless
parent leaves (support/launch.py)."""
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys

import pytest
from support import daemon as daemons
from support import processes
from support.daemon import run
from support.kinds import BOTH
from support.namespaces import unshare
from support.ports import Port
from support.wait import SLOWNESS, wait_until

LAUNCH = os.path.join(os.path.dirname(os.path.abspath(daemons.__file__)), "launch.py")
GROUP = [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH]


def launch(program, *words):
    return " ".join([sys.executable, LAUNCH, *words, "--", program])


def workers(d):
    """Pids of the workers that say that they are ready."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return sorted(w["pid"] for w in d.status()["workers"] if w["state"] == "ready")
    return []


def reloads(d, program):
    done = run(program, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stdout + done.stderr


def lives(d, program):
    """It replaces a worker that dies, reloads, and is well."""
    before = wait_until(lambda: len(workers(d)) == 2 and workers(d), 20, "two workers")
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(workers(d)) == 2 and before[0] not in workers(d), 20, "another worker")
    reloads(d, program)
    wait_until(lambda: len(d.status()["workers"]) == 2 and not set(before) & set(workers(d)), 20, "the new workers alone")
    assert d.admin("GET", "/health").status == 200


def settled(d):
    """Its children, when those before the reload have ended: two workers and the admin process."""
    return wait_until(lambda: len(processes.children(d.pid)) == 3 and processes.children(d.pid), 20, "the old children to end")


def masks(pid):
    """(blocked, ignored) signals of a process, but for the two that are the C library's own (32 and 33), which it lets nobody set."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        told = dict(re.findall(r"^(SigBlk|SigIgn):\s+([0-9a-f]+)$", f.read(), re.MULTILINE))
    return [{n for n in range(1, 65) if n not in (32, 33) and int(told[name], 16) >> (n - 1) & 1} for name in ("SigBlk", "SigIgn")]


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rpartition(")")[2].split()[0]


# ---- everything at once ----

CARELESS = {
    "SIGCHLD ignored": ["ignore=CHLD"],
    "SA_NOCLDWAIT": ["nocldwait"],
    "everything ignored and blocked": ["ignore=all", "block=all"],
    "timers": ["timer=REAL:1", "timer=VIRTUAL:0.3", "timer=PROF:0.3"],
    "limits, umask, folder": ["limit=NOFILE:48", "limit=STACK:131072", "cwd=gone", "umask=777"],
    "no argv": ["argv=none"],
    "environment": ["bare=JUNK", "repeat=STRATSLAB_WORKERS=77", "repeat==x", "repeat=PGSSLMODE=", "repeat=PGTZ=Mars/Olympus",
                    "repeat=PGDATESTYLE=German", "repeat=PGHOSTADDR=192.0.2.1", "repeat=LC_ALL=tr_TR.UTF-8", "repeat=LC_NUMERIC=de_DE.UTF-8",
                    "repeat=TZ=:/nonexistent", "repeat=IFS=/"],
}


@BOTH
@pytest.mark.parametrize("words", CARELESS.values(), ids=CARELESS.keys())
def test_a_careless_parent(daemon, program, words):
    d = daemon(*([] if "argv=none" in words else ["serve"]), program=launch(program, *words))
    lives(d, program)
    blocked, ignored = masks(d.pid)
    assert ignored == {signal.SIGPIPE, signal.SIGXFSZ}
    assert blocked == {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
                       signal.SIGTTIN, signal.SIGTTOU}
    for pid in settled(d):
        blocked, ignored = masks(pid)
        assert not blocked
        assert ignored == {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN,
                           signal.SIGTTOU, signal.SIGUSR2}
    assert d.stop() == 0


# ---- descriptors ----

@BOTH
@pytest.mark.parametrize("closed", ["0", "1", "2", "0,1,2"])
def test_closed_descriptors_are_nobody_elses(daemon, program, tmp_path, closed):
    log = tmp_path / "its.log"
    d = daemon(program=launch(program, f"close={closed}"), log_file=str(log), log_level="debug")
    lives(d, program)
    for pid in [d.pid, *settled(d)]:
        for fd in closed.split(","):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null", (pid, fd)
    assert d.stop() == 0
    text = log.read_text(encoding="utf-8")
    assert "msg=serving" in text and "msg=stopped" in text and "lines_dropped" not in text


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"], ["config", "--sample"], ["--version"], ["--help"], ["serve", "--help"], ["openapi"]])
def test_a_command_that_cannot_print_says_so(stratslabd, backtestd, arguments):
    for program in (stratslabd, backtestd):
        if arguments == ["openapi"] and program == backtestd:
            continue
        done = subprocess.run([sys.executable, LAUNCH, "close=0,1", "--", program, *arguments], env=daemons.environment({}), capture_output=True,
                              text=True, timeout=60 * SLOWNESS, check=False)
        assert done.returncode == 71, (program, done)
        assert re.search(r"standard output could not be written.*: Bad file descriptor", done.stderr)


def test_a_command_without_standard_error_still_says_by_its_status(stratslabd):
    done = subprocess.run([sys.executable, LAUNCH, "close=1,2", "--", stratslabd, "config"], env=daemons.environment({"workers": "none"}),
                          capture_output=True, timeout=60 * SLOWNESS, check=False)
    assert done.returncode == 78


# ---- signals before the master takes them ----

@contextlib.contextmanager
def reading(path, what):
    """A daemon that reads its settings from a FIFO: while this holds its other end, the start goes no further."""
    def opened():
        with contextlib.suppress(OSError):
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        return None

    fd = wait_until(opened, 20, what)
    try:
        yield fd
    finally:
        os.close(fd)


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=["TERM", "INT", "QUIT"])
@pytest.mark.parametrize("as_init", [False, True], ids=["as anybody", "as process 1"])
def test_a_signal_while_settings_are_read_ends_it(start_daemon, program, tmp_path, number, as_init):
    fifo = tmp_path / "settings"
    os.mkfifo(fifo)
    command = " ".join([*unshare("--pid", "--fork", "--kill-child"), program]) if as_init else program
    d = start_daemon(program=command, wait=False, config=str(fifo), DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    with reading(fifo, "the settings to be read"):
        pid = processes.children(d.pid)[0] if as_init else d.pid
        os.kill(pid, number)
        assert d.wait() == 0
    assert f"{number.name}: stopped before the start was complete" in d.log()


@BOTH
def test_a_hang_up_while_settings_are_read_reloads_afterwards(daemon, program, stratslabd, database, tmp_path):
    """nohup(1) or not: SIGHUP is the word for reload."""
    daemons.migrate(stratslabd, database.url)
    fifo, text = tmp_path / "settings", b"STRATSLAB_LOG_LEVEL=debug\n"
    os.mkfifo(fifo)
    d = daemon(program=launch(program, "ignore=HUP"), wait=False, config=str(fifo))
    with reading(fifo, "the settings to be read") as fd:
        d.signal(signal.SIGHUP)
        plain = tmp_path / "plain"
        plain.write_bytes(text)
        plain.rename(fifo)
        os.write(fd, text)
    d.wait_log("msg=\"reload succeeded\" generation=2", timeout=60)
    d.signal(signal.SIGHUP)
    d.wait_log("msg=\"reload succeeded\" generation=3", timeout=60)


# ---- signals to the whole process group ----

def blast(d, numbers):
    for number in numbers:
        os.killpg(d.pid, number)
    os.killpg(d.pid, signal.SIGCONT)


@BOTH
def test_what_a_terminal_sends_to_the_group_ends_and_stops_no_child(daemon):
    d = daemon()
    before = wait_until(lambda: len(workers(d)) == 2 and workers(d), 20, "two workers")
    children = processes.children(d.pid)
    for number in [*GROUP, signal.SIGHUP]:
        os.killpg(d.pid, number)
        os.kill(d.pid, signal.SIGCONT)
        assert [state(pid) for pid in children if processes.is_alive(pid)].count("T") == 0, number
    d.wait_log("reload succeeded", timeout=60)
    assert "a child died" not in d.log()
    wait_until(lambda: len(workers(d)) == 2 and not set(before) & set(workers(d)), 20, "the new workers")


def test_nor_in_the_window_between_fork_and_its_own_set_up(daemon):
    d = daemon(workers=1)
    victim = None

    def another():  # the status may tell of the one that was killed until the master has buried it
        ready = workers(d)
        return ready if len(ready) == 1 and ready != [victim] else None

    for _ in range(40):
        (victim,) = wait_until(another, 20, "a worker")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda v=victim: not processes.is_alive(v), 10, "its end")
        for _ in range(25):
            blast(d, [n for n in GROUP if n not in (signal.SIGTTIN, signal.SIGTTOU)])
    wait_until(another, 40, "a worker")
    assert not re.findall(r"a child died.*cause=(?!KILL)\S+", d.log())
    assert [state(pid) for pid in processes.children(d.pid)].count("T") == 0


def test_nor_the_task_that_migrates(start_daemon, cluster, own_database):
    cluster.stop()
    d = start_daemon(wait=False, DATABASE_URL=own_database.url)
    d.wait_log("role=migrate")
    children = processes.children(d.pid)
    blast(d, [*GROUP, signal.SIGHUP, signal.SIGTTOU])
    assert [state(pid) for pid in children].count("T") == 0
    cluster.start()
    d.wait_ready(30)
    assert "a task was killed" not in d.log()


def test_nor_the_preflight_of_a_reload(daemon, database):
    d = daemon(database_lock_timeout="60s")
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        d.signal(signal.SIGHUP)
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: db.execute(waits).fetchone()[0], 20, "the preflight to wait")
        children = processes.children(d.pid)
        blast(d, [*GROUP, signal.SIGHUP])
        assert processes.children(d.pid)[:len(children)] == children
        assert [state(pid) for pid in children].count("T") == 0
    d.wait_log("reload succeeded", timeout=60)
    assert "reload failed" not in d.log()


# ---- limits ----

@BOTH
def test_a_low_soft_limit_of_descriptors_is_raised(daemon, program):
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1048576)
    d = daemon(program=launch(program, "limit=NOFILE:64"))
    for pid in [d.pid, *processes.children(d.pid)]:
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:  # prlimit(2) of another user's process takes a capability
            assert re.search(r"^Max open files +(\d+)", f.read(), re.MULTILINE).group(1) == str(hard)
    assert "a limit of the system is low" not in d.log()


def test_a_low_hard_limit_of_descriptors_is_told(daemon, program, database):
    d = daemon(program=launch(program, "limit=NOFILE:200:200"))
    told = "a process may open 200 descriptors (RLIMIT_NOFILE), but the settings ask for 1064: 1000 connections (STRATSLAB_HTTP_CONNECTIONS)"
    assert told in d.log()
    done = run(launch(program, "limit=NOFILE:200:200", "limit=FSIZE:100000000", "limit=CPU:5000"), "check", DATABASE_URL=database.url,
               migrations_dir=os.path.realpath(daemons.MIGRATIONS), environment="development")
    assert done.returncode == 0 and f"limits: warning: {told}" in done.stdout, done
    assert "limits: warning: a file may grow to 100000000 bytes (RLIMIT_FSIZE)" in done.stdout
    assert "limits: warning: a process may use the processor for 5000 s (RLIMIT_CPU)" in done.stdout


def test_a_log_at_its_size_limit_ends_nobody(daemon, tmp_path):
    log = tmp_path / "its.log"
    d = daemon(log_file=str(log), user="root")  # root may set another user's limits only with SYS_RESOURCE
    before = wait_until(lambda: len(workers(d)) == 2 and workers(d), 20, "two workers")
    usual = resource.prlimit(d.pid, resource.RLIMIT_FSIZE)
    full = log.stat().st_size + 10
    for pid in [d.pid, *processes.children(d.pid)]:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (full, usual[1]))
    for _ in range(50):
        assert d.request("GET", "/api/v1/strategies?limit=1").status == 200
    d.signal(signal.SIGUSR2)
    wait_until(lambda: log.stat().st_size == full, 10, "the log to be full")
    assert workers(d) == before
    for pid in [d.pid, *processes.children(d.pid)]:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)
    d.signal(signal.SIGUSR2)
    dropped = wait_until(lambda: re.search(r"lines_dropped=(\d+)", log.read_text(encoding="utf-8")), 10, "the count of what was dropped")
    print(f"\na full log: the same workers, {dropped.group(1)} lines dropped and told")
    assert workers(d) == before


# ---- the environment ----

def kubernetes(*services):
    """What Kubernetes sets in each container of a namespace, and what container links set."""
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_PORT": "tcp://10.96.0.1:443"}
    for at, service in enumerate(services, 2):
        name, ip, port = service.upper().replace("-", "_"), f"10.96.0.{at}", 8000 + at
        env |= {f"{name}_SERVICE_HOST": ip, f"{name}_SERVICE_PORT": port, f"{name}_SERVICE_PORT_HTTP": port, f"{name}_PORT": f"tcp://{ip}:{port}",
                f"{name}_PORT_{port}_TCP": f"tcp://{ip}:{port}", f"{name}_PORT_{port}_TCP_PROTO": "tcp", f"{name}_PORT_{port}_TCP_PORT": port,
                f"{name}_PORT_{port}_TCP_ADDR": ip, f"{name}_PORT_53_UDP": f"udp://{ip}:53", f"{name}_PORT_9_SCTP_ADDR": ip,
                f"{name}_NAME": f"/web/{service}", f"{name}_ENV_PGDATA": "/var/lib/data"}
    return env


SERVICES = kubernetes("stratslab", "stratslab-admin", "stratslab-db", "stratslab-listen", "postgres", "backtestd", "database", "stratslabd")


@BOTH
def test_the_variables_of_an_orchestrator_are_passed_over(daemon, program):
    d = daemon(**SERVICES, log_level="debug")
    assert "level=debug" in d.wait_log(r".*variables that an orchestrator sets by itself are passed over.*STRATSLAB_ADMIN_PORT.*").group(0)
    lives(d, program)


def test_every_command_passes_them_over(command, stratslabd, database):
    for arguments in (["check"], ["migrate", "up"], ["migrate", "status"], ["token", "list"], ["config"], ["config", "--json"]):
        done = command(*arguments, **SERVICES)
        assert done.returncode in (0, 1), (arguments, done)
        assert "POSTGRES_PORT: " not in done.stdout + done.stderr
    shown = json.loads(command("config", "--json", **SERVICES).stdout)
    assert {"POSTGRES_PORT", "STRATSLAB_SERVICE_HOST", "STRATSLAB_DB_ENV_PGDATA"} <= set(shown["passed_over"])
    # Without DATABASE_URL, which is the more usual: the port is the default, not the service's.
    done = command("config", **SERVICES, DATABASE_URL=None, POSTGRES_HOST="db.example")
    assert re.search(r"^POSTGRES_PORT=5432 +# default; that of the environment is an orchestrator's, and passed over$", done.stdout, re.MULTILINE), done
    assert "@db.example:5432/" in done.stdout
    # Unused settings may be anything; a name that is nobody's is still told.
    assert command("migrate", "status", POSTGRES_PORT="none", POSTGRES_PASSWORD_FILE="/nonexistent").returncode == 0
    typo = command("config", **SERVICES, STRATSLAB_SERVICE_HOTS="10.0.0.1")
    assert typo.returncode == 78 and '"STRATSLAB_SERVICE_HOTS" is not a setting' in typo.stderr


@pytest.mark.parametrize(("settings", "said"), [
    ({"query": "schema=public"}, 'DATABASE_URL: its parameter "schema" is not one that PostgreSQL\'s client library takes: leave it out'),
    ({"query": "sslmode=no-verify"}, 'its parameter sslmode: "no-verify" is not one of disable, allow, prefer, require, verify-ca, verify-full'),
    ({"query": "sslmode=verify-full&sslrootcert=/nonexistent/ca.pem"}, "its parameter sslrootcert: cannot read /nonexistent/ca.pem: No such file"),
    ({"PGCHANNELBINDING": "on"}, 'environment: PGCHANNELBINDING: "on" is not one of disable, prefer, require'),
    ({"PGTARGETSESSIONATTRS": "rw"}, 'environment: PGTARGETSESSIONATTRS: "rw" is not one of any, read-write'),
])
def test_what_the_database_library_would_refuse_is_said_at_once(stratslabd, backtestd, database, settings, said):
    settings = dict(settings)
    query = settings.pop("query", "")
    settings["DATABASE_URL"] = f"{database.url}{'&' if '?' in database.url else '?'}{query}" if query else database.url
    commands = [(stratslabd, "serve"), (stratslabd, "check"), (stratslabd, "migrate", "up"), (stratslabd, "token", "list"), (backtestd, "serve"),
                (backtestd, "check")]
    for one in commands:
        done = run(*one, timeout=60, database_boot_timeout="1h", **settings)
        assert done.returncode == 78 and said in done.stderr, (one, done)


def test_an_address_twice_is_told(stratslabd, backtestd):
    for listen, said in [("127.0.0.1:8000,127.0.0.1:8000", '"127.0.0.1:8000" is given twice'),
                         ("localhost:8000 127.0.0.1:8000", '"127.0.0.1:8000" is listened on already, by localhost:8000 in the same list')]:
        done = run(stratslabd, "serve", listen=listen)
        assert done.returncode == 78 and said in done.stderr
        done = run(backtestd, "serve", admin_listen=listen)
        assert done.returncode == 78 and said in done.stderr
    done = run(stratslabd, "serve", listen="*:8000", admin_listen="127.0.0.1:8000")
    assert done.returncode == 78 and "127.0.0.1:8000 is listened on already, by *:8000 in STRATSLAB_LISTEN" in done.stderr


def hosts(program, tmp_path, lines):
    """The program with an /etc/hosts of its own."""
    (tmp_path / "hosts").write_text(lines, encoding="ascii")
    script = tmp_path / "with-hosts"
    script.write_text(f'#!/bin/sh\nmount --bind {tmp_path}/hosts /etc/hosts && exec "$@"\n', encoding="ascii")
    script.chmod(0o755)
    return " ".join([*unshare("--mount"), str(script), program])


@pytest.fixture
def port():
    one = Port()
    yield int(one)
    one.release()


def test_a_name_with_one_address_twice_is_listened_on_once(daemon, stratslabd, tmp_path, port):
    d = daemon(program=hosts(stratslabd, tmp_path, "127.0.0.1 localhost\n127.0.0.1 twice\n127.0.0.1 twice\n"), wait=False,
               listen=f"twice:{port}", admin_listen="off")
    d.wait_log(f"msg=serving listen=twice:{port}")


def test_two_names_with_one_address_are_told(daemon, stratslabd, tmp_path, port):
    d = daemon(program=hosts(stratslabd, tmp_path, "127.0.0.1 one\n127.0.0.1 other\n"), wait=False, expect_exit=71,
               listen=f"one:{port} other:{port}", admin_listen="off")
    assert d.wait() == 71
    assert f"cannot bind other:{port}" in d.log() and "another of its addresses is the same" in d.log()

"""The log of a whole run is read back line by line; its files are rotated; requests are picked for it."""
import json
import os
import re
import signal

import pytest
from support import daemon as daemons
from support import logs, processes
from support.wait import wait_until

STRATEGY = {"name": "Golden cross", "kind": "sma_crossover", "parameters": {"fast": 10, "slow": 50}}
NASTY = 'quote" equals= back\\slash caf\u00e9'


def messages(entries):
    return {entry["msg"] for entry in entries}


def requests_of(entries):
    return [entry for entry in entries if entry["msg"] == "request"]


def everything(d, name):
    """Requests good and bad, and a line of nonsense."""
    assert d.request("POST", "/api/v1/strategies", {**STRATEGY, "name": name}).status == 201
    assert d.request("GET", "/api/v1/strategies?q=a%22b%3Dc%0A").status == 200
    assert d.request("GET", "/nothing", headers={"X-Request-ID": "my-own_id.1"}).status == 404
    assert d.request("POST", "/api/v1/strategies", {"name": NASTY, "nmae": 1}).status == 422
    assert d.request("GET", "/api/v1/strategies?access_token=abcdef&password=hunter2").status in (400, 422)
    with d.connect() as raw:
        raw.sendall(b"\x01\xff\x1b[31m nonsense\r\n\r\n")
        assert b" 400 " in raw.recv(4096)
    with d.connect() as raw:
        raw.sendall(b'GET /"quoted"\\=x\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert raw.recv(4096).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(("form", "prefixed"), [("logfmt", False), ("json", False), ("logfmt", True), ("json", True)])
def test_every_line_of_a_run_is_read_back(daemon, stratslabd, form, prefixed):
    journal = f"sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM; exec {stratslabd} \"$@\"' sh"
    d = daemon(workers=2, log_format=form, log_level="debug", program=journal if prefixed else None)
    everything(d, "Golden cross")
    victim = d.workers()[0]
    os.kill(victim, signal.SIGKILL)
    d.wait_log("a child died; starting another")
    d.signal(signal.SIGUSR2)
    d.wait_log("state of a child")
    d.signal(signal.SIGUSR1)
    d.wait_log("there is no log file to reopen")
    done = daemons.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stdout + done.stderr
    everything(d, "Silver cross")
    assert d.stop() == 0
    entries = logs.read(d.log(), form, prefixed)
    assert {"serving", "database ready", "request", "a child died; starting another", "state", "reload succeeded", "stopping",
            "stopped"} <= messages(entries)
    assert {"info", "error", "debug"} <= {entry["level"] for entry in entries}
    assert {entry["role"] for entry in entries} >= {"master", "worker", "migrate"}
    told = requests_of(entries)
    assert {"my-own_id.1"} <= {entry["request_id"] for entry in told}
    assert {str(entry["status"]) for entry in told} >= {"200", "201", "400", "404", "422"}
    assert any(entry["target"] == "/api/v1/strategies?access_token=***&password=***" for entry in told)
    assert "hunter2" not in d.log() and "abcdef" not in d.log()


def test_secrets_of_the_database_s_address_are_never_told(start_daemon, database, stratslabd):
    """Neither by a running service, nor by an error about an address that is wrong."""
    secret = "s3cr3t-of-mine"
    url = re.sub(r"://([^:@/]*)(:[^@/]*)?@", rf"://\1:{secret}@", database.url)
    d = start_daemon(wait=False, expect_exit=None, DATABASE_URL=f"{url}&options=-c%20nonsense" if "?" in url else
                     f"{url}?options=-c%20nonsense", database_boot_timeout="1s", log_level="debug")
    d.wait(30)
    assert d.log() and secret not in d.log()
    for wrong in (f"postgresql://u:{secret}@h:port/d", f"postgresql://u:{secret}%zz@h/d", f"host=h password={secret} nonsense",
                  f"host=h password={secret} port=x", f"postgresql://u:{secret}@127.0.0.1:1/d?sslmode=nonsense"):
        for command in (["check"], ["migrate", "status"], ["config"]):
            done = daemons.run(stratslabd, *command, DATABASE_URL=wrong)
            assert secret not in done.stdout + done.stderr, (command, wrong)


# ---- a file of its own ----

def file_of(tmp_path, name="stratslabd.log"):
    return str(tmp_path / name)


def read_file(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_files_that_are_rotated_lose_no_line_and_tear_none(daemon, tmp_path):
    path = file_of(tmp_path)
    d = daemon(workers=3, log_file=path)
    children = processes.children(d.pid)
    sent = 0

    def ask(times):
        nonlocal sent
        with d.client() as c:
            for _ in range(times):
                assert c.request("GET", "/health/live", headers={"X-Request-ID": f"r{sent}"}).status == 200
                sent += 1

    for turn in range(1, 6):
        ask(30)
        os.rename(path, f"{path}.{turn}")  # as logrotate does
        ask(30)  # it goes to the renamed file
        d.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(path) and "log file reopened" in read_file(path), 10, "the new file")

        def reopened(turn=turn):
            return not any(os.readlink(f"/proc/{pid}/fd/{fd}") == f"{path}.{turn}"
                           for pid in [d.pid, *children] for fd in os.listdir(f"/proc/{pid}/fd")
                           if os.path.exists(f"/proc/{pid}/fd/{fd}"))

        wait_until(reopened, 10, "every process to leave the old file")
    ask(30)
    assert processes.children(d.pid) == children  # the signal killed nobody
    assert d.stop() == 0
    entries = [entry for name in sorted(os.listdir(tmp_path)) if name.startswith("stratslabd.log")
               for entry in logs.read(read_file(tmp_path / name))]
    told = [entry["request_id"] for entry in requests_of(entries) if entry["request_id"].startswith("r")]
    assert sorted(told) == sorted(f"r{i}" for i in range(sent))
    assert "stopped" in messages(logs.read(read_file(path)))
    assert os.stat(path).st_mode & 0o777 == 0o640  # the umask is the service's own
    assert d.log() == ""  # standard error has errors only


def test_a_log_file_outlives_a_crash_and_a_reload(daemon, stratslabd, tmp_path):
    path = file_of(tmp_path)
    d = daemon(log_file=path)
    worker = next(int(entry["pid"]) for entry in logs.read(read_file(path)) if entry["role"] == "worker")
    os.kill(worker, signal.SIGABRT)  # which no sanitizer takes for itself
    d.wait_log("a child died; starting another")  # an error: also on standard error
    assert "a child crashed; its backtrace:" in d.log()
    done = daemons.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stdout + done.stderr
    os.rename(path, path + ".1")
    d.signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(path), 10, "the new file")
    # The master has opened it; each worker does so when the signal reaches it.
    wait_until(lambda: d.request("GET", "/health").status == 200 and "request" in messages(logs.read(read_file(path))), 10,
               "a request in it")
    assert d.stop() == 0
    assert "reload succeeded" in messages(logs.read(read_file(path + ".1")))
    assert "stopped" in messages(logs.read(read_file(path)))


def test_a_log_file_that_cannot_be_written_is_told_before_anything_starts(start_daemon, command, tmp_path):
    path = str(tmp_path / "none" / "log")
    d = start_daemon(wait=False, expect_exit=78, log_file=path, DATABASE_URL="postgresql://127.0.0.1:1/x")
    d.wait()
    assert f"cannot write the log file {path} (STRATSLAB_LOG_FILE): No such file or directory" in d.log()
    done = command("check", log_file=path)
    assert done.returncode == 78 and "STRATSLAB_LOG_FILE" in done.stderr
    ok = command("check", log_file=str(tmp_path / "log"))
    assert ok.returncode == 0 and not os.path.exists(tmp_path / "log")


def test_a_log_file_that_cannot_be_reopened_leaves_the_old_one(daemon, tmp_path):
    path = file_of(tmp_path)
    d = daemon(workers=1, log_file=path)
    os.rename(path, path + ".1")
    os.mkdir(path)
    d.signal(signal.SIGUSR1)
    d.wait_log("cannot reopen the log file; going on with the one that is open", count=3)  # master, admin, worker
    assert d.request("GET", "/health", headers={"X-Request-ID": "still-here"}).status == 200
    os.rmdir(path)
    assert d.stop() == 0
    entries = logs.read(read_file(path + ".1"))
    assert "still-here" in {entry["request_id"] for entry in requests_of(entries)}


# ---- which requests ----

def ask_kinds(d):
    """200 of one kind that is well, 1 that the database makes 5xx."""
    with d.client() as c:
        for _ in range(200):
            assert c.request("GET", "/health/live").status == 200
        assert c.request("GET", "/health/ready").status == 503
        assert c.request("GET", "/nothing").status == 404


@pytest.fixture
def unready(start_daemon):
    """A daemon without a database: /health/ready is 503."""
    def start(**settings):
        def live():
            assert d.process.poll() is None, d.log()
            try:
                return d.request("GET", "/health/live").status == 200
            except OSError:
                return False

        d = start_daemon(wait=False, DATABASE_URL="postgresql://127.0.0.1:1/none", migrate_on_start="off", workers=1, **settings)
        wait_until(live, 20, "the worker")
        return d

    return start


def statuses_logged(d):
    ask_kinds(d)
    assert d.stop() == 0
    return requests_of(logs.read(d.log()))


def test_access_log_is_off(unready):
    assert statuses_logged(unready(log_access="off")) == []


def test_access_log_of_errors(unready):
    told = statuses_logged(unready(log_access="errors"))
    assert {entry["status"] for entry in told} == {"503"}
    assert {entry["share"] for entry in told} == {"1"}


def test_access_log_of_a_share(unready):
    told = statuses_logged(unready(log_access="0.25"))
    picked = [entry for entry in told if entry["status"] == "200"]
    assert 10 < len(picked) < 120  # of 200, by chance: 50, within six deviations
    assert {entry["share"] for entry in picked} == {"0.25"}
    assert [entry["share"] for entry in told if entry["status"] == "503"] == ["1"]


def test_access_log_of_slow_requests(unready, daemon, database):
    d = daemon(workers=1, log_access="errors", log_slow="300ms")
    with database.connect() as holder:
        made = d.request("POST", "/api/v1/strategies", STRATEGY).json()
        assert d.request("GET", "/health").status == 200
        with holder.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'stratslabd worker'"
                           " AND datname = current_database()")
            (backend,) = cursor.fetchone()
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM strategies WHERE id = %s FOR UPDATE", [made["id"]])
            client = d.connect()
            body = json.dumps({"status": "archived"}).encode()
            client.sendall(f"PATCH /api/v1/strategies/{made['id']} HTTP/1.1\r\nHost: localhost\r\nIf-Match: \"1\"\r\n"
                           f"Content-Type: application/merge-patch+json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            wait_until(lambda: waits(database, backend), 10, "the change to wait for the row")
            cursor.execute("SELECT pg_sleep(0.4)")
            cursor.execute("ROLLBACK")
        assert b" 200 " in client.recv(4096)
        client.close()
    assert d.stop() == 0
    (slow,) = requests_of(logs.read(d.log()))
    assert float(slow["duration_ms"]) >= 300 and slow["method"] == "PATCH"


def waits(database, backend):
    with database.connect() as look, look.cursor() as cursor:
        cursor.execute("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", [backend])
        return cursor.fetchone() == ("Lock",)


# ---- what is said again and again ----

def test_a_storm_of_one_error_is_counted_and_not_written_down(daemon, database):
    d = daemon(workers=1, log_access="off")
    with database.connect() as admin:
        admin.execute("ALTER TABLE strategies RENAME TO elsewhere")
        with d.client() as c:
            failed = sum(c.request("GET", "/api/v1/strategies").status == 500 for _ in range(150))
    assert d.stop() == 0
    told = [entry for entry in logs.read(d.log()) if entry["msg"] == "a statement failed"]
    lines = [entry for entry in told if "repeated" not in entry]
    assert failed > 100 and len(lines) + sum(int(entry["repeated"]) for entry in told if "repeated" in entry) == failed
    seconds = {entry["ts"][:19] for entry in told}
    assert len(lines) <= 30 * (len(seconds) + 1)
    assert all(entry["sqlstate"] == "42P01" for entry in lines)

"""Reload, its success and each of its failures: the PID stays, nobody's request is lost, and the verdict is told."""
import os
import re
import signal
import socket
import time

import pytest
from support import processes
from support.daemon import run
from support.kinds import BOTH
from support.reload import failed, mends, reload_wait
from support.wait import wait_until

PATH = "/api/v1/strategies"


# ---- success ----

@BOTH
def test_a_reload_keeps_the_pid_and_replaces_every_child(replaceable, executable):
    d = replaceable()
    before = d.status()
    code, said = reload_wait(d, executable)
    assert code == 0 and "reloaded in" in said
    after = d.status()
    assert (after["pid"], after["generation"]) == (d.pid, before["generation"] + 1)
    assert after["uptime_s"] > before["uptime_s"]
    wait_until(lambda: {w["generation"] for w in d.status()["workers"]} == {2}, 15, "the old workers to end")
    assert not {w["pid"] for w in before["workers"]} & {w["pid"] for w in d.status()["workers"]}
    assert after["reload"]["state"] == "succeeded"


@BOTH
@pytest.mark.parametrize("reloads", [int(os.environ.get("STRATSLAB_TEST_RELOADS", "30"))])
def test_reloads_under_load_lose_nothing_and_leak_nothing(replaceable, executable, reloads):
    d = replaceable()
    with d.load() as load:
        for i in range(reloads):
            code, said = reload_wait(d, executable)
            assert code == 0, said
            if i == 4:
                wait_until(lambda: len(d.status()["workers"]) == 2, 20, "the old workers to end")
                fds, memory, children = processes.descriptors(d.pid), processes.resident(d.pid), processes.children(d.pid)
        load.wait(50, wait_until)
    wait_until(lambda: len(d.status()["workers"]) == 2, 20, "the old workers to end")
    print(f"\n{reloads} reloads: {load.total} requests, {load.lost} lost, {dict(load.fates)};"
          f" descriptors {fds} -> {processes.descriptors(d.pid)}, memory {memory >> 10} -> {processes.resident(d.pid) >> 10} KiB,"
          f" processes {len(children) + 1} -> {len(processes.children(d.pid)) + 1}")
    assert set(load.fates) == {200}
    assert processes.descriptors(d.pid) <= fds
    assert len(processes.children(d.pid)) <= len(children)
    assert processes.resident(d.pid) < memory + (2 << 20)
    assert d.status()["generation"] == reloads + 1


def test_counters_survive(replaceable, executable):
    d = replaceable(workers=2)
    for _ in range(25):
        assert d.request("GET", PATH).status == 200
    os.kill(d.workers()[0], signal.SIGKILL)
    wait_until(lambda: d.status()["restarts"] == 1, 15, "the restart")
    for _ in range(3):
        before = d.status()["requests"]
        assert before >= 25
        assert reload_wait(d, executable)[0] == 0
        assert d.status()["requests"] >= before and d.status()["restarts"] == 1
    executable.replace_workers("abort();")
    assert reload_wait(d, executable)[0] == 1
    assert d.status()["requests"] >= before and d.status()["restarts"] == 1, "they do not survive the way back"
    text = run(executable.real, "status", admin_listen=f"127.0.0.1:{d.admin_port}").stdout
    assert re.search(r"^served +\d+ requests, 1 restarts", text, re.MULTILINE), text


def test_a_worker_that_is_tired_is_not_forgotten_by_a_reload_that_is_taken_back(replaceable, executable):
    """It says so once, to the image that was there then."""
    d = replaceable(workers=1, max_requests=50, reload_timeout="3s", log_access="off")
    wait_until(lambda: d.status()["workers"][0]["state"] == "ready", 10, "the worker")
    executable.replace_workers("for (;;) pause();")  # in the roll there is time to wear the old worker out
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["reload"]["step"] == "roll", 20, "the roll")
    old = [w["pid"] for w in d.status()["workers"] if w["generation"] == 1]
    while "asking to be replaced" not in d.log():
        assert d.request("GET", PATH).status == 200
    wait_until(lambda: d.status()["reload"]["state"] == "failed", 20, "the way back")
    wait_until(lambda: [(w["state"], w["pid"] in old) for w in d.status()["workers"]] == [("ready", False)], 20,
               "it to be replaced by the old code")


def test_an_idle_connection_gets_one_more_answer(replaceable, executable):
    d = replaceable(workers=1)
    with d.client() as kept:
        assert kept.request("GET", PATH).status == 200
        assert reload_wait(d, executable)[0] == 0
        answer = kept.request("GET", PATH)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")


@BOTH
def test_a_storm_of_hups_ends_in_a_reload_and_loses_nothing(replaceable):
    d = replaceable()
    with d.load() as load:
        for _ in range(50):
            d.signal(signal.SIGHUP)
            time.sleep(0.02)  # the storm's own pace
        wait_until(lambda: d.status()["reload"]["number"] >= 2 and d.status()["reload"]["state"] == "succeeded", 40, "calm")
        load.wait(50, wait_until)
    print(f"\n50 HUPs in a second: {load.told()}; {d.status()['reload']['number']} reloads")
    assert set(load.fates) == {200}
    assert d.process.poll() is None


def test_a_new_migration_and_new_settings_come_with_a_reload(replaceable, executable, migrations, database):
    d = replaceable(workers=None)
    (migrations / "20990101000000_more.sql").write_text("-- migrate:up\nCREATE TABLE more (id int);\n-- migrate:down\nDROP TABLE more;\n")
    (migrations.parent / "stratslabd.conf").write_text("STRATSLAB_WORKERS=3\n")
    assert reload_wait(d, executable)[0] == 0
    with database.connect() as db:
        assert db.execute("SELECT to_regclass('more')").fetchone()[0] == "more"
    wait_until(lambda: [w["generation"] for w in d.status()["workers"]] == [2, 2, 2], 20, "three new workers")
    assert d.request("GET", "/health").status == 200


# ---- failure: the old code serves on ----

@BOTH
def test_executable_is_missing(replaceable, executable):
    d = replaceable()
    executable.remove()
    before = sorted(w["pid"] for w in d.status()["workers"])
    failed(d, executable, "preflight", "No such file")
    assert sorted(w["pid"] for w in d.status()["workers"]) == before
    mends(d, executable)


@BOTH
def test_executable_may_not_be_run(replaceable, executable):
    d = replaceable()
    executable.forbid()
    failed(d, executable, "preflight", "cannot be run")
    mends(d, executable)


@BOTH
def test_executable_crashes_at_its_start(replaceable, executable):
    d = replaceable()
    executable.replace("int main(void) { signal(SIGSEGV, SIG_DFL); raise(SIGSEGV); return 0; }")
    failed(d, executable, "preflight", "SIGSEGV")
    mends(d, executable)


@BOTH
def test_executable_hangs_at_its_start(replaceable, executable):
    d = replaceable(reload_timeout="1s")
    executable.replace("int main(void) { for (;;) pause(); }")
    failed(d, executable, "preflight", "STRATSLAB_RELOAD_TIMEOUT")
    mends(d, executable)


@BOTH
@pytest.mark.parametrize("version", ["0123456789abcdef", "4"])  # of another form; of a build that counted them
def test_executable_reads_another_form_of_the_state(replaceable, executable, version):
    d = replaceable()
    executable.replace("""
        int main(int argc, char **argv)
        {
            static char other[] = "--state-version=VERSION";
            for (int i = 1; i < argc; i++) if (strncmp(argv[i], other, 16) == 0) argv[i] = other;
            execv(REAL, argv);
            return 127;
        }
        """.replace("VERSION", version))
    failed(d, executable, "preflight", f"version {version}", "restart")
    mends(d, executable)


@BOTH
def test_executable_is_the_other_program(replaceable, executable, stratslabd, backtestd):
    d = replaceable()
    name, path = ("backtestd", backtestd) if d.name == "stratslabd" else ("stratslabd", stratslabd)
    executable.replace(f'int main(int argc, char **argv) {{ execv("{path}", argv); return argc; }}')
    failed(d, executable, "preflight", f"this executable is {name}", f"install {d.name}")
    mends(d, executable)


@BOTH
def test_workers_of_the_new_code_crash(replaceable, executable):
    d = replaceable()
    executable.replace_workers("abort();")
    failed(d, executable, "roll", "died: SIGABRT")
    wait_until(lambda: {w["generation"] for w in d.status()["workers"]} == {1} and len(d.status()["workers"]) == 2, 15, "the old workers")
    mends(d, executable)


@BOTH
def test_workers_of_the_new_code_hang(replaceable, executable):
    d = replaceable(reload_timeout="2s")
    executable.replace_workers("for (;;) pause();")
    failed(d, executable, "roll", "was not ready within")
    mends(d, executable)


SIGNALFD = ("int ", "signalfd", "(int fd, const sigset_t *mask, int flags)")  # before it has taken the state over
PPOLL = ("int ", "ppoll", "(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)")


@BOTH
@pytest.mark.parametrize("part, hook", [(SIGNALFD, "abort();"), (PPOLL, "abort();"),
                                        (PPOLL, "static int turn; if (++turn == 3) abort();")])
def test_the_master_of_the_new_code_crashes(replaceable, executable, part, hook):
    d = replaceable()
    executable.replace_part(part, hook)
    failed(d, executable, "roll", "the new master died: SIGABRT")
    wait_until(lambda: {w["generation"] for w in d.status()["workers"]} == {1} and len(d.status()["workers"]) == 2, 20,
               "workers of the old code alone")
    mends(d, executable)


@BOTH
def test_new_code_cannot_run_after_the_preflight(replaceable, executable):
    d = replaceable()
    executable.replace("""
        int main(int argc, char **argv)
        {
            if (getenv(RESUME) != NULL) setenv("STRATSLAB_WORKERS", "none", 1);
            (void)argc;
            execv(REAL, argv);
            return 127;
        }
        """)
    failed(d, executable, "roll", "STRATSLAB_WORKERS")
    # The image that came back has that environment too, and says so; a mended settings file could not undo it.
    assert d.request("GET", "/health").status == 200


@BOTH
def test_settings_are_bad(replaceable, executable, migrations):
    d = replaceable()
    config = migrations.parent / "stratslabd.conf"
    config.write_text("STRATSLAB_STOP_TIMEOUT=huge\n")
    failed(d, executable, "preflight", "STRATSLAB_STOP_TIMEOUT")
    config.write_text("")
    mends(d, executable)


def test_a_migration_is_bad(replaceable, executable, migrations):
    d = replaceable()
    bad = migrations / "20990101000000_bad.sql"
    bad.write_text("-- migrate:up\nCREATE TABLE half (id int);\nSELECT nonsense;\n-- migrate:down\n")
    failed(d, executable, "preflight", "20990101000000_bad.sql", "42703")
    bad.unlink()
    mends(d, executable)


def test_a_migration_that_waits_for_a_lock_gives_up(replaceable, executable, migrations, database):
    d = replaceable()
    (migrations / "20990101000000_wait.sql").write_text(
        "-- migrate:up lock_timeout:300ms\nALTER TABLE backtests ADD COLUMN note text;\n-- migrate:down\n")
    with database.connect() as db, db.transaction():
        db.execute("LOCK TABLE backtests IN SHARE MODE")
        failed(d, executable, "migrate", "55P03")
    mends(d, executable)


def test_an_applied_migration_was_changed(replaceable, executable, migrations):
    d = replaceable(environment="production")
    first = sorted(migrations.iterdir())[0]
    text = first.read_text()
    first.write_text(text.replace("-- migrate:down", "SELECT 1;\n-- migrate:down"))
    failed(d, executable, "preflight", first.name)
    first.write_text(text)
    mends(d, executable)


@BOTH
def test_the_database_is_down_and_the_schema_is_in_place(start_daemon, cluster, own_database, executable, migrations):
    d = start_daemon("serve", program=executable.path, DATABASE_URL=own_database.url, migrations_dir=str(migrations))
    cluster.stop()
    wait_until(lambda: d.request("GET", d.path).status == 503, 10, "503")
    code, said = reload_wait(d, executable)
    assert code == 0, said
    assert d.status()["generation"] == 2
    cluster.start()
    d.wait_ready()
    (migrations / "20990101000000_more.sql").write_text("-- migrate:up\nSELECT 1;\n-- migrate:down\n")
    cluster.stop()
    code, said = reload_wait(d, executable)
    assert code == 1 and "database" in said


# ---- and stop ----

@BOTH
def test_term_in_the_exec(replaceable, executable):
    """The signal is there before the new image can take it: it comes from the image itself, in its first line."""
    d = replaceable()
    executable.replace("""
        int main(int argc, char **argv)
        {
            (void)argc;
            if (getenv(RESUME) != NULL) kill(getpid(), SIGTERM);
            execv(REAL, argv);
            return 127;
        }
        """)
    with d.load() as load:
        load.wait(20, wait_until)
        d.signal(signal.SIGHUP)
        assert d.wait(30) == 0
        wait_until(lambda: load.fates["ConnectionRefusedError"], 10, "the port to be closed")
    assert d.wait_log("stopping.*signal=TERM")
    print(f"\nTERM in the exec: {load.told()}")
    assert set(load.fates) <= {200, "ConnectionRefusedError"} | d.not_now, load.fates


@pytest.mark.parametrize("body", [
    "int main(void) { for (;;) pause(); }",  # PREFLIGHT
    # MIGRATE
    'int main(int argc, char **argv) { if (argc > 1 && strcmp(argv[1], "migrate") == 0) for (;;) pause(); execv(REAL, argv); }',
])
def test_term_while_the_new_executable_is_tried(replaceable, executable, body):
    d = replaceable()
    executable.replace(body)
    d.signal(signal.SIGHUP)
    wait_until(lambda: any("stratslabd" in p for p in map(_argv0, _children(d.pid))) and d.status()["reload"]["state"] == "running",
               10, "the reload to begin")
    wanted = "migrate" if "migrate" in body else "preflight"
    wait_until(lambda: d.status()["reload"]["step"] == wanted, 20, wanted)
    term_under_load(d, wanted)


def term_under_load(d, step):
    """Every request is answered or its connection refused, and it ends with 0."""
    with d.load() as load:
        load.wait(20, wait_until)
        assert d.stop(timeout=30) == 0
        wait_until(lambda: load.fates["ConnectionRefusedError"], 10, "the port to be closed")
    print(f"\nTERM in the {step}: {load.told()}")
    assert set(load.fates) <= {200, "ConnectionRefusedError"} | d.not_now, load.fates


@BOTH
def test_term_in_the_roll(replaceable, executable):
    d = replaceable()
    executable.replace_workers("for (;;) pause();")
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["reload"]["step"] == "roll", 20, "the roll")
    term_under_load(d, "roll")


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def _argv0(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().split(b"\0")[0].decode()
    except OSError:
        return ""


# ---- the commands ----

def test_health_check_and_status_commands(replaceable, executable, database):
    d = replaceable()
    ask = {"admin_listen": f"127.0.0.1:{d.admin_port}", "listen": f"127.0.0.1:{d.port}"}
    for flags in ([], ["--live"], ["--api"]):
        done = run(executable.real, "health", *flags, **ask)
        assert (done.returncode, done.stderr) == (0, "") and '"status":"ok"' in done.stdout
    text = run(executable.real, "status", **ask).stdout
    assert f"pid {d.pid}" in text and all(str(pid) in text for pid in d.workers())
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        free = f"127.0.0.1:{nobody.getsockname()[1]}"
    for command in ("health", "status", "reload"):
        done = run(executable.real, command, admin_listen=free)
        assert done.returncode == 1 and free in done.stderr
        assert run(executable.real, command, "--nonsense", **ask).returncode == 64


def test_check_says_what_is_wrong(command, database, migrations):
    done = command("check", migrations_dir=str(migrations))
    assert done.returncode == 0, done.stderr
    count = len(list(migrations.glob("*.sql")))
    assert f"{count} pending, of which {count} were rehearsed" in done.stdout and "prepared" in done.stdout
    with database.connect() as db:
        assert db.execute("SELECT to_regclass('strategies')").fetchone()[0] is None, "check changed the schema"
    (migrations / "20990101000000_bad.sql").write_text("-- migrate:up\nALTER TABLE strategies DROP COLUMN kind;\n-- migrate:down\n")
    done = command("check", "--json", migrations_dir=str(migrations))
    assert done.returncode == 65 and '"ok":false' in done.stdout and "cannot be prepared" in done.stdout
    assert command("check", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x").returncode == 69

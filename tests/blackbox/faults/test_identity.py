"""Who gets the signal of `reload`: the master that the kernel names, and nobody whom a port names."""
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from support import processes
from support.daemon import MIGRATIONS, run
from support.kinds import BOTH
from support.namespaces import unshare
from support.wait import SLOWNESS, wait_until

RELOAD = {"number": 0, "state": "none", "step": "", "at": None, "duration_ms": 0, "same_executable": False, "reason": ""}


def answer(program, pid, **more):
    """What a service of that program says on /status."""
    return {"program": program, "status": "ok", "version": "0.1.0", "generation": 1, "executable": "/x", "pid": pid,
            "instance": "", "uptime_s": 1.0, "requests": 0, "restarts": 0, "workers": [], "reload": RELOAD, **more}


@contextlib.contextmanager
def stranger(body, status=200, drip=None):
    """Somebody else's server: says `body` to everything. Its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            for at in range(0, len(body), drip or len(body) or 1):
                self.wfile.write(body[at:at + (drip or len(body))])
                if drip:
                    time.sleep(0.5)  # the stranger's own pace

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass  # whoever asked may have left

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def victim():
    """A process that a SIGHUP would end."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as one:
        yield one
        one.kill()


def asked(program, where, *arguments, timeout=60):
    done = run(program, *arguments, admin_listen=where, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


@BOTH
def test_a_port_that_names_a_stranger_has_nobody_signalled(kind, program, victim):
    own = os.getpid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for pid in (victim.pid, 0, -1, 1, own, -victim.pid, victim.pid + (1 << 32), 1 << 63, 1.5, str(victim.pid), None, [victim.pid]):
        for more in ({}, {"instance": "0123456789abcdef"}, {"instance": "../../../../tmp/x"}, {"instance": 7}):
            with stranger(json.dumps(answer(kind.name, pid, **more)).encode()) as where:
                for arguments in (["reload"], ["reload", "--wait"]):
                    code, said = asked(program, where, *arguments)
                    assert code == 1 and where in said, (pid, more, code, said)
                    assert "reloaded" not in said
    assert victim.poll() is None, "a stranger got the signal"


@BOTH
@pytest.mark.parametrize("body, words", [
    (b"", "is not a JSON object"), (b"null", "is not a JSON object"), (b"[1]", "is not a JSON object"), (b'"x"', "is not a JSON object"),
    (b'{"pid": 1', "is not a JSON object"), (b'{"pid": 1}', 'the program "-"'), (b"<html>hello</html>", "is not a JSON object"),
    (b'{"program": "nginx", "pid": 1234}', 'the program "nginx"'), (b'{"program": {"a": 1}, "pid": 1}', "the program"),
])
def test_an_answer_that_is_not_ours_is_told(kind, program, body, words):
    with stranger(body) as where:
        for arguments in (["reload"], ["status"]):
            code, said = asked(program, where, *arguments)
            assert code == 1 and words in said and where in said and kind.name in said, (arguments, code, said)


@BOTH
@pytest.mark.parametrize("body", [b"<html>Welcome to nginx</html>", b"", b"{}", b'{"status":"starting"}', b'{"status":"ok"', b'["ok"]'])
def test_a_stranger_is_not_well(kind, program, body):
    with stranger(body) as where:
        for flags in ([], ["--live"]):
            code, said = asked(program, where, "health", *flags)
            assert code == 1 and where in said and f"is not {kind.name}" in said, (code, said)


@BOTH
def test_damage_in_each_member_is_told(kind, program):
    whole = answer(kind.name, 77)
    for name in ("status", "version", "pid", "generation", "workers", "reload"):
        for other in ({}, [], "x", None, 1.5, True):
            if type(other) is type(whole[name]):
                continue
            with stranger(json.dumps({**whole, name: other}).encode()) as where:
                for arguments in (["reload"], ["status"]):
                    code, said = asked(program, where, *arguments)
                    assert code == 1 and f'lacks "{name}"' in said or 'lacks "number"' in said, (name, other, code, said)
    text = json.dumps(whole).encode()
    for body in (text[:-1], text + b"}", text + b"x", b"\0" + text):
        with stranger(body) as where:
            assert asked(program, where, "reload")[0] == 1


@BOTH
def test_the_other_daemon_is_not_reloaded(daemon, stratslabd, backtestd):
    d = daemon()
    other = backtestd if d.name == "stratslabd" else stratslabd
    code, said = asked(other, f"127.0.0.1:{d.admin_port}", "reload", "--wait")
    assert code == 1 and f'the program "{d.name}"' in said, said
    assert d.status()["reload"]["number"] == 0


@BOTH
def test_a_port_that_names_another_pid_for_a_real_service(daemon, program, victim):
    """The instance is the real one, so the real one reloads; the number in the answer is nobody's business."""
    d = daemon()
    told = {**d.status(), "pid": victim.pid}
    with stranger(json.dumps(told).encode()) as where:
        assert asked(program, where, "reload")[0] == 0
    wait_until(lambda: d.status()["reload"]["state"] in ("succeeded", "failed"), 30, "the reload of the service itself")
    assert victim.poll() is None


@BOTH
def test_an_answer_that_never_ends_is_left(kind, program):
    body = json.dumps(answer(kind.name, 1234, filler="x" * 5000)).encode()
    for arguments in (["reload"], ["health"]):
        with stranger(body, drip=2) as where:
            began = time.monotonic()
            code, said = asked(program, where, *arguments)
            assert code == 1 and "no answer from" in said, said
            print(f"\n{arguments[0]}: an answer of 2 bytes each half second was left after {time.monotonic() - began:.1f} s")




@contextlib.contextmanager
def forwarded(path):
    """A TCP port that leads to a Unix socket, as an engine publishes a container's port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as inner, contextlib.suppress(OSError):
                inner.connect(path)
                inner.sendall(client.recv(65536))
                while data := inner.recv(65536):
                    client.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


@BOTH
@pytest.mark.parametrize("spaces, words", [(("--net", "--pid", "--fork", "--kill-child", "--mount-proc"), "does not run here"),
                                           (("--pid", "--fork", "--kill-child", "--mount-proc"), None)])
def test_a_service_in_a_container(kind, program, tmp_path, spaces, words):
    """Its port is published here. In another network namespace it is not to be found; in one of ours with PIDs of its own, the kernel
    says which of our processes it is."""
    admin = str(tmp_path / "admin")
    log = open(tmp_path / "log", "wb")
    env = {"PATH": os.environ["PATH"], "STRATSLAB_ADMIN_LISTEN": f"unix:{admin}", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x",
           "STRATSLAB_DATABASE_BOOT_TIMEOUT": "10min", "STRATSLAB_WORKERS": "1", "STRATSLAB_MIGRATIONS_DIR": os.path.realpath(MIGRATIONS)}
    if kind.name == "stratslabd":
        env["STRATSLAB_LISTEN"] = f"unix:{tmp_path}/api"
    with subprocess.Popen([*unshare(*spaces), program], env=env, stdout=log, stderr=log, start_new_session=True) as inside:
        try:
            wait_until(lambda: os.path.exists(admin), 20, "the service")
            with forwarded(admin) as where:
                wait_until(lambda: asked(program, where, "health", "--live")[0] == 0, 20, "its port")
                code, said = asked(program, where, "reload")
                print(f"\n{said}")
                if words is None:
                    assert code == 0, said
                    wait_until(lambda: b"SIGHUP while starting" in open(tmp_path / "log", "rb").read(), 20, "the reload")
                else:
                    assert code == 1 and words in said and "docker exec" in said, said
                    assert b"SIGHUP" not in open(tmp_path / "log", "rb").read()
        finally:
            for pid in processes.children(inside.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            inside.kill()
    log.close()


@BOTH
def test_a_service_outside_the_pid_namespace_of_the_command(daemon, program):
    d = daemon()
    done = subprocess.run([*unshare("--pid", "--fork", "--mount-proc"), program, "reload"], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "STRATSLAB_ADMIN_LISTEN": f"127.0.0.1:{d.admin_port}"}, timeout=30 * SLOWNESS)
    assert done.returncode == 1 and "another PID namespace" in done.stderr, done.stderr
    assert d.status()["reload"]["number"] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_service_of_another_user(daemon, program):
    d = daemon()
    with tempfile.TemporaryDirectory() as folder:  # which that user may enter
        os.chmod(folder, 0o755)
        theirs = shutil.copy2(program, folder)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", theirs, "reload"], capture_output=True, text=True,
                              check=False, env={"PATH": os.environ["PATH"], "STRATSLAB_ADMIN_LISTEN": f"127.0.0.1:{d.admin_port}"},
                              timeout=30 * SLOWNESS)
    assert done.returncode == 71 and "belongs to the user with the number 0" in done.stderr, done.stderr
    assert d.status()["reload"]["number"] == 0


@BOTH
def test_many_who_look_for_the_master_cost_it_nothing(daemon, program):
    """They connect to its socket and stay, or come and go; it lets them go, and reloads are taken as ever."""
    d = daemon()
    name = f"\0{d.name}/{d.status()['instance']}"
    before = processes.descriptors(d.pid)
    end, tries = threading.Event(), [0]

    def look():
        while not end.is_set():
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
                s.settimeout(1)
                s.connect(name)
                tries[0] += 1
                s.recv(1)

    threads = [threading.Thread(target=look, daemon=True) for _ in range(8)]
    for t in threads:
        t.start()
    wait_until(lambda: tries[0] > 200, 30, "many to look")
    wait_until(lambda: asked(program, f"127.0.0.1:{d.admin_port}", "reload", "--wait")[0] == 0, 60, "a reload to be taken")
    end.set()
    for t in threads:
        t.join(10)
    wait_until(lambda: processes.descriptors(d.pid) <= before, 20, "the descriptors to be closed")


# ---- --wait ----

@BOTH
def test_wait_has_an_end(replaceable, executable):
    d = replaceable()
    executable.replace("int main(void) { for (;;) pause(); }")
    where = f"127.0.0.1:{d.admin_port}"
    code, said = asked(executable.real, where, "reload", "--wait", "--timeout", "1s")
    assert code == 75 and "no verdict after 1000 ms" in said and f"{d.name} status" in said, said
    executable.restore()
    d.signal(signal.SIGHUP)
    for wrong in (["--timeout", "0s", "--wait"], ["--timeout", "1s"], ["--wait", "--timeout", "x"]):
        assert asked(executable.real, where, "reload", *wrong)[0] == 64
    assert "10min" in run(executable.real, "reload", "--help").stdout


@BOTH
@pytest.mark.parametrize("number, words", [(signal.SIGKILL, "has ended"), (signal.SIGTERM, "has ended|told to stop|stops")])
def test_the_service_goes_away_while_somebody_waits(replaceable, executable, number, words):
    d = replaceable(reload_timeout="60s")
    d.expect_exit = None
    executable.replace("int main(void) { for (;;) pause(); }")
    waiting = subprocess.Popen([executable.real, "reload", "--wait"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={"PATH": os.environ["PATH"], "STRATSLAB_ADMIN_LISTEN": f"127.0.0.1:{d.admin_port}"})
    wait_until(lambda: d.status()["reload"]["state"] == "running", 20, "the reload")
    d.signal(number)
    said, _ = waiting.communicate(timeout=60 * SLOWNESS)
    assert waiting.returncode == 1 and re.search(words, said), said


@BOTH
def test_a_service_that_stops_is_not_reloaded(replaceable, executable):
    d = replaceable(stop_delay="20s")
    d.signal(signal.SIGTERM)
    wait_until(lambda: d.status()["status"] == "draining", 10, "the stop to begin")
    code, said = asked(executable.real, f"127.0.0.1:{d.admin_port}", "reload", "--wait")
    assert code == 1 and "the service stops" in said, said
    d.signal(signal.SIGTERM)
    assert d.wait() == 0

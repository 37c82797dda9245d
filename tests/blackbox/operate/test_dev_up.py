"""scripts/dev.sh up, with both daemons: in a checkout whose "build" takes the programs that are there, so that nothing is compiled."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

import pytest
from support.checkout import TOP, Checkout
from support.ports import Port
from support.wait import SLOWNESS, wait_until

# What stands for a compiler: a source that holds "no C" does not build, and another time of the source is another program.
MAKEFILE = """abs_top_srcdir = {folder}
.PHONY: all docs-ui/stamp web-ui/stamp
all: stratslabd backtestd
docs-ui/stamp web-ui/stamp:
stratslabd backtestd: ../src/main.c
\t@if grep -q 'no C' ../src/main.c; then echo '../src/main.c:1:1: error: this is no C' >&2; exit 1; fi
\t@cp {programs}/$@ $@.new && cat ../src/main.c >>$@.new && mv $@.new $@
"""


class Up:
    """An `up` of the checkout that runs: .log(), .interrupt()."""

    def __init__(self, checkout, *arguments, **variables):
        self.ports = [Port() for _ in range(3)]
        api, admin, backtestd = (f"127.0.0.1:{port}" for port in self.ports)
        self.url, self.backtestd_url = f"http://{api}", f"http://{backtestd}"
        self.settings = {"STRATSLAB_LISTEN": api, "STRATSLAB_ADMIN_LISTEN": admin, "BACKTESTD_ADMIN_LISTEN": backtestd,
                         "STRATSLAB_WORKERS": "2", **variables}
        self.path = os.path.join(checkout.folder, "up.log")
        self.checkout = checkout
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([os.path.join(checkout.folder, "scripts", "dev.sh"), "up", *arguments], cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=checkout.environment(**self.settings), start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(60 * SLOWNESS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for port in self.ports:
            port.release()

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def says(self, words, seconds=120):
        wait_until(lambda: words in self.log() or self.process.poll() is not None, seconds, f"{words!r} in {self.log()[-3000:]}")
        assert words in self.log(), self.log()[-3000:]

    def is_healthy(self, url):
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5 * SLOWNESS) as answer:
                return answer.status == 200
        except OSError:
            return False

    def wait_healthy(self):
        for url in (self.url, self.backtestd_url):
            wait_until(lambda u=url: self.is_healthy(u) or self.process.poll() is not None, 180, f"the health of {url}")
        assert self.process.poll() is None, self.log()[-3000:]
        return self

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30 * SLOWNESS) as answer:
            return json.load(answer)

    def interrupt(self):
        """As Ctrl-C in a terminal: the whole group of processes."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(120 * SLOWNESS)


def running(folder):
    """What runs a program of the checkout, or has its path among its words."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                state = f.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if folder in words and state != "Z":
            found.append(words)
    return found


@pytest.fixture
def checkout(stratslabd, backtestd):
    folder = tempfile.mkdtemp(prefix="stratslab-up.")
    os.chmod(folder, 0o755)  # root's workers are another user
    one = Checkout(folder)
    for name in ("src", "build", "programs"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for program in (stratslabd, backtestd):
        shutil.copy2(program, os.path.join(folder, "programs"))
    for name, text in (("configure", "#!/bin/sh\n"), ("configure.ac", ""), ("Makefile.am", ""), ("Makefile.in", ""), ("src/main.c", "/* a */\n"),
                       ("build/Makefile", MAKEFILE.format(folder=folder, programs=os.path.join(folder, "programs")))):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    os.chmod(os.path.join(folder, "configure"), 0o755)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    yield one
    one.dev("clean", "-y")
    shutil.rmtree(folder, ignore_errors=True)


def save(checkout, text):
    """As an editor does it."""
    path = os.path.join(checkout.folder, "src", "main.c")
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def test_both_daemons(checkout):
    """Each as a role of its own, with their lines told apart; one Ctrl-C ends both, and all that was started."""
    with Up(checkout).wait_healthy() as up:
        roles = checkout.ask("SELECT string_agg(DISTINCT split_part(application_name, ' ', 1) || '=' || usename, ' ' ORDER BY "
                             "split_part(application_name, ' ', 1) || '=' || usename) FROM pg_stat_activity "
                             "WHERE application_name ~ '^(stratslabd|backtestd)'")
        assert roles == "backtestd=backtesting_service stratslabd=stratslab_api"
        assert checkout.ask("SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member = 'backtesting_service'::regrole") == \
            "stratslab_service"
        log = up.log()
        assert "backtestd: ts=" in log and "\nts=" in log
        assert "level=error" not in log, log
        # The same roles for `run`, but for candles, which are imported as the API's.
        ask = ("-q", "-XAt", "-c", "SELECT current_user")
        assert checkout.dev("psql", *ask).stdout.strip() == "stratslab"
        done = checkout.dev("run", "backtestd", "health", **up.settings)
        assert done.returncode == 0 and '"status":"ok"' in done.stdout, done.stderr
        again = checkout.dev("up", **up.settings)
        assert again.returncode == 1 and "is up already" in again.stderr
        assert up.interrupt() == 0, up.log()[-3000:]
        assert "backtestd has ended" not in up.log()
        assert "backtestd: ts=" in up.log() and "msg=stopped" in up.log().rpartition("backtestd: ts=")[2]
        wait_until(lambda: not running(checkout.folder), 20, "all of it to be gone")


def test_what_is_saved_is_loaded(checkout):
    with Up(checkout).wait_healthy() as up:
        generations = up.log().count('msg="reload succeeded"')
        save(checkout, "/* another */\n")
        up.says("src/main.c was saved: built and loaded")
        assert up.log().count('msg="reload succeeded"') == generations + 2  # of each
        save(checkout, "this is no C\n")
        up.says("the build failed, and the old code serves on:")
        up.says("src/main.c:1:1: error: this is no C")
        assert up.is_healthy(up.url) and up.is_healthy(up.backtestd_url)
        told = up.log().count("built and loaded")
        save(checkout, "/* mended */\n")
        wait_until(lambda: up.log().count("built and loaded") > told, 120, "the mended code to be loaded")
        # A migration is loaded by the API first, so that the other one finds its schema.
        told = up.log().count("built and loaded")
        path = os.path.join(checkout.folder, "sql", "migrations", "20991231235959_hot.sql")
        with open(path, "w") as f:
            f.write("-- migrate:up\nCREATE TABLE hot (n integer);\n-- migrate:down\nDROP TABLE hot;\n")
        os.chmod(path, 0o644)
        wait_until(lambda: up.log().count("built and loaded") > told, 120, "the migration to be loaded")
        assert checkout.ask("SELECT to_regclass('hot') IS NOT NULL") == "t"
        assert "goes on with the old code" not in up.log()
    with Up(checkout, DEV_WATCH="off").wait_healthy() as up:
        assert not [words for words in running(checkout.folder) if "scripts/dev/watch" in words]


def test_backtestd_that_ends_is_told(checkout):
    """The API serves on. And `down` ends what is there, from another terminal."""
    with Up(checkout).wait_healthy() as up:
        with open(os.path.join(checkout.folder, ".dev", "backtestd")) as f:
            os.kill(int(f.read().split()[0]), signal.SIGTERM)
        up.says("backtestd has ended (above); the API serves on, and backtests wait")
        assert up.is_healthy(up.url) and up.process.poll() is None
        done = checkout.dev("down")
        assert done.returncode == 0 and "stopping stratslabd" in done.stderr, done.stderr
        up.process.wait(60 * SLOWNESS)
        wait_until(lambda: not running(checkout.folder), 20, "all of it to be gone")


def test_an_argument_that_there_is_not(checkout):
    done = checkout.dev("up", "--nonsense")
    assert done.returncode == 1 and '"--nonsense" is not an argument of up' in done.stderr
    assert "packages" not in done.stderr


def test_the_demo(checkout):
    """A made-up market, three strategies, backtests that succeed, and lines that work as they are printed. Again: nothing comes twice."""
    hashes = {}
    for _ in range(2):
        with Up(checkout, "--demo").wait_healthy() as up:
            up.says("the first backtest has succeeded")
            up.says("/equity?points=200")

            def succeeded():
                now = up.get("/api/v1/backtests?limit=200")["items"]
                assert not [one for one in now if one["status"] in ("failed", "cancelled")], now
                return all(one["status"] == "succeeded" for one in now) and now

            now = wait_until(succeeded, 120, "all backtests to succeed")
            assert len(now) == 4 and len({one["strategy_id"] for one in now}) == 3
            assert all(one["metrics"]["trades"] > 10 for one in now)
            assert hashes in ({}, {one["id"]: one["result_hash"] for one in now})
            hashes = {one["id"]: one["result_hash"] for one in now}
            series = up.get("/api/v1/series")["items"]
            assert {one["symbol"]: (one["bars"], one["missing"]) for one in series} == {"DEMO:BTCUSD": (17544, 0), "DEMO:ETHUSD": (17544, 0)}
            lines = [line.strip() for line in up.log().splitlines() if line.startswith("    curl -s ")]
            assert len(lines) == 7
            for line in lines:
                done = subprocess.run(["sh", "-c", line + " -f"], capture_output=True, text=True, timeout=60 * SLOWNESS)
                assert done.returncode == 0 and done.stdout, (line, done.stderr)


@pytest.mark.parametrize("symbol, digest", [
    ("DEMO:BTCUSD", "e14b491daed1e54826372c22b63937bbe2ea0a18d0d7a194c629eb7aa85af00e"),
    ("DEMO:ETHUSD", "15aaa5a6eeb8009cdc0fd50a7749d3dcfb287b65a63a2b1b458894fa80027b06"),
])
def test_the_market_is_the_same_everywhere(symbol, digest):
    done = subprocess.run(["sh", "-c", '"$0" --candles "$1" | sha256sum', os.path.join(TOP, "scripts", "demo"), symbol], capture_output=True, text=True,
                          timeout=60 * SLOWNESS)
    assert done.stdout.split()[0] == digest, done.stderr

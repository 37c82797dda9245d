"""The Debian package on a machine that runs systemd: installed, started, reloaded, crashed, upgraded, removed. The tests go through one
machine's life, in their order."""
import json

import pytest
from support.machine import Machine
from support.stack import wait_until

CONF = "/etc/stratslab/stratslabd.conf"
LOCAL = "POSTGRES_HOST=/var/run/postgresql\n"
OWNER = "/etc/credstore/stratslabd.MIGRATE_DATABASE_URL"
HEALTH = "http://127.0.0.1:8000/health"


@pytest.fixture(scope="module")
def machine(images):
    with Machine() as one:
        yield one


def psql(machine, statements, database="stratslab"):
    """As PostgreSQL's administrator."""
    machine.write("/tmp/statements.sql", statements)
    return machine.sh(f"cd / && su postgres -s /bin/sh -c 'psql -XAtq -v ON_ERROR_STOP=1 -f /tmp/statements.sql {database}'").stdout.strip()


def package(machine):
    return machine.sh("ls /stratslabd_*.deb").stdout.strip()


def health(machine):
    return machine.run("curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", HEALTH, check=False).stdout


def serves(machine):
    wait_until(lambda: machine.show("ActiveState") == "active" and health(machine) == "200", 60, "the service")
    return int(machine.show("MainPID"))


def reload(machine):
    return machine.run("systemctl", "reload", "stratslabd", check=False).returncode


def repack(machine, version, change="true"):
    """The package again, as another version."""
    path = f"/tmp/stratslabd-{version}.deb"
    machine.sh(f"rm -rf /tmp/x && dpkg-deb -R {package(machine)} /tmp/x && cd /tmp/x && "
               f"sed -i 's/^Version: .*/Version: {version}/' DEBIAN/control && {change} && dpkg-deb --root-owner-group -b . {path}")
    return path


def install(machine, path):
    done = machine.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", path)
    return done.stdout + done.stderr


def test_lintian(machine):
    done = machine.sh("lintian --fail-on error /stratslabd_*.changes", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_does_not_start_without_a_database_and_says_why(machine):
    said = install(machine, package(machine))
    assert f"stratslabd is not started: no database is configured. Name one in {CONF}" in said
    assert machine.show("ActiveState") == "inactive"
    assert machine.run("systemctl", "is-enabled", "stratslabd", check=False).stdout.strip() == "disabled"
    assert machine.run("stat", "-c", "%U:%G %a", CONF).stdout.strip() == "root:stratslab 640"

    assert machine.run("systemctl", "start", "stratslabd", check=False).returncode != 0
    assert machine.show("ExecMainStatus") == "78" and machine.show("NRestarts") == "0"
    told = machine.run("systemctl", "status", "-l", "--no-pager", "stratslabd", check=False).stdout
    assert "no database is configured; nothing was started" in told and CONF in told


def test_start(machine):
    """Beside a PostgreSQL that knows the service's user by its name, in the whole of the unit's sandbox."""
    machine.sh("pg_createcluster $(ls /usr/lib/postgresql) main --start")
    psql(machine, "CREATE ROLE stratslab_owner LOGIN PASSWORD 'own3r';\nCREATE ROLE stratslab_api NOLOGIN;\nCREATE ROLE stratslab_service NOLOGIN;\n"
                  "CREATE ROLE stratslab LOGIN IN ROLE stratslab_api;\n"
                  "CREATE DATABASE stratslab OWNER stratslab_owner TEMPLATE template0 ENCODING 'UTF8';\n", "postgres")
    machine.run("mkdir", "-p", "/etc/credstore")
    machine.write(OWNER, "postgresql://stratslab_owner:own3r@127.0.0.1/stratslab\n", "600")
    machine.write(CONF, LOCAL, "640")
    machine.run("systemctl", "enable", "--now", "stratslabd")
    master = serves(machine)
    assert machine.show("StatusText").startswith("Serving on 127.0.0.1:8000 with ")
    assert machine.run("ps", "-o", "user=", "-p", str(master)).stdout.strip() == "stratslab"
    assert machine.run("stratslabd", "status").returncode == 0
    # The unit serves as a role that owns nothing, and root makes tokens as the other one.
    assert psql(machine, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == "stratslab_owner"
    assert psql(machine, "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'stratslab' AND usename <> 'postgres'") == "stratslab"
    assert "may change everything" not in machine.run("journalctl", "-u", "stratslabd").stdout
    assert machine.run("env", f"MIGRATE_DATABASE_URL_FILE={OWNER}", "stratslabd", "token", "create", "web").returncode == 0


def test_the_daemon_that_computes_runs_beside_it(machine):
    """As a user of its own, which has a role of its own in the database."""
    assert machine.run("stat", "-c", "%U:%G %a", "/etc/stratslab/backtestd.conf").stdout.strip() == "root:backtestd 640"
    assert machine.run("systemctl", "is-enabled", "backtestd", check=False).stdout.strip() == "disabled"
    psql(machine, "CREATE ROLE backtestd LOGIN IN ROLE stratslab_service;\n")
    machine.write("/etc/stratslab/backtestd.conf", LOCAL + "POSTGRES_USER=backtestd\nPOSTGRES_DB=stratslab\n", "640")
    machine.run("chgrp", "backtestd", "/etc/stratslab/backtestd.conf")
    machine.run("systemctl", "start", "backtestd")
    wait_until(lambda: machine.run("backtestd", "health", check=False).stdout.startswith('{"status":"ok"'), 60, "its health")
    assert machine.run("stat", "-c", "%U:%G %a", "/var/cache/backtestd").stdout.strip() == "backtestd:backtestd 700"
    master = machine.run("systemctl", "show", "-P", "MainPID", "backtestd").stdout.strip()
    assert machine.run("ps", "-o", "user=", "-p", master).stdout.strip() == "backtestd"
    assert machine.run("systemctl", "reload", "backtestd", check=False).returncode == 0
    assert machine.run("systemctl", "show", "-P", "MainPID", "backtestd").stdout.strip() == master


def test_it_computes_in_the_whole_of_its_sandbox(machine):
    """The unit's and its own: a backtest succeeds, and leaves its candles in the folder that systemd has made. Nothing of it is refused."""
    token = machine.run("env", f"MIGRATE_DATABASE_URL_FILE={OWNER}", "stratslabd", "token", "create", "lab", "--scope=read", "--scope=write").stdout.strip()

    def ask(path, body=None, kind="application/json"):
        sent = []
        if body is not None:
            machine.write("/tmp/body", body)
            sent = ["-H", f"Content-Type: {kind}", "--data-binary", "@/tmp/body"]
        return json.loads(machine.run("curl", "-sS", "-m", "60", "-H", f"Authorization: Bearer {token}", *sent,
                                      f"http://127.0.0.1:8000/api/v1/{path}").stdout)

    wait_until(lambda: "items" in ask("series"), 20, "the token to be known")
    closes = [100 + 10 * (i // 25 % 2) + i % 7 for i in range(400)]
    rows = "".join(f"{1640995200 + i * 86400},{now},{now + 1},{now - 1},{now},10\n" for i, now in enumerate(closes))
    assert ask("candles/TEST:COIN/1d", "time,open,high,low,close,volume\n" + rows, "text/csv")["new"] == 400
    strategy = ask("strategies", json.dumps({"name": "Cross", "kind": "sma_crossover", "parameters": {"fast": 3, "slow": 10}}))
    asked = ask("backtests", json.dumps({"strategy_id": strategy["id"], "symbol": "TEST:COIN", "timeframe": "1d", "start": "2022-01-01T00:00:00Z",
                                         "end": "2023-02-01T00:00:00Z", "initial_capital": 1000}))

    def ended():
        now = ask(f"backtests/{asked['id']}")
        assert now["status"] != "failed", now
        return now["status"] == "succeeded" and now

    assert wait_until(ended, 60, "the backtest to succeed")["metrics"]["trades"] > 5
    assert machine.run("ls", "/var/cache/backtestd").stdout.split()
    journal = machine.run("journalctl", "-u", "backtestd").stdout
    assert "level=error" not in journal and "level=warning" not in journal, journal


def test_reload_tells_the_truth(machine):
    master = serves(machine)
    assert reload(machine) == 0
    assert "reload 1 succeeded" in machine.show("StatusText")

    machine.write("/usr/share/stratslabd/migrations/20990101000000_bad.sql", "-- migrate:up\nSELECT nonsense;\n-- migrate:down\n")
    assert reload(machine) != 0
    assert "RELOAD 2 FAILED in preflight" in machine.show("StatusText")
    assert machine.show("ActiveState") == "active" and health(machine) == "200"

    machine.run("rm", "/usr/share/stratslabd/migrations/20990101000000_bad.sql")
    assert reload(machine) == 0
    machine.run("kill", "-HUP", str(master))
    wait_until(lambda: "reload 4 succeeded" in machine.show("StatusText"), 60, "the reload by a signal")
    assert serves(machine) == master


def test_crash_and_hang(machine):
    """A master that is killed, and one that hangs, is started again."""
    machine.sh("mkdir -p /run/systemd/system/stratslabd.service.d && "
               "printf '[Service]\\nWatchdogSec=2s\\nRestartSec=100ms\\n' >/run/systemd/system/stratslabd.service.d/quick.conf && "
               "systemctl daemon-reload && systemctl restart stratslabd")
    for signal in ("KILL", "STOP"):
        master = serves(machine)
        machine.run("kill", f"-{signal}", str(master))
        wait_until(lambda master=master: machine.show("MainPID") not in ("0", str(master)), 60, f"a new master after SIG{signal}")
    serves(machine)
    assert machine.show("NRestarts") == "2"


def test_stop_and_credentials(machine):
    """A password that only root can read."""
    machine.run("systemctl", "stop", "stratslabd")
    assert (machine.show("Result"), machine.show("ExecMainStatus")) == ("success", "0")
    machine.sh("cd / && su postgres -s /bin/sh -c \"psql -qc \\\"ALTER ROLE stratslab PASSWORD 'sekret'\\\"\"")
    machine.run("mkdir", "-p", "/etc/credstore")
    machine.write("/etc/credstore/stratslabd.POSTGRES_PASSWORD", "sekret\n", "600")
    machine.write(CONF, "POSTGRES_HOST=127.0.0.1\n", "640")
    machine.run("systemctl", "start", "stratslabd")
    serves(machine)
    assert reload(machine) == 0
    machine.run("rm", "/etc/credstore/stratslabd.POSTGRES_PASSWORD")
    machine.write(CONF, LOCAL, "640")


def test_socket(machine):
    """systemd holds the port: the first connection starts the service, and a restart refuses nobody."""
    machine.sh("systemctl stop stratslabd && systemctl start stratslabd.socket")
    assert machine.show("ActiveState") == "inactive"
    assert health(machine) == "200"
    done = machine.sh("systemctl restart stratslabd & restart=$!; while kill -0 $restart 2>/dev/null; do "
                      f"curl -s -m 20 -o /dev/null -w '%{{http_code}} ' {HEALTH}/live || exit 1; done; wait $restart")
    answers = done.stdout.split()
    assert answers and set(answers) == {"200"}
    machine.sh("systemctl stop stratslabd.socket stratslabd && systemctl start stratslabd")


def test_upgrade(machine):
    """The new version takes over; one that does not start leaves the one before it serving."""
    master = serves(machine)
    install(machine, repack(machine, "0.1.0+1"))
    assert serves(machine) == master
    assert "succeeded" in machine.show("StatusText")

    broken = repack(machine, "0.1.0+2", r"printf '#!/bin/sh\necho broken >&2\nexit 3\n' >usr/bin/stratslabd")
    assert "version 0.1.0+1 serves on" in install(machine, broken)
    assert serves(machine) == master

    install(machine, repack(machine, "0.1.0+3"))
    assert serves(machine) == master


def test_removal(machine):
    machine.run("dpkg", "-r", "stratslabd")
    assert machine.show("ActiveState") == "inactive" and health(machine) == "000"
    assert machine.run("test", "-e", CONF, check=False).returncode == 0
    machine.run("dpkg", "-P", "stratslabd")
    left = machine.sh("ls -d /etc/stratslab /usr/share/stratslabd /usr/bin/stratslabd 2>/dev/null", check=False).stdout
    assert left == ""

"""docs/operations.md, "Through PgBouncer": what it says of pool_mode = session, and of transaction, is so."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

import psycopg
import pytest
from psycopg import conninfo
from support import daemon as daemons
from support.database import make_url
from support.ledger import Changes, Commits, Mixture, make
from support.load import told
from support.ports import Port
from support.service import Service
from support.wait import wait_until

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))


def version():
    """(1, 24), say. Debian 12 has 1.18 and 13 has 1.24."""
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"PgBouncer (\d+)\.(\d+)", said).groups()))


@pytest.fixture
def pooler(database):
    """pooler("session") starts one before the database: its URL, and the program."""
    services, ports = [], []
    folder = tempfile.mkdtemp(prefix="stratslab-pgbouncer.", dir="/tmp")
    os.chmod(folder, 0o755)

    def start(mode, **settings):
        assert PROGRAM, "pgbouncer is missing: scripts/dev.sh deps"
        own = conninfo.conninfo_to_dict(database.url)
        ports.append(Port())
        port = int(ports[-1])
        with open(f"{folder}/users.txt", "w", encoding="ascii") as f:
            f.write(f'"{own["user"]}" "{own["password"]}"\n')
        settings = {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "auth_type": "scram-sha-256",
                    "auth_file": f"{folder}/users.txt", "pool_mode": mode, "ignore_startup_parameters": "options",
                    "default_pool_size": 8, "admin_users": own["user"], **settings}
        with open(f"{folder}/pgbouncer.ini", "w", encoding="ascii") as f:
            f.write(f'[databases]\n{database.name} = host={own["host"]} port={own["port"]}\n[pgbouncer]\n')
            f.writelines(f"{name} = {value}\n" for name, value in settings.items())
        for name in ("users.txt", "pgbouncer.ini"):  # which another user reads, whatever our umask
            os.chmod(f"{folder}/{name}", 0o644)
        # Since 1.23 SIGTERM waits for every client to go.
        services.append(Service([PROGRAM, f"{folder}/pgbouncer.ini"], port, f"{folder}/log", end=signal.SIGQUIT))
        return make_url({**own, "host": "127.0.0.1", "port": str(port)}), services[-1]

    yield start
    for service in services:
        service.stop()
    for port in ports:
        port.release()
    shutil.rmtree(folder)


def test_session_mode_serves_migrates_and_survives_the_pooler_s_restart(daemon, database, pooler, stratslabd):
    url, service = pooler("session")
    d = daemon(DATABASE_URL=url, workers=1)  # what one says of its connection, another would not yet know
    with d.client() as c:
        made = c.request("POST", "/api/v1/strategies", {"name": "A", "kind": "sma_crossover"})
        assert made.status == 201
        for _ in range(50):
            assert c.request("GET", f"/api/v1/strategies/{made.json()['id']}").status == 200
    done = daemons.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stdout + done.stderr
    # What systemd sends waits for the sessions, which workers keep.
    service.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        service.process.wait(1)
    assert d.request("GET", "/api/v1/strategies").status == 200
    service.stop()
    wait_until(lambda: d.request("GET", "/health/ready").status == 503, 15, "the loss to be noticed")
    service.start()
    wait_until(lambda: d.request("GET", "/health/ready").status == 200, 15, "the connection to be back")
    assert d.request("GET", "/api/v1/strategies").status == 200


def test_session_mode_with_writes_that_share_a_commit(daemon, database, pooler):
    """The pooler restarts under them: what was confirmed is there, once, and what was refused is not."""
    url, service = pooler("session")
    d = daemon(DATABASE_URL=url, log_access="off", database_lock_timeout="20s", database_statement_timeout="30s")
    ids, commits = [make(d, f"r{i}") for i in range(8)], Commits(d)
    with Mixture(d.port, threads=24) as creates, Changes(d.port, ids, threads=8) as changes:
        for _ in range(2):
            commits.until_shared(40)
            service.stop()
            wait_until(lambda: d.request("GET", "/health/ready").status == 503, 15, "the loss to be noticed")
            service.start()
            creates.wait_served()
            changes.wait_served()
        commits.until_shared(40)
    unknown = creates.check(database) + changes.check(database)
    told("PgBouncer restarts", creates, changes, unknown_and_there=unknown, counted=commits.told())
    assert set(creates.fates) <= {201, 409, 503} and set(changes.fates) <= {200, 503}, (creates.fates, changes.fates)
    assert set(creates.codes) | set(changes.codes) <= {"name_taken", "database_unavailable", "outcome_unknown"}


def test_session_mode_sets_what_the_sql_relies_on(daemon, database, pooler):
    """The pooler drops what the service asks for at connection, and the role has other settings: the service sets them again."""
    url, _ = pooler("session")
    hostile = {"standard_conforming_strings": "off", "default_transaction_isolation": "serializable", "TimeZone": "Asia/Kathmandu",
               "search_path": "hostile, public", "DateStyle": "SQL, DMY", "lock_timeout": "0"}
    with database.connect() as admin:
        admin.execute(f"CREATE SCHEMA hostile AUTHORIZATION {database.role}")
        for name, value in hostile.items():
            admin.execute(f"ALTER ROLE {database.role} IN DATABASE {database.name} SET {name} = {value}" if name == "search_path" else
                          f"ALTER ROLE {database.role} SET {name} = '{value}'")
        admin.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
        admin.execute(f"ALTER TABLE schema_migrations OWNER TO {database.role}; GRANT CREATE ON SCHEMA public TO {database.role}")
    with psycopg.connect(url, options="-c lock_timeout=1234") as c:
        for name, value in hostile.items():
            assert c.execute(f"SHOW {name}").fetchone()[0] == value
    d = daemon(DATABASE_URL=url, workers=1, database_lock_timeout="200ms")
    assert d.request("POST", "/api/v1/strategies", {"name": "100% sure", "kind": "k"}).status == 201
    assert [s["name"] for s in d.request("GET", "/api/v1/strategies?q=0%25+").json()["items"]] == ["100% sure"]
    with database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE strategies")
        assert d.request("GET", "/api/v1/strategies").json()["code"] == "database_busy"


def test_without_ignore_startup_parameters_it_is_refused_with_a_reason(start_daemon, database, pooler):
    url, _ = pooler("session", ignore_startup_parameters="")
    d = start_daemon(wait=False, expect_exit=None, DATABASE_URL=url, migrate_on_start="off", workers=1)
    d.wait_log("unsupported startup parameter" + (" in options: " if version() >= (1, 20) else ": options"), 20)


def test_transaction_mode_is_no_session(daemon, start_daemon, database, pooler):
    """One server connection for two workers makes it certain: before 1.24 each prepares what the other has prepared there. Since
    then requests are served; but two sessions that are to exclude each other, as migrations are, do not, with any version."""
    url, _ = pooler("transaction", default_pool_size=1)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as one, \
            psycopg.connect(url, autocommit=True, prepare_threshold=None) as other:
        assert [c.execute("SELECT pg_try_advisory_lock(1)").fetchone()[0] for c in (one, other)] == [True, True]
    if version() < (1, 24):
        d = start_daemon(wait=False, expect_exit=None, DATABASE_URL=url, workers=2)
        d.wait_log('prepared statement .* already exists', 20)
        return
    d = daemon(DATABASE_URL=url, workers=2)
    for number in range(50):  # each on a connection of its own, so that both workers have some
        made = d.request("POST", "/api/v1/strategies", {"name": f"A {number}", "kind": "sma_crossover"})
        assert made.status == 201
        assert d.request("GET", made.headers["Location"]).json() == made.json()

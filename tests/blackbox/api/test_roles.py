"""Three roles: the owner migrates and makes tokens, the API serves, and services have functions (docs/operations.md)."""
import os
import re
import signal
import subprocess

import psycopg
import pytest
from psycopg import sql
from support import daemon as daemons
from support import processes
from support.database import Database, make_url
from support.memory import holds, memory
from support.wait import wait_until

DOCS = os.path.join(os.path.dirname(daemons.MIGRATIONS), "..", "docs")

# What the API may do on each table of the schema. A table that is not here fails test_rights_are_these: decide what the API
# needs of it, grant that in a migration (api_grant), and say it here.
RIGHTS = {
    "strategies": {"SELECT", "DELETE", "INSERT (name, description, kind, parameters, status)",
                   "UPDATE (name, description, kind, parameters, status)"},
    "strategy_versions": {"SELECT"},
    "backtests": {"SELECT", "UPDATE (status, finished_at, lease_until)",
                  "INSERT (id, strategy_id, strategy_version, symbol, timeframe, start, end, initial_capital, execution)"},
    "backtest_keys": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "access_tokens": {"SELECT (id, name, sha256, scopes, expires_at, revoked_at, last_used_at)", "UPDATE (last_used_at)"},
    "access_tokens_state": {"SELECT"},
    "series": {"SELECT", "DELETE"},
    "series_id_seq": set(),
    "candle_chunks": {"SELECT"},
    "series_changes": {"SELECT"},
    "backtest_trades": {"SELECT"},
    "backtest_equity": {"SELECT"},
    "schema_migrations": {"SELECT"},
    "schema_migrations_journal": set(),
}

OF_TABLES = """
SELECT c.relname, a.privilege_type
FROM pg_class AS c
LEFT JOIN LATERAL aclexplode(c.relacl) AS a ON a.grantee IN (0, 'stratslab_api'::regrole)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"""
OF_COLUMNS = """
SELECT c.relname, a.privilege_type, string_agg(t.attname, ', ' ORDER BY t.attnum)
FROM pg_class AS c
JOIN pg_attribute AS t ON t.attrelid = c.oid AND NOT t.attisdropped
CROSS JOIN LATERAL aclexplode(t.attacl) AS a
WHERE c.relnamespace = 'public'::regnamespace AND a.grantee IN (0, 'stratslab_api'::regrole)
GROUP BY c.relname, a.privilege_type"""


def reload(d):
    before = d.status()["generation"]
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.status()["generation"] > before, 60, "the reload")


def migrated(command):
    done = command("migrate", "up")
    assert done.returncode == 0, done.stderr


def test_rights_are_these(command, database):
    """Table by table, of all that there are; also after the migration was undone and done again, as the owner."""
    migrated(command)
    assert command("migrate", "redo", "--yes").returncode == 0
    with database.connect() as db:
        has = {name: set() for name, _ in db.execute(OF_TABLES)}
        for name, verb in db.execute(OF_TABLES):
            has[name] |= {verb} - {None}
        for name, verb, columns in db.execute(OF_COLUMNS):
            has[name].add(f"{verb} ({columns})")
        functions = {name for name, in db.execute(
            "SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace "
            "AND has_function_privilege('stratslab_api', p.oid, 'EXECUTE') AND p.prosecdef")}
    has.setdefault("schema_migrations_journal", set())  # it is there only while a migration is broken off
    assert {name: sorted(verbs) for name, verbs in has.items()} == {name: sorted(verbs) for name, verbs in RIGHTS.items()}
    assert functions <= {"backtest_prune", "candles_put"}, "what runs as the owner is for services, but for what workers call"


FORBIDDEN = [
    "CREATE TABLE mine (a int)", "CREATE TABLE public.mine (a int)", "CREATE SCHEMA mine", "CREATE FUNCTION now(int) RETURNS int RETURN 1",
    "ALTER TABLE strategies ADD COLUMN x int", "DROP TABLE backtests", "CREATE INDEX ON strategies (kind)", "TRUNCATE strategies",
    "CREATE TRIGGER t AFTER INSERT ON strategies FOR EACH ROW EXECUTE FUNCTION strategies_keep_version()", "CREATE ROLE other",
    "INSERT INTO access_tokens (name, sha256, scopes) VALUES ('me', sha256('x'), '{write}')", "DELETE FROM access_tokens",
    "UPDATE access_tokens SET revoked_at = NULL", "UPDATE access_tokens SET scopes = '{write}'", "UPDATE access_tokens_state SET state = uuid_v7()",
    "INSERT INTO schema_migrations (version) VALUES ('1')", "DELETE FROM schema_migrations", "UPDATE strategy_versions SET name = 'x'",
    "INSERT INTO strategy_versions SELECT * FROM strategy_versions", "DELETE FROM strategy_versions", "UPDATE strategies SET version = 9",
    "UPDATE strategies SET created_at = now()", "UPDATE backtests SET metrics = '{}'", "UPDATE backtests SET worker = 'me'",
    "INSERT INTO backtest_trades (n) VALUES (1)", "DELETE FROM backtest_equity", "UPDATE backtests SET execution = '{}'",
    "INSERT INTO series (symbol) VALUES ('S')", "UPDATE series SET revision = 9", "UPDATE candle_chunks SET packed = ''",
    "DELETE FROM candle_chunks", "DELETE FROM series_changes",
    "SELECT backtest_result_put(uuid_v7(), uuid_v7(), '{}')",
    "DELETE FROM backtests", "INSERT INTO backtests (status) VALUES ('succeeded')", "SELECT backtest_claim('me')",
    "SELECT backtest_expire()", "SELECT api_grant('pg_monitor')",
    "SELECT backtest_grant('stratslab_api')", "SET ROLE {owner}", "ALTER FUNCTION rfc3339(timestamptz) OWNER TO stratslab_api",
    "GRANT SELECT ON access_tokens TO PUBLIC", "COPY strategies TO PROGRAM 'cat'", "SELECT pg_read_file('/etc/passwd')",
]


@pytest.fixture
def as_api(command, database):
    migrated(command)
    with psycopg.connect(database.api_url, autocommit=True) as db:
        yield db


def test_what_the_api_may_not(as_api, database):
    """Of what would be worth something to whoever speaks to the database in its name."""
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.Error) as refused:
            as_api.execute(statement.replace("{owner}", database.role))
        assert refused.value.sqlstate == "42501", (statement, refused.value)


def test_versions_are_kept_by_the_owner(as_api, database):
    """The API cannot write a version; the schema does, whatever the API's search_path is."""
    as_api.execute("SET search_path = pg_catalog")
    as_api.execute("INSERT INTO public.strategies (name, kind) VALUES ('a', 'sma')")
    as_api.execute("UPDATE public.strategies SET name = 'b'")
    assert as_api.execute("SELECT name, version FROM public.strategy_versions ORDER BY version").fetchall() == [("a", 1), ("b", 2)]
    as_api.execute("DELETE FROM public.strategies")
    assert as_api.execute("SELECT count(*) FROM public.strategy_versions").fetchone() == (0,)


def test_check_tries_each_statement_as_the_role(command, database):
    migrated(command)
    done = command("check")
    assert done.returncode == 0, done.stderr
    assert f"role: ok: requests are served as {database.api_role}, which may neither change tables nor make tokens" in done.stdout
    assert re.search(r"rights: ok: it may run all \d\d statements", done.stdout), done.stdout
    for verb, table in (("UPDATE (last_used_at)", "access_tokens"), ("SELECT", "schema_migrations"), ("DELETE", "strategies"),
                        ("SELECT", "backtests")):
        with database.connect() as db:
            db.execute(f"REVOKE {verb} ON {table} FROM stratslab_api")
        done = command("check")
        if (verb, table) != ("SELECT", "schema_migrations"):  # that one is the worker's, who says it
            assert done.returncode == 65 and f"permission denied for table {table}" in done.stderr, (verb, table, done.stderr)
            assert f"SELECT api_grant('{database.api_role}')" in done.stderr
        with database.connect(user=database.role, password=database.password) as db:
            db.execute("SELECT api_grant('stratslab_api')")
        assert command("check").returncode == 0


def test_a_role_that_is_everything_is_said_once(start_daemon, command, database):
    """With one role for all, as in earlier versions: it serves, and a warning says what to do. So does check, from the start."""
    done = command("check", DATABASE_URL=database.url, MIGRATE_DATABASE_URL=None)
    assert done.returncode == 0 and "role: warning: " in done.stdout, done.stdout
    d = start_daemon(DATABASE_URL=database.url)
    reload(d)
    warned = [line for line in d.log().splitlines() if "requests are served as a role that may change everything" in line]
    assert len(warned) == 1 and f"{database.role}, which owns tables of the service" in warned[0] and "MIGRATE_DATABASE_URL" in warned[0]
    done = command("check", DATABASE_URL=database.url, MIGRATE_DATABASE_URL=None)
    assert done.returncode == 0 and "role: warning: " in done.stdout
    with database.connect() as db:
        db.execute(f"GRANT CREATE ON SCHEMA public TO {database.api_role}")
        done = command("check")  # more than a warning: what it makes there runs as the owner
        assert done.returncode == 65 and f"REVOKE CREATE ON SCHEMA public FROM {database.api_role}" in done.stderr, done.stderr
        db.execute(f"REVOKE CREATE ON SCHEMA public FROM {database.api_role}")
    done = command("check", DATABASE_URL=database.admin_url, MIGRATE_DATABASE_URL=database.url)
    assert done.returncode == 0 and "which is a superuser. Let DATABASE_URL name a role" in done.stdout


def test_three_roles_are_not_warned_of(daemon):
    assert "may change everything" not in daemon().log()


def test_tokens_are_the_owners(command, database):
    migrated(command)
    for arguments in (("create", "x"), ("revoke", "x")):
        done = command("token", *arguments, MIGRATE_DATABASE_URL=None)
        assert done.returncode == 69 and "MIGRATE_DATABASE_URL" in done.stderr, done.stderr
    assert command("token", "create", "x").returncode == 0
    assert command("token", "revoke", "x").returncode == 0


def test_migrations_are_the_owners(command, database):
    done = command("migrate", "up", MIGRATE_DATABASE_URL=None)
    assert done.returncode == 65 and "permission denied" in done.stderr
    migrated(command)
    with database.connect() as db:
        owners = db.execute("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
                            "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'").fetchall()
    assert owners == [(database.role,)]


def test_a_wrong_owner_names_its_setting(command, daemon):
    for settings in ({"MIGRATE_DATABASE_URL": "postgresql://nobody_at_all:wrong@127.0.0.1:1/x"},):
        done = command("migrate", "status", **settings)
        assert done.returncode == 69 and "nobody_at_all@127.0.0.1:1/x" in done.stderr
    done = command("check", MIGRATE_DATABASE_URL="mysql://x/y")
    assert done.returncode == 78 and "MIGRATE_DATABASE_URL: its scheme" in done.stderr


# ---- Who holds the owner's password ----

def give(database, tmp_path, way):
    """The owner's address, in one of the ways that there are, and what to look for."""
    secret = "0wner-s3cret-of-this-test"
    with database.connect() as db:
        db.execute(f"ALTER ROLE {database.role} PASSWORD '{secret}'")
    url = database.url.replace(database.password, secret)
    files = tmp_path / "given"
    files.mkdir()
    if way == "variable":
        return secret, {"MIGRATE_DATABASE_URL": url}
    if way == "--set":
        return secret, {"MIGRATE_DATABASE_URL": None}
    if way == "file":
        (files / "url").write_text(url + "\n")
        return secret, {"MIGRATE_DATABASE_URL": None, "MIGRATE_DATABASE_URL_FILE": files / "url"}
    if way == "credential":
        (files / "MIGRATE_DATABASE_URL").write_text(url)
        return secret, {"MIGRATE_DATABASE_URL": None, "CREDENTIALS_DIRECTORY": files}
    if way == "settings file":
        (files / "conf").write_text(f'MIGRATE_DATABASE_URL="{url}"\n')
        return secret, {"MIGRATE_DATABASE_URL": None, "config": files / "conf"}
    parts = psycopg.conninfo.conninfo_to_dict(url)
    if way == "keywords":
        return secret, {"MIGRATE_DATABASE_URL": psycopg.conninfo.make_conninfo(**parts)}
    (files / "password").write_text(secret)
    return secret, {"DATABASE_URL": None, "MIGRATE_DATABASE_URL": None, "POSTGRES_HOST": parts["host"], "POSTGRES_PORT": parts["port"],
                    "POSTGRES_DB": database.name, "POSTGRES_USER": database.api_role, "POSTGRES_PASSWORD": database.api_password,
                    "MIGRATE_POSTGRES_USER": database.role, "MIGRATE_POSTGRES_PASSWORD_FILE": files / "password"}


@pytest.mark.parametrize("way", ["variable", "--set", "file", "credential", "settings file", "keywords", "parts"])
def test_workers_do_not_hold_the_owners_password(daemon, database, tmp_path, way):
    """Nor does the admin process; not in their memory, not in their environment; not after a reload either."""
    secret, settings = give(database, tmp_path, way)
    arguments = ("serve", "--set", f"MIGRATE_DATABASE_URL={database.url.replace(database.password, secret)}") if way == "--set" else ()
    d = daemon(*arguments, **settings)
    with open(f"/proc/{d.process.pid}/maps") as maps:
        if "libasan" in maps.read() and way in ("variable", "--set", "keywords"):
            pytest.skip("AddressSanitizer keeps a copy of the environment (the plain build's test does not)")
    for _ in range(2):
        master = d.process.pid
        try:
            assert secret.encode() in memory(master), "the test does not find what the master does hold"
        except PermissionError:
            pytest.skip("this user may not look into the memory of processes (a test as root does)")
        served = [pid for pid in processes.children(master) if processes.is_alive(pid)]
        assert len(served) >= 3, "workers and admin"
        for pid in served:  # one that is new has its first lines before it
            wait_until(lambda pid=pid: not holds(pid, secret.encode()), 20, f"{processes.describe(pid)} to have forgotten it")
        reload(d)
        wait_until(lambda old=served: not any(processes.is_alive(pid) for pid in old), 60, "the workers from before to be gone")


# ---- Roles that are there, or are not ----

def owner_at(cluster):
    """A database of an owner that may make no roles, in a cluster where nobody has made ours."""
    fresh = Database(cluster.url())
    fresh.create()
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute("DROP ROLE stratslab_api")
    return fresh


def test_an_owner_who_may_make_no_role_says_what_to_run(stratslabd, cluster, start_daemon):
    fresh = owner_at(cluster)
    settings = {"migrations_dir": os.path.realpath(daemons.MIGRATIONS), **fresh.settings()}
    done = daemons.run(stratslabd, "migrate", "up", **settings)
    assert done.returncode == 0, done.stderr
    assert "CREATE ROLE stratslab_api LOGIN" in done.stderr and "SELECT api_grant('stratslab_api')" in done.stderr
    done = daemons.run(stratslabd, "check", **settings)
    assert done.returncode == 65 and f"SELECT api_grant('{fresh.api_role}')" in done.stderr, done.stderr
    # A role of any name does, without the group.
    with psycopg.connect(fresh.url, autocommit=True) as owner:
        owner.execute(f"SELECT api_grant('{fresh.api_role}')")
    d = start_daemon(**fresh.settings())
    assert d.request("POST", "/api/v1/strategies", {"name": "a", "kind": "sma"}).status == 201


def test_an_owner_who_may_make_it_does_and_another_database_has_it(stratslabd, cluster):
    first, second = owner_at(cluster), Database(cluster.url())
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {first.role} CREATEROLE")
    migrations = os.path.realpath(daemons.MIGRATIONS)
    assert daemons.run(stratslabd, "migrate", "up", DATABASE_URL=first.url, migrations_dir=migrations).returncode == 0
    second.create()
    assert daemons.run(stratslabd, "migrate", "up", DATABASE_URL=second.url, migrations_dir=migrations).returncode == 0
    with second.connect() as db:
        assert db.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'stratslab_api'").fetchone() == (False,)
        assert db.execute("SELECT has_table_privilege('stratslab_api', 'strategies', 'SELECT')").fetchone() == (True,)


def test_the_advice_is_for_a_role_s_name_as_it_is(command, database):
    migrated(command)
    name = f'{database.role}_"It\'s Api'
    with database.connect() as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        try:
            url = make_url({**psycopg.conninfo.conninfo_to_dict(database.admin_url), "user": name})
            roles = {"DATABASE_URL": url, "MIGRATE_DATABASE_URL": database.url}
            done = command("check", **roles)
            advice = re.search(r"SELECT api_grant\(.*\)(?=;)", done.stderr)
            assert done.returncode == 65 and advice, done.stderr
            with psycopg.connect(database.url, autocommit=True) as owner:
                owner.execute(advice.group(0))
            done = command("check", **roles)
            assert done.returncode == 0, done.stderr
        finally:
            admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("schema", ["Strats", "the lab"])
def test_a_schema_s_name_may_need_quotes(command, database, daemon, schema):
    name = sql.Identifier(schema)
    with database.connect() as admin:
        admin.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(name, sql.Identifier(database.role)))
        admin.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(sql.Identifier(database.name), name))
    for arguments in (["up"], ["redo", "--yes"]):
        done = command("migrate", *arguments)
        assert done.returncode == 0, done.stderr
    d = daemon(**database.settings())
    assert d.request("POST", "/api/v1/strategies", {"name": "a", "kind": "sma"}).status == 201


def until_it_works(db, statement):
    """REASSIGN OWNED locks one table after the other, so that it may be the one that the database ends."""
    for left in reversed(range(20)):
        try:
            db.execute(statement)
            return
        except psycopg.errors.DeadlockDetected:
            if left == 0:
                raise


def test_the_steps_from_one_role_to_three(stratslabd, own_database, start_daemon):
    """As docs/operations.md has them, on a service that runs as a superuser that owns everything."""
    with open(os.path.join(DOCS, "operations.md")) as f:
        steps = re.search(r"\*\*From one role to three\.\*\*.*?```sql\n(.*?)```", f.read(), re.DOTALL).group(1)
    parts = psycopg.conninfo.conninfo_to_dict(own_database.admin_url)
    with psycopg.connect(own_database.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE stratslab LOGIN SUPERUSER")
        admin.execute(f"ALTER DATABASE {own_database.name} OWNER TO stratslab")
        everything = make_url({**parts, "user": "stratslab"})
        d = start_daemon(DATABASE_URL=everything)
        assert d.request("POST", "/api/v1/strategies", {"name": "kept", "kind": "sma"}).status == 201
        for step in re.sub(r"--.*", "", steps.replace("…", "secret")).split(";"):
            if step.strip():
                until_it_works(admin, step)
    # The settings are read from the environment only at a start.
    d.stop()
    roles = {"DATABASE_URL": make_url({**parts, "user": "stratslab_api"}), "MIGRATE_DATABASE_URL": make_url({**parts, "user": "stratslab_owner"})}
    d = start_daemon(**roles)
    assert [item["name"] for item in d.request("GET", "/api/v1/strategies").json()["items"]] == ["kept"]
    assert d.request("POST", "/api/v1/strategies", {"name": "new", "kind": "sma"}).status == 201
    done = daemons.run(stratslabd, "check", migrations_dir=os.path.realpath(daemons.MIGRATIONS), **roles)
    assert done.returncode == 0 and "requests are served as stratslab_api, which may neither" in done.stdout, done.stdout + done.stderr
    done = daemons.run(stratslabd, "migrate", "redo", "--yes", migrations_dir=os.path.realpath(daemons.MIGRATIONS), **roles)
    assert done.returncode == 0, done.stderr


# What an owner of bad will puts in the way of whoever makes the stack's roles at the next start.
TRAPS = """
CREATE OR REPLACE FUNCTION public.api_grant(role regrole) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'RESET ROLE';
    EXECUTE 'ALTER ROLE stratslab_owner SUPERUSER';
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql RETURN 'ALTER ROLE stratslab_owner SUPERUSER';
CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE sql RETURN 'SELECT api_grant(''stratslab_api'')'"""


def test_the_stack_s_roles_are_made_and_the_superuser_runs_nothing_of_the_owner_s(stratslabd, cluster, own_database, tmp_path):
    """docker/postgres/roles, as the stack's service of that name runs it at each start."""
    folder = os.path.realpath(os.path.join(DOCS, "..", "docker", "postgres"))
    with open(os.path.join(folder, "roles")) as f:
        script = f.read().replace("/run/stratslab", str(tmp_path)).replace("/stratslab/", folder + "/")
    (tmp_path / "backtesting").mkdir()
    script = script.replace("/run/backtesting-service", str(tmp_path / "backtesting"))
    parts = psycopg.conninfo.conninfo_to_dict(own_database.admin_url)
    where = {"PGHOST": parts["host"], "PGPORT": parts["port"], "PGDATABASE": own_database.name, "PGUSER": parts["user"]}

    def make():
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PATH": f"{cluster.bin}:{os.environ['PATH']}", "PGPASSWORD": "any", **where})
        assert done.returncode == 0 and done.stdout.endswith("roles: as they should be\n"), done.stdout + done.stderr

    def password(role):
        return (tmp_path / f"{role}_password").read_text()

    make()
    service = psycopg.conninfo.make_conninfo(own_database.admin_url, user="backtesting_service",
                                             password=(tmp_path / "backtesting" / "password").read_text())
    roles = {"DATABASE_URL": make_url({**parts, "user": "stratslab_api", "password": password("api")}),
             "MIGRATE_DATABASE_URL": make_url({**parts, "user": "stratslab_owner", "password": password("owner")})}
    run = {"migrations_dir": os.path.realpath(daemons.MIGRATIONS), **roles}
    done = daemons.run(stratslabd, "migrate", "up", **run)
    assert done.returncode == 0, done.stderr
    with own_database.connect() as admin:
        admin.execute("REVOKE SELECT ON strategies FROM stratslab_api")
    make()
    done = daemons.run(stratslabd, "check", **run)
    assert done.returncode == 0 and "it may run all" in done.stdout, done.stdout + done.stderr
    with psycopg.connect(roles["MIGRATE_DATABASE_URL"], autocommit=True) as owner:
        owner.execute(TRAPS)
    make()
    with psycopg.connect(service, autocommit=True) as db:
        assert db.execute("SELECT id FROM backtest_claim('w')").fetchone() is None
    with own_database.connect() as admin:
        assert admin.execute("SELECT rolname FROM pg_roles WHERE rolsuper AND rolname ~ '^(stratslab|backtesting)'").fetchall() == []

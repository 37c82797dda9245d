"""Our own statements beside those of the files: as who we are, bounded, and with words that help."""
import os
import threading

import pytest
from migrations import wait_until

FIRST, SECOND = 20260101000001, 20260101000002
CONCURRENT = {"up_options": "transaction:false"}


@pytest.mark.parametrize(
    "sets",
    [
        "SET ROLE nobody_much;",
        "SET SESSION AUTHORIZATION nobody_much;",
        "SET default_transaction_read_only = on;",
        "SET search_path = pg_catalog;",
    ],
)
def test_what_a_file_sets_does_not_reach_the_journal(project, sets):
    role = f"nobody_{os.getpid()}_{threading.get_ident() % 100000}"
    sets = sets.replace("nobody_much", role)
    project.execute(f"CREATE ROLE {role}")
    try:
        project.write(FIRST, f"{sets}\nSELECT 1;\nSELECT 2;\nSELECT nothing;", **CONCURRENT)
        status, _, err = project.run("up")
        assert status == 65 and "42703" in err and "Statements 1 to 3 of 4 ran" in err, err
        # What it SET still holds behind our own statements.
        project.write(FIRST, f"{sets}\nSELECT 1;\nSELECT 2;\nSELECT current_user::text;", **CONCURRENT)
        project.ok("up")
    finally:
        project.execute(f"DROP ROLE {role}")
    assert project.value("SELECT count(*) FROM schema_migrations_journal") == 0
    assert project.versions() == [str(FIRST)]


def test_a_role_holds_for_the_whole_file(project):
    role = f"maker_{os.getpid()}_{threading.get_ident() % 100000}"
    project.execute(f"CREATE ROLE {role}")
    project.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    project.write(
        FIRST, f"SET ROLE {role};\nCREATE TABLE a ();\nCREATE TABLE b (n integer);\nINSERT INTO b VALUES (1);", **CONCURRENT
    )
    project.ok("up")
    owners = project.query("SELECT tableowner FROM pg_tables WHERE tablename IN ('a', 'b')")
    project.execute("DROP TABLE a, b")
    project.execute(f"REVOKE CREATE ON SCHEMA public FROM {role}")
    project.execute(f"DROP ROLE {role}")
    assert owners == [(role,), (role,)]


@pytest.mark.parametrize("verb", ["up", "status", "plan", "verify"])
def test_a_locked_ledger_is_said_and_ends_with_75(project, verb):
    project.write(FIRST, "CREATE TABLE t ();")
    project.ok("up")
    project.write(SECOND, "CREATE TABLE u ();")
    with project.database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE schema_migrations")
        pid = holder.info.backend_pid
        status, _, err = project.run(verb, STRATSLAB_MIGRATE_LOCK_TIMEOUT="3s")
    assert status == 75, err
    assert f"waits for a lock that process {pid} " in err
    assert "schema_migrations" in err and f"is locked by process {pid} " in err and "waited 3s" in err
    project.ok("up")


def test_a_file_that_waits_for_a_lock_says_for_whose(project):
    project.execute("CREATE TABLE t ()")
    project.write(FIRST, "SELECT 1;\nDROP TABLE t;")
    with project.database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE t")
        pid = holder.info.backend_pid
        master = project.start("up")
        wait_until(lambda: project.sessions("wait_event_type = 'Lock'") == 1, "the migration waits for the lock")
        line = master.stderr.readline()
        while line and "waits for a lock" not in line:
            line = master.stderr.readline()
    assert f"{FIRST}_test.sql:3 waits for a lock that process {pid} " in line
    master.communicate()
    assert master.returncode == 0


def test_rows_of_a_file_are_not_kept(project):
    """600 MB of them. A build with AddressSanitizer holds freed memory back, 256 MB of it."""
    project.write(FIRST, "SELECT repeat('x', 1000000) FROM generate_series(1, 600);")
    master = project.start("up")
    peak = 0
    while master.poll() is None:
        try:
            with open(f"/proc/{master.pid}/status", encoding="ascii") as status:
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        except (FileNotFoundError, ProcessLookupError):
            break
    out, err = master.communicate()
    assert master.returncode == 0, (out, err)
    assert 0 < peak < 450_000


def test_statements_cost_the_same_at_the_end_of_a_long_file(project):
    """2,000 statements that stand behind 8 MB of text: 16 GB to read again for their lines, if each began in front."""
    comment = "-- " + "x" * 1000 + "\n"
    project.write(FIRST, comment * 8000 + "SELECT 1;\n" * 2000 + "SELECT nothing;", **CONCURRENT)
    status, _, err = project.run("up")
    assert status == 65 and f"{FIRST}_test.sql:{2 + 8000 + 2000}:8: 42703" in err


@pytest.mark.parametrize("name", ["20260101000001_x.SQL", "20260101000001_x.Sql", "20260101000001_x.sql "])
def test_a_name_that_is_nearly_one_is_refused(project, name):
    (project.directory / name).write_text("-- migrate:up\n-- migrate:down\n")
    status, _, err = project.run("up")
    assert status == 65 and f"{name}: is not the name of a migration" in err and ".sql in small letters" in err


def test_a_valid_index_is_not_taken_for_one_whose_name_is_longer(project):
    project.execute("CREATE TABLE t (n integer)")
    project.execute("INSERT INTO t VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        project.execute("CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n)")
    project.write(FIRST, "CREATE INDEX CONCURRENTLY t_n_more ON t (n);\nCREATE INDEX CONCURRENTLY ON t (n);", **CONCURRENT)
    project.ok("up")
    assert project.versions() == [str(FIRST)]


def test_another_sessions_build_is_not_taken_for_ours(project):
    """An administrator builds an index, which is invalid for as long as a transaction keeps it waiting."""
    project.execute("CREATE TABLE other (n integer)")
    project.execute("CREATE TABLE t (n integer)")
    with project.database.connect() as old, old.transaction(force_rollback=True):
        old.execute("INSERT INTO other VALUES (1)")
        builder = threading.Thread(target=project.execute, args=("CREATE INDEX CONCURRENTLY other_n ON other (n)",))
        builder.start()
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        wait_until(lambda: project.value(invalid) == 1, "the index is being built")
        project.write(FIRST, "CREATE TABLE u (n integer);\nCREATE INDEX ON u (n);\nREINDEX TABLE u;", **CONCURRENT)
        project.ok("up")
    builder.join()
    assert project.versions() == [str(FIRST)]


def test_what_to_grant_is_said(project):
    name, role = project.value("SELECT current_database()"), f"poor_{os.getpid()}"
    project.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'")
    project.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    project.write(FIRST, "CREATE TABLE t ();")
    try:
        with project.database.connect() as connection:
            info = connection.info
            url = f"postgresql://{role}:poor@{info.host.replace('/', '%2F')}:{info.port}/{name}"
        status, _, err = project.run("up", DATABASE_URL=url)
        assert status == 65 and f"GRANT CREATE ON SCHEMA public TO {role}" in err, err
        project.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
        project.write(SECOND, "CREATE SCHEMA more;")
        status, _, err = project.run("up", DATABASE_URL=url)
        assert status == 65 and f"GRANT CREATE ON DATABASE {name} TO {role}" in err, err
    finally:
        project.execute(f"DROP OWNED BY {role}")
        project.execute(f"DROP ROLE {role}")


def test_an_extension_off_the_search_path_is_named(project):
    project.execute("CREATE SCHEMA ext")
    project.execute("CREATE EXTENSION pg_trgm SCHEMA ext")
    project.write(FIRST, "CREATE TABLE t (n text);\nCREATE INDEX ON t USING gin (n gin_trgm_ops);")
    status, _, err = project.run("up")
    assert status == 65 and "pg_trgm is in the schema ext" in err and "SET search_path = " in err, err


def test_a_database_that_is_not_utf8_is_refused(project):
    name = f"latin_{os.getpid()}"
    project.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    project.write(FIRST, "CREATE TABLE t ();")
    try:
        url = project.environment["DATABASE_URL"].replace(project.value("SELECT current_database()"), name)
        for verb in ("up", "status"):
            status, _, err = project.run(verb, DATABASE_URL=url)
            assert status == 69 and "has the encoding LATIN1" in err and "ENCODING 'UTF8'" in err, err
    finally:
        project.execute(f"DROP DATABASE {name}")

"""migrate up: what is applied, how often, and what a failure leaves."""

import signal

from migrations import DEVELOPMENT, wait_until

FIRST, SECOND, THIRD = 20260101000001, 20260101000002, 20260101000003


def test_applies_in_order_and_records(project):
    project.write(SECOND, "INSERT INTO t VALUES (2);")
    project.write(FIRST, "CREATE TABLE t (n integer);\nINSERT INTO t VALUES (1);", "DROP TABLE t;", name="make_t")
    out = project.ok("up")
    assert "2 migrations applied" in out
    assert project.query("SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    rows = project.query(
        "SELECT version, name, length(checksum), applied_at IS NOT NULL, duration_ms >= 0, app_version, applied_by"
        "  FROM schema_migrations ORDER BY version"
    )
    user = project.value("SELECT session_user")
    assert [row[:5] for row in rows] == [
        (str(FIRST), "make_t", 64, True, True),
        (str(SECOND), "test", 64, True, True),
    ]
    assert all(row[5] and row[6] == user for row in rows)
    assert "nothing to apply" in project.ok("up")


def test_up_to_a_version(project):
    for version in (FIRST, SECOND, THIRD):
        project.write(version, f"CREATE TABLE t{version} ();")
    project.ok("up", "--to", str(SECOND))
    assert project.versions() == [str(FIRST), str(SECOND)]
    status, _, err = project.run("up", "--to=20990101000000")
    assert status == 64 and "20990101000000" in err


def test_dry_run_changes_nothing(project):
    path = project.write(FIRST, "CREATE TABLE t ();")
    assert str(path) in project.ok("up", "--dry-run")
    assert not project.has("t") and not project.has("schema_migrations")


def test_eight_masters_apply_each_file_once(project):
    project.write(FIRST, "CREATE TABLE runs (version bigint);\nSELECT pg_sleep(0.3);")
    for version in range(FIRST, FIRST + 6):
        if version > FIRST:
            project.write(version, f"INSERT INTO runs VALUES ({version});\nSELECT pg_sleep(0.05);")
    masters = [project.start("up") for _ in range(8)]
    outcomes = [(*master.communicate(timeout=60), master.returncode) for master in masters]
    assert [status for _, _, status in outcomes] == [0] * 8, outcomes
    assert project.query("SELECT version, count(*) FROM runs GROUP BY 1 ORDER BY 1") == [
        (version, 1) for version in range(FIRST + 1, FIRST + 6)
    ]
    assert project.versions() == [str(version) for version in range(FIRST, FIRST + 6)]


def test_a_file_that_fails_leaves_nothing(project):
    project.write(FIRST, "CREATE TABLE kept ();")
    path = project.write(SECOND, "CREATE TABLE gone ();\n\nSELECT 'é', nowhere FROM gone;\nCREATE TABLE never ();")
    status, _, err = project.run("up")
    assert status == 65
    assert err.startswith(f"{path}:4:13: 42703: ")
    assert "    SELECT 'é', nowhere FROM gone;\n                ^\n" in err
    assert "migrate up" in err
    assert project.versions() == [str(FIRST)]
    assert project.has("kept") and not project.has("gone") and not project.has("never")
    project.write(SECOND, "CREATE TABLE gone ();")
    project.ok("up")
    assert project.versions() == [str(FIRST), str(SECOND)]


def test_a_deferred_constraint_fails_at_commit(project):
    path = project.write(
        FIRST,
        "CREATE TABLE p (id integer PRIMARY KEY);\n"
        "CREATE TABLE c (p integer REFERENCES p DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO c VALUES (1);",
    )
    status, _, err = project.run("up")
    assert status == 65 and err.startswith(str(path)) and "23503" in err
    assert project.versions() == [] and not project.has("c")


def test_kill_in_the_middle_leaves_nothing(project):
    project.write(FIRST, "CREATE TABLE gone ();\nSELECT pg_sleep(600);")
    master = project.start("up")
    project.wait_until_it_sleeps()
    master.send_signal(signal.SIGKILL)
    master.communicate()
    assert master.returncode == -signal.SIGKILL
    # The server notices by itself that its client is gone, although the statement would go on for minutes.
    wait_until(lambda: project.lock_holders() == [], "the lock is free")
    assert not project.has("gone") and project.versions() == []
    project.write(FIRST, "CREATE TABLE gone ();")
    project.ok("up")
    assert project.has("gone")


def test_own_transaction_control_is_refused_before_anything_runs(project):
    project.write(FIRST, "CREATE TABLE first ();")
    path = project.write(SECOND, "CREATE TABLE second ();\n  COMMIT;")
    status, _, err = project.run("up")
    assert status == 65 and err.startswith(f"{path}:3:3: ")
    assert project.versions() == [] and not project.has("first")


def test_commit_inside_a_do_block_leaves_nothing(project):
    project.write(FIRST, "CREATE TABLE gone ();\nDO $$ BEGIN COMMIT; END $$;")
    status, _, err = project.run("up")
    assert status == 65 and "2D000" in err
    assert not project.has("gone")


def test_copy_from_stdin_is_refused(project):
    path = project.write(FIRST, "CREATE TABLE t (n integer);\nCOPY t FROM stdin;")
    status, _, err = project.run("up")
    assert status == 65 and err.startswith(f"{path}:3:1: COPY")
    assert not project.has("t")


def test_settings_of_one_file_do_not_reach_the_next(project):
    project.write(
        FIRST,
        "SELECT set_config('search_path', '', false);\nCREATE ROLE {0};\nSET ROLE {0};".format(
            "r_" + project.value("SELECT current_database()")
        ),
    )
    project.write(SECOND, "CREATE TABLE t ();\nINSERT INTO public.who SELECT current_user;")
    project.execute("CREATE TABLE who (name text)")
    try:
        project.ok("up")
        assert project.has("public.t")
        assert project.value("SELECT name FROM who") == project.value("SELECT session_user")
    finally:
        project.execute("DROP ROLE IF EXISTS r_" + project.value("SELECT current_database()"))


def test_lock_timeout_of_a_file(project):
    project.execute("CREATE TABLE busy ()")
    project.write(FIRST, "ALTER TABLE busy ADD COLUMN n integer;", up_options="lock_timeout:50ms")
    with project.database.connect() as other, other.transaction():
        other.execute("SELECT FROM busy")
        status, _, err = project.run("up")
    assert status == 65 and "55P03" in err and "lock_timeout" in err
    project.ok("up")


def test_statement_timeout_of_a_file(project):
    project.write(FIRST, "SELECT pg_sleep(20);", up_options="statement_timeout:50ms")
    project.write(SECOND, "SELECT pg_sleep(0.2);")
    status, _, err = project.run("up")
    assert status == 65 and "57014" in err and "statement_timeout" in err


def test_waiting_for_the_lock_ends_with_75(project):
    project.write(FIRST, "CREATE TABLE gone ();\nSELECT pg_sleep(600);")
    holder = project.start("up")
    try:
        project.wait_until_it_sleeps()
        [pid] = project.lock_holders()
        status, _, err = project.run("up", STRATSLAB_MIGRATE_LOCK_TIMEOUT="1500ms")
        assert status == 75
        assert f"process {pid} (stratslabd migrate, " in err
        assert "waiting for the migration lock" in err
    finally:
        holder.kill()
        holder.communicate()


def test_an_applied_file_that_changed(project):
    path = project.write(FIRST, "CREATE TABLE t ();", "DROP TABLE t;")
    project.ok("up")
    # White space at the end, line ends and the down block do not count.
    path.write_bytes(b"-- migrate:up\r\nCREATE TABLE t ();  \r\n\r\n-- migrate:down\r\n\r\n")
    project.ok("up")
    project.write(FIRST, "CREATE TABLE t (n integer);")
    status, _, err = project.run("up")
    assert status == 65 and str(path) in err and "changed" in err and f"stamp {FIRST}" in err
    project.write(SECOND, "CREATE TABLE u ();")
    assert project.run("up")[0] == 65 and not project.has("u")
    status, _, err = project.run("up", **DEVELOPMENT)
    assert status == 0 and "warning: " in err and err.count("changed") == 1
    assert project.has("u")
    project.ok("stamp", str(FIRST))
    project.ok("up")


def test_a_late_file(project):
    project.write(SECOND, "CREATE TABLE second ();")
    project.ok("up")
    path = project.write(FIRST, "CREATE TABLE first ();")
    status, _, err = project.run("up")
    assert status == 65 and str(path) in err and "older than the newest" in err
    project.ok("up", **DEVELOPMENT)
    assert project.versions() == [str(FIRST), str(SECOND)]


def test_a_database_that_is_ahead_is_served(project):
    project.write(FIRST, "CREATE TABLE t ();")
    later = project.write(SECOND, "CREATE TABLE u ();")
    project.ok("up")
    later.unlink()
    out = project.ok("up")
    assert "ahead" in out and str(SECOND) in out
    assert project.has("u") and project.versions() == [str(FIRST), str(SECOND)]


def test_up_to_date_needs_no_right_to_change_anything(project):
    project.write(FIRST, "CREATE TABLE t ();")
    project.ok("up")
    project.ok("up", PGOPTIONS="-c default_transaction_read_only=on")
    project.write(SECOND, "CREATE TABLE u ();")
    assert project.run("up", PGOPTIONS="-c default_transaction_read_only=on")[0] == 65


def test_a_file_that_does_not_parse_stops_everything(project):
    project.write(FIRST, "CREATE TABLE t ();")
    bad = project.directory / f"{SECOND}_bad.sql"
    bad.write_text("SELECT 1;\n-- migrate:up\n-- migrate:down\n")
    status, _, err = project.run("up")
    assert status == 65 and err.startswith(f"{bad}:1:1: ")
    bad.unlink()
    (project.directory / "notes.txt").write_text("not SQL")
    odd = project.directory / "odd.sql"
    odd.write_text("-- migrate:up\n-- migrate:down\n")
    status, _, err = project.run("up")
    assert status == 65 and str(odd) in err
    odd.unlink()
    project.ok("up")

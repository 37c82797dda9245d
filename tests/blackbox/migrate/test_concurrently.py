"""transaction:false files: statement by statement, with a journal."""

import signal

from migrations import wait_until

FIRST, SECOND = 20260101000001, 20260101000002
CONCURRENT = {"up_options": "transaction:false"}


def test_create_index_concurrently_with_a_second_master_waiting(project):
    project.write(FIRST, "CREATE TABLE t (n integer);")
    project.ok("up")
    project.write(SECOND, "CREATE INDEX CONCURRENTLY t_n ON t (n);", **CONCURRENT)
    # A transaction that wrote to the table holds the index up until it ends, so that the second master surely waits.
    with project.database.connect() as writer:
        with writer.transaction():
            writer.execute("INSERT INTO t VALUES (1)")
            first = project.start("up")
            wait_until(
                lambda: project.value(
                    "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"
                )
                == 1,
                "the index is begun",
            )
            second = project.start("up")
            wait_until(
                lambda: project.sessions("query LIKE '%pg_try_advisory_lock%'") == 1,
                "the second master waits",
            )
        outcomes = [(*master.communicate(timeout=60), master.returncode) for master in (first, second)]
    assert [status for _, _, status in outcomes] == [0, 0], outcomes
    assert project.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_n'::regclass")
    assert project.versions() == [str(FIRST), str(SECOND)]
    assert sum("1 migration applied" in out for out, _, _ in outcomes) == 1


def test_a_run_that_broke_off_goes_on_behind_what_ran(project):
    project.write(
        FIRST,
        "SET search_path = other;\nCREATE TABLE log (n integer);\nINSERT INTO log VALUES (1);\nSELECT nothing;\n"
        "INSERT INTO log VALUES (2);",
        **CONCURRENT,
    )
    project.execute("CREATE SCHEMA other")
    status, _, err = project.run("up")
    assert status == 65 and ":5:8: 42703" in err
    assert "Statements 1 to 3 of 5 ran and stay" in err
    assert project.versions() == []
    assert "stopped after statement 3" in project.ok("status")
    project.write(
        FIRST,
        "SET search_path = other;\nCREATE TABLE log (n integer);\nINSERT INTO log VALUES (1);\nSELECT 1;\n"
        "INSERT INTO log VALUES (2);",
        **CONCURRENT,
    )
    out = project.ok("up")
    assert "3 of its 5 statements ran before" in out
    assert project.query("SELECT n FROM other.log ORDER BY n") == [(1,), (2,)]
    assert project.versions() == [str(FIRST)]
    assert project.value("SELECT count(*) FROM schema_migrations_journal") == 0


def test_statements_that_ran_may_not_change(project):
    project.write(FIRST, "CREATE TABLE t ();\nSELECT nothing;", **CONCURRENT)
    assert project.run("up")[0] == 65
    project.write(FIRST, "CREATE TABLE u ();\nSELECT 1;", **CONCURRENT)
    status, _, err = project.run("up")
    assert status == 65 and "its statement 1 ran at " in err
    assert not project.has("u")


def test_an_invalid_index_is_named_and_not_taken_for_a_good_one(project):
    project.write(FIRST, "CREATE TABLE t (n integer);\nINSERT INTO t VALUES (1), (1);")
    project.ok("up")
    project.write(SECOND, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_n ON t (n);", **CONCURRENT)
    status, _, err = project.run("up")
    assert status == 65 and "23505" in err and "DROP INDEX CONCURRENTLY public.t_n" in err
    project.execute("DELETE FROM t")
    # IF NOT EXISTS passes over the invalid one without a word.
    status, _, err = project.run("up")
    assert status == 65 and "the index is invalid" in err and "DROP INDEX CONCURRENTLY public.t_n" in err
    assert project.versions() == [str(FIRST)]
    project.execute("DROP INDEX CONCURRENTLY t_n")
    project.ok("up")
    assert project.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_n'::regclass")
    assert project.versions() == [str(FIRST), str(SECOND)]


def test_kill_in_the_middle_is_told_by_the_next_run(project):
    project.write(FIRST, "INSERT INTO log VALUES (1);\nSELECT pg_sleep(seconds) FROM pause;", **CONCURRENT)
    project.execute("CREATE TABLE log (n integer)")
    project.execute("CREATE TABLE pause (seconds integer)")
    project.execute("INSERT INTO pause VALUES (600)")
    master = project.start("up")
    project.wait_until_it_sleeps()
    master.send_signal(signal.SIGKILL)
    master.communicate()
    project.execute("UPDATE pause SET seconds = 0")
    status, _, err = project.run("up")
    assert status == 0 and "statement 2 was begun at " in err
    assert project.query("SELECT n FROM log") == [(1,)]


def test_its_own_transactions_are_whole(project):
    project.write(
        FIRST,
        "CREATE TABLE t (n integer);\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
        "BEGIN;\nINSERT INTO t VALUES (2);\nSELECT nothing;\nCOMMIT;",
        **CONCURRENT,
    )
    status, _, err = project.run("up")
    assert status == 65 and "Statements 1 to 4 of 8 ran and stay" in err
    assert project.query("SELECT n FROM t") == [(1,)]
    project.write(
        FIRST,
        "CREATE TABLE t (n integer);\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
        "BEGIN;\nINSERT INTO t VALUES (2);\nSELECT 1;\nCOMMIT;",
        **CONCURRENT,
    )
    project.ok("up")
    assert project.query("SELECT n FROM t ORDER BY n") == [(1,), (2,)]


def test_a_transaction_left_open_is_not_applied(project):
    project.write(FIRST, "BEGIN;\nCREATE TABLE t ();", **CONCURRENT)
    status, _, err = project.run("up")
    assert status == 65 and "ends inside a transaction" in err
    assert not project.has("t") and project.versions() == []


def test_bodies_are_not_split(project):
    project.write(
        FIRST,
        "CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END $f$;\n"
        "CREATE FUNCTION g(a integer) RETURNS integer BEGIN ATOMIC SELECT 1; SELECT CASE a WHEN 1 THEN 2 END; END;\n"
        "CREATE TABLE t (n integer); -- ; not here\n"
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        **CONCURRENT,
    )
    project.ok("up")
    assert project.query("SELECT f(), g(1)") == [(1, 2)]

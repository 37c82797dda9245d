"""The rehearsal (plan, check, reload) refuses nothing that up applies, and holds locks for a bounded time."""
import json

import pytest

FIRST, SECOND, THIRD = 20260101000001, 20260101000002, 20260101000003

# Pairs of files that work one after the other, each in a transaction of its own.
WORKS = {
    "temporary tables of one name": (
        "CREATE TEMP TABLE kept (n integer);\nINSERT INTO kept VALUES (1);",
        "CREATE TEMP TABLE kept (n integer);\nCREATE TABLE done ();",
    ),
    "cursors and prepared statements of one name": (
        "DECLARE c CURSOR FOR SELECT 1;\nPREPARE p AS SELECT 1;",
        "DECLARE c CURSOR FOR SELECT 2;\nPREPARE p AS SELECT 2;\nCREATE TABLE done ();",
    ),
    "an open cursor on a table that the next alters": (
        "CREATE TABLE t (n integer);\nINSERT INTO t VALUES (1);\nDECLARE c CURSOR FOR SELECT n FROM t;\nFETCH c;",
        "ALTER TABLE t ALTER COLUMN n TYPE text;\nCREATE TABLE done ();",
    ),
    "deferred events on a table that the next alters": (
        "CREATE TABLE a (id integer PRIMARY KEY);\n"
        "CREATE TABLE b (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO b VALUES (1);\nINSERT INTO a VALUES (1);",
        "ALTER TABLE b ADD COLUMN note text;\nCREATE TABLE done ();",
    ),
    "a constraint of the next that begins deferred": (
        "CREATE TABLE a (id integer PRIMARY KEY);\n"
        "CREATE TABLE b (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);",
        "INSERT INTO b VALUES (1);\nINSERT INTO a VALUES (1);\n"
        "CREATE TABLE c (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO c VALUES (2);\nINSERT INTO a VALUES (2);\nCREATE TABLE done ();",
    ),
    "a search path, a role and a time-out": (
        "CREATE SCHEMA other;\nSET search_path = other;\nCREATE ROLE nobody_much;\nSET ROLE nobody_much;\n"
        "SET statement_timeout = '1ms';",
        "CREATE TABLE done ();\nSELECT pg_sleep(0.01);\nDROP ROLE nobody_much;",
    ),
}


@pytest.mark.parametrize("name", WORKS)
def test_what_up_applies_is_rehearsed(project, name):
    for version, sql in zip((FIRST, SECOND), WORKS[name], strict=True):
        project.write(version, sql)
    plan = json.loads(project.ok("plan", "--json"))
    assert [step["rehearsed"] for step in plan["steps"]] == [True, True], plan
    assert not project.has("public.done")
    project.ok("up")
    assert project.has("public.done")


def test_redo_forgets_what_down_set(project):
    project.execute("CREATE SCHEMA other")
    project.write(
        FIRST,
        "CREATE TABLE t ();\nSELECT pg_sleep(0.01);",
        down="DROP TABLE t;\nCREATE TEMP TABLE t ();\nSET search_path = other;\nSET statement_timeout = '1ms';",
    )
    project.ok("up")
    project.ok("redo", "--yes")
    assert project.has("public.t") and not project.has("other.t")


def test_what_only_a_commit_cures_stops_nothing(project):
    project.execute("CREATE TYPE mood AS ENUM ('sad')")
    project.write(FIRST, "ALTER TYPE mood ADD VALUE 'glad';")
    project.write(SECOND, "CREATE TABLE t (m mood DEFAULT 'glad');")
    project.write(THIRD, "CREATE TABLE u ();")
    plan = json.loads(project.ok("plan", "--json"))["steps"]
    assert [step["rehearsed"] for step in plan] == [True, False, False]
    assert "a value of an enum that a file before it adds" in plan[1]["reason"]
    assert f"it comes after {SECOND}" in plan[2]["reason"]
    project.ok("up")
    assert project.has("u")


def test_an_enum_value_that_its_own_file_uses_is_refused_by_both(project):
    project.execute("CREATE TYPE mood AS ENUM ('sad')")
    project.write(FIRST, "ALTER TYPE mood ADD VALUE 'glad';\nCREATE TABLE t (m mood DEFAULT 'glad');")
    for verb in ("plan", "up"):
        status, _, err = project.run(verb)
        assert status == 65 and "55P04" in err, verb


def test_a_deferred_constraint_that_fails_is_refused_by_both(project):
    project.execute("CREATE TABLE a (id integer PRIMARY KEY)")
    project.execute("CREATE TABLE b (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    project.write(FIRST, "INSERT INTO b VALUES (1);")
    for verb in ("plan", "up"):
        status, _, err = project.run(verb)
        assert status == 65 and "at its COMMIT" in err and "23503" in err, verb


def test_a_rehearsal_ends_after_its_time(project):
    project.write(FIRST, "CREATE TABLE t ();\nSELECT pg_sleep(600);")
    plan = json.loads(project.ok("plan", "--json", STRATSLAB_MIGRATE_REHEARSAL="200ms"))["steps"]
    assert not plan[0]["rehearsed"] and "longer than 200ms" in plan[0]["reason"]
    assert project.sessions("wait_event = 'PgSleep'") == 0


def test_a_rehearsal_waits_for_a_lock_no_longer_than_its_time(project):
    project.execute("CREATE TABLE t (n integer)")
    project.write(FIRST, "ALTER TABLE t ADD COLUMN m integer;")
    with project.database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("SELECT n FROM t")
        plan = json.loads(project.ok("plan", "--json", STRATSLAB_MIGRATE_REHEARSAL="200ms"))["steps"]
        pid = holder.info.backend_pid
    assert not plan[0]["rehearsed"] and f"held by process {pid}" in plan[0]["reason"]


def test_no_rehearsal_is_a_setting(project):
    project.write(FIRST, "SELECT nothing;")
    plan = json.loads(project.ok("plan", "--json", STRATSLAB_MIGRATE_REHEARSAL="0"))["steps"]
    assert not plan[0]["rehearsed"] and "STRATSLAB_MIGRATE_REHEARSAL is 0" in plan[0]["reason"]

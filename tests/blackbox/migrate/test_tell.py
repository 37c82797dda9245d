"""status, current, history, plan, verify, wait, new, and how the command line is refused."""

import json
import re

import pytest
from migrations import DEVELOPMENT

FIRST, SECOND, THIRD = 20260101000001, 20260101000002, 20260101000003
VERBS = "up down redo status current history plan new stamp verify wait".split()


def test_status_current_history(project):
    assert project.ok("current") == "none\n"
    assert json.loads(project.ok("current", "--json")) == {"current": None, "pending": 0}
    project.write(FIRST, "CREATE TABLE t ();", name="one")
    project.ok("up")
    project.write(SECOND, "CREATE TABLE u ();", name="two")
    assert project.ok("current") == f"{FIRST}\n"
    lines = project.ok("status").splitlines()
    assert re.match(rf"{FIRST}  one   applied  \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \d+ ms$", lines[1])
    assert re.match(rf"{SECOND}  two   pending  -\s+-$", lines[2])
    assert lines[3] == f"1 applied, 1 pending; current: {FIRST}"
    document = json.loads(project.ok("status", "--json"))
    assert document["current"] == str(FIRST) and document["pending"] == 1 and document["ok"] is False
    assert [entry["state"] for entry in document["migrations"]] == ["applied", "pending"]
    history = json.loads(project.ok("history", "--json"))["history"]
    assert [entry["version"] for entry in history] == [str(FIRST)]
    assert str(FIRST) in project.ok("history")


def test_reading_makes_no_ledger(project):
    project.write(FIRST, "CREATE TABLE t ();")
    for verb in ("status", "current", "history", "verify"):
        project.ok(verb)
    assert not project.has("schema_migrations")


def test_plan_rehearses_and_rolls_back(project):
    project.execute("CREATE TABLE old (n integer)")
    project.write(FIRST, "ALTER TABLE old ADD COLUMN m integer;\nCREATE TABLE t ();\nSET ROLE pg_monitor;")
    project.write(SECOND, "CREATE TABLE u (LIKE t);")
    project.write(THIRD, "CREATE INDEX CONCURRENTLY i ON old (n);", up_options="transaction:false")
    project.write(THIRD + 1, "CREATE TABLE v ();")
    out = project.ok("plan")
    assert "AccessExclusiveLock on public.old" in out and "rolled back" in out
    steps = json.loads(project.ok("plan", "--json"))["steps"]
    assert [step["rehearsed"] for step in steps] == [True, True, False, False]
    assert {"relation": "public.old", "mode": "AccessExclusiveLock"} in steps[0]["locks"]
    assert steps[1]["locks"] == []
    assert steps[2]["reason"] == "transaction:false" and str(THIRD) in steps[3]["reason"]
    assert not project.has("t") and not project.has("schema_migrations")


def test_plan_tells_what_would_fail(project):
    path = project.write(FIRST, "CREATE TABLE t ();\nSELECT nothing;")
    status, _, err = project.run("plan")
    assert status == 65 and err.startswith(f"{path}:3:8: 42703") and "rehearsal" in err
    assert not project.has("t")


def test_verify(project):
    project.write(FIRST, "CREATE TABLE t ();")
    assert project.ok("verify").startswith("ok: ")
    project.ok("up")
    path = project.write(FIRST, "CREATE TABLE t (n integer);")
    for settings in ({}, DEVELOPMENT):
        status, out, _ = project.run("verify", **settings)
        assert status == 65 and f"{path}: was changed" in out
    status, out, _ = project.run("verify", "--json")
    assert status == 65 and json.loads(out)["migrations"][0]["state"] == "changed"


def test_wait(project):
    project.write(FIRST, "CREATE TABLE t ();")
    status, _, err = project.run("wait", "--timeout", "500ms")
    assert status == 75 and "1 migration of this build is still pending" in err
    waiting = project.start("wait", "--timeout", "30s")
    assert "waiting for 1 migration" in waiting.stderr.readline()
    project.ok("up")
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, (out, err)


def test_new(project):
    path = project.ok("new", "add_things").strip()
    assert re.match(rf"{re.escape(str(project.directory))}/\d{{14}}_add_things\.sql$", path)
    second = project.ok("new", "add_things").strip()
    assert second > path
    project.ok("up")
    assert len(project.versions()) == 2
    future = project.write(29990101000059, "SELECT 1;")
    assert project.ok("new", "later").strip() == str(project.directory / "29990101000100_later.sql")
    assert future.exists()
    for bad in ("", "Two", "a b", "../x", "a-b"):
        assert project.run("new", bad)[0] == 64


def test_usage(project):
    assert project.run()[0] == 64
    assert project.run("sideways")[0] == 64
    for arguments in (("up", "--nonsense"), ("up", "more"), ("up", "--to"), ("status", "--yes"), ("up", "--dry-run=1")):
        status, out, err = project.run(*arguments)
        assert status == 64 and f"See stratslabd migrate {arguments[0]} --help" in err and out == ""
    for arguments in (("--help",), *((verb, "--help") for verb in VERBS)):
        assert project.ok(*arguments).startswith("Usage: stratslabd migrate ")


def test_no_directory(project):
    status, _, err = project.run("up", STRATSLAB_MIGRATIONS_DIR="/nowhere/at/all")
    assert status == 78 and "/nowhere/at/all" in err


@pytest.mark.parametrize("verb", ["up", "status"])
def test_a_database_that_is_missing_is_said_at_once(project, verb):
    status, _, err = project.run(verb, DATABASE_URL=project.database.url + "_missing")
    assert status == 69 and "3D000" in err and "keeps its first password" in err
    assert "waiting" not in err


def test_a_role_that_may_not_connect_is_said_at_once(project):
    url = re.sub(r"//[^/@]*@", "//nobody_here:hunter2@", project.database.url)
    assert "nobody_here" in url
    status, _, err = project.run("up", DATABASE_URL=url)
    assert status == 69 and "keeps its first password" in err and "hunter2" not in err
    assert "waiting" not in err


def test_a_database_that_is_away_is_waited_for(project):
    url = "postgresql://someone:hunter2@127.0.0.1:1/db"
    project.write(FIRST, "SELECT 1;")
    status, _, err = project.run("up", DATABASE_URL=url, STRATSLAB_DATABASE_BOOT_TIMEOUT="1s")
    assert status == 69 and "waiting for the database" in err and "out of reach" in err
    assert "hunter2" not in err
    status, _, err = project.run("status", DATABASE_URL=url)
    assert status == 69 and "waiting" not in err

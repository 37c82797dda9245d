"""migrate down, redo and stamp."""

from migrations import DEVELOPMENT

FIRST, SECOND, THIRD = 20260101000001, 20260101000002, 20260101000003


def three(project):
    for version in (FIRST, SECOND, THIRD):
        project.write(version, f"CREATE TABLE t{version} ();", f"DROP TABLE t{version};")
    project.ok("up")


def test_down_undoes_the_newest(project):
    three(project)
    project.ok("down", "--yes")
    assert project.versions() == [str(FIRST), str(SECOND)]
    project.ok("down", "--steps", "2", "--yes")
    assert project.versions() == []
    assert not project.has(f"t{FIRST}")
    assert "nothing to undo" in project.ok("down", "--yes")


def test_down_asks_first(project):
    three(project)
    for settings in ({}, DEVELOPMENT):
        status, _, err = project.run("down", **settings)
        assert status == 64 and "--yes" in err
    assert project.run("down", "--steps", "0", "--yes")[0] == 64
    assert len(project.versions()) == 3


def test_what_cannot_be_undone_is_refused_before_anything_is(project):
    project.write(FIRST, "CREATE TABLE a ();", "DROP TABLE a;", up_options="irreversible:true")
    project.write(SECOND, "CREATE TABLE b ();", "-- nothing here")
    project.write(THIRD, "CREATE TABLE c ();", "DROP TABLE c;")
    project.ok("up")
    status, _, err = project.run("down", "--steps", "2", "--yes")
    assert status == 65 and "empty" in err
    assert len(project.versions()) == 3
    project.ok("down", "--yes")
    project.execute("DELETE FROM schema_migrations WHERE version = %s", str(SECOND))
    status, _, err = project.run("down", "--yes")
    assert status == 65 and "irreversible" in err
    project.execute("INSERT INTO schema_migrations (version) VALUES ('29990101000000')")
    status, _, err = project.run("down", "--yes")
    assert status == 65 and "29990101000000" in err


def test_a_down_that_fails_leaves_everything(project):
    project.write(FIRST, "CREATE TABLE t ();", "DROP TABLE t;\nDROP TABLE nowhere;")
    project.ok("up")
    status, _, err = project.run("down", "--yes")
    assert status == 65 and ":5:1: 42P01" in err
    assert project.has("t") and project.versions() == [str(FIRST)]


def test_redo_is_one_transaction(project):
    three(project)
    project.execute(f"ALTER TABLE t{THIRD} ADD COLUMN n integer")
    assert project.run("redo")[0] == 64
    project.ok("redo", **DEVELOPMENT)
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = %s"
    assert project.value(columns, f"t{THIRD}") == 0
    project.write(THIRD, "SELECT nothing;", f"DROP TABLE t{THIRD};")
    assert project.run("redo", "--yes")[0] == 65
    assert project.has(f"t{THIRD}") and str(THIRD) in project.versions()
    project.write(THIRD, "CREATE TABLE other ();", f"DROP TABLE t{THIRD};")
    project.ok("redo", "--yes")
    assert project.has("other") and not project.has(f"t{THIRD}")
    project.ok("verify")


def test_down_of_a_file_without_a_transaction(project):
    project.write(
        FIRST,
        "CREATE TABLE t (n integer);\nCREATE INDEX t_n ON t (n);",
        "DROP INDEX CONCURRENTLY t_n;\nDROP TABLE t;",
        down_options="transaction:false",
    )
    project.ok("up")
    project.ok("down", "--yes")
    assert not project.has("t") and project.versions() == []


def test_stamp_records_without_running(project):
    for version in (FIRST, SECOND, THIRD):
        project.write(version, f"CREATE TABLE t{version} ();")
    project.ok("stamp", str(SECOND))
    assert project.versions() == [str(FIRST), str(SECOND)]
    assert not project.has(f"t{FIRST}")
    project.ok("up")
    assert project.has(f"t{THIRD}")
    assert project.run("stamp", "20990101000000")[0] == 64
    assert project.run("stamp")[0] == 64

"""Side by side with dbmate: its table is taken over, and dbmate can still write to it."""

FIRST, SECOND, THIRD = 20260101000001, 20260101000002, 20260101000003


def test_its_table_is_taken_over(project):
    project.write(FIRST, "CREATE TABLE t ();")
    project.execute("CREATE TABLE t ()")
    project.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
    project.execute("INSERT INTO schema_migrations (version) VALUES (%s)", str(FIRST))
    assert "unchecked" in project.ok("status")
    assert "nothing to apply" in project.ok("up")
    project.ok("verify")
    project.write(SECOND, "CREATE TABLE u ();")
    project.ok("up")
    assert project.query("SELECT version, checksum IS NULL, applied_at IS NULL FROM schema_migrations ORDER BY 1") == [
        (str(FIRST), True, True),
        (str(SECOND), False, False),
    ]


def test_it_can_still_insert_a_version_only(project):
    project.write(FIRST, "CREATE TABLE t ();")
    project.ok("up")
    project.write(SECOND, "CREATE TABLE u ();")
    project.execute("INSERT INTO schema_migrations (version) VALUES (%s)", str(SECOND))
    assert "nothing to apply" in project.ok("up")
    assert not project.has("u")
    project.ok("stamp", str(SECOND))
    assert "unchecked" not in project.ok("status")


def test_the_ledger_stays_in_its_schema(project):
    user = project.value("SELECT session_user")
    project.write(FIRST, f'CREATE SCHEMA "{user}";\nCREATE TABLE t ();')
    project.write(SECOND, "CREATE TABLE u ();")
    project.ok("up")
    project.write(THIRD, "CREATE TABLE v ();")
    project.ok("up")
    schemas = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'schema_migrations'"
    assert project.query(schemas) == [("public",)]
    assert len(project.versions()) == 3


def test_another_tools_table_is_left_alone(project):
    project.write(FIRST, "CREATE TABLE t ();")
    project.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    status, _, err = project.run("up")
    assert status == 65 and "another tool" in err
    assert not project.has("t")

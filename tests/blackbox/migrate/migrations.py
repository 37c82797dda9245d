"""What the tests of `stratslabd migrate` share: a directory of migrations, and the program run on it."""

import os
import subprocess
import time

import pytest

DEADLINE_S = 30


def wait_until(condition, what):
    """Polls, because nothing tells us when another process has come so far."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"not within {DEADLINE_S} s: {what}")


class Project:
    """A database, a directory of migrations, and the environment that names both."""

    def __init__(self, database, directory):
        self.database = database
        self.directory = directory
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database.url,
            "STRATSLAB_MIGRATIONS_DIR": str(directory),
            "STRATSLAB_ENVIRONMENT": "production",
            "STRATSLAB_DATABASE_BOOT_TIMEOUT": "20s",
            "STRATSLAB_MIGRATE_LOCK_TIMEOUT": "30s",
        }

    def write(self, version, up, down="", name="test", up_options="", down_options=""):
        version = str(version)
        path = self.directory / f"{version}_{name}.sql"
        path.write_text(f"-- migrate:up {up_options}\n{up}\n-- migrate:down {down_options}\n{down}\n")
        return path

    def start(self, *arguments, **settings):
        return subprocess.Popen(
            [os.environ["STRATSLABD"], "migrate", *arguments],
            env=self.environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **settings):
        """Returns (exit status, standard output, standard error)."""
        process = self.start(*arguments, **settings)
        try:
            out, err = process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"migrate {arguments} hangs: {process.communicate()}")
        return process.returncode, out, err

    def ok(self, *arguments, **settings):
        status, out, err = self.run(*arguments, **settings)
        assert status == 0, (out, err)
        return out

    def query(self, sql, *parameters):
        with self.database.connect() as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def execute(self, sql, *parameters):
        with self.database.connect() as connection:
            connection.execute(sql, parameters or None)

    def value(self, sql, *parameters):
        return self.query(sql, *parameters)[0][0]

    def sessions(self, condition):
        """How many sessions of this test's database are so; the cluster is shared with other tests."""
        return self.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            f" AND {condition}"
        )

    def wait_until_it_sleeps(self):
        wait_until(lambda: self.sessions("wait_event = 'PgSleep'") == 1, "the migration runs into its pg_sleep")

    def lock_holders(self):
        return [
            row[0]
            for row in self.query(
                "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )
        ]

    def versions(self):
        if self.value("SELECT to_regclass('schema_migrations')") is None:
            return []
        return [row[0] for row in self.query("SELECT version FROM schema_migrations ORDER BY version")]

    def has(self, relation):
        return self.value("SELECT to_regclass(%s) IS NOT NULL", relation)


DEVELOPMENT = {"STRATSLAB_ENVIRONMENT": "development"}

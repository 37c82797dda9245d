"""Fixtures of the black-box tests. They need the two variables that `make check` sets: STRATSLABD, the program under
test, and STRATSLAB_TEST_DATABASE_URL, a superuser's address of a PostgreSQL cluster (tests/with-postgres)."""
import os

import pytest
from support import daemon as daemons
from support import docs_ui
from support.cluster import Cluster
from support.database import Database


def required(name, hint):
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set: {hint}", pytrace=False)
    return value


@pytest.fixture(scope="session")
def stratslabd():
    """The path of the program under test."""
    program = required("STRATSLABD", "run `make check`, or set it to the path of the program")
    if not os.access(program, os.X_OK):
        pytest.fail(f"STRATSLABD={program} is not a program that can be run", pytrace=False)
    return os.path.abspath(program)


@pytest.fixture(scope="session")
def backtestd():
    """The path of the program under test: that of BACKTESTD, else the one that lies beside STRATSLABD."""
    program = os.environ.get("BACKTESTD")
    if not program and os.environ.get("STRATSLABD"):
        program = os.path.join(os.path.dirname(os.path.abspath(os.environ["STRATSLABD"])), "backtestd")
    if not program or not os.access(program, os.X_OK):
        pytest.fail(f"{program or 'BACKTESTD'} is not a program that can be run: build it, or set BACKTESTD", pytrace=False)
    return os.path.abspath(program)


@pytest.fixture(scope="session")
def docs_dir(stratslabd):
    """The folder of Swagger UI's files."""
    return docs_ui.folder(stratslabd) or docs_ui.cannot_run("this build has no Swagger UI: configure found no npm")


@pytest.fixture
def database():
    """A fresh database of a fresh role: .url for the daemon, .connect() for the test (superuser), .role, .name."""
    fresh = Database(required("STRATSLAB_TEST_DATABASE_URL", "run the tests inside tests/with-postgres"))
    fresh.create()
    yield fresh
    fresh.drop()


@pytest.fixture
def cluster():
    """A PostgreSQL cluster of the test's own, which it may stop() and start() (the port stays), with .url()."""
    with Cluster() as own:
        yield own


@pytest.fixture
def own_database(cluster):
    """As `database`, in the test's own cluster."""
    fresh = Database(cluster.url())
    fresh.create()
    return fresh


@pytest.fixture
def kind(request):
    """Which daemon a test is about: stratslabd, unless it says @BOTH (support/kinds.py)."""
    return getattr(request, "param", daemons.Daemon)


@pytest.fixture
def program(kind, stratslabd, backtestd):
    """The path of that daemon's program."""
    return {"stratslabd": stratslabd, "backtestd": backtestd}[kind.name]


@pytest.fixture
def start_daemon(request, kind, program, stratslabd, tmp_path):
    """daemon() without a database of its own: the test passes DATABASE_URL=, or none."""
    for name in {"database", "cluster"} & set(request.fixturenames):
        request.getfixturevalue(name)  # it goes after the daemons, which end what they have begun there
    started, own = [], program

    def start(*arguments, wait=True, expect_exit=0, program=None, **settings):
        if kind is daemons.Backtestd and wait and "DATABASE_URL" in settings:  # it does not migrate
            daemons.migrate(stratslabd, settings.get("MIGRATE_DATABASE_URL", settings["DATABASE_URL"]))
        one = kind(program or own, arguments or ("serve",), settings, str(tmp_path))
        one.expect_exit = expect_exit
        started.append(one)
        one.start(wait)
        return one

    yield start
    daemons.finish(started)


@pytest.fixture
def database_settings(database):
    """What `daemon` and `command` are told of the database: one role that owns everything. The tests of the API have another."""
    return {"DATABASE_URL": database.url}


@pytest.fixture
def daemon(start_daemon, database_settings):
    """daemon(workers=4, DATABASE_URL=…): starts one on `database` and waits until it is ready (wait=False: does not).
    At the end each is stopped, and must end with `expect_exit` (0), leave no process behind, and report nothing."""
    def start(*arguments, **options):
        return start_daemon(*arguments, **{**database_settings, **options})

    return start


@pytest.fixture
def command(stratslabd, database_settings):
    """command("migrate", "status", "--json", workers=4): runs a subcommand on `database` to its end."""
    def run(*arguments, **options):
        migrations = os.path.realpath(daemons.MIGRATIONS)
        settings = {**database_settings, "migrations_dir": migrations, "environment": "development", **options}
        return daemons.run(stratslabd, *arguments, **settings)

    return run

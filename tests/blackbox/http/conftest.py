import os

import pytest
from quiet import Quiet
from support import daemon as daemons
from support.database import Database


@pytest.fixture
def database_settings(database, kind):
    if kind is daemons.Backtestd:
        return {"DATABASE_URL": database.url}
    return database.settings()  # nothing is warned of


@pytest.fixture(scope="module")
def shared(stratslabd, tmp_path_factory):
    """One daemon for a module's tests, none of which may hurt it."""
    database = Database(os.environ["STRATSLAB_TEST_DATABASE_URL"])
    database.create()
    daemon = daemons.Daemon(stratslabd, ("serve",), {**database.settings(), "workers": 2},
                            str(tmp_path_factory.mktemp("shared")))
    try:
        daemon.start()
        yield daemon
        daemon.finish()
    finally:
        if daemon.process is not None:
            daemon.kill()
        database.drop()


@pytest.fixture(scope="module")
def watched(shared):
    return Quiet(shared)


@pytest.fixture
def port(shared, watched):
    """The port of the shared daemon; afterwards it is looked at."""
    yield shared.port
    watched.check()

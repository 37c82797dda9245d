import shutil

import pytest
from support.daemon import MIGRATIONS
from support.executables import Executable


@pytest.fixture
def executable(program, tmp_path):
    return Executable(program, str(tmp_path))


@pytest.fixture
def migrations(tmp_path):
    """The daemon's own copy of the migrations."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("*.am"))
    return folder


@pytest.fixture
def replaceable(start_daemon, database, executable, migrations):
    """A daemon of which the executable, the migrations and the settings file can be changed under it."""
    def start(**settings):
        config = migrations.parent / "stratslabd.conf"
        config.touch()
        return start_daemon("serve", program=executable.path, **{
            "DATABASE_URL": database.url, "migrations_dir": str(migrations), "config": str(config), "reload_timeout": "20s",
            **settings})

    return start

"""The tests of `stratslabd migrate` work on a directory of migrations of their own."""
from types import SimpleNamespace

import pytest
from migrations import Project


@pytest.fixture
def project(database, tmp_path):
    directory = tmp_path / "migrations"
    directory.mkdir()
    # As the superuser, who may do all that the tests' migrations do; the daemon's tests migrate as an ordinary role.
    return Project(SimpleNamespace(url=database.admin_url, connect=database.connect), directory)

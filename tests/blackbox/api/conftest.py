"""The API is tested as it is installed: migrations run as the tables' owner, requests are served as a role that owns nothing."""
import pytest


@pytest.fixture
def database_settings(database):
    return database.settings()

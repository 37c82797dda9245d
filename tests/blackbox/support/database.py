"""A fresh database for one test, owned by a fresh, ordinary role, with another that serves requests."""
import copy
import secrets
import urllib.parse

import psycopg
from psycopg import conninfo, sql


def make_url(parameters):
    """The URL of libpq connection parameters."""
    parts = dict(parameters)
    user, password = parts.pop("user", ""), parts.pop("password", None)
    name, host, port = parts.pop("dbname", ""), parts.pop("host", ""), parts.pop("port", None)
    if host.startswith("/"):  # a unix socket's folder goes into the query
        parts["host"], host = host, ""
    who = urllib.parse.quote(user, safe="")
    if password is not None:
        who += ":" + urllib.parse.quote(password, safe="")
    where = host + (f":{port}" if port else "")
    query = urllib.parse.urlencode(parts)
    return f"postgresql://{who}@{where}/{urllib.parse.quote(name, safe='')}" + (f"?{query}" if query else "")


# As the migration makes it if it may. The cluster is every test's.
GROUP = """
DO $$
BEGIN
    CREATE ROLE stratslab_api NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$"""


def make_durable(server):
    """What is confirmed outlives a crash of the server from here on; the tests' clusters are faster than that. `server` is a session."""
    server.execute("ALTER SYSTEM SET synchronous_commit = on")
    server.execute("SELECT pg_reload_conf()")


class Database:
    """`url` is for the daemon, as the owner; `api_url` as a role that may do what the API does, and no more; `connect()` is for
    the test, as the superuser."""

    def __init__(self, admin_url):
        self.name = self.role = f"t_{secrets.token_hex(6)}"
        self.api_role = f"{self.role}_api"
        self.password, self.api_password = secrets.token_hex(12), secrets.token_hex(12)
        self._set_server(admin_url)

    def at(self, admin_url):
        """The same database as it is on another server, which has it from a backup or by replication."""
        other = copy.copy(self)
        other._set_server(admin_url)
        return other

    def _set_server(self, admin_url):
        self._admin = conninfo.conninfo_to_dict(admin_url)
        own = {**self._admin, "dbname": self.name}
        self.admin_url = make_url(own)
        self.url = make_url({**own, "user": self.role, "password": self.password})
        self.api_url = make_url({**own, "user": self.api_role, "password": self.api_password})

    def create(self):
        self._execute("CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}")
        self._execute("CREATE DATABASE {name} OWNER {role}")
        self._execute(GROUP)
        self._execute("CREATE ROLE {api_role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {api_password} IN ROLE stratslab_api")

    def settings(self):
        """Of a stratslabd that migrates as the owner and serves as the other role."""
        return {"DATABASE_URL": self.api_url, "MIGRATE_DATABASE_URL": self.url}

    def drop(self):
        self._execute("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._execute("DROP ROLE IF EXISTS {role}")
        self._execute("DROP ROLE IF EXISTS {api_role}")

    def connect(self, **parameters):
        """An autocommitting connection as the superuser; parameters override, for example user=database.role."""
        return psycopg.connect(**{**self._admin, "dbname": self.name, **parameters}, autocommit=True)

    def _execute(self, statement):
        with psycopg.connect(**self._admin, autocommit=True) as admin:
            names = {"name": self.name, "role": self.role, "api_role": self.api_role}
            words = {"password": self.password, "api_password": self.api_password}
            admin.execute(sql.SQL(statement).format(**{key: sql.Identifier(value) for key, value in names.items()},
                                                    **{key: sql.Literal(value) for key, value in words.items()}))

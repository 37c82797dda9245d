"""docs/operations.md, "Back up and restore": its commands, on a database with content."""
import os
import re
import shlex
import subprocess

from psycopg import conninfo
from support import daemon as daemons
from support.cluster import server_programs
from support.database import Database

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def documented(program):
    """The page's command line of a program, as words."""
    with open(os.path.join(TOP, "docs", "operations.md"), encoding="utf-8") as f:
        (line,) = re.findall(rf"^{program} .*$", f.read(), re.MULTILINE)
    return shlex.split(line)


def run(words, url, tmp_path):
    own = conninfo.conninfo_to_dict(url)
    words = [own["dbname"] if word == "stratslab" else word.replace("--dbname=stratslab", f"--dbname={own['dbname']}")
             for word in words]
    env = {**os.environ, "PATH": f"{server_programs()}:{os.environ['PATH']}", "PGHOST": own["host"], "PGPORT": str(own["port"]),
           "PGUSER": own["user"], "PGPASSWORD": own["password"]}
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (words, done.stderr)


def test_what_was_dumped_is_served_from_another_database(daemon, start_daemon, database, tmp_path, stratslabd):
    d = daemon(workers=1)
    made = d.request("POST", "/api/v1/strategies", {"name": "Golden cross", "kind": "k", "parameters": {"fast": 1.50}}).json()
    assert d.request("PUT", f"/api/v1/strategies/{made['id']}", {"name": "Golden cross", "kind": "l"},
                     {"If-Match": '"1"'}).status == 200
    asked = d.request("POST", "/api/v1/backtests", {
        "strategy_id": made["id"], "symbol": "BTCUSD", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
        "end": "2025-01-01T00:00:00Z", "initial_capital": 10000}).json()
    run(documented("pg_dump"), database.url, tmp_path)  # while it serves
    other = Database(os.environ["STRATSLAB_TEST_DATABASE_URL"])
    other.create()
    try:
        run(documented("pg_restore"), other.url, tmp_path)
        checked = daemons.run(stratslabd, "check", DATABASE_URL=other.url, migrations_dir=os.path.realpath(daemons.MIGRATIONS))
        assert checked.returncode == 0, checked.stderr
        assert "nothing is pending" in checked.stdout
        back = start_daemon(DATABASE_URL=other.url, workers=1)
        assert back.request("GET", f"/api/v1/strategies/{made['id']}/versions").json()["items"][0]["version"] == 2
        assert back.request("GET", f"/api/v1/backtests/{asked['id']}").json()["status"] == "queued"
        assert back.stop() == 0
    finally:
        other.drop()

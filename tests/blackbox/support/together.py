"""Requests that wait in one session until all of them are there, so that their writes go together however fast the machine is."""
import secrets

from .ledger import PATH, Commits, make
from .wait import wait_until

SECONDS = 60
FIRST = 2
# For a daemon of which a session is to wait for long.
SETTINGS = {"workers": 1, "database_lock_timeout": "60s", "database_statement_timeout": "60s", "database_queue": 1024}
WAITING = """SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND application_name = 'stratslabd worker' AND datname = current_database()"""


def warm(d):
    """Until creates are known to be quick, and as many share a commit as ever do."""
    for _ in range(8):
        make(d, f"warm {secrets.token_hex(8)}")


class Sent:
    """Requests that are on their way, each (method, path, body, headers), from some addresses, each of which is a client."""

    def __init__(self, d, requests):
        self._requests = requests
        self._clients = [d.client(source=f"127.0.0.{1 + number % 5}", timeout=SECONDS) for number in range(len(requests))]
        for client, request in zip(self._clients, requests, strict=True):
            client.send(*request)
        # What came before these is read by then, and submitted.
        for _ in range(3):
            assert d.request("GET", "/nothing").status == 404

    def answers(self):
        found = [client.receive(*request[:2]) for client, request in zip(self._clients, self._requests, strict=True)]
        for client in self._clients:
            client.close()
        return found


def at_once(d, database, requests):
    """The answers to `requests`, and what was counted of their commits: a change before them waits for a row that we hold until all are with
    d's one worker. With nobody else, two are sent behind it at once."""
    warm(d)
    held = make(d, f"held {secrets.token_hex(8)}")
    with database.connect() as look, database.connect() as holder:
        with holder.transaction(force_rollback=True):
            holder.execute("SELECT FROM strategies WHERE id = %s FOR UPDATE", [held])
            change = Sent(d, [("PATCH", f"{PATH}/{held}", {"description": "waits"})])
            wait_until(lambda: look.execute(WAITING).fetchone(), 30, "the change to wait")
            commits = Commits(d)
            first = Sent(d, FIRST * [("POST", PATH, {"name": f"first {secrets.token_hex(8)}", "kind": "fault", "status": "archived"})])
            asked = Sent(d, requests)
        assert [one.status for one in change.answers() + first.answers()] == [200, *FIRST * [201]]
        return asked.answers(), commits

"""Requests that wait in one session until all of them are there, so that their writes go together however fast the machine is."""
import concurrent.futures
import secrets

from .ledger import PATH, Commits, make
from .wait import wait_until

SECONDS = 60
FIRST = 2
# For a daemon of which a session is to wait for long.
SETTINGS = {"workers": 1, "database_lock_timeout": "60s", "database_statement_timeout": "60s", "database_queue": 1024}
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'stratslabd worker' AND datname = current_database()"


def warm(d):
    """Until creates are known to be quick, and as many share a commit as ever do."""
    for _ in range(8):
        make(d, f"warm {secrets.token_hex(8)}")


def depth(d):
    return d.status()["workers"][0]["queue_depth"]


def ask(d, number, method, path, body=None, headers=None):
    """From one of some addresses, each of which is a client."""
    with d.client(source=f"127.0.0.{1 + number % 5}", timeout=SECONDS) as client:
        return client.request(method, path, body, headers)


def at_once(d, database, requests):
    """The answers to `requests`, each (method, path, body, headers), and what was counted of their commits: a change before them waits for
    a row that we hold until all are in the queue of d's one worker, or refused before. With nobody else, two are sent behind it at once."""
    warm(d)
    held = make(d, f"held {secrets.token_hex(8)}")
    with database.connect() as look, database.connect() as holder, concurrent.futures.ThreadPoolExecutor(1 + FIRST + len(requests)) as pool:
        with holder.transaction(force_rollback=True):
            holder.execute("SELECT FROM strategies WHERE id = %s FOR UPDATE", [held])
            change = pool.submit(ask, d, 0, "PATCH", f"{PATH}/{held}", {"description": "waits"})
            wait_until(lambda: look.execute(WAITING).fetchone(), 30, "the change to wait")
            commits = Commits(d)
            first = [pool.submit(ask, d, number, "POST", PATH, {"name": f"first {secrets.token_hex(8)}", "kind": "fault"}) for number in range(FIRST)]
            wait_until(lambda: depth(d) > FIRST, 30, "the first of them in the queue")
            asked = [pool.submit(ask, d, number, *request) for number, request in enumerate(requests)]
            wait_until(lambda: depth(d) + sum(one.done() for one in asked) > FIRST + len(requests), 30, "all of them in the queue")
        assert [change.result().status, *(one.result().status for one in first)] == [200, *FIRST * [201]]
        return [one.result() for one in asked], commits

"""Searches that are slow: each `q` that finds the strategy SLOW keeps the server busy for as long as it was told. Whatever
does not come across that strategy is as quick as before."""
import contextlib
import threading

from .client import Client

SLOW = "slow search"
PATH = "/api/v1/strategies"
SEARCH = f"{PATH}?q=slow%20search"

# Rows are looked at one by one by the policy, in the server, for whoever owns the table too.
POLICY = """
    ALTER TABLE strategies ENABLE ROW LEVEL SECURITY;
    ALTER TABLE strategies FORCE ROW LEVEL SECURITY;
    CREATE POLICY slow ON strategies FOR ALL
    USING (CASE WHEN name = 'slow search' THEN pg_sleep({seconds})::text = '' ELSE true END)
    WITH CHECK (true);
"""


def make_slow(database, seconds):
    """The tables are there. Returns the path of a strategy that is read quickly."""
    with database.connect() as db:
        db.execute("INSERT INTO strategies (name, kind) VALUES (%s, 'k')", [SLOW])
        quick = db.execute("INSERT INTO strategies (name, kind) VALUES ('quick', 'k') RETURNING id").fetchone()[0]
        db.execute(POLICY.format(seconds=seconds))
    return f"{PATH}/{quick}"


@contextlib.contextmanager
def searching(daemon, count, source="127.0.0.1", headers=None):
    """`count` connections of one client that search all the time. What they were answered is in the list that comes:
    (status, code of the problem, Retry-After)."""
    stop, answers = threading.Event(), []

    def search():
        # Without the contract: to judge so many answers would keep this machine busy, and not the daemon.
        with Client(daemon.port, timeout=60, source=source) as client:
            while not stop.is_set():
                try:
                    answer = client.request("GET", SEARCH, headers=headers)
                except Exception as e:  # told by whoever looks at the answers
                    answers.append((repr(e), None, None))
                    return
                code = answer.json().get("code")
                answers.append((answer.status, code, answer.headers["Retry-After"]))
                if code in ("too_many_requests", "overloaded"):
                    stop.wait(0.05)

    threads = [threading.Thread(target=search) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(isinstance(status, int) for status, _, _ in answers), answers

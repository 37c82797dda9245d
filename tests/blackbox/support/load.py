"""Load with a ledger: every request's fate is counted. Bounded in threads and, by its owner, in time; 127.0.0.1 only."""
import collections
import http.client
import itertools
import json
import socket
import threading
import time

from .wait import SLOWNESS, wait_until

TIMEOUT = 10
# After an answer that says "not now", and after none at all: a client that hammers measures only itself.
PAUSE_SECONDS = 0.01


# What a client meets whose kept connection was closed while its next request was on the way: it may send it again.
CLOSED = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}


class Load:
    """`with Load(port, path) as load: …`; afterwards load.fates counts them: a status, or what went wrong as text.

    Each thread keeps its connection until an answer says `Connection: close`, as a well-behaved client does. A request is lost
    where no whole answer came to it, for whatever reason: nothing is sent twice here. With `fresh`, each request has a
    connection of its own, so that none is lost with a connection that was closed before it was sent."""

    def __init__(self, port, path="/api/v1/strategies?limit=1", threads=4, method="GET", body=None, timeout=TIMEOUT,
                 fresh=False):
        self.port, self.path, self.method, self.body, self.fresh = port, path, method, body, fresh
        self.timeout = timeout * SLOWNESS
        self.fates = collections.Counter()
        self.codes = collections.Counter()  # of the problems among them
        self.slowest = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(self.timeout + 5)

    @property
    def total(self):
        return sum(self.fates.values())

    @property
    def lost(self):
        return sum(count for fate, count in self.fates.items() if not isinstance(fate, int))

    @property
    def served(self):
        return sum(count for fate, count in self.fates.items() if isinstance(fate, int) and fate < 300)

    def wait(self, more, wait=wait_until):
        """Until `more` further requests have been answered."""
        goal = self.total + more
        wait(lambda: self.total >= goal, 30, f"{more} more answers")

    def wait_served(self, more=20, timeout=30):
        """Until `more` further requests have been served; the seconds that it took to the first of them."""
        start, before = time.monotonic(), self.served
        wait_until(lambda: self.served > before, timeout, "the next request to be served", 0.005)
        first = time.monotonic() - start
        wait_until(lambda: self.served >= before + more, timeout, f"{more} more requests to be served", 0.005)
        return first

    def told(self):
        """The figures, for a line of a report."""
        parts = [f"{self.total} requests", f"{self.lost} lost"]
        parts += [f"{count} × {fate}" for fate, count in sorted(self.fates.items(), key=str)]
        if self.codes:
            parts.append("of them " + ", ".join(f"{count} {code}" for code, count in sorted(self.codes.items())))
        return ", ".join(parts) + f", slowest {self.slowest:.2f} s"

    def question(self):
        """The body of the next request; whatever it is comes back to `answered`."""
        return self.body

    def headers(self, body):
        """Of the request with this body."""
        return {"Content-Type": "application/json"} if body else {}

    def answered(self, body, status, code):
        """Called under the lock with each fate; `status` is None where no whole answer came."""

    def _count(self, body, fate, code, started):
        with self._lock:
            self.fates[fate] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            if code is not None:
                self.codes[code] += 1
            self.answered(body, fate if isinstance(fate, int) else None, code)

    def _connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _run(self):
        connection = None
        while not self._stop.is_set():
            body, started = self.question(), time.monotonic()
            try:
                connection = connection or self._connect()
                headers = self.headers(body)
                if self.fresh:
                    headers["Connection"] = "close"
                connection.request(self.method, self.path, body, headers)
                response = connection.getresponse()
                data = response.read()
                self._count(body, response.status, json.loads(data).get("code") if response.status >= 400 else None, started)
                if response.will_close:
                    connection.close()
                    connection = None
                if response.status == 503:
                    time.sleep(PAUSE_SECONDS)
            except (OSError, http.client.HTTPException) as e:
                self._count(body, type(e).__name__, None, started)
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(PAUSE_SECONDS)
        if connection is not None:
            connection.close()


class Writes(Load):
    """Makes strategies, each of a name of its own, so that it can be seen what became of each."""

    def __init__(self, port, prefix="w", **options):
        super().__init__(port, path="/api/v1/strategies", method="POST", **options)
        self._names = (f"{prefix}-{i}" for i in itertools.count())
        self.made, self.refused, self.unknown = set(), set(), set()

    def question(self):
        with self._lock:
            return json.dumps({"name": next(self._names), "kind": "fault"})

    def answered(self, body, status, code):
        name = json.loads(body)["name"]
        if status == 201:
            self.made.add(name)
        elif status is None or code == "outcome_unknown":
            self.unknown.add(name)
        else:
            self.refused.add(name)

    def check(self, names):
        """`names` is what is in the table, once each: nothing that was confirmed is missing, nothing refused is there."""
        assert len(names) == len(set(names)), "made twice"
        there = set(names) & (self.made | self.refused | self.unknown)
        assert self.made <= there, f"confirmed and lost: {sorted(self.made - there)[:5]}"
        assert not self.refused & there, f"refused and there: {sorted(self.refused & there)[:5]}"
        return len(there & self.unknown)


def names(database):
    """What Writes has made in it."""
    with database.connect() as db:
        return [name for name, in db.execute("SELECT name FROM strategies")]


def told(title, *loads, **figures):
    """Prints what became of the requests: a row of docs/reliability.md."""
    more = "".join(f"; {name.replace('_', ' ')} {value}" for name, value in figures.items())
    print(f"\n{title}: " + " | ".join(f"{load.method} {load.told()}" for load in loads) + more)

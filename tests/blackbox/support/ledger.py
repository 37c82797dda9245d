"""Writes that share a commit: what many at once ask for, each under a name of its own, and what became of each."""
import collections
import itertools
import json
import random
import time

from .load import Load
from .metrics import scrape
from .wait import wait_until

PATH = "/api/v1/strategies"
THREADS = 12
COUNTED = ("commits", "committed_writes", "shared_rollbacks", "writes_again")


class Ledger(Load):
    """Each write has a name, and `ledger` the fates of each name. `once`: a name is confirmed to one request only."""

    once = True

    def __init__(self, port, **options):
        super().__init__(port, **options)
        self.ledger = collections.defaultdict(collections.Counter)
        self.words = collections.defaultdict(list)

    def name(self, body):
        """Under which it is looked for afterwards."""
        raise NotImplementedError

    def fate(self, status, code):
        if status is None or code == "outcome_unknown":
            return "unknown"
        return "made" if status < 300 else "there" if code == "name_taken" else "refused"

    def answered(self, body, status, code):
        name = self.name(body)
        self.ledger[name][self.fate(status, code)] += 1
        self.words[name].append((time.monotonic(), status, code))

    def confirmed(self, *fates):
        return {name for name, own in self.ledger.items() if any(own[fate] for fate in fates)}

    def rows(self, database):
        """How often each name is there."""
        raise NotImplementedError

    def check(self, database, may_miss=()):
        """Returns how many are there of which nobody knew. `may_miss`: names that a server had which is gone."""
        rows = self.rows(database)
        for name, fates in self.ledger.items():
            assert rows[name] <= 1 and (fates["made"] <= 1 or not self.once), f"{name} was made twice: {fates} {self.words[name]}"
            if (fates["made"] or fates["there"]) and name not in may_miss:
                assert rows[name] == 1, f"{name} was confirmed and is not there: {fates} {self.words[name]}"
            if not fates["made"] and not fates["unknown"]:
                assert rows[name] == 0, f"{name} was refused and is there: {fates} {self.words[name]}"
        return sum(1 for name, fates in self.ledger.items() if rows[name] and not fates["made"] and not fates["there"])


class Mixture(Ledger):
    """Makes strategies. Each name is asked for once or twice, so that about 30 % meet one that is there, perhaps in their own batch."""

    def __init__(self, port, prefix="m", threads=THREADS, **options):
        super().__init__(port, path=PATH, method="POST", threads=threads, **options)
        self.seed = random.randrange(1 << 32)
        self._names = self._stream(prefix)

    def _stream(self, prefix):
        r = random.Random(self.seed)
        for i in itertools.count():
            yield from [f"{prefix}-{i}"] * (2 if r.random() < 0.43 else 1)

    def question(self):
        with self._lock:
            return json.dumps({"name": next(self._names), "kind": "fault"})

    def name(self, body):
        return json.loads(body)["name"]

    def rows(self, database):
        with database.connect() as db:
            return collections.Counter(name for name, in db.execute("SELECT name FROM strategies"))

    def told(self):
        conflicts = self.fates[409]
        return f"{super().told()}, {100 * conflicts / max(1, conflicts + self.fates[201]):.0f} % conflicts, seed {self.seed}"


class Changes(Ledger):
    """Changes strategies, each request one of them, to a description of its own, which one version keeps. Every other thread goes
    through them the other way round."""

    def __init__(self, port, ids, prefix="d", threads=THREADS, **options):
        super().__init__(port, method="PATCH", threads=threads, **options)
        self._ids, self._prefix = ids, prefix
        self._turn, self._number = itertools.count(), itertools.count()

    @property
    def path(self):
        n = next(self._turn)
        at = n // 2 % len(self._ids)
        return f"{PATH}/{self._ids[at if n % 2 == 0 else -1 - at]}"

    @path.setter
    def path(self, value):
        """Load sets one for all."""

    def question(self):
        return json.dumps({"description": f"{self._prefix}-{next(self._number)}"})

    def name(self, body):
        return json.loads(body)["description"]

    def rows(self, database):
        with database.connect() as db:
            return collections.Counter(name for name, in db.execute("SELECT description FROM strategy_versions"))


class Keys(Ledger):
    """Asks for backtests, with a key for each, two or three times at the same time: as clients do that have no answer."""

    once = False

    def __init__(self, port, strategy_id, threads=THREADS, **options):
        super().__init__(port, path="/api/v1/backtests", method="POST", threads=threads, **options)
        self._strategy_id = strategy_id
        self._turn = itertools.count()

    def question(self):
        n = next(self._turn)
        return json.dumps({"strategy_id": self._strategy_id, "symbol": f"K{n // 5 * 2 + n % 2}", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                           "end": "2025-01-01T00:00:00Z", "initial_capital": 1000})

    def headers(self, body):
        return {**super().headers(body), "Idempotency-Key": self.name(body)}

    def name(self, body):
        return json.loads(body)["symbol"]

    def rows(self, database):
        with database.connect() as db:
            return collections.Counter(name for name, in db.execute("SELECT symbol FROM backtests"))


class Commits:
    """What the service has counted of its commits since this was made."""

    def __init__(self, d):
        self._d = d
        self._before = self._read()

    def _read(self):
        seen = scrape(self._d)
        return {name: int(seen.value(f"stratslabd_database_{name}_total")) for name in COUNTED}

    def since(self):
        return {name: value - self._before[name] for name, value in self._read().items()}

    def shared(self):
        """Writes that went in a commit with another one."""
        since = self.since()
        return since["committed_writes"] - since["commits"]

    def met(self):
        """Whether any went with another one, if only to be rolled back with it."""
        return self.shared() > 0 or self.since()["shared_rollbacks"] > 0

    def until_shared(self, more):
        goal = self.shared() + more
        wait_until(lambda: self.shared() >= goal, 60, f"{more} writes that share a commit")

    def told(self):
        return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in self.since().items())


def make(d, name, **more):
    answer = d.request("POST", PATH, {"name": name, "kind": "fault", **more})
    assert answer.status == 201, answer.text
    return answer.json()["id"]

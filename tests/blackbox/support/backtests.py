"""The queue of backtests and the candles in a database, as tests of backtestd use them: by SQL, and by backtestd's own commands."""
import csv
import json
import os

from . import daemon as daemons
from .lab import made_up
from .wait import wait_until

ENDED = ("succeeded", "failed", "cancelled")
# Some 100 µs a bar: what takes long, whatever the machine.
COSTLY = {"v": 1, "long": {"enter": " + ".join(f"cci(close, {10000 - i})" for i in range(9)) + " > 1", "exit": "close < open"}}


class Lab:
    """Strategies, candles and backtests in a database that has its schema."""

    def __init__(self, database, backtestd, folder):
        self.database, self.backtestd, self.folder = database, backtestd, str(folder)
        self.db = database.connect()
        self.files = {}

    def candles(self, symbol="LAB:X", bars=400, minutes=60, **options):
        """Made-up candles, imported; returns the path of their file."""
        path = os.path.join(self.folder, f"{symbol.replace(':', '-')}-{bars}-{minutes}.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("time,open,high,low,close,volume\n")
            f.writelines(",".join(str(cell) for cell in row) + "\n" for row in made_up(bars, minutes, **options))
        done = daemons.run(self.backtestd, "candles", "import", "--symbol", symbol, path, DATABASE_URL=self.database.url, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        self.files[symbol] = path
        return path

    def strategy(self, kind="sma_crossover", parameters=None):
        return self.db.execute("INSERT INTO strategies (name, kind, parameters) VALUES (gen_random_uuid()::text, %s, %s) RETURNING id",
                               (kind, json.dumps(parameters or {}))).fetchone()[0]

    def request(self, strategy, symbol="LAB:X", timeframe="1h", start="2024-01-01T00:00:00Z", end="2030-01-01T00:00:00Z", execution=None, count=1):
        """Its id; of several, which are queued at one moment, a list of them."""
        wanted = {"strategy_id": str(strategy), "symbol": symbol, "timeframe": timeframe, "start": start, "end": end, "initial_capital": 10000}
        made = [row[0] for row in self.db.execute("SELECT (backtest_request(%s, NULL, NULL, %s)).id FROM generate_series(1, %s)", (
            json.dumps(wanted), execution and json.dumps(execution), count)).fetchall()]
        return made[0] if count == 1 else made

    def get(self, backtest):
        cursor = self.db.execute("SELECT *, encode(result_sha256, 'hex') AS result_hash, encode(data_sha256, 'hex') AS data"
                                 " FROM backtests WHERE id = %s", (backtest,))
        return dict(zip([c.name for c in cursor.description], cursor.fetchone()))

    def status(self, backtest):
        return self.get(backtest)["status"]

    def wait_for(self, backtest, *statuses, seconds=60):
        wait_until(lambda: self.status(backtest) in statuses, seconds, f"the backtest to be {' or '.join(statuses)}")
        return self.get(backtest)

    def wait_progress(self, backtest, seconds=60):
        """Until the database knows that it is being computed."""
        wait_until(lambda: self.get(backtest)["progress"] > 0, seconds, "progress")

    def end(self, backtest, seconds=90):
        return self.wait_for(backtest, *ENDED, seconds=seconds)

    def succeed(self, backtest, seconds=90):
        done = self.end(backtest, seconds)
        assert done["status"] == "succeeded", done["error"]
        return done

    def cancel(self, backtest):
        self.db.execute("SELECT FROM backtest_cancel(%s)", (backtest,))

    def trades(self, backtest):
        return self.db.execute("SELECT n, side, quantity::text, entry_time, entry_price::text, entry_reason, exit_time, exit_price::text,"
                               " exit_reason, pnl::text, fees::text, bars FROM backtest_trades WHERE backtest_id = %s ORDER BY n",
                               (backtest,)).fetchall()

    def pieces(self, backtest):
        return self.db.execute("SELECT count(*), sum(points) FROM backtest_equity WHERE backtest_id = %s AND level = 0", (backtest,)).fetchone()

    def run(self, kind, parameters, *words, symbol="LAB:X"):
        """What `backtestd run` makes of the same: its metrics, and the rows of its trades and of its curve."""
        strategy, trades, equity = (os.path.join(self.folder, name) for name in ("run-strategy.json", "run-trades.csv", "run-equity.csv"))
        with open(strategy, "w", encoding="utf-8") as f:
            json.dump({"kind": kind, "parameters": parameters}, f)
        done = daemons.run(self.backtestd, "run", "--strategy", strategy, "--candles", self.files[symbol], "--trades", trades,
                           "--equity", equity, "--json", *words, timeout=120)
        assert done.returncode == 0, done.stderr
        with open(trades, newline="", encoding="utf-8") as t, open(equity, newline="", encoding="utf-8") as e:
            return json.loads(done.stdout), list(csv.DictReader(t)), list(csv.DictReader(e))

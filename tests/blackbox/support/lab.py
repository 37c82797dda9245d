"""Candles that the tests of backtestd make."""
import datetime
import os
import urllib.parse

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


class Random:
    """A generator of the tests' own, so that series are the same everywhere."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) / 2**53


def made_up(bars, minutes=1440, seed=1, start="2024-01-01"):
    """Rows of candles [time, open, high, low, close, volume] that go up and down."""
    random, price, rows = Random(seed), 100.0, []
    moment = datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.timezone.utc)
    for i in range(bars):
        drift = 0.004 if i % 60 < 30 else -0.0035
        close = max(1.0, round(price * (1 + drift + 0.05 * (random.next() - 0.5)), 2))
        high = round(max(price, close) * (1 + 0.004 * random.next()), 2)
        low = round(min(price, close) * (1 - 0.004 * random.next()), 2)
        rows.append([moment.strftime("%Y-%m-%dT%H:%M:%SZ"), price, max(high, price, close), min(low, price, close), close,
                     round(10 + 90 * random.next(), 1)])
        price = close
        moment += datetime.timedelta(minutes=minutes)
    return rows


def text_of(rows):
    """The same as CSV."""
    return "time,open,high,low,close,volume\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def quoted(symbol):
    """As a path has it."""
    return urllib.parse.quote(symbol, safe="")

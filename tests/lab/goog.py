#!/usr/bin/env python3
"""Compares a backtest with the statistics that backtesting.py's own tests publish for it:

    tests/lab/goog.py BUILD_FOLDER [GOOG_CSV]

SMA 10 crosses SMA 30, long and short, whole shares, 10,000 at the beginning, no costs, over that project's test file of
daily GOOG. The file is not part of this project; without an argument the variable STRATSLAB_TEST_GOOG names it. It is
backtesting/test/GOOG.csv in the repository kernc/backtesting.py, and its SHA-256 must be the one below. Without it, this
says so and exits 77.

Where a definition is also ours, the number is that of `backtestd run --json`. Where it is theirs alone, it is reckoned
here of what --trades and --equity wrote. One difference is undone first: they close the trade that is open at the end at
the last bar's open, we mark it at the last close; so whatever contains that trade is reckoned here too.
"""
import csv
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from datetime import datetime

SHA256 = "60e961a567490b157f71888df9e6afb36190a34a40a6286aa38988e2343f1b1a"
WITHIN = 1e-8
CAPITAL = 10000.0
DAYS_A_YEAR = 252
FAST, SLOW, SHARE = 10, 30, 0.9999
# What is published, in percent where they have percent.
PUBLISHED = {
    "trades": 66, "final equity": 51422.98999999996, "peak equity": 75787.44, "return": 414.2298999999996,
    "buy and hold": 522.0601851851852, "annual return": 21.191099249053224, "volatility": 36.49716090702389,
    "CAGR": 21.160245705962623, "Sharpe": 0.5806232244485349, "Sortino": 1.0853434352488662, "Calmar": 0.44166409202994605,
    "max drawdown": -47.98012705007589, "average drawdown": -5.925851581948801, "max drawdown days": 584,
    "average drawdown days": 41, "exposure": 96.74115456238361, "win rate": 46.96969696969697, "best": 53.59595229490424,
    "worst": -18.39887353835481, "average trade": 2.531715975158555, "longest trade days": 183,
    "profit factor by returns": 2.167945974262033, "expectancy": 3.2748078066748834, "SQN": 1.0766187356697705,
    "Kelly": 0.1518705127029717, "alpha": 394.37391142027462, "beta": 0.03803390709192,
}
# Recomputed by others of the same file, to the cent: (title, fast, slow, share, execution, figures of --json).
CENT = 0.005001
RECOMPUTED = (
    ("10/30, the last trade open", 10, 30, 0.9999, {}, {"trades": 65, "open": 1, "equity": 51959.95}),
    ("10/20", 10, 20, 1, {}, {"trades": 93, "equity": 81812.37}),
    ("10/20, a fee of 0.2 % a side", 10, 20, 1, {"fee": {"percent": 0.2}}, {"open": 1, "equity": 56263.52}),
)


def rules(fast, slow, share):
    return {"v": 1, "let": {"f": f"sma(close, {fast})", "s": f"sma(close, {slow})"}, "long": {"enter": "crosses_above(f, s)"},
            "short": {"enter": "crosses_below(f, s)"}, "size": {"equity": share}}


def run(build, candles, document, execution):
    """The metrics, trades and points of equity (the first is the capital), as the program writes them."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("strategy", "execution", "trades", "equity")}
        execution = {"capital": CAPITAL, "lot": 1, **execution}
        for name, content in (("strategy", {"kind": "rules", "parameters": document}), ("execution", execution)):
            with open(paths[name], "w", encoding="utf-8") as f:
                json.dump(content, f)
        options = [part for name, path in paths.items() for part in ("--" + name, path)]
        done = subprocess.run([os.path.join(build, "backtestd"), "run", "--candles", candles, *options, "--json"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"goog: backtestd ended with {done.returncode}: {done.stderr}")
        with open(paths["trades"], encoding="utf-8") as f:
            trades = list(csv.DictReader(f))
        with open(paths["equity"], encoding="utf-8") as f:
            points = [float(row["equity"]) for row in csv.DictReader(f)]
    return json.loads(done.stdout), trades, points


class Trade:
    def __init__(self, row, last_bar):
        self.side = 1 if row["side"] == "long" else -1
        self.entered = day(row["entry_time"])
        # theirs: the open one ends at the last bar's open
        self.left = day(row["exit_time"] or last_bar["time"])
        entry, left = float(row["entry_price"]), float(row["exit_price"] or last_bar["open"])
        self.pnl = self.side * float(row["quantity"]) * (left - entry)
        self.part = self.side * (left / entry - 1)
        self.days = (self.left - self.entered).days


def day(text):
    return datetime.strptime(text[:10], "%Y-%m-%d")


def read_candles(path):
    with open(path, encoding="utf-8") as f:
        rows = list(csv.reader(f))[1:]
    return [{"time": row[0], "open": row[1], "close": float(row[4])} for row in rows]


def mean(values):
    return math.fsum(values) / len(values)


def variance(values):
    m = mean(values)
    return math.fsum((x - m) ** 2 for x in values) / (len(values) - 1)


def geometric_mean(values):
    return math.exp(mean([math.log(1 + x) for x in values])) - 1


def drawdowns(curve):
    """(depth, first bar, last bar) of each, from the last bar at a peak to the next one there, or to the end."""
    peak, depths = 0.0, []
    for x in curve:
        peak = max(peak, x)
        depths.append(1 - x / peak)
    ends = sorted({i for i, x in enumerate(depths) if x == 0} | {len(depths) - 1})
    return [(max(depths[a:b + 1]), a, b) for a, b in zip(ends, ends[1:]) if b > a + 1]


def covariance(x, y):
    a, b = mean(x), mean(y)
    return math.fsum((p - a) * (q - b) for p, q in zip(x, y)) / (len(x) - 1)


def theirs(bars, trades, curve):
    """Their statistics, by their definitions."""
    year = DAYS_A_YEAR
    returns = [b / a - 1 for a, b in zip(curve, curve[1:])]
    growth = geometric_mean(returns)
    annual = (1 + growth) ** year - 1
    volatility = math.sqrt((variance(returns) + (1 + growth) ** 2) ** year - (1 + growth) ** (2 * year))
    days = (day(bars[-1]["time"]) - day(bars[0]["time"])).days
    falls = drawdowns(curve)
    lengths = [(day(bars[b]["time"]) - day(bars[a]["time"])).days for _, a, b in falls]
    deepest = max(depth for depth, _, _ in falls)
    total, hold = curve[-1] / curve[0] - 1, bars[-1]["close"] / bars[SLOW - 1]["close"] - 1
    log_curve = [math.log(b / a) for a, b in zip(curve, curve[1:])]
    log_market = [math.log(b["close"] / a["close"]) for a, b in zip(bars, bars[1:])]
    beta = covariance(log_curve, log_market) / covariance(log_market, log_market)
    pnl, parts = [t.pnl for t in trades], [t.part for t in trades]
    wins, losses = [x for x in pnl if x > 0], [x for x in pnl if x < 0]
    rate = len(wins) / len(pnl)
    return {
        "trades": len(trades), "final equity": curve[-1], "peak equity": max(curve), "return": 100 * total, "buy and hold": 100 * hold,
        "annual return": 100 * annual, "volatility": 100 * volatility,
        "CAGR": 100 * ((curve[-1] / curve[0]) ** (365.25 / days) - 1),
        "Sharpe": annual / volatility,
        "Sortino": annual / (math.sqrt(mean([min(x, 0) ** 2 for x in returns])) * math.sqrt(year)),
        "Calmar": annual / deepest, "average drawdown": -100 * mean([depth for depth, _, _ in falls]),
        "max drawdown days": max(lengths), "average drawdown days": math.ceil(mean(lengths)),
        "win rate": 100 * rate, "best": 100 * max(parts), "worst": 100 * min(parts),
        "average trade": 100 * geometric_mean(parts), "longest trade days": max(t.days for t in trades),
        "profit factor by returns": math.fsum(x for x in parts if x > 0) / -math.fsum(x for x in parts if x < 0),
        "expectancy": 100 * mean(parts), "SQN": math.sqrt(len(pnl)) * mean(pnl) / math.sqrt(variance(pnl)),
        "Kelly": rate - (1 - rate) / (mean(wins) / -mean(losses)),
        "alpha": 100 * (total - beta * hold), "beta": beta,
    }


def ours(metrics):
    """What the program tells by itself, where the definitions are the same."""
    return {
        "max drawdown": -100 * metrics["max_drawdown"], "max drawdown days": metrics["max_drawdown_duration_s"] / 86400,
        "exposure": 100 * metrics["exposure"], "best": 100 * metrics["best_fraction"], "worst": 100 * metrics["worst_fraction"],
        "trades": metrics["trades"] + metrics["open"],
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("STRATSLAB_TEST_GOOG", "")
    if not os.path.exists(path):
        print("goog: skipped; backtesting.py's GOOG.csv is not here (see the head of tests/lab/goog.py)")
        return 77
    with open(path, "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != SHA256:
            sys.exit(f"goog: {path} is another file than the one whose statistics are published")
    bars = read_candles(path)
    metrics, rows, points = run(sys.argv[1], path, rules(FAST, SLOW, SHARE), {})
    trades = [Trade(row, bars[-1]) for row in rows]
    curve = points[1:]  # they have no point before the first close
    curve[-1] = CAPITAL + math.fsum(t.pnl for t in trades)
    failed, worst, seen = 0, 0.0, set()
    for source, found in (("by --json", ours(metrics)), ("of --trades and --equity", theirs(bars, trades, curve))):
        for name, value in found.items():
            seen.add(name)
            off = abs(value - PUBLISHED[name]) / abs(PUBLISHED[name])
            worst = max(worst, off)
            if not off <= WITHIN:
                failed += 1
                print(f"goog: {name} {source}: {value!r} instead of {PUBLISHED[name]!r}")
    for name in set(PUBLISHED) - seen:
        failed += 1
        print(f"goog: {name} is not compared")
    count = len(ours(metrics)) + len(theirs(bars, trades, curve)) + len(RECOMPUTED)
    for title, fast, slow, share, execution, figures in RECOMPUTED:
        metrics = run(sys.argv[1], path, rules(fast, slow, share), execution)[0]
        wrong = [f"{name} is {metrics[name]!r} instead of {value!r}" for name, value in figures.items()
                 if abs(metrics[name] - value) > CENT]
        failed += bool(wrong)
        if wrong:
            print(f"goog: {title}: {'; '.join(wrong)}")
    print(f"goog: {count} comparisons of {len(PUBLISHED)} published statistics and {len(RECOMPUTED)} recomputed runs; worst relative "
          f"difference {worst:.1e}")
    print(f"{count - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compares the engine with an independent reference on seeded cases:

    tests/lab/reference.py BUILD_FOLDER [--cases N] [--seed N] [--case SEED] [--write FILE]

`make -C BUILD_FOLDER tests/lab/drive` builds the program that runs the engine. Each case is a random series, random
signals and random settings, made from its seed; one of five runs real rules, whose columns strategies.py knows by naive
means. The reference (naive.py, measure.py) reckons in exact fractions. Fills
must be equal in time, side, reason and quantity, prices and money to 1e-9, metrics to 1e-9. The sum of the trades'
profits, added without rounding, must be the change of equity to the last bit. --case runs one seed and says more.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from measure import metrics  # noqa: E402 (the path comes first)
import strategies  # noqa: E402
from naive import Engine, Job  # noqa: E402

MINUTE = 60000
TIMEFRAMES = [MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 240 * MINUTE, 1440 * MINUTE, 10080 * MINUTE]
# What is made of daily returns has as many digits as these have: 1 + 1e-8 has eight.
DAILY = ("sharpe", "sortino", "skew", "kurtosis", "psr", "alpha", "beta")
BATCH = 250
ROUNDING = 2e-15
WITHIN = 1e-9


class Maker:
    """Makes a case of its seed."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.job = Job()

    def chance(self, p):
        return self.r.random() < p

    def price(self, ticks):
        """Ticks as decimal text."""
        n = ticks * self.tick_units
        return f"{n // 10 ** self.job.digits}.{n % 10 ** self.job.digits:0{self.job.digits}d}" if self.job.digits else str(n)

    def make(self):
        r, job = self.r, self.job
        job.digits, self.tick_units = r.choice([(2, 1), (2, 5), (2, 25), (1, 1), (0, 1), (5, 1), (1, 5), (4, 1)])
        job.tick = self.price(1)
        job.lot = r.choice(["1", "0.1", "0.001", "0.00000001", "0.25", "10"])
        job.timeframe = r.choice(TIMEFRAMES)
        self.walk(r.randint(5, 220))
        self.signals()
        self.settings()
        if self.chance(0.2) and job.settings.get("missing") != "fill":
            job.columns, job.dynamics = {}, {}
            job.rules, job.columns = strategies.make(r, job.bars, float(job.tick))
            job.size_kind, job.size_at = r.choice(["equity", "cash"]), r.choice(["fill", "close"])
            # Of cash at the close of a bar in which all was invested, doubles know the rounding only.
            share = 0.25 if (job.size_kind, job.size_at) == ("cash", "close") else r.choice([0.25, 1])
            job.columns["size"] = [share] * self.count
            job.rules["size"] = {job.size_kind: share, **({"at": "close"} if job.size_at == "close" else {})}
        if self.chance(0.4):
            first = r.randrange(self.count)
            job.span = (first, r.randint(first + 1, self.count))
        return job

    def walk(self, count):
        r, job = self.r, self.job
        self.wide = wide = r.choice([2, 5, 20, 100])
        at = r.choice([50, 400, 3000, 200000])
        start = r.randrange(15000, 20000) * 1440 * MINUTE + r.randrange(1440) * MINUTE
        time, parts = start - start % job.timeframe, None
        if self.chance(0.25) and job.timeframe > MINUTE:
            job.settings["intrabar"], job.detail = "detail", []
            parts = r.choice([p for p in (3, 5, 4, 7, 12) if job.timeframe % (p * 1000) == 0])
            job.detail_timeframe = job.timeframe // parts
        for _ in range(count):
            if self.chance(0.1):
                at = max(at + r.randint(-wide, wide), 1)  # a gap of the price
            inside = [self.bar(at, wide)]
            for _ in range((parts or 1) - 1):
                inside.append(self.bar(inside[-1][3], wide))
            row = (inside[0][0], max(b[1] for b in inside), min(b[2] for b in inside), inside[-1][3])
            volume = "0" if self.chance(0.05) else f"{r.randint(1, 9999)}.5"
            job.bars.append((time, *map(self.price, row), volume))
            if parts and not self.chance(0.05):
                for i, b in enumerate(inside):
                    if not self.chance(0.05):
                        job.detail.append((time + i * job.detail_timeframe, *map(self.price, b), "1"))
            at = row[3]
            time += job.timeframe * (r.randint(2, 6) if self.chance(0.02) else 1)
        self.count = count
        if self.chance(0.3):
            job.settings["missing"] = r.choice(["skip", "fill"])
            if job.settings["missing"] == "fill":
                self.count = (job.bars[-1][0] - job.bars[0][0]) // job.timeframe + 1

    def bar(self, opened, wide):
        r = self.r
        close = max(opened + r.randint(-wide, wide), 1)
        if self.chance(0.05):
            return opened, opened, opened, opened
        high = max(opened, close) + r.choice([0, r.randint(0, wide)])
        low = max(min(opened, close) - r.choice([0, r.randint(0, wide)]), 1)
        return opened, high, low, close

    def column(self, make):
        return [math.nan if self.chance(0.02) else make() for _ in range(self.count)]

    def signals(self):
        r, job = self.r, self.job
        often = r.choice([0.03, 0.1, 0.3])
        for output in ("long_enter", "long_exit", "short_enter", "short_exit"):
            if self.chance(0.75):
                job.columns[output] = self.column(lambda: float(r.random() < often))
        if self.chance(0.15):
            for output in ("long_exit", "short_exit"):
                job.columns.pop(output, None)
                job.dynamics[output] = ("held", str(r.randint(0, 6)))
        tick = float(job.tick)
        for name in ("stop", "take", "trail"):
            if not self.chance(0.5):
                continue
            kind = r.choice(["distance", "percent", "price"] if name != "trail" else ["distance", "percent"])
            middle = float(r.choice(job.bars)[1])
            makes = {
                "distance": lambda: round(r.uniform(0, 3 * self.wide) * tick, job.digits + 1),
                "percent": lambda: round(r.uniform(0.01, 5), 2),
                "price": lambda: round(r.uniform(0.9, 1.1) * middle, job.digits + 1),
            }
            if kind == "price" and self.chance(0.5):
                job.dynamics[f"{name}_price"] = ("entry", r.choice(["0.97", "0.995", "1.01", "1.03"]))
            else:
                job.columns[f"{name}_{kind}"] = self.column(makes[kind])
        job.size_kind = r.choice(["equity", "equity", "cash", "units"])
        job.size_at = r.choice(["fill", "fill", "close"])
        most = 0.9 if job.size_at == "close" else 1.2
        sizes = {"equity": lambda: round(r.uniform(0.1, 1.5), 2), "cash": lambda: round(r.uniform(0.1, most), 2),
                 "units": lambda: round(r.uniform(0.1, 30), 2)}
        if job.size_kind == "units" or (job.size_kind, job.size_at) == ("cash", "close") or self.chance(0.5):
            job.columns["size"] = self.column(sizes[job.size_kind])

    def settings(self):
        r, s = self.r, self.job.settings

        def some(name, p, *values):
            if self.chance(p):
                s[name] = r.choice(values)

        some("capital", 0.5, "100", "1000000", "12345.67", "100000")
        some("fee.percent", 0.5, "0.1", "0.04", "1", "-0.01")
        some("fee.fixed", 0.15, "1", "0.35")
        some("fee.minimum", 0.15, "1", "2.5")
        some("spread", 0.2, self.job.tick, self.price(3))
        some(r.choice(["slippage.percent", "slippage.ticks"]), 0.3, "0.05", "1", "2")
        some("lot", 0.1, "0.5", "0.01")
        some("tick", 0.1, "0.5", "0.01")
        if self.chance(0.4):
            s["leverage"] = r.choice(["2", "5", "10", "25"])
            some("maintenance_margin", 0.6, "0.005", "0.01", "0.03")
        some("short", 0.15, "false")
        if "intrabar" not in s:
            some("intrabar", 0.4, "tradingview")
        some("limit_fill", 0.3, "through")
        some("risk_free", 0.3, "0.02", "0.05")
        some("periods_per_year", 0.2, "365", "260")
        some("close_at_end", 0.3, "true")
        some("require_volume", 0.2, "true")


def text_of(job):
    """The job as the driver reads it."""
    lines = [f"set {name} {value}" for name, value in job.settings.items()]
    lines.append(f"series {job.timeframe} {job.tick} {job.lot} {job.digits} {len(job.bars)}")
    lines += [" ".join(map(str, row)) for row in job.bars]
    if job.detail is not None:
        lines.append(f"detail {job.detail_timeframe} {len(job.detail)}")
        lines += [" ".join(map(str, row)) for row in job.detail]
    if job.rules:
        if job.span:
            times = [row[0] for row in job.bars] + [1 << 62]
            lines.append(f"times {times[job.span[0]]} {times[job.span[1]]}")
        return "\n".join([*lines, f"rules rules {json.dumps(job.rules)}", "run equity", ""])
    if job.span:
        lines.append(f"span {job.span[0]} {job.span[1]}")
    lines.append(f"size {job.size_kind} {job.size_at}")
    lines += [f"column {name} " + " ".join(map(repr, values)) for name, values in job.columns.items()]
    lines += [f"dynamic {name} {kind} {factor}" for name, (kind, factor) in job.dynamics.items()]
    return "\n".join([*lines, "run equity", ""])


class Answer:
    def __init__(self, lines):
        self.trades, self.metrics, self.equity, self.error, self.hash = [], {}, [], None, None
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "trade":
                self.trades.append(rest.split())
            elif word == "metrics":
                self.metrics = json.loads(rest)
            elif word == "equity":
                self.equity = [float(x) for x in rest.split()]
            elif word == "hash":
                self.hash = rest
            else:
                self.error = rest


def read_answers(out):
    answers, lines = [], []
    for line in out.splitlines():
        if line == "end":
            answers.append(Answer(lines))
            lines = []
        else:
            lines.append(line)
    return answers


class Near:
    """Whether a number is within 1e-9 of what is expected (relative, or absolute below 1), and how far the worst one was."""
    worst = {}

    @classmethod
    def is_so(cls, what, found, expected, within=WITHIN):
        if found is None or expected is None:
            return found is expected
        off = abs(float(found) - float(expected)) / max(1, abs(float(expected)))
        if off <= within == WITHIN:
            cls.worst[what] = max(cls.worst.get(what, 0.0), off)
        return off <= within


def is_lot_apart(quantity, t, engine):
    """Of so many lots doubles do not know each."""
    return t.quantity / engine.lot > 1e9 and abs(float(quantity) - float(t.quantity)) < max(
        1.5 * float(engine.lot), 1e-11 * float(t.quantity))


def compare_trades(engine, answer):
    for i, (t, found) in enumerate(zip(engine.trades, answer.trades)):
        side, quantity, entered, entry, why, left, exit_, because, pnl, fees, bars, adverse, favourable = found
        expected = (t.side, t.entry_time, t.entry_reason, t.exit_time, t.exit_reason, t.exit_bar - t.entry_bar)
        if (int(side), int(entered), why, int(left), because, int(bars)) != expected:
            yield f"trade {i}: {found} instead of {expected}"
        if float(quantity) != float(t.quantity) and not is_lot_apart(quantity, t, engine):
            yield f"trade {i}: quantity {quantity} instead of {float(t.quantity)}"
        pairs = {"entry": (entry, t.entry_price), "exit": (exit_, t.exit_price), "pnl": (pnl, t.pnl),
                 "fees": (fees, t.fees), "adverse": (adverse, t.adverse), "favourable": (favourable, t.favourable)}
        for name, (a, b) in pairs.items():
            if not Near.is_so("trades", a, b) and abs(float(a) - float(b)) > ROUNDING * float(t.entry_price * t.quantity):
                yield f"trade {i}: {name} {a} instead of {float(b)!r}"
    if len(engine.trades) != len(answer.trades):
        yield f"{len(answer.trades)} trades instead of {len(engine.trades)}"


def tolerance(name, expected):
    within = WITHIN
    for names, size in ((DAILY, expected.deviation), (("sortino",), expected.downside),
                        (("alpha", "beta"), expected.price_deviation), (("sqn",), expected.pnl_deviation / 10),
                        (("payoff", "kelly", "profit_factor"), expected.mean_profit),
                        (("recovery_factor",), float(expected["max_drawdown"])),
                        (("calmar",), float(expected["max_drawdown"]) * min(expected.years, 1))):
        if name in names and size > 0:
            within = max(within, ROUNDING / size)
    if name == "fees" and expected["liquidations"]:  # of which one is the rest of an account
        within = max(within, ROUNDING * float(expected.notional))
    return within


def compare(job, answer):
    """What differs, in words."""
    if answer.error:
        return [f"the engine says: {answer.error}"]
    engine = Engine(job).run()
    if any(0 < e < engine.peak / 10 ** 8 for e in engine.curve):
        return []  # of so small a rest of what there was, doubles know too few digits
    wrong = list(compare_trades(engine, answer))
    if len(engine.curve) != len(answer.equity):
        wrong.append(f"{len(answer.equity)} points instead of {len(engine.curve)}")
    for i, (a, b) in enumerate(zip(answer.equity, engine.curve)):
        if not Near.is_so("equity", a, b) and abs(a - float(b)) > ROUNDING * float(engine.peak):
            wrong.append(f"equity {i}: {a} instead of {float(b)!r}")
            break
    if any(float(t[1]) != float(u.quantity) for t, u in zip(answer.trades, engine.trades)):
        return wrong
    expected = metrics(engine)
    if set(expected) != set(answer.metrics):
        wrong.append(f"metrics: {set(expected) ^ set(answer.metrics)}")
    for name, value in expected.items():
        if name == "equity":
            continue  # the curve's last point
        if not Near.is_so("metrics", answer.metrics.get(name), value, tolerance(name, expected)):
            wrong.append(f"{name}: {answer.metrics.get(name)!r} instead of {None if value is None else float(value)!r}")
    exact = math.fsum([answer.equity[0], *(float(t[8]) for t in answer.trades)])
    if exact != answer.equity[-1]:
        wrong.append(f"capital and profits make {exact!r}, the equity is {answer.equity[-1]!r}")
    return wrong


def answered(build, seeds):
    """(seed, job, answer) of each case; a few at a time, so that many fit into memory."""
    for i in range(0, len(seeds), BATCH):
        batch = seeds[i:i + BATCH]
        jobs = [Maker(seed).make() for seed in batch]
        done = subprocess.run([os.path.join(build, "tests", "lab", "drive")], input="".join(map(text_of, jobs)),
                              capture_output=True, text=True)
        answers = read_answers(done.stdout)
        if done.returncode != 0 or len(answers) != len(jobs):
            sys.exit(f"{done.stderr}reference: the driver ended with {done.returncode} after {i + len(answers)} of {len(seeds)} cases")
        yield from zip(batch, jobs, answers)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("build")
    options.add_argument("--cases", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--case", type=int)
    options.add_argument("--write", help="writes the jobs for the driver to a file, and runs nothing")
    options = options.parse_args()
    seeds = [options.case] if options.case is not None else range(options.seed, options.seed + options.cases)
    if options.write:
        with open(options.write, "w", encoding="ascii") as f:
            f.writelines(text_of(Maker(seed).make()) for seed in seeds)
        return 0
    failed, trades, reasons = 0, 0, {}
    for seed, job, answer in answered(options.build, seeds):
        wrong = compare(job, answer)
        trades += len(answer.trades)
        for t in answer.trades:
            reasons[t[7]] = reasons.get(t[7], 0) + 1
        if wrong:
            failed += 1
            if failed <= 20:
                print(f"case {seed}: " + "\n    ".join(wrong[:20 if options.case is not None else 4]))
    print(f"reference: {trades} trades; " + ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items())))
    print("reference: worst differences: " + ", ".join(f"{what} {off:.1e}" for what, off in Near.worst.items()))
    print(f"{len(seeds) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not trades else 0


if __name__ == "__main__":
    sys.exit(main())

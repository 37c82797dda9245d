"""Documents of rules, and what they say at each bar by naive means: O(n * period), floats, no shared code.

Thresholds are odd on purpose: where two numbers would be equal, rounding would decide.
"""
import math


def true_range(bars, i):
    _, _, high, low, _ = bars[i]
    if i == 0:
        return high - low
    before = bars[i - 1][4]
    return max(high, before) - min(low, before)


def wilder(values, n):
    out, last = [], None
    for i in range(len(values)):
        window = values[max(0, i - n + 1):i + 1]
        if values[i] is None or None in window or len(window) < n:
            out.append(None)
            continue
        last = math.fsum(window) / n if last is None else (last * (n - 1) + values[i]) / n
        out.append(last)
    return out


def atr(bars, n):
    return wilder([true_range(bars, i) for i in range(len(bars))], n)


def rsi(bars, n):
    change = [None] + [b[4] - a[4] for a, b in zip(bars, bars[1:])]
    up = wilder([None if c is None else max(c, 0.0) for c in change], n)
    down = wilder([None if c is None else max(-c, 0.0) for c in change], n)
    # Without a fall 100, as TradingView has it.
    return [None if u is None else 100.0 if d == 0 else 100 * u / (u + d) for u, d in zip(up, down)]


def sma(bars, n):
    return [math.fsum(b[4] for b in bars[i - n + 1:i + 1]) / n if i >= n - 1 else None for i in range(len(bars))]


def channel(bars, n, which, best):
    """highest(high, n)[1] and the like."""
    return [best(b[which] for b in bars[i - n:i]) if i >= n else None for i in range(len(bars))]


def holds(condition, *columns):
    return [0.0 if None in values else float(condition(*values)) for values in zip(*columns)]


def crossed(x, level, above):
    shifted = [None, *x[:-1]]
    if above:
        return holds(lambda now, before: now > level >= before, x, shifted)
    return holds(lambda now, before: now < level <= before, x, shifted)


def donchian(r, bars, _tick):
    n, m = r.randint(3, 12), r.randint(2, 8)
    close = [b[4] for b in bars]
    over, under = channel(bars, n, 2, max), channel(bars, n, 3, min)
    low, high = channel(bars, m, 3, min), channel(bars, m, 2, max)
    rules = {"long": {"enter": f"close > highest(high, {n})[1]", "exit": f"close < lowest(low, {m})[1]"},
             "short": {"enter": f"close < lowest(low, {n})[1]", "exit": f"close > highest(high, {m})[1]"}}
    return rules, {"long_enter": holds(lambda c, x: c > x, close, over), "long_exit": holds(lambda c, x: c < x, close, low),
                   "short_enter": holds(lambda c, x: c < x, close, under),
                   "short_exit": holds(lambda c, x: c > x, close, high)}


def reversion(r, bars, _tick):
    n = r.randint(2, 10)
    x = rsi(bars, n)
    rules = {"let": {"x": f"rsi(close, {n})"}, "long": {"enter": "crosses_above(x, 40.37)", "exit": "x > 61.23"},
             "short": {"enter": "crosses_below(x, 59.71)", "exit": "x < 38.77"}}
    return rules, {"long_enter": crossed(x, 40.37, True), "long_exit": holds(lambda v: v > 61.23, x),
                   "short_enter": crossed(x, 59.71, False), "short_exit": holds(lambda v: v < 38.77, x)}


def trend(r, bars, tick):
    n = r.choice([3, 7, 11])
    off = float(f"{0.37 * tick:.3g}")
    close, x = [b[4] for b in bars], sma(bars, n)
    rules = {"long": {"enter": f"close > sma(close, {n}) + {off!r}"}, "short": {"enter": f"close < sma(close, {n}) - {off!r}"}}
    return rules, {"long_enter": holds(lambda c, v: c > v + off, close, x),
                   "short_enter": holds(lambda c, v: c < v - off, close, x)}


def make(r, rows, tick):
    """A document and its columns, of a random generator and the rows of a series."""
    bars = [(row[0], *map(float, row[1:5])) for row in rows]
    rules, columns = r.choice([donchian, reversion, trend])(r, bars, tick)
    for name in ("stop", "take", "trail"):
        if r.random() < 0.4:
            n, factor = r.randint(2, 9), r.choice([0.7, 1.3, 2.1])
            rules[name] = {"distance": f"{factor} * atr({n})"}
            columns[f"{name}_distance"] = [math.nan if v is None else factor * v for v in atr(bars, n)]
    return {"v": 1, **rules}, columns

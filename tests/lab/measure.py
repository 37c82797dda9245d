"""The metrics of a run of naive.Engine, from their definitions. Standard library only."""
import math
import statistics
from fractions import Fraction as F

from naive import DAY_MS, LONG  # noqa: F401 (LONG is for those who import all)

YEAR_S = 365.25 * 86400
EVEN = 1e-12  # a smaller share of a trade's value is no win and no loss: docs/engine.md


class Metrics(dict):
    """With the deviations of daily returns and of profits, on which it depends how many digits some others have."""

    deviation = price_deviation = pnl_deviation = downside = mean_profit = notional = years = 0.0


def ratio(a, b):
    return float(a) / float(b) if b else None


def mean(values):
    return math.fsum(values) / len(values) if values else None


def metrics(engine):
    job, bars = engine.job, engine.bars[engine.first:engine.end]
    curve, capital = engine.curve, engine.curve[0]
    times = [bars[0].time] + [bar.time + job.timeframe for bar in bars]
    closed = [t for t in engine.trades if t.exit_reason != "open"]
    tradable = [b for b in bars if not b.invented and not (engine.flag("require_volume") and b.volume == 0)]
    first = (tradable or bars)[0].open
    m = Metrics({
        "equity": curve[-1], "net_profit": sum((t.pnl for t in engine.trades), F(0)), "return": curve[-1] / capital - 1,
        "buy_and_hold": bars[-1].close / first - 1, "bars": len(bars), "exposure": engine.tally["exposed"] / len(bars),
        "fees": engine.tally["fees"], "slippage_cost": engine.tally["slippage"], "spread_cost": engine.tally["spread"],
        "funding": 0, "ambiguous_bars": engine.tally["ambiguous"], "rejected_orders": engine.tally["rejected"],
        "liquidations": engine.tally["liquidations"],
        "gaps": sum(b.time - a.time > job.timeframe or (b.invented and not a.invented) for a, b in zip(bars, bars[1:])),
    })
    m.notional = engine.tally["notional"]
    growth(m, engine, curve, times)
    trades(m, closed)
    m["open"] = len(engine.trades) - len(closed)
    daily(m, engine, bars, curve, first)
    return m


def growth(m, engine, curve, times):
    elapsed = (times[-1] - times[0]) / 1000
    factor = float(curve[-1] / curve[0])
    m.years = elapsed / YEAR_S
    try:
        m["cagr"] = None if elapsed < 86400 else factor ** (YEAR_S / elapsed) - 1 if factor > 1e-12 else -1
    except OverflowError:
        m["cagr"] = None
    m["short_sample"] = elapsed < 365 * 86400
    falls, cash, durations = [], [], []
    for i, e in enumerate(curve):
        peak = max(curve[:i + 1])
        fall = peak - e if peak - e > peak / 10 ** 12 else F(0)
        falls.append(fall / peak)
        cash.append(fall)
    i = 0
    while i < len(curve):  # each stretch below a peak
        if falls[i] > 0:
            j = i
            while j < len(curve) and falls[j] > 0:
                j += 1
            durations.append((times[min(j, len(curve) - 1)] - times[i - 1], j < len(curve)))
            i = j
        else:
            i += 1
    longest = max(durations, key=lambda d: d[0], default=(0, True))
    m["max_drawdown"], m["max_drawdown_cash"] = max(falls), max(cash)
    m["max_drawdown_intrabar"] = max(engine.worst_fall, max(falls))
    m["max_drawdown_duration_s"], m["recovered"] = longest[0] / 1000, longest[1]
    m["ulcer_index"] = math.sqrt(math.fsum(float(f) ** 2 for f in falls) / len(falls))
    m["calmar"] = None if m["cagr"] is None else ratio(m["cagr"], m["max_drawdown"])
    m["recovery_factor"] = ratio(m["net_profit"], m["max_drawdown_cash"])
    average = sum(curve, F(0)) / len(curve)
    m["turnover"] = float(engine.tally["notional"] / average) / (elapsed / YEAR_S) if average > 0 else None


def trades(m, closed):
    pnl = [t.pnl for t in closed]
    share = [float(t.pnl / (t.entry_price * t.quantity)) for t in closed]
    wins = [(p, s) for p, s in zip(pnl, share) if s > EVEN]
    losses = [(p, s) for p, s in zip(pnl, share) if s < -EVEN]
    n = len(pnl)
    m.update(trades=n, wins=len(wins), losses=len(losses), even=n - len(wins) - len(losses),
             win_rate=ratio(len(wins), n), profit_factor=ratio(sum(p for p, _ in wins), -sum(p for p, _ in losses)))
    for name, group in (("expectancy", list(zip(pnl, share))), ("avg_win", wins), ("avg_loss", losses)):
        m[name] = mean([float(p) for p, _ in group])
        m[name + "_fraction"] = mean([s for _, s in group])
    m["best"], m["best_fraction"] = max(pnl, default=None), max(share, default=None)
    m["worst"], m["worst_fraction"] = min(pnl, default=None), min(share, default=None)
    m["payoff"] = m["avg_win"] / -m["avg_loss"] if wins and losses else None
    m["sqn"] = m["kelly"] = None
    if wins and losses:
        least = min(m["avg_win"], -m["avg_loss"])
        m.mean_profit = least / float(max(t.entry_price * t.quantity for t in closed))
    if n >= 2:
        spread = statistics.stdev(pnl)
        m.pnl_deviation = float(spread / max(t.entry_price * t.quantity for t in closed))
        m["sqn"] = math.sqrt(n) * m["expectancy"] / spread if m.pnl_deviation > 1e-12 else None
        if m["payoff"]:
            m["kelly"] = m["win_rate"] - (1 - m["win_rate"]) / m["payoff"]


def daily(m, engine, bars, curve, first):
    closes = {}  # day: equity and price at its last bar
    for i, bar in enumerate(bars):
        closes[bar.time // DAY_MS] = (curve[i + 1], bar.close)
    days = sorted(closes)
    before, r, b = (curve[0], first), [], []
    for day in days:
        now = closes[day]
        r.append(float(now[0] / before[0] - 1) if before[0] > 0 else 0.0)
        b.append(float(now[1] / before[1] - 1))
        before = now
    n = len(r)
    year = float(engine.number("periods_per_year"))
    if not year:
        weekend = sum((day + 3) % 7 >= 5 for day in days)  # day 0 was a Thursday; 5 and 6 from Monday
        year = 365 if weekend / n > 0.171 else 252
        if engine.job.timeframe > DAY_MS:
            year = 365.25 * DAY_MS / engine.job.timeframe
    free = (1 + float(engine.number("risk_free"))) ** (1 / year) - 1
    m.update(days=n, periods_per_year=year)
    names = ("volatility", "sharpe", "sortino", "skew", "kurtosis", "psr", "alpha", "beta", "value_at_risk_95",
             "expected_shortfall_95")
    m.update(dict.fromkeys(names))
    if n >= 20:
        ordered = sorted(r)
        at = 0.05 * (n - 1)
        k = int(at)
        m["value_at_risk_95"] = var = ordered[k] + (ordered[k + 1] - ordered[k]) * (at - k)
        m["expected_shortfall_95"] = mean([x for x in r if x <= var + 1e-14])
    if n < 2:
        return
    average, spread = mean(r), statistics.stdev([F(x) for x in r])
    spread = float(spread) if spread > 1e-14 else 0
    m.deviation = spread
    m["volatility"] = spread * math.sqrt(year)
    below = math.fsum(min(x - free, 0) ** 2 for x in r)
    m.downside = math.sqrt(below / n)
    if below > 1e-28:
        m["sortino"] = (average - free) / math.sqrt(below / n) * math.sqrt(year)
    if spread > 0:
        m["sharpe"] = (average - free) / spread * math.sqrt(year)
        m2, m3, m4 = (math.fsum((x - average) ** k for x in r) / n for k in (2, 3, 4))
        m["skew"], m["kurtosis"] = m3 / m2 ** 1.5, m4 / m2 ** 2
        sr = (average - free) / spread
        inside = 1 - m["skew"] * sr + (m["kurtosis"] - 1) / 4 * sr * sr
        if inside > 0:
            m["psr"] = statistics.NormalDist().cdf(sr * math.sqrt(n - 1) / math.sqrt(inside))
    m.price_deviation = float(statistics.stdev([F(x) for x in b]))
    if m.price_deviation > 1e-14:
        held = mean(b)
        m["beta"] = (math.fsum((x - average) * (y - held) for x, y in zip(r, b)) /
                     math.fsum((y - held) ** 2 for y in b))
        m["alpha"] = (average - free - m["beta"] * (held - free)) * year

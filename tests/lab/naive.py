"""A reference engine: slow, plain, and written from the contract alone, to be compared with src/engine/.

It reckons in exact fractions of decimal numbers, keeps cash and units instead of profits, and looks at one bar after
another in the order of the contract: open, within, close, rules. Python's standard library only.
"""
import math
from fractions import Fraction as F

LONG, SHORT = 1, -1
DAY_MS = 86400000


class Job:
    """What a run needs. Prices and settings are decimal text or numbers; columns are lists of floats."""

    def __init__(self):
        self.timeframe, self.tick, self.lot, self.digits = 60000, "0.01", "0.001", 2
        self.bars, self.detail, self.detail_timeframe = [], None, None  # (time, open, high, low, close, volume)
        self.settings, self.columns, self.dynamics = {}, {}, {}
        self.size_kind, self.size_at = "equity", "fill"
        self.span, self.rules = None, None


def frac(x):
    return x if isinstance(x, F) else F(str(x))


def is_number(x):
    return x is not None and math.isfinite(x)


class Trade:
    def __init__(self, **what):
        self.__dict__.update(what)


class Bar:
    def __init__(self, index, row, invented=False):
        self.index, self.time, self.invented = index, row[0], invented
        self.open, self.high, self.low, self.close, self.volume = (frac(x) for x in row[1:6])


def fill_missing(rows, timeframe):
    """Flat bars without volume where bars are missing."""
    out = []
    for row in rows:
        while out and row[0] - out[-1][0][0] > timeframe:
            close = out[-1][0][4]
            out.append(((out[-1][0][0] + timeframe, close, close, close, close, "0"), True))
        out.append((row, False))
    return out


class Engine:
    DEFAULTS = {
        "capital": "10000", "fee.percent": "0", "fee.fixed": "0", "fee.minimum": "0", "slippage.percent": "0",
        "slippage.ticks": "0", "spread": "0", "lot": "0", "tick": "0", "leverage": "1", "maintenance_margin": "0",
        "short": "true", "intrabar": "pessimistic", "limit_fill": "touch", "missing": "skip", "risk_free": "0",
        "periods_per_year": "0", "close_at_end": "false", "require_volume": "false",
    }

    def __init__(self, job):
        self.job = job
        self.set = {**self.DEFAULTS, **job.settings}
        rows = fill_missing(job.bars, job.timeframe) if self.set["missing"] == "fill" else [(r, False) for r in job.bars]
        self.bars = [Bar(i, row, invented) for i, (row, invented) in enumerate(rows)]
        self.fine = [Bar(i, row) for i, row in enumerate(job.detail or [])]
        self.first, self.end = job.span or (0, len(self.bars))
        self.tick = self.number("tick") or frac(job.tick)
        self.lot = self.number("lot") or frac(job.lot)
        self.cash, self.units = self.number("capital"), F(0)  # units below 0: short
        self.trade, self.trades = None, []
        self.order = None
        self.curve = [self.cash]
        self.tally = dict.fromkeys(("notional", "fees", "slippage", "spread", "exposed", "ambiguous", "rejected",
                                    "liquidations"), F(0))
        self.peak, self.worst_fall = self.cash, F(0)

    def number(self, name):
        return frac(self.set[name])

    def flag(self, name):
        return self.set[name] == "true"

    # --- signals ---

    def value(self, output, index, entry=None, held=None):
        if output in self.job.dynamics:
            kind, factor = self.job.dynamics[output]
            if entry is None:
                return None
            return F(held >= frac(factor)) if kind == "held" else entry * frac(factor)
        if output in self.job.columns:
            x = self.job.columns[output][index]
            return frac(x) if is_number(x) else None
        return None

    def holds(self, output, index, entry=None, held=None):
        x = self.value(output, index, entry, held)
        return x is not None and x > 0

    # --- prices ---

    def snap(self, price, up):
        steps = price / self.tick
        return (math.ceil(steps) if up else math.floor(steps)) * self.tick

    def costs(self, price, direction, reason):
        """The price of a fill, and what slippage and spread took of it."""
        if reason == "liquidation":
            return price, F(0), F(0)
        slip = F(0)
        if reason != "take":
            slip = price * self.number("slippage.percent") / 100 + self.number("slippage.ticks") * self.tick
        half = self.number("spread") / 2
        return max(price + direction * (slip + half), F(0)), slip, half

    def fee(self, notional):
        fee = self.number("fee.fixed") + notional * self.number("fee.percent") / 100
        least = self.number("fee.minimum")
        return max(fee, least) if least > 0 else fee

    def equity(self, price):
        return self.cash + self.units * price

    # --- size ---

    def affordable(self, quantity, price):
        notional = quantity * price
        return notional / self.number("leverage") + max(self.fee(notional), F(0)) <= self.cash

    def size(self, order, price):
        at_close = self.job.size_at == "close"
        equity = order["equity"] if at_close else self.cash
        cash = order["cash"] if at_close else self.cash
        at = order["price"] if at_close else price
        value = self.value("size", order["bar"]) if "size" in self.job.columns else F(1)
        if value is None or price <= 0:
            return F(0)
        wanted = {"equity": value * equity / at, "cash": value * cash / at, "units": value}[self.job.size_kind]
        lots = math.floor(wanted / self.lot)
        if lots <= 0:
            return F(0)
        if self.affordable(lots * self.lot, price):
            return lots * self.lot
        if self.job.size_kind == "units":
            return F(0)
        low, high = 0, lots  # the most that can be paid
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.affordable(middle * self.lot, price) else (low, middle)
        return low * self.lot

    # --- entries and exits ---

    def enter(self, bar, order, reason):
        side = order["side"]
        price, slip, half = self.costs(bar.open, side, reason)
        quantity = F(0) if side == SHORT and not self.flag("short") else self.size(order, price)
        if quantity <= 0:
            self.tally["rejected"] += 1
            return
        fee = self.fee(quantity * price)
        t = self.trade = Trade(side=side, quantity=quantity, entry_time=bar.time, entry_price=price, entry_reason=reason,
                               entry_bar=bar.index, fees=fee, highest=price, lowest=price, exit_reason="open")
        signal, up, down = order["bar"], side == LONG, side == SHORT
        t.stop = self.level("stop", signal, price, -side, down)
        t.take = self.level("take", signal, price, side, up)
        t.trail_by = [self.value("trail_distance", signal, price, 0), self.value("trail_percent", signal, price, 0)]
        self.cash -= side * quantity * price + fee
        self.units = side * quantity
        self.count(quantity, price, fee, slip, half)

    def count(self, quantity, price, fee, slip, half):
        self.tally["notional"] += quantity * price
        self.tally["fees"] += fee
        self.tally["slippage"] += quantity * slip
        self.tally["spread"] += quantity * half

    def level(self, name, signal, entry, sign, up):
        for kind in ("distance", "percent", "price"):
            output = f"{name}_{kind}"
            if output in self.job.columns or output in self.job.dynamics:
                x = self.value(output, signal, entry, 0)
                if x is None:
                    return None
                raw = {"distance": entry + sign * x, "percent": entry + sign * entry * x / 100, "price": x}[kind]
                return self.snap(raw, up)
        return None

    def trail(self):
        t = self.trade
        distance, percent = t.trail_by
        best = t.highest if t.side == LONG else t.lowest
        if percent is not None:
            distance = best * percent / 100
        return None if distance is None else self.snap(best - t.side * distance, t.side == SHORT)

    def leave(self, bar, price, reason, gap):
        t = self.trade
        price, slip, half = self.costs(price, -t.side, reason)
        fee = self.fee(t.quantity * price)
        if reason == "liquidation":
            self.tally["liquidations"] += 1
            left = self.cash + self.units * price - fee
            if left < 0 and not gap:
                fee += left
                if fee < 0:
                    fee = F(0)
        self.cash += self.units * price - fee
        if reason == "liquidation" and not gap and self.cash < 0:
            self.cash = F(0)
        self.units = F(0)
        self.count(t.quantity, price, fee, slip, half)
        t.exit_time, t.exit_price, t.exit_reason, t.exit_bar = bar.time, price, reason, bar.index
        t.pnl = t.side * (price - t.entry_price) * t.quantity - t.fees - fee
        t.fees += fee
        self.close_trade(price)

    def close_trade(self, price):
        t = self.trade
        high, low = max(t.highest, price), min(t.lowest, price)
        t.favourable = (high - t.entry_price if t.side == LONG else t.entry_price - low) / t.entry_price
        t.adverse = (t.entry_price - low if t.side == LONG else high - t.entry_price) / t.entry_price
        self.trades.append(t)
        self.trade = None

    # --- within a bar ---

    def margin_price(self, share):
        """Where the equity is `share` of the position's value; None if at no price."""
        # cash + units p = share |units| p
        slope = self.units - share * abs(self.units)
        price = -self.cash / slope
        return price if price > 0 else None

    def within(self, bar, brackets):
        """True if a level ended the position."""
        t = self.trade
        side = t.side
        adverse, favourable = (bar.low, bar.high) if side == LONG else (bar.high, bar.low)
        worse = (lambda a, b: a <= b) if side == LONG else (lambda a, b: a >= b)
        stops = []  # (level, reason), the nearest to the open first
        if brackets:
            if t.stop is not None:
                stops.append((t.stop, "stop"))
            trail = self.trail()
            if trail is not None:
                stops.append((trail, "trail"))
        margin = self.margin_price(self.number("maintenance_margin"))
        if margin is not None:
            stops.append((margin, "liquidation"))
        rank = {"liquidation": 0, "stop": 1, "trail": 2}
        stops.sort(key=lambda s: (-side * s[0], rank[s[1]]))
        take = t.take if brackets else None
        reached = take
        if take is not None and self.set["limit_fill"] == "through":
            reached = take + side * self.tick
        # at the open
        for level, reason in stops:
            if worse(bar.open, level):
                self.leave(bar, bar.open, reason, True)
                return True
        if reached is not None and worse(reached, bar.open):
            self.leave(bar, bar.open, "take", True)
            return True
        hit = [s for s in stops if worse(adverse, s[0])]
        taken = reached is not None and worse(reached, favourable)
        if hit and taken:
            self.tally["ambiguous"] += 1
        first = True  # the adverse extreme comes first
        if self.set["intrabar"] == "tradingview":
            high_first = bar.high - bar.open < bar.open - bar.low
            first = high_first == (side == SHORT)
        if taken and not (hit and first):
            if first:
                self.low_point(self.equity(adverse))
            self.leave(bar, take, "take", False)
            return True
        if hit:
            level, reason = hit[0]
            if reason == "liquidation":
                nothing = self.margin_price(F(0))
                level = adverse
                if nothing is not None and worse(adverse, nothing):
                    level = nothing
            self.leave(bar, level, reason, False)
            return True
        return False

    def low_point(self, equity):
        self.lowest = equity if self.lowest is None else min(self.lowest, equity)

    def intrabar(self, bar):
        if self.set["intrabar"] == "detail":
            inside = [b for b in self.fine if bar.time <= b.time < bar.time + self.job.timeframe]
            for fine in inside:
                part = Bar.__new__(Bar)
                part.__dict__.update(fine.__dict__, index=bar.index)
                side = self.trade.side
                if self.within(part, True):
                    return
                self.low_point(self.equity(part.low if side == LONG else part.high))
            if inside:
                return
        entry = self.trade.entry_bar == bar.index
        self.within(bar, not (entry and self.set["intrabar"] == "tradingview"))

    # --- the bars ---

    def run(self):
        for index in range(self.first, self.end):
            self.step(self.bars[index])
        last = self.bars[self.end - 1]
        if self.trade and self.flag("close_at_end"):
            self.leave(last, last.close, "end", True)
            self.curve[-1] = self.cash
        elif self.trade:
            t = self.trade
            t.exit_time, t.exit_price, t.exit_bar = last.time, last.close, last.index
            t.pnl = t.side * (last.close - t.entry_price) * t.quantity - t.fees
            self.close_trade(last.close)
        return self

    def step(self, bar):
        exposed = self.trade is not None
        self.lowest = None
        trades = not bar.invented and not (self.flag("require_volume") and bar.volume == 0)
        if trades and self.order:
            order, self.order = self.order, None
            reason = "reverse" if order["enter"] and self.trade else "signal"
            if self.trade:
                self.leave(bar, bar.open, reason, True)
            if order["enter"]:
                self.enter(bar, order, reason)
        exposed = exposed or self.trade is not None
        if trades and self.trade:
            self.intrabar(bar)
        equity = self.equity(bar.close)
        if self.trade:
            t = self.trade
            self.low_point(self.equity(bar.low if t.side == LONG else bar.high))
            t.highest, t.lowest = max(t.highest, bar.high), min(t.lowest, bar.low)
        if exposed:
            self.tally["exposed"] += 1
            self.low_point(equity)
            self.worst_fall = max(self.worst_fall, 1 - self.lowest / self.peak)
        self.peak = max(self.peak, equity)
        self.curve.append(equity)
        self.decide(bar, equity)

    def decide(self, bar, equity):
        side = self.trade.side if self.trade else 0
        entry = self.trade.entry_price if self.trade else None
        held = bar.index - self.trade.entry_bar if self.trade else None
        wish = 0
        if self.holds("long_enter", bar.index, entry, held):
            wish = LONG
        elif self.holds("short_enter", bar.index, entry, held):
            wish = SHORT
        leave = side and self.holds("long_exit" if side == LONG else "short_exit", bar.index, entry, held)
        order = {"bar": bar.index, "price": bar.close, "equity": equity, "cash": self.cash, "side": wish}
        if wish and wish != side:
            self.order = {**order, "enter": True}
        elif leave:
            self.order = {**order, "enter": False}

#!/usr/bin/env python3
"""Prints one job for tests/lab/drive that never changes, with most of what the engine can do in it: tests/lab/fixed.py

tests/lab/determinism knows its result_hash by heart. The series comes from a generator of whole numbers that is written
out here, so that no library's can change it.
"""
import json

BARS = 3000
RULES = {
    "v": 1,
    "let": {"f": "ema(close, 9)", "s": "sma(close, 31)"},
    "long": {"enter": "crosses_above(f, s)", "exit": "crosses_below(f, s) or bars_held >= 40"},
    "short": {"enter": "crosses_below(f, s) and rsi(close, 14) < 60", "exit": "close > highest(high, 12)[1]"},
    "stop": {"distance": "2.5 * atr(14)"}, "take": {"percent": 3}, "trail": {"distance": "4 * atr(20)"},
    "size": {"equity": 0.75},
}
SETTINGS = {"capital": 25000, "fee.percent": 0.05, "fee.minimum": 1, "slippage.ticks": 2, "spread": 0.02, "leverage": 3,
            "maintenance_margin": 0.01}


def bars():
    state, close = 12345, 10000
    for i in range(BARS):
        draws = []
        for _ in range(5):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            draws.append(state >> 33)
        opened = close + draws[0] % 7 - 3
        close = max(opened + draws[1] % 161 - 80, 100)
        high, low = max(opened, close) + draws[2] % 40, max(min(opened, close) - draws[3] % 40, 1)
        prices = " ".join(f"{x // 100}.{x % 100:02d}" for x in (opened, high, low, close))
        yield f"{1700006400000 + i * 3600000} {prices} {draws[4] % 100000}"


def main():
    for name, value in SETTINGS.items():
        print(f"set {name} {value}")
    print(f"series 3600000 0.01 0.001 2 {BARS}", *bars(), f"rules rules {json.dumps(RULES)}", "run", sep="\n")


if __name__ == "__main__":
    main()

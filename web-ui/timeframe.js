// The timeframes of the API, and what can be made of a series.
export const SECONDS = {
  "1m": 60,
  "2m": 120,
  "3m": 180,
  "5m": 300,
  "10m": 600,
  "15m": 900,
  "30m": 1800,
  "1h": 3600,
  "2h": 7200,
  "3h": 10800,
  "4h": 14400,
  "6h": 21600,
  "8h": 28800,
  "12h": 43200,
  "1d": 86400,
  "1w": 604800,
};
export const NAMES = Object.keys(SECONDS);
export const TESTED = ["1m", "5m", "15m", "1h", "4h", "1d"]; // those that a backtest can have

// Whether the service makes bars of `name` from those of `base`.
export const madeOf = (name, base) => SECONDS[name] % SECONDS[base] === 0;

// The shortest timeframe in which so many seconds have at most `most` bars; the longest if none has.
export function fitting(base, seconds, most) {
  const possible = NAMES.filter((name) => madeOf(name, base));

  return possible.find((name) => seconds / SECONDS[name] <= most) || possible[possible.length - 1];
}

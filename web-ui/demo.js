// The made-up market of scripts/demo, made here: the same digits, by the public API alone.
import { all, ask, path, post, Problem } from "./api.js";

const HOURS = 17544,
  BEGIN = 1672531200,
  PIECE = 6000; // of 2023 and 2024; bars a request
export const SYMBOLS = ["DEMO:BTCUSD", "DEMO:ETHUSD"];

// The walk of scripts/demo (candles), line by line: nothing of it is random. Rows of CSV, of both symbols.
export function candles() {
  let state = 20230101,
    left = 0,
    drift = 0;
  const uniform = () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  const normal = () => (uniform() + uniform() + uniform() + uniform() + uniform() + uniform() - 3) * 1.4142;
  const close = [16500, 1200],
    rows = [[], []];

  for (let hour = 0; hour < HOURS; hour++) {
    if (left-- <= 0) {
      left = 60 + Math.trunc(uniform() * 300);
      drift = (uniform() - 0.46) * 0.0008;
    }
    const news = normal();

    for (let i = 0; i < 2; i++) {
      const step = drift + 0.0045 * (0.8 * news + 0.6 * normal()) * (1 + 0.25 * i);
      const open = close[i];

      close[i] = Number((open * (1 + step)).toFixed(2));
      const top = Math.max(open, close[i]) * (1 + 0.0022 * Math.abs(normal()));
      const bottom = Math.min(open, close[i]) * (1 - 0.0022 * Math.abs(normal()));
      const volume = (20 + 30 * uniform() + 4000 * Math.abs(step)) * (1 + 9 * i);

      rows[i].push(
        [
          BEGIN + hour * 3600,
          open.toFixed(2),
          top.toFixed(2),
          bottom.toFixed(2),
          close[i].toFixed(2),
          volume.toFixed(3),
        ].join(","),
      );
    }
  }
  return rows;
}

const STRATEGIES = [
  ["Demo: moving averages", "sma_crossover", { fast: 24, slow: 168 }, [0, 1]],
  [
    "Demo: dips in an uptrend",
    "rules",
    {
      v: 1,
      params: { low: 35, high: 60 },
      let: { r: "rsi(close, 14)" },
      long: { enter: "r < $low and close > sma(close, 400)", exit: "r > $high" },
      stop: { percent: 8 },
    },
    [0],
  ],
  [
    "Demo: channel, long and short",
    "rules",
    {
      v: 1,
      params: { entry: 96, exit: 48 },
      long: { enter: "close > highest(high, $entry)[1]", exit: "close < lowest(low, $exit)[1]" },
      short: { enter: "close < lowest(low, $entry)[1]", exit: "close > highest(high, $exit)[1]" },
      size: { equity: 0.5 },
    },
    [1],
  ],
];

async function strategy(name, kind, parameters) {
  try {
    return await post(path("strategies"), {
      name,
      description: "Of the demo: on made-up candles",
      kind,
      parameters,
      status: "active",
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 409) throw error;
    // By an earlier time. q finds parts of names too.
    const found = await all(path("strategies"), { query: { q: name, limit: 200 } });
    const its = found.find((one) => one.name === name && one.status !== "archived");

    if (!its) throw error;
    return its;
  }
}

// Brings all of it in; what is there stays as it is. tell(share, what). Resolves to the id of the first backtest.
export async function bringDemo(tell) {
  const rows = candles(),
    pieces = [];

  SYMBOLS.forEach((symbol, i) => {
    for (let at = 0; at < HOURS; at += PIECE) pieces.push([symbol, rows[i].slice(at, at + PIECE)]);
  });
  for (const [i, [symbol, some]] of pieces.entries()) {
    tell(i / (pieces.length + 1), `Candles of ${symbol}`);
    await ask("POST", path("candles", symbol, "1h"), {
      body: `time,open,high,low,close,volume\n${some.join("\n")}\n`,
      type: "text/csv",
      safe: true,
    });
  }
  tell(pieces.length / (pieces.length + 1), "Strategies and backtests");
  let first = null;

  for (const [name, kind, parameters, coins] of STRATEGIES) {
    const made = await strategy(name, kind, parameters);

    for (const i of coins) {
      const backtest = await post(
        path("backtests"),
        {
          strategy_id: made.id,
          symbol: SYMBOLS[i],
          timeframe: "1h",
          start: "2023-02-01T00:00:00Z",
          end: "2025-01-01T00:00:00Z",
          initial_capital: 10000,
          execution: { fee: { percent: 0.05 }, slippage: { percent: 0.01 } },
        },
        { headers: { "Idempotency-Key": `demo-${made.id}-${i}` }, safe: true },
      );

      first ??= backtest.id;
    }
  }
  tell(1, "Done");
  return first;
}

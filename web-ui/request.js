// What was asked for, as it would be asked for again.
import { token } from "./access.js";

const DEFAULTS = {
  fee: { percent: 0, fixed: 0, minimum: 0 },
  slippage: { percent: 0, ticks: 0 },
  spread: 0,
  lot: 0,
  tick: 0,
  leverage: 1,
  maintenance_margin: 0,
  short: true,
  intrabar: "pessimistic",
  limit_fill: "touch",
  missing: "skip",
  risk_free: 0,
  periods_per_year: 0,
  close_at_end: false,
  require_volume: false,
};

// An execution without the members that are what they would be anyway.
export function shortExecution(execution, defaults = DEFAULTS) {
  const short = {};

  for (const [name, value] of Object.entries(execution || {})) {
    if (value !== null && typeof value === "object" && defaults[name] && typeof defaults[name] === "object") {
      const inner = shortExecution(value, defaults[name]);

      if (Object.keys(inner).length) short[name] = inner;
    } else if (value !== defaults[name]) {
      short[name] = value;
    }
  }
  return short;
}

export function requestOf(backtest) {
  const { strategy_id, strategy_version, symbol, timeframe, start, end, initial_capital } = backtest;
  const execution = shortExecution(backtest.execution);
  const plain = (time) => time.replace(/\.0+Z$/, "Z");

  return {
    strategy_id,
    ...(strategy_version ? { strategy_version } : {}),
    symbol,
    timeframe,
    start: plain(start),
    end: plain(end),
    initial_capital,
    ...(Object.keys(execution).length ? { execution } : {}),
  };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`; // for a shell

// For sh. Where tokens are asked for it takes one of the variable `token`: what is copied holds no secret.
export const curlOf = (backtest) =>
  [
    `curl -s ${location.origin}/api/v1/backtests -H 'Content-Type: application/json'`,
    ...(token.value ? ['-H "Authorization: Bearer $token"'] : []),
    `-d ${quoted(JSON.stringify(requestOf(backtest)))}`,
  ].join(" \\\n    ");

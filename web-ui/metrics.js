// The metrics of a result, each with what it means (which the API says).
import { html } from "./html.js";
import { constant } from "./api.js";
import { useLoad } from "./load.js";
import { count, duration, money, NONE, percent, ratio, tone } from "./format.js";

const GROUPS = [
  ["Return", "return buy_and_hold cagr net_profit equity alpha beta volatility exposure"],
  ["Costs", "fees slippage_cost spread_cost funding turnover"],
  ["How far to trust it", "bars days gaps ambiguous_bars rejected_orders liquidations short_sample periods_per_year"],
  [
    "Risk",
    "max_drawdown max_drawdown_intrabar max_drawdown_cash max_drawdown_duration_s recovered ulcer_index value_at_risk_95 expected_shortfall_95 skew kurtosis",
  ],
  ["Ratios", "sharpe sortino calmar psr recovery_factor sqn kelly profit_factor payoff"],
  [
    "Trades",
    "trades wins losses even open win_rate expectancy expectancy_fraction avg_win avg_win_fraction avg_loss avg_loss_fraction best best_fraction worst worst_fraction",
  ],
].map(([name, members]) => [name, members.split(" ")]);

const WORDS = {
  cagr: "CAGR",
  psr: "PSR",
  sqn: "SQN",
  buy_and_hold: "Buy and hold",
  value_at_risk_95: "Value at risk, 95 %",
  expected_shortfall_95: "Expected shortfall, 95 %",
  max_drawdown_duration_s: "Longest drawdown",
  max_drawdown_cash: "Max drawdown, money",
  avg_win: "Average win",
  avg_loss: "Average loss",
  avg_win_fraction: "Average win, %",
  avg_loss_fraction: "Average loss, %",
  best_fraction: "Best, %",
  worst_fraction: "Worst, %",
  expectancy_fraction: "Expectancy, %",
  trades: "Closed trades",
  open: "Still open",
  max_drawdown_intrabar: "Max drawdown within bars",
  best: "Best trade",
  worst: "Worst trade",
};
const SIGNED = new Set([
  "return",
  "net_profit",
  "cagr",
  "buy_and_hold",
  "alpha",
  "best",
  "worst",
  "expectancy",
  "avg_win",
  "avg_loss",
]);
// Of two results, which one is better; the others do not say.
export const BETTER = {
  return: 1,
  cagr: 1,
  net_profit: 1,
  sharpe: 1,
  sortino: 1,
  calmar: 1,
  profit_factor: 1,
  win_rate: 1,
  expectancy: 1,
  psr: 1,
  sqn: 1,
  max_drawdown: -1,
  max_drawdown_duration_s: -1,
  ulcer_index: -1,
  volatility: -1,
  fees: -1,
};

export const wordOf = (name) => WORDS[name] || (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ");
export const toneOf = (name, value) => (SIGNED.has(name) ? tone(value) : "");

export function show(value, unit) {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "boolean") return value ? "yes" : "no";
  switch (unit) {
    case "fraction":
      return percent(value);
    case "cash":
      return money(value);
    case "count":
      return count(value);
    case "seconds":
      return duration(value);
    case "ratio":
      return ratio(value);
    default:
      return typeof value === "number" ? ratio(value, Number.isInteger(value) ? 0 : 4) : JSON.stringify(value);
  }
}

export function useMetrics() {
  return useLoad(() => constant("metrics"), []);
}

// In groups, with those that no group names at the end.
export function grouped(names) {
  const rest = new Set(names);
  const groups = GROUPS.map(([title, members]) => [title, members.filter((name) => rest.delete(name))]).filter(
    ([, members]) => members.length,
  );

  return rest.size ? [...groups, ["More", [...rest]]] : groups;
}

export function Metrics({ metrics }) {
  const known = useMetrics();

  if (!known.data) return null;
  const about = new Map(known.data.map((one) => [one.name, one]));

  return html`<div class="metrics">
    ${grouped(Object.keys(metrics)).map(
      ([title, members]) =>
        html` <table>
          <caption>
            ${title}
          </caption>
          <tbody>
            ${members.map(
              (name) =>
                html`<tr>
                  <th scope="row">
                    <span class="term">${wordOf(name)}</span
                    ><span class="meaning">${about.get(name)?.description || ""}</span>
                  </th>
                  <td class=${toneOf(name, metrics[name])}>${show(metrics[name], about.get(name)?.unit)}</td>
                </tr>`,
            )}
          </tbody>
        </table>`,
    )}
  </div>`;
}

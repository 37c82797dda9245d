// Results: what was run, the newest first.
import { html, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { ago, count, NONE, percent, ratio, signedPercent, tone } from "./format.js";
import { useEvery, useList } from "./load.js";
import { useNames } from "./names.js";
import { Card, Choice, Empty, Loading, Page, Pill, Time, Wrong } from "./parts.js";
import { go, href } from "./route.js";

const PAGE = 50,
  LOOK_MS = 2000,
  COMPARED_MAX = 6;
const isUnderWay = (one) => one.status === "queued" || one.status === "running";

// chosen: a Set of ids, or none if nothing can be chosen
export function ResultsTable({ backtests, chosen, choose }) {
  const nameOf = useNames(backtests.map((one) => one.strategy_id));

  return html`<div class="scroll" tabindex="0" role="region" aria-label="Results">
    <table class="list">
      <thead>
        <tr>
          ${choose && html`<th scope="col"><span class="hidden">Compare</span></th>`}
          <th scope="col" class="text">Strategy</th>
          <th scope="col" class="text">Series</th>
          <th scope="col" class="text">Span</th>
          <th scope="col" class="text">Status</th>
          <th scope="col">Return</th>
          <th scope="col">Buy and hold</th>
          <th scope="col">Max drawdown</th>
          <th scope="col">Sharpe</th>
          <th scope="col">Trades</th>
          <th scope="col" class="text">Asked for</th>
        </tr>
      </thead>
      <tbody>
        ${backtests.map((one) => {
          const m = one.metrics || {};

          return html`<tr key=${one.id}>
            ${
              choose &&
              html`<td>
                <input
                  type="checkbox"
                  aria-label=${`Compare ${nameOf(one.strategy_id)} on ${one.symbol}`}
                  checked=${chosen.has(one.id)}
                  disabled=${!chosen.has(one.id) && (one.status !== "succeeded" || chosen.size >= COMPARED_MAX)}
                  onChange=${() => choose(one.id)}
                />
              </td>`
            }
            <td class="text main">
              <a href=${href(["results", one.id])}>${nameOf(one.strategy_id)}</a>${" "}
              <span class="note">v${one.strategy_version}</span>
            </td>
            <td class="text">${one.symbol} <span class="note">${one.timeframe}</span></td>
            <td class="text"><${Time} of=${one.start} short /> – <${Time} of=${one.end} short /></td>
            <td class="text">
              <${Pill}
                of=${one.status}
              />${one.stale ? html` <span class="pill" title="Its candles have changed since">stale</span>` : ""}
            </td>
            <td class=${tone(m.return)}>${isUnderWay(one) ? percent(one.progress, 0) : signedPercent(m.return)}</td>
            <td>${signedPercent(m.buy_and_hold)}</td>
            <td>${percent(m.max_drawdown)}</td>
            <td>${ratio(m.sharpe)}</td>
            <td>${one.metrics ? count(m.trades) : NONE}</td>
            <td class="text"><span title=${one.created_at}>${ago(one.created_at)}</span></td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

export function Results() {
  const [status, setStatus] = useState("");
  const [chosen, setChosen] = useState(() => new Set());
  const list = useList(
    (after, signal) => get(withQuery(path("backtests"), { limit: PAGE, status, after }), { signal }),
    [status],
  );
  const { items, next, error } = list;

  // What goes wrong with one look, the next one mends.
  useEvery(LOOK_MS, (signal) => list.renew(signal).catch(() => {}), (items || []).some(isUnderWay));

  const choose = (id) =>
    setChosen((before) => {
      const after = new Set(before);

      if (!after.delete(id)) after.add(id);
      return after;
    });

  return html`<${Page}
    wide
    title="Results"
    actions=${html` <button
        type="button"
        disabled=${chosen.size < 2}
        onClick=${() => go("compare", { ids: [...chosen].join(",") })}
      >
        Compare ${chosen.size > 1 ? `these ${chosen.size}` : "…"}
      </button>
      <a class="button primary" href=${href("run")}>Run a backtest</a>`}
  >
    <${Wrong} error=${error} again=${list.again} />
    <div class="filters">
      <${Choice}
        label="Status"
        value=${status}
        onValue=${setStatus}
        options=${[["", "all"], ...["queued", "running", "succeeded", "failed", "cancelled"].map((one) => [one, one])]}
      />
    </div>
    ${
      !items
        ? !error && html`<${Loading} />`
        : !items.length
          ? html`<${Empty} title=${status ? `None is ${status}` : "Nothing has been run yet"}>
              <p>
                ${status ? "" : html`<a href=${href("run")}>Run a backtest</a>, or see <a href=${href("")}>how to begin</a>.`}
              </p><//
            >`
          : html`<${Card}
              ><${ResultsTable} backtests=${items} chosen=${chosen} choose=${choose} />
              ${next && html`<p class="more"><button type="button" onClick=${list.more}>More</button></p>`}<//
            >`
    }
  <//>`;
}

// A result: what came of a backtest, and while there is none yet, how far it is.
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { token } from "./access.js";
import { get, path, post, withQuery } from "./api.js";
import { pointsOf } from "./curve.js";
import { Downloads } from "./downloads.js";
import { count, duration, money, percent, plural, ratio, signedPercent, tone } from "./format.js";
import { useEvery, useLoad } from "./load.js";
import { Metrics } from "./metrics.js";
import { Monthly } from "./monthly.js";
import { Card, Copy, Loading, Page, Pill, Progress, Time, Wrong } from "./parts.js";
import { curlOf, requestOf } from "./request.js";
import { ResultChart } from "./result-chart.js";
import { href } from "./route.js";
import { Trades } from "./trades.js";

const POINTS = 10000; // of the curve: the most that the API gives
const LOOK_MS = 400,
  REST_MS = 120;

const isOver = (backtest) => !["queued", "running"].includes(backtest.status);

export function Result({ id }) {
  const found = useLoad((signal) => get(path("backtests", id), { signal }), [id]);
  const [newer, set] = useState(null);
  const [gone, lose] = useState(null); // why it is not there any more
  const backtest = newer || found.data;

  // What goes wrong with one look, the next one mends, unless somebody has deleted it.
  useEvery(
    LOOK_MS,
    (signal) => get(path("backtests", id), { signal }).then(set, (error) => error.status === 404 && lose(error)),
    backtest && !isOver(backtest) && !gone,
  );
  if (found.error || gone)
    return html`<${Page} title="Result"
      ><${Wrong} error=${found.error || gone} again=${found.error && found.again} title="It cannot be shown"
    /><//>`;
  if (!backtest) return html`<${Page} title="Result"><${Loading} /><//>`;
  return html`<${Shown} backtest=${backtest} changed=${set} />`;
}

function Shown({ backtest, changed }) {
  const strategy = useLoad(
    (signal) =>
      get(path("strategies", backtest.strategy_id, "versions", String(backtest.strategy_version)), { signal }),
    [backtest.strategy_id, backtest.strategy_version],
  );
  const name = strategy.data?.name || "Result";
  const lead = html`<a href=${href(["strategies", backtest.strategy_id])}>Version ${backtest.strategy_version}</a> on${" "}
    <a href=${href(["data", backtest.symbol, backtest.timeframe])}>${backtest.symbol}</a> ${backtest.timeframe},${" "}
    <${Time} of=${backtest.start} short /> to <${Time} of=${backtest.end} short />, capital${" "}
    ${money(backtest.initial_capital)}`;

  return html`<${Page}
    wide
    title=${name}
    lead=${lead}
    actions=${html` <${Pill} of=${backtest.status} />
      <a class="button" href=${href("run", { from: backtest.id })}>Run again…</a>
      ${backtest.status === "succeeded" && html`<a class="button" href=${href("compare", { ids: backtest.id })}>Compare…</a>`}`}
  >
    ${
      backtest.stale &&
      html`<p class="banner warn">
        The candles of this result have changed, or were deleted, since.${" "}
        <a href=${href("run", { from: backtest.id })}>Run it again</a> to see what they say now.
      </p>`
    }
    ${!isOver(backtest) && html`<${Waiting} backtest=${backtest} changed=${changed} />`}
    ${(backtest.status === "failed" || backtest.status === "cancelled") && html`<${Failed} backtest=${backtest} />`}
    ${backtest.status === "succeeded" && html`<${Succeeded} backtest=${backtest} name=${name} />`}
  <//>`;
}

function Waiting({ backtest, changed }) {
  const [error, set] = useState(null);
  const [seconds, pass] = useState(0);

  useEvery(1000, () => pass((n) => n + 1), true);
  const cancel = async () => {
    try {
      changed(await post(path("backtests", backtest.id, "cancel"), undefined, { safe: true }));
    } catch (problem) {
      set(problem);
    }
  };

  return html`<${Card} class="waiting">
    <p role="status">
      <strong
        >${backtest.status === "queued" ? "In the queue" : `Computing, ${percent(backtest.progress, 0)}`}</strong
      >
    </p>
    <${Progress} value=${backtest.progress} label="Progress" />
    ${
      backtest.status === "queued" &&
      seconds > 8 &&
      html`<p class="note">
        Nobody has taken it for ${plural(seconds, "second")}. Does backtestd run, and does it know this kind of
        strategy?
      </p>`
    }
    <button type="button" onClick=${cancel}>Cancel</button>
    <${Wrong} error=${error} />
  <//>`;
}

function Failed({ backtest }) {
  const error = backtest.error;

  return html`<div class=${`banner ${backtest.status === "failed" ? "bad" : ""}`} role="status">
      <strong>${backtest.status === "failed" ? "It failed." : "It was cancelled."}</strong>
      ${error && html` ${error.detail || error.title}`}
      ${
        error?.errors &&
        html`<ul>
          ${error.errors.map((place) => html`<li><code>${place.pointer}</code> ${place.detail}</li>`)}
        </ul>`
      }
    </div>
    <${Card} title="What was asked for"><pre>${JSON.stringify(requestOf(backtest), null, 2)}</pre><//>`;
}

// One figure that is read first, and what to compare it with.
const Figure = ({ name, value, more, of }) =>
  html`<div class="figure">
    <dt>${name}</dt>
    <dd><b class=${of || ""}>${value}</b><small>${more}</small></dd>
  </div>`;

function Figures({ m, capital }) {
  return html`<dl class="figures">
    <${Figure}
      name="Return"
      value=${signedPercent(m.return)}
      of=${tone(m.return)}
      more=${html`buy & hold ${signedPercent(m.buy_and_hold, 1)}`}
    />
    <${Figure} name="Equity" value=${money(m.equity)} more=${html`from ${money(capital)}`} />
    <${Figure}
      name="CAGR"
      value=${signedPercent(m.cagr)}
      of=${tone(m.cagr)}
      more=${m.short_sample ? "less than a year" : `volatility ${percent(m.volatility, 1)}`}
    />
    <${Figure}
      name="Max drawdown"
      value=${percent(m.max_drawdown)}
      more=${`longest ${duration(m.max_drawdown_duration_s)}`}
    />
    <${Figure} name="Sharpe" value=${ratio(m.sharpe)} more=${`Sortino ${ratio(m.sortino)}`} />
    <${Figure} name="Profit factor" value=${ratio(m.profit_factor)} more=${`payoff ${ratio(m.payoff)}`} />
    <${Figure}
      name="Trades"
      value=${count(m.trades)}
      more=${`${percent(m.win_rate, 1)} won${m.open ? `, ${count(m.open)} open` : ""}`}
    />
    <${Figure}
      name="In the market"
      value=${percent(m.exposure, 1)}
      more=${`costs ${money((m.fees || 0) + (m.slippage_cost || 0) + (m.spread_cost || 0))}`}
    />
  </dl>`;
}

function Succeeded({ backtest, name }) {
  const curve = useLoad(
    (signal) => get(withQuery(path("backtests", backtest.id, "equity"), { points: POINTS }), { signal }),
    [backtest.id],
  );
  const [selected, select] = useState(null); // a trade
  const chart = useRef();
  const lead = useRef(0);
  const m = backtest.metrics || {}; // a service that computes otherwise may have none
  const trades = (m.trades ?? 0) + (m.open ?? 0);

  const points = useMemo(() => (curve.data ? pointsOf(curve.data.items) : null), [curve.data]);
  // The chart follows once the choice rests: a key that is held goes through many.
  const shown = (trade) => {
    select(trade);
    clearTimeout(lead.current);
    lead.current = setTimeout(() => chart.current?.show(trade), REST_MS);
  };

  useEffect(() => () => clearTimeout(lead.current), []);
  return html`<${Figures} m=${m} capital=${backtest.initial_capital} />
    <${Wrong} error=${curve.error} again=${curve.again} />
    <${Card} class="chart-card" aria-label="Chart">
      ${
        points
          ? html`<${ResultChart}
              backtest=${backtest}
              points=${points}
              thinned=${curve.data.thinned}
              selected=${selected}
              onSelect=${select}
              handle=${chart}
            />`
          : html`<div class="chart tall"><${Loading} what="Loading the curve" /></div>`
      }
    <//>
    <${Card} title="Monthly returns"
      >${points && html`<${Monthly} id=${backtest.id} points=${points} thinned=${curve.data.thinned} />`}<//
    >
    <${Card}
      title="Trades"
      note=${`${plural(trades, "trade")}; choose one to see it in the chart`}
    >
      <${Trades}
        id=${backtest.id}
        total=${trades}
        selected=${selected}
        onSelect=${shown}
    /><//>
    <${Card} title="Metrics"><${Metrics} metrics=${m} /><//>
    <${Card} title="Take it along" actions=${html`<${Copy} text=${curlOf(backtest)} label="Copy the command" />`}>
      <${Downloads} id=${backtest.id} name=${`${name} ${backtest.symbol} ${backtest.timeframe}`} />
      <p class="note">
        The command that asks for the same
        backtest${token.value ? html`; set <code>token</code> in the shell before, to an access token` : ""}:
      </p>
      <pre class="command" tabindex="0">${curlOf(backtest)}</pre>
      <dl class="facts">
        <dt>Result</dt>
        <dd><code>${backtest.result_hash}</code></dd>
        <dt>Candles</dt>
        <dd><code>${backtest.data}</code></dd>
        <dt>Engine</dt>
        <dd>${backtest.engine}</dd>
        <dt>Computed</dt>
        <dd>
          <${Time} of=${backtest.finished_at} />, in
          ${" "}${duration((Date.parse(backtest.finished_at) - Date.parse(backtest.started_at)) / 1000)}
        </dd>
      </dl>
    <//>`;
}

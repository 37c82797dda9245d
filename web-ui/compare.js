// Compare: several results on one chart, and in one table.
import { html, useMemo, useRef, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { color, FORMATS, LINES, LineSeries, useChart } from "./chart.js";
import { along, pointsOf } from "./curve.js";
import { percent, signedPercent, time } from "./format.js";
import { useLoad } from "./load.js";
import { BETTER, grouped, show, toneOf, useMetrics, wordOf } from "./metrics.js";
import { useNames } from "./names.js";
import { Card, Check, Empty, Loading, Page, Time, Wrong } from "./parts.js";
import { go, href } from "./route.js";
import { ResultsTable } from "./results.js";

const MOST = 6,
  STEPS = 900;
const MAIN = [
  "return",
  "cagr",
  "max_drawdown",
  "sharpe",
  "sortino",
  "calmar",
  "volatility",
  "exposure",
  "trades",
  "win_rate",
  "profit_factor",
  "expectancy_fraction",
  "fees",
];

// What tells the results apart: name and version, and the series only if it differs.
function labelsOf(results, nameOf) {
  const same = (key) => new Set(results.map(key)).size === 1;
  const withSeries = !same((one) => `${one.symbol} ${one.timeframe}`),
    withVersion = !same((one) => one.strategy_version);

  return results.map((one) =>
    [
      nameOf(one.strategy_id),
      withVersion && `v${one.strategy_version}`,
      withSeries && `${one.symbol} ${one.timeframe}`,
    ]
      .filter(Boolean)
      .join(", "),
  );
}

function Curves({ results, curves, labels }) {
  const [fall, setFall] = useState(false);
  const [at, setAt] = useState(null);
  const its = useRef({}).current;
  const grid = useMemo(() => {
    const all = curves.flatMap((points) => [points[0].t, points[points.length - 1].t]);
    const first = Math.min(...all),
      step = Math.max(60, Math.ceil((Math.max(...all) - first) / STEPS / 60) * 60);

    return {
      step,
      times: Array.from({ length: Math.ceil((Math.max(...all) - first) / step) + 1 }, (_, i) => first + i * step),
    };
  }, [curves]);
  const box = useChart(
    (chart) => {
      its.lines = curves.map((points, i) => {
        const line = chart.addSeries(LineSeries, {
          color: color(LINES[i]),
          lineWidth: 2,
          priceLineVisible: false,
          lastValueVisible: false,
          priceFormat: fall ? FORMATS.percent : FORMATS.signed,
        });
        const times = grid.times.filter(
          (t) => t >= points[0].t - grid.step && t <= points[points.length - 1].t + grid.step,
        );
        const drawn = along(points, times, fall ? grid.step : 0);

        line.setData(
          fall ? drawn.falls : drawn.curve.map(({ time: t, value }) => ({ time: t, value: value / points[0].v - 1 })),
        );
        return line;
      });
      chart.timeScale().fitContent();
      chart.subscribeCrosshairMove(({ time: t, seriesData }) =>
        setAt(t === undefined ? null : { t, values: its.lines.map((line) => seriesData.get(line)?.value) }),
      );
    },
    [curves, fall],
    () => its.lines.forEach((line, i) => line.applyOptions({ color: color(LINES[i]) })),
  );

  return html`<div class="legend">
      ${at && html`<span class="when">${time(at.t * 1000)}</span>`}
      ${results.map((one, i) => html`<span><i class=${`key ${LINES[i]}`}></i>${labels[i]} <b>${(fall ? percent : signedPercent)(at ? at.values[i] : fall ? -one.metrics.max_drawdown : one.metrics.return, 1)}</b></span>`)}
      <span class="end"
        ><button type="button" class="quiet" aria-pressed=${fall ? "true" : "false"} onClick=${() => setFall(!fall)}>
          ${fall ? "Show the equity" : "Show the drawdown"}
        </button></span
      >
    </div>
    <div
      class="chart"
      ref=${box}
      role="img"
      aria-label=${`${fall ? "Drawdown" : "Return"} of ${labels.join("; ")}`}
    ></div>`;
}

function Table({ results, labels }) {
  const known = useMetrics();
  const [everything, setEverything] = useState(false);
  const about = new Map((known.data || []).map((one) => [one.name, one]));
  const names = results.flatMap((one) => Object.keys(one.metrics));
  const rows = everything ? grouped(new Set(names)) : [["", MAIN.filter((name) => names.includes(name))]];
  const bestOf = (name) => {
    const values = results.map((one) => one.metrics[name]).filter((value) => typeof value === "number");

    if (!BETTER[name] || values.length < 2 || new Set(values).size === 1) return null;
    return BETTER[name] > 0 ? Math.max(...values) : Math.min(...values);
  };

  return html`<div class="scroll" tabindex="0" role="region" aria-label="Metrics side by side">
      <table class="list compare">
        <thead>
          <tr>
            <th scope="col" class="text">Metric</th>
            ${results.map(
              (one, i) =>
                html`<th scope="col">
                  <i class=${`key ${LINES[i]}`}></i><a href=${href(["results", one.id])}>${labels[i]}</a>
                </th>`,
            )}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row" class="text">Span</th>
            ${results.map((one) => html`<td><${Time} of=${one.start} short /> – <${Time} of=${one.end} short /></td>`)}
          </tr>
          ${rows.map(
            ([title, members]) =>
              html`${
                title &&
                html`<tr class="group">
                  <th scope="colgroup" class="text" colspan=${results.length + 1}>${title}</th>
                </tr>`
              }
              ${members.map((name) => {
                const best = bestOf(name);

                return html`<tr>
                  <th scope="row" class="text" title=${about.get(name)?.description}>${wordOf(name)}</th>
                  ${results.map(
                    (one) =>
                      html`<td class=${toneOf(name, one.metrics[name])}>
                        <span class=${one.metrics[name] === best && best !== null ? "best" : ""}
                          >${show(one.metrics[name], about.get(name)?.unit)}</span
                        >
                      </td>`,
                  )}
                </tr>`;
              })}`,
          )}
        </tbody>
      </table>
    </div>
    <${Check} label="All metrics" value=${everything} onValue=${setEverything} />`;
}

const unlessGone = (error) => {
  if (error.status !== 404) throw error;
  return null;
};

export function Compare({ ids }) {
  const wanted = ids.slice(0, MOST);
  const found = useLoad(
    async (signal) => {
      const there = await Promise.all(wanted.map((id) => get(path("backtests", id), { signal }).catch(unlessGone)));
      const results = there.filter(Boolean).map((one) => ({ ...one, metrics: one.metrics || {} }));
      const gone = wanted.filter((_, i) => !there[i]);
      const done = results.filter((one) => one.status === "succeeded");
      const curves = await Promise.all(
        done.map((one) => get(withQuery(path("backtests", one.id, "equity"), { points: 3000 }), { signal })),
      );
      const whole = done.map((one, i) => [one, pointsOf(curves[i].items)]).filter(([, points]) => points.length > 1);

      return { gone, all: results, results: whole.map(([one]) => one), curves: whole.map(([, points]) => points) };
    },
    [ids.join()],
  );
  const others = useLoad(
    (signal) => get(withQuery(path("backtests"), { status: "succeeded", limit: 30 }), { signal }),
    [],
  );
  const { gone = [], all: chosen = [], results = [], curves = [] } = found.data || {};
  // Those that are too old for the list can be left out again too.
  const chosenBefore = chosen.filter((one) => !others.data?.items.some((other) => other.id === one.id));
  const unfinished = chosen.length - results.length;
  const nameOf = useNames(results.map((one) => one.strategy_id));
  const labels = labelsOf(results, nameOf);
  const to = (list) => go("compare", { ids: list.join(",") });
  const toggle = (id) => to(wanted.includes(id) ? wanted.filter((one) => one !== id) : [...wanted, id]);

  return html`<${Page} wide title="Compare" lead="Up to six results on one chart. Each begins at 0 %.">
    <${Wrong} error=${found.error} again=${found.again} />
    ${wanted.length > 0 && !found.data && !found.error && html`<${Loading} />`}
    ${
      gone.length > 0 &&
      html`<p class="banner warn">
        ${gone.length === 1 ? "One of them is" : `${gone.length} of them are`} not there any more.${" "}
        <button type="button" onClick=${() => to(wanted.filter((id) => !gone.includes(id)))}>Leave it out</button>
      </p>`
    }
    ${unfinished > 0 && html`<p class="banner warn">${unfinished === 1 ? "One of them has" : `${unfinished} of them have`} no result to show: not every backtest ends with one.</p>`}
    ${
      results.length > 0 &&
      html`<${Card} class="chart-card" aria-label="Chart"
          ><${Curves} results=${results} curves=${curves} labels=${labels}
        /><//>
        <${Card} title="Side by side"><${Table} results=${results} labels=${labels} /><//>`
    }
    ${
      others.data &&
      (chosen.length + others.data.items.length
        ? html`<${Card}
            title="Choose results"
            note=${`${wanted.length} of ${MOST} chosen`}
          >
            <${ResultsTable}
              backtests=${[...chosenBefore, ...others.data.items]}
              chosen=${new Set(wanted)}
              choose=${toggle}
          /><//>`
        : html`<${Empty} title="There is nothing to compare yet"
            ><p><a href=${href("run")}>Run a backtest</a>, or see <a href=${href("")}>how to begin</a>.</p><//
          >`)
    }
  <//>`;
}

// Where one begins: an empty lab says what to do first; one that is in use, what was done last.
import { html, useEffect, useRef, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { bringDemo } from "./demo.js";
import { useLoad } from "./load.js";
import { Card, Loading, Page, Progress, Wrong } from "./parts.js";
import { ResultsTable } from "./results.js";
import { go, href } from "./route.js";
import { plural } from "./format.js";

export function DemoOffer({ primary }) {
  const [state, set] = useState(null);
  const [error, fail] = useState(null);
  const isHere = useRef(true);

  useEffect(
    () => () => {
      isHere.current = false;
    },
    [],
  );
  async function bring() {
    fail(null);
    set([0, "Beginning"]);
    try {
      const first = await bringDemo((share, what) => set([share, what]));

      if (isHere.current) go(["results", first]); // who has gone to another view is not called away
    } catch (problem) {
      fail(problem);
      set(null);
    }
  }

  return html`<div class="offer">
    ${
      state
        ? html`<${Progress} value=${state[0]} label="The demo" /><span role="status">${state[1]}…</span>`
        : html`<button type="button" class=${primary ? "primary" : ""} onClick=${bring}>
            Bring in the demo market
          </button>`
    }
    <${Wrong} error=${error} again=${bring} />
  </div>`;
}

function Steps({ series, strategies }) {
  const steps = [
    [
      series > 0,
      "Bring in candles",
      html`Drop a CSV of an exchange, or of your own. <a href=${href("data")}>Import a file</a>`,
    ],
    [
      strategies > 0,
      "Write down a strategy",
      html`A named kind with its parameters, or rules of your own.${" "}
        <a href=${href(["strategies", "new"])}>New strategy</a>`,
    ],
    [
      false,
      "Run it, and look at the result",
      html`Fills, equity, drawdown and every trade. <a href=${href("run")}>Run a backtest</a>`,
    ],
  ];

  return html`<ol class="steps">
    ${steps.map(
      ([done, title, more], i) =>
        html`<li class=${done ? "done" : ""}>
          <span class="number" aria-hidden="true">${done ? "✓" : i + 1}</span>
          <div>
            <h3>${title}${done && html`<span class="note"> done</span>`}</h3>
            <p>${more}</p>
          </div>
        </li>`,
    )}
  </ol>`;
}

export function Start() {
  const found = useLoad(async (signal) => {
    const [series, strategies, backtests] = await Promise.all(
      ["series", "strategies", "backtests"].map((what) =>
        get(withQuery(path(what), { limit: what === "backtests" ? 10 : 200 }), { signal }),
      ),
    );

    return { series, strategies, backtests: backtests.items };
  }, []);

  if (!found.data)
    return html`<${Page} title="The lab"
      >${found.error ? html`<${Wrong} error=${found.error} again=${found.again} />` : html`<${Loading} />`}<//
    >`;
  const { backtests } = found.data;
  const series = found.data.series.items,
    strategies = found.data.strategies.items;
  const many = (list, one, more) => `${list.next ? "more than " : ""}${plural(list.items.length, one, more)}`;

  if (!backtests.length) {
    return html`<${Page}
      title="Welcome to the lab"
      lead="Test a trading strategy on past prices: nothing from the future, and no fill that the market would not have given."
    >
      ${
        (!series.length || !strategies.length) &&
        html`<${Card} class="hero">
          <h2>Look around first</h2>
          <p>
            The demo is a made-up market, <b>DEMO:BTCUSD</b> and <b>DEMO:ETHUSD</b>, two years by the hour, with three
            strategies and their backtests. It takes some seconds. Its prices are worth nothing, and the same each
            time.
          </p>
          <${DemoOffer} primary
        /><//>`
      }
      <${Card} title=${series.length || strategies.length ? "Next" : "Or begin with your own"}
        ><${Steps} series=${series.length} strategies=${strategies.length}
      /><//>
    <//>`;
  }
  return html`<${Page}
    wide
    title="The lab"
    lead=${html`<a href=${href("data")}>${many(found.data.series, "series", "series")}</a>,${" "}
      <a href=${href("strategies")}>${many(found.data.strategies, "strategy", "strategies")}</a>`}
    actions=${html`<a class="button primary" href=${href("run")}>Run a backtest</a>`}
  >
    <${Card} title="Latest results" actions=${html`<a href=${href("results")}>All results</a>`}
      ><${ResultsTable} backtests=${backtests}
    /><//>
  <//>`;
}

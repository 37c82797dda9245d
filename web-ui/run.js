// Run: which strategy, on which candles, from when to when, at what costs.
import { html, useEffect, useMemo, useState } from "./html.js";
import { all, get, path, post } from "./api.js";
import { count, date, plural, readNumber, time, writeNumber } from "./format.js";
import { forgetDraft, useDraft } from "./keep.js";
import { useLoad } from "./load.js";
import { remember } from "./names.js";
import { Card, Check, Choice, Copy, Empty, Field, Loading, Page, Text, Wrong } from "./parts.js";
import { curlOf, shortExecution } from "./request.js";
import { go, href } from "./route.js";
import { DemoOffer } from "./start.js";
import { madeOf, SECONDS, TESTED } from "./timeframe.js";

const FIRST = {
  strategy: "",
  version: "",
  symbol: "",
  timeframe: "",
  start: "",
  end: "",
  startAt: "", // of a backtest that is run again: the exact times, while the days are not changed
  endAt: "",
  capital: writeNumber(10000),
  fee: writeNumber(0.1),
  slippage: writeNumber(0.02),
  spread: writeNumber(0),
  leverage: writeNumber(1),
  short: true,
  intrabar: "pessimistic",
  missing: "skip",
  closeAtEnd: false,
  more: "",
};
const DAY = 86400e3;

// Not randomUUID, which browsers have for HTTPS and localhost alone.
const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const spanOf = (start, end) => ({ start, end, startAt: "", endAt: "" });
const instant = (day, exact) => exact || (day && `${day}T00:00:00Z`);
const IN_FIELDS = ["spread", "leverage", "short", "intrabar", "missing", "close_at_end"];

// The members of an execution that have no field of their own. Throws what is wrong with the text.
function moreOf(text) {
  if (!text.trim()) return {};
  let more;

  try {
    more = JSON.parse(text);
  } catch (problem) {
    throw new Error(`This is not JSON: ${problem.message}`);
  }
  if (!isObject(more)) throw new Error('It must be an object, such as {"risk_free": 0.02}.');
  const twice = [
    ...IN_FIELDS.filter((name) => name in more),
    ...["fee", "slippage"].filter((name) => isObject(more[name]) && "percent" in more[name]).map((name) => `${name}.percent`),
  ];

  if (twice.length) throw new Error(`The form has a field for ${twice.join(", ")}: leave it out here.`);
  return more;
}

// What the form says, as the API takes it; throws if it cannot be said.
function requestOf(draft) {
  // What is not a number goes as it is: the service says what is wrong with it, and where.
  const execution = shortExecution({
    fee: { percent: readNumber(draft.fee) },
    slippage: { percent: readNumber(draft.slippage) },
    spread: readNumber(draft.spread),
    leverage: readNumber(draft.leverage),
    short: draft.short,
    intrabar: draft.intrabar,
    missing: draft.missing,
    close_at_end: draft.closeAtEnd,
  });

  for (const [name, value] of Object.entries(moreOf(draft.more)))
    execution[name] = isObject(value) ? { ...value, ...execution[name] } : value;
  return {
    strategy_id: draft.strategy,
    ...(draft.version ? { strategy_version: Number(draft.version) } : {}),
    symbol: draft.symbol,
    timeframe: draft.timeframe,
    start: instant(draft.start, draft.startAt),
    end: instant(draft.end, draft.endAt),
    initial_capital: readNumber(draft.capital),
    execution,
  };
}

function draftOf(backtest, strategy) {
  const { fee, slippage, spread, leverage, short, intrabar, missing, close_at_end, ...others } = shortExecution(
    backtest.execution,
  );
  const { percent: feePercent = 0, ...feeOthers } = fee || {},
    { percent: slipPercent = 0, ...slipOthers } = slippage || {};
  const isDay = (when) => /T00:00:00(\.0+)?Z$/.test(when);
  const rest = {
    ...others,
    ...(Object.keys(feeOthers).length ? { fee: feeOthers } : {}),
    ...(Object.keys(slipOthers).length ? { slippage: slipOthers } : {}),
  };

  return {
    strategy: backtest.strategy_id,
    version: backtest.strategy_version === strategy.version ? "" : String(backtest.strategy_version),
    symbol: backtest.symbol,
    timeframe: backtest.timeframe,
    start: date(backtest.start, "UTC"),
    end: date(backtest.end, "UTC"),
    startAt: isDay(backtest.start) ? "" : backtest.start,
    endAt: isDay(backtest.end) ? "" : backtest.end,
    capital: writeNumber(backtest.initial_capital),
    fee: writeNumber(feePercent),
    slippage: writeNumber(slipPercent),
    spread: writeNumber(spread ?? 0),
    leverage: writeNumber(leverage ?? 1),
    short: short ?? true,
    intrabar: intrabar ?? "pessimistic",
    missing: missing ?? "skip",
    closeAtEnd: close_at_end ?? false,
    more: Object.keys(rest).length ? JSON.stringify(rest) : "",
  };
}

export function Run({ query }) {
  const found = useLoad(
    async (signal) => {
      const [strategies, series, from] = await Promise.all([
        all(path("strategies"), { query: { limit: 200 }, most: 1000, signal }),
        all(path("series"), { query: { limit: 200 }, most: 1000, signal }),
        query.from ? get(path("backtests", query.from), { signal }) : null,
      ]);

      const wanted = from?.strategy_id || query.strategy;
      const offered = strategies.filter((one) => one.status !== "archived" || one.id === wanted);

      // One that was led to may be older than all of them.
      if (wanted && !offered.some((one) => one.id === wanted))
        offered.push(await get(path("strategies", wanted), { signal }));
      remember(offered);
      return { strategies: offered, series, from };
    },
    [query.from, query.strategy],
  );

  if (!found.data)
    return html`<${Page} title="Run"
      >${found.error ? html`<${Wrong} error=${found.error} again=${found.again} />` : html`<${Loading} />`}<//
    >`;
  const { strategies, series, from } = found.data;

  if (!strategies.length || !series.length) {
    return html`<${Page} title="Run"
      ><${Empty} title="A backtest needs a strategy and candles"
        ><p>
          ${!series.length && html`<a class="button" href=${href("data")}>Bring in candles</a>`}
          ${
            !strategies.length &&
            html`<a class="button" href=${href(["strategies", "new"])}>Write down a strategy</a>`
          }
        </p>
        <p class="note">Or look around first, in a made-up market with strategies of its own:</p>
        <${DemoOffer} /><//
      ><//
    >`;
  }
  return html`<${Form}
    strategies=${strategies}
    series=${series}
    given=${
      from
        ? draftOf(
            from,
            strategies.find((one) => one.id === from.strategy_id),
          )
        : query.strategy
          ? { strategy: query.strategy, version: "" }
          : query.symbol
            ? { symbol: query.symbol, timeframe: query.timeframe, ...spanOf("", "") }
            : {}
    }
  />`;
}

function Form({ strategies, series, given }) {
  const [draft, change] = useDraft("run", FIRST);
  const [error, fail] = useState(null);
  const [busy, setBusy] = useState(false);
  const [ready, begin] = useState(!Object.keys(given).length);
  const symbols = useMemo(() => [...new Set(series.map((one) => one.symbol))].sort(), [series]);
  const stored = series.filter((one) => one.symbol === draft.symbol);
  const timeframes = TESTED.filter((name) => stored.some((one) => madeOf(name, one.timeframe)));
  const source =
    stored.find((one) => one.timeframe === draft.timeframe) ||
    stored
      .filter((one) => draft.timeframe && madeOf(draft.timeframe, one.timeframe))
      .sort((a, b) => SECONDS[a.timeframe] - SECONDS[b.timeframe])[0];
  const strategy = strategies.find((one) => one.id === draft.strategy);
  const whole = source && spanOf(date(source.first, "UTC"), date(Date.parse(source.last) + DAY, "UTC"));

  useEffect(() => {
    if (ready) return;
    change(given);
    begin(true);
  }, []);
  // What can be chosen decides what is chosen, if nothing was, and nothing is given.
  useEffect(() => {
    const part = {};

    if (!ready) return;
    if (!strategy) part.strategy = strategies[0].id;
    if (!stored.length) part.symbol = symbols[0];
    else if (!timeframes.includes(draft.timeframe))
      part.timeframe = timeframes.find((name) => stored.some((one) => one.timeframe === name)) || timeframes[0] || "";
    else if (whole && (!draft.start || !draft.end)) Object.assign(part, whole);
    if (Object.entries(part).some(([name, value]) => draft[name] !== value)) change(part);
  }, [ready, draft, symbols]);

  let request = null,
    wrongMore = null;

  try {
    request = requestOf(draft);
  } catch (problem) {
    wrongMore = problem.message;
  }
  const at = (pointer) => error?.places?.find((place) => place.pointer === pointer)?.detail;
  const set = (name) => (value) => {
    fail(null); // what was said of it
    change({ [name]: value });
  };
  // A field that a time of the day goes with: it is said, and holds until another day is chosen.
  const day = (name, exact) => ({
    value: draft[name],
    onValue: (value) => {
      fail(null);
      change({ [name]: value, [exact]: "" });
    },
    hint: draft[exact] && `at ${time(draft[exact], "UTC").slice(11)} of that day`,
  });
  const from = instant(draft.start, draft.startAt),
    to = instant(draft.end, draft.endAt);
  const outside =
    whole &&
    from &&
    to &&
    (Date.parse(to) <= Date.parse(whole.start) || Date.parse(from) >= Date.parse(whole.end));

  async function start(event) {
    event.preventDefault();
    setBusy(true);
    fail(null);
    try {
      // The key makes it safe to ask again when the answer was lost.
      const made = await post(path("backtests"), request, {
        headers: { "Idempotency-Key": randomKey() },
        safe: true,
      });

      go(["results", made.id]);
    } catch (problem) {
      fail(problem);
      setBusy(false);
    }
  }

  const presets = whole && [
    ["All", whole],
    ...[1, 3, 5]
      .filter((years) => Date.parse(whole.start) < Date.parse(source.last) - years * 365.25 * DAY)
      .map((years) => [
        `Last ${plural(years, "year")}`,
        spanOf(
          date(Math.max(Date.parse(whole.start), Date.parse(source.last) - years * 365.25 * DAY), "UTC"),
          whole.end,
        ),
      ]),
  ];

  return html`<${Page}
    title="Run a backtest"
    lead="The same strategy, candles and costs give the same fills, whoever computes them."
  >
    <form class="sheet" onSubmit=${start}>
      <${Card} title="What">
        <div class="row">
          <${Choice}
            class="grow"
            label="Strategy"
            value=${draft.strategy}
            onValue=${(id) => change({ strategy: id, version: "" })}
            error=${at("/strategy_id")}
            options=${strategies.map((one) => [one.id, one.name])}
            hint=${strategy && html`${strategy.kind}, <a href=${href(["strategies", strategy.id])}>version ${strategy.version}</a>`}
          />
          <${Choice}
            label="Version"
            value=${draft.version}
            onValue=${set("version")}
            error=${at("/strategy_version")}
            options=${[["", "newest"], ...Array.from({ length: Math.min(strategy?.version || 0, 100) }, (_, i) => String(strategy.version - i)).map((n) => [n, n])]}
          />
        </div>
        <div class="row">
          <${Choice}
            class="grow"
            label="Symbol"
            value=${draft.symbol}
            onValue=${(symbol) => change({ symbol, ...spanOf("", "") })}
            error=${at("/symbol")}
            options=${symbols.map((name) => [name, name])}
            hint=${source && html`${plural(source.bars, "bar")} of ${source.timeframe}${source.missing ? `, ${count(source.missing)} missing` : ""}`}
          />
          <${Choice}
            label="Timeframe"
            value=${draft.timeframe}
            onValue=${set("timeframe")}
            error=${
              stored.length > 0 && !timeframes.length
                ? `No backtest has bars made of ${stored.map((one) => one.timeframe).join(", ")}. Import a finer series of this symbol.`
                : at("/timeframe")
            }
            options=${timeframes.map((name) => [name, name])}
            hint=${source && source.timeframe !== draft.timeframe ? `made of ${source.timeframe}` : ""}
          />
        </div>
        <div class="row">
          <${Text}
            label="From (UTC)"
            type="date"
            required
            ...${day("start", "startAt")}
            error=${at("/start")}
          />
          <${Text}
            label="To, not included (UTC)"
            type="date"
            required
            ...${day("end", "endAt")}
            error=${at("/end")}
          />
          ${
            presets &&
            html`<div class="presets" role="group" aria-label="Spans">
              ${presets.map(
                ([text, span]) =>
                  html`<button type="button" class="quiet" onClick=${() => change(span)}>${text}</button>`,
              )}
            </div>`
          }
        </div>
        ${outside && html`<p class="error">The candles are from ${whole.start} to ${whole.end}: this span has none.</p>`}
      <//>
      <${Card} title="Money and costs">
        <div class="row">
          <${Text}
            label="Capital"
            inputmode="decimal"
            required
            value=${draft.capital}
            onValue=${set("capital")}
            error=${at("/initial_capital")}
          />
          <${Text}
            label="Fee, %"
            inputmode="decimal"
            value=${draft.fee}
            onValue=${set("fee")}
            error=${at("/execution/fee/percent")}
            hint="of each fill's value"
          />
          <${Text}
            label="Slippage, %"
            inputmode="decimal"
            value=${draft.slippage}
            onValue=${set("slippage")}
            error=${at("/execution/slippage/percent")}
            hint="of market and stop fills"
          />
          <${Text}
            label="Spread"
            inputmode="decimal"
            value=${draft.spread}
            onValue=${set("spread")}
            error=${at("/execution/spread")}
            hint="in units of the price"
          />
          <${Text}
            label="Leverage"
            inputmode="decimal"
            value=${draft.leverage}
            onValue=${set("leverage")}
            error=${at("/execution/leverage")}
            hint="1 is none"
          />
        </div>
        <details open=${!!draft.more || !!wrongMore}>
          <summary>How orders are filled</summary>
          <div class="row">
            <${Choice}
              label="Within a bar"
              value=${draft.intrabar}
              onValue=${set("intrabar")}
              error=${at("/execution/intrabar")}
              options=${[
                ["pessimistic", "the worst first"],
                ["tradingview", "as TradingView"],
                ["detail", "by a finer timeframe"],
              ]}
              hint="when a stop and a target are both reached"
            />
            <${Choice}
              label="Missing bars"
              value=${draft.missing}
              onValue=${set("missing")}
              error=${at("/execution/missing")}
              options=${[
                ["skip", "skip them"],
                ["fill", "fill them in"],
                ["error", "fail"],
              ]}
            />
            <div class="checks">
              <${Check} label="Short positions are allowed" value=${draft.short} onValue=${set("short")} />
              <${Check}
                label="Close what is open at the end"
                value=${draft.closeAtEnd}
                onValue=${set("closeAtEnd")}
              />
            </div>
          </div>
          <${Field}
            label="More, as JSON"
            error=${wrongMore || at("/execution")}
            hint=${html`lot, tick, maintenance_margin, limit_fill, risk_free, periods_per_year, require_volume:
              <code>backtestd execution</code> lists them`}
            >${(tie) =>
              html`<textarea
                ...${tie}
                rows="2"
                spellcheck=${false}
                placeholder='{"risk_free": 0.02}'
                value=${draft.more}
                onInput=${(e) => change({ more: e.target.value })}
              ></textarea>`}<//
          >
        </details>
      <//>
      <${Wrong} error=${error} title="It was not started" />
      <div class="actions left">
        <button class="primary big" disabled=${busy || !request || !draft.timeframe}>
          ${busy ? "Starting…" : "Run it"}
        </button>
        ${request && html`<${Copy} text=${curlOf({ ...request })} label="Copy as curl" />`}
        <button
          type="button"
          class="quiet"
          onClick=${() => {
            forgetDraft("run");
            change(FIRST);
          }}
        >
          Start over
        </button>
      </div>
    </form>
  <//>`;
}

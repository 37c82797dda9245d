// One series: its candles, and what is known of them.
import { html, useRef, useState } from "./html.js";
import { all, ask, path } from "./api.js";
import { followRange, loadCandles } from "./candles.js";
import { CandlestickSeries, candleColors, color, FORMATS, HistogramSeries, seconds, useChart } from "./chart.js";
import { bytes, clock, count, date, digitsOf, NONE, price, time } from "./format.js";
import { useLoad } from "./load.js";
import { Gaps } from "./gaps.js";
import { Card, Loading, Page, Time, Wrong } from "./parts.js";
import { go, href } from "./route.js";
import { useSignal } from "./signal.js";
import { SECONDS } from "./timeframe.js";

function Chart({ one, handle }) {
  const digits = digitsOf(one.tick);
  const [at, setAt] = useState(null);
  const [end, setEnd] = useState(Infinity); // of what is seen
  const [frame, setFrame] = useState(one.timeframe);
  const [error, setError] = useState(null);
  const [place, setPlace] = useState("");
  const its = useRef({ bars: [] }).current;
  const first = seconds(one.first),
    last = seconds(one.last);
  const paintVolume = () =>
    its.volume?.setData(
      its.bars.map((bar) => ({
        time: bar.time,
        value: bar.volume,
        color: color(bar.close >= bar.open ? "volume-up" : "volume-down"),
      })),
    );
  const box = useChart(
    (chart) => {
      const quiet = { lastValueVisible: false, priceLineVisible: false };

      its.price = chart.addSeries(
        CandlestickSeries,
        { ...candleColors(), ...quiet, priceFormat: FORMATS.price(digits) },
        0,
      );
      its.volume = chart.addSeries(HistogramSeries, { ...quiet, priceFormat: { type: "volume" } }, 1);
      chart.panes()[0].setStretchFactor(400);
      chart.panes()[1].setStretchFactor(90);
      chart.subscribeCrosshairMove(({ time: t }) =>
        setAt(t === undefined ? null : its.bars.find((bar) => bar.time === t) || null),
      );
      its.follow = followRange(chart, {
        base: one.timeframe,
        first,
        last,
        seen: (range) => setEnd(range.to),
        told: setError,
        load: async (wish, signal, begin) => {
          its.bars = await loadCandles(
            one.symbol,
            wish.timeframe,
            one.timeframe,
            wish.from,
            wish.to + SECONDS[wish.timeframe],
            signal,
          );
          const range = begin();

          setError(null);
          its.price.applyOptions({ priceFormat: FORMATS.price(digits, its.bars) });
          its.price.setData(its.bars);
          paintVolume();
          setFrame(wish.timeframe);
          if (its.bars.length)
            chart
              .timeScale()
              .setVisibleRange({
                from: Math.max(range.from, its.bars[0].time),
                to: Math.min(range.to, its.bars.at(-1).time),
              });
        },
      });
      its.follow.go(first, last);
      // A gap with as much around it as it takes to see it.
      handle.current = (from, to) => {
        const room = Math.max(to - from, SECONDS[one.timeframe] * 40);

        its.follow.go(Math.max(first, from - room), Math.min(last, to + room));
      };
      return () => {
        its.follow.end();
        Object.assign(its, { price: null, volume: null, bars: [] });
      };
    },
    [one.id, one.revision],
    () => {
      its.price?.applyOptions(candleColors());
      paintVolume();
    },
  );

  useSignal(clock);
  const bar = at || its.bars.findLast((one) => one.time <= end);
  const shown = (value) => (bar ? price(value, digits) : NONE);
  const jump = (day) => {
    const t = Date.parse(`${day}T00:00:00Z`) / 1000,
      half = SECONDS[one.timeframe] * 100;

    setPlace(day);
    if (t) its.follow?.go(Math.max(first, t - half), Math.min(last, t + half));
  };

  return html`<${Wrong} error=${error} title="The candles cannot be shown" />
    <div class="legend">
      <span class="when">${bar ? time(bar.time * 1000) : ""}</span>
      <span
        >O <b>${shown(bar?.open)}</b> H <b>${shown(bar?.high)}</b> L <b>${shown(bar?.low)}</b> C${" "}
        <b>${shown(bar?.close)}</b></span
      ><span>Volume <b>${bar ? price(bar.volume) : NONE}</b></span>
      <span class="end"
        >bars of ${frame}${frame !== one.timeframe ? `; zoom in for ${one.timeframe}` : ""}
        <label
          >Go to
          <input
            type="date"
            value=${place}
            min=${date(one.first, "UTC")}
            max=${date(one.last, "UTC")}
            onChange=${(e) => jump(e.target.value)}
        /></label>
        <button type="button" class="quiet" onClick=${() => its.follow.go(first, last)}>Whole span</button></span
      >
    </div>
    <div class="chart" ref=${box} role="img" aria-label=${`Candles of ${one.symbol}, ${one.timeframe}`}></div>`;
}

export function Series({ symbol, timeframe }) {
  const found = useLoad(
    async (signal) => {
      const list = await all(path("series"), { query: { symbol }, signal });

      // A backtest may have bars that are made of finer ones.
      return (
        list.find((one) => one.timeframe === timeframe) ||
        list
          .filter((one) => SECONDS[timeframe] % SECONDS[one.timeframe] === 0)
          .sort((a, b) => SECONDS[b.timeframe] - SECONDS[a.timeframe])[0] ||
        null
      );
    },
    [symbol, timeframe],
  );
  const [error, fail] = useState(null);
  const chart = useRef();
  const one = found.data;

  async function remove() {
    if (
      !confirm(
        `Delete ${symbol} ${one.timeframe}, all ${count(one.bars)} bars of it? Results that were computed from it stay, and are told to be stale.`,
      )
    )
      return;
    try {
      await ask("DELETE", path("series", symbol, one.timeframe), { safe: true });
      go("data");
    } catch (problem) {
      fail(problem);
    }
  }

  if (one === undefined)
    return html`<${Page} title=${symbol}
      >${found.error ? html`<${Wrong} error=${found.error} again=${found.again} />` : html`<${Loading} />`}<//
    >`;
  if (one === null)
    return html`<${Page} title=${symbol}
      ><p>There are no candles of it (any more). <a href=${href("data")}>To the data</a></p><//
    >`;
  return html`<${Page}
    wide
    title=${`${symbol} ${one.timeframe}`}
    lead=${html`${count(one.bars)} bars, <${Time} of=${one.first} /> to <${Time} of=${one.last} />`}
    actions=${html`<a class="button primary" href=${href("run", { symbol, timeframe: one.timeframe })}>Run…</a><button type="button" onClick=${remove}>Delete</button>`}
  >
    <${Wrong} error=${error} />
    <${Card} class="chart-card" aria-label="Chart"><${Chart} one=${one} handle=${chart} /><//>
    <${Gaps} one=${one} onSelect=${(from, to) => chart.current?.(from, to)} />
    <${Card} title="Facts"
      ><dl class="facts">
        <dt>Missing bars</dt>
        <dd>${count(one.missing)} between the first and the last</dd>
        <dt>Tick</dt>
        <dd>${one.tick}</dd>
        <dt>Lot</dt>
        <dd>${one.lot}</dd>
        <dt>Prices</dt>
        <dd>${one.adjusted ? "adjusted for splits and dividends" : "as traded"}</dd>
        <dt>Stored</dt>
        <dd>${bytes(one.bytes)}, ${(one.bytes / one.bars).toFixed(1)} bytes a bar</dd>
        <dt>Changed</dt>
        <dd><${Time} of=${one.updated_at} />, revision ${one.revision}</dd>
      </dl><//
    >
  <//>`;
}

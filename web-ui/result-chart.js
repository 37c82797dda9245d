// Candles with the fills, equity beside buy and hold, drawdown: three panes with one axis of time.
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { followRange, iso, loadCandles } from "./candles.js";
import {
  AreaSeries,
  CandlestickSeries,
  candleColors,
  color,
  createSeriesMarkers,
  FORMATS,
  LineSeries,
  LineStyle,
  seconds,
  useChart,
} from "./chart.js";
import { along, pointsOf, within } from "./curve.js";
import { clock, digitsOf, money, NONE, percent, price, signedPercent, time } from "./format.js";
import { Wrong } from "./parts.js";
import { useSignal } from "./signal.js";
import { SECONDS } from "./timeframe.js";
import { gain, timed } from "./trades.js";

const LABELS_MAX = 40,
  A_TRADE = 12; // in the window: labels, and pixels that a trade has at least; closer they are a blur
const POINTS = 10000, // of the curve of a window: the service tells no more at once
  TRADES = 500; // in a window: more are a blur
const LOOKED_BACK = 1000; // bars before the end, among which the last one is

// The last bar that opens then or before.
function barAt(bars, t) {
  let low = 0,
    high = bars.length;

  while (low < high) {
    const middle = (low + high) >> 1;

    if (bars[middle].time <= t) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? bars[low - 1] : null;
}

function markersOf(trades, bars, selected, width) {
  if (!bars.length) return [];
  const from = bars[0].time,
    to = bars[bars.length - 1].time + 1;
  const seen = trades.filter((t) => t.from <= to && t.to >= from);

  const wordy = seen.length <= LABELS_MAX && seen.length * 40 < width,
    markers = [];
  const shown = seen.length * A_TRADE > width ? seen.filter((t) => t.n === selected) : seen;

  for (const trade of shown) {
    const isLong = trade.side === "long",
      chosen = trade.n === selected;
    const add = (when, isEntry, text) => {
      const bar = barAt(bars, when);

      if (!bar || when < from) return;
      const isUp = isLong === isEntry; // a buy
      markers.push({
        time: bar.time,
        position: isUp ? "belowBar" : "aboveBar",
        shape: isUp ? "arrowUp" : "arrowDown",
        size: chosen ? 1.5 : wordy ? 1 : 0.6,
        color: color(isEntry ? "line-1" : trade.pnl > 0 ? "up" : "down"),
        text: wordy || chosen ? text : undefined,
      });
    };

    add(trade.from, true, isLong ? "Buy" : "Short");
    if (trade.exit_time) add(trade.to, false, signedPercent(gain(trade), 1));
  }
  return markers.sort((a, b) => a.time - b.time);
}

// The curve of a window, if that of the whole leaves points out.
async function loadCurve(id, wish, span, signal) {
  if (wish.from <= span.first && wish.to >= span.last) return { points: [], thinned: true };
  const found = await get(
    withQuery(path("backtests", id, "equity"), {
      start: iso(wish.from),
      end: iso(wish.to + SECONDS[wish.timeframe]),
      points: POINTS,
    }),
    { signal },
  );

  return { points: pointsOf(found.items), thinned: found.thinned };
}

// The trades that were held in a window; none if they are too many to be told apart.
async function loadTrades(id, wish, signal) {
  const found = await get(
    withQuery(path("backtests", id, "trades"), {
      start: iso(wish.from),
      end: iso(wish.to + SECONDS[wish.timeframe]),
      limit: TRADES,
    }),
    { signal },
  );

  return found.next === null ? found.items.map(timed) : [];
}

// None if the series was deleted since.
const unlessGone = (error) => {
  if (error.status !== 404) throw error;
  return [];
};

// The close that the metric of buy and hold is about, from bars as the backtest had them: longer ones may go on after its end.
async function lastCloseOf(backtest, span, signal) {
  const step = SECONDS[backtest.timeframe];
  const closeFrom = async (from) =>
    (
      await loadCandles(backtest.symbol, backtest.timeframe, backtest.timeframe, from, span.last, signal).catch(unlessGone)
    ).at(-1)?.close;

  return (await closeFrom(span.last - step)) ?? closeFrom(span.last - step * LOOKED_BACK);
}

export function ResultChart({ backtest, points, thinned, selected, onSelect, handle }) {
  const [digits, setDigits] = useState(2);
  const [at, setAt] = useState(null); // what the pointer is at
  const [end, setEnd] = useState(Infinity); // of what is seen: while the pointer is elsewhere, the legend is about it
  const [frame, setFrame] = useState(backtest.timeframe);
  const [error, setError] = useState(null);
  const [rough, setRough] = useState(thinned);
  const its = useRef({ bars: [], trades: [], curve: [], held: [], falls: [] }).current;

  // The chart outlives the render that made it.
  its.selected = selected;
  its.digits = digits;
  its.onSelect = onSelect;

  const span = useMemo(
    () => ({
      first: points[0]?.t ?? seconds(backtest.start),
      last: points[points.length - 1]?.t ?? seconds(backtest.end),
    }),
    [points],
  );

  useEffect(() => {
    get(withQuery(path("series"), { symbol: backtest.symbol })).then(
      (list) => {
        if (list.items.length) setDigits(digitsOf(Math.min(...list.items.map((one) => one.tick))));
      },
      () => {},
    );
  }, [backtest.symbol]);

  const paint = () => {
    if (!its.price) return;
    its.price.applyOptions({ ...candleColors(), priceFormat: FORMATS.price(its.digits, its.bars) });
    its.equity.applyOptions({ color: color("line-1") });
    its.hold.applyOptions({ color: color("muted") });
    its.fall.applyOptions({
      lineColor: color("down"),
      topColor: color("fall-top"),
      bottomColor: color("fall-bottom"),
    });
    const trade = its.selected;
    // The chosen one is marked even among too many.
    const seen = trade && !its.trades.some((t) => t.n === trade.n) ? [...its.trades, trade] : its.trades;

    its.mark.setMarkers(markersOf(seen, its.bars, trade?.n, its.chart.timeScale().width()));
    const ends =
      trade && its.bars.length
        ? [
            [trade.from, trade.entry_price],
            [trade.to, trade.exit_price],
          ]
            .filter(([when]) => when !== Infinity)
            .map(([when, value]) => ({ time: barAt(its.bars, when)?.time, value }))
            .filter((p) => p.time !== undefined)
        : [];

    its.way.applyOptions({ color: color(trade?.pnl > 0 ? "up" : "down") });
    its.way.setData(ends.length === 2 && ends[0].time < ends[1].time ? ends : []);
  };

  const box = useChart(
    (chart) => {
      const quiet = { lastValueVisible: false, priceLineVisible: false };

      its.price = chart.addSeries(CandlestickSeries, { ...candleColors(), ...quiet }, 0);
      its.way = chart.addSeries(
        LineSeries,
        { ...quiet, lineWidth: 2, lineStyle: LineStyle.Dashed, crosshairMarkerVisible: false },
        0,
      );
      its.mark = createSeriesMarkers(its.price, []);
      its.hold = chart.addSeries(
        LineSeries,
        { ...quiet, lineWidth: 1, priceFormat: FORMATS.money, crosshairMarkerRadius: 3 },
        1,
      );
      its.equity = chart.addSeries(
        LineSeries,
        { ...quiet, lineWidth: 2, priceFormat: FORMATS.money, crosshairMarkerRadius: 3 },
        1,
      );
      its.fall = chart.addSeries(
        AreaSeries,
        { ...quiet, lineWidth: 1, priceFormat: FORMATS.percent, invertFilledArea: true, crosshairMarkerRadius: 3 },
        2,
      );
      [
        [0, 300],
        [1, 150],
        [2, 80],
      ].forEach(([pane, share]) => chart.panes()[pane].setStretchFactor(share));
      its.chart = chart;
      its.valuesAt = (t) => ({
        bar: barAt(its.bars, t),
        equity: barAt(its.curve, t)?.value,
        hold: barAt(its.held, t)?.value,
        fall: barAt(its.falls, t)?.value,
      });

      chart.subscribeCrosshairMove(({ time: t }) => setAt(t === undefined ? null : { t, ...its.valuesAt(t) }));
      chart.subscribeClick(({ time: t }) => {
        if (t === undefined) return;
        const step = SECONDS[its.follow.timeframe] || 0;
        const hit = its.trades.find((one) => one.from < t + step && one.to >= t);

        if (hit) its.onSelect(hit);
      });
      its.follow = followRange(chart, {
        base: backtest.timeframe,
        ...span,
        seen: (range) => setEnd(range.to),
        told: setError,
        load: async (wish, signal, begin) => {
          const step = SECONDS[wish.timeframe];
          const [bars, closer, trades, lastClose] = await Promise.all([
            loadCandles(backtest.symbol, wish.timeframe, backtest.timeframe, wish.from, wish.to, signal).catch(unlessGone),
            thinned ? loadCurve(backtest.id, wish, span, signal) : { points: [], thinned: false },
            loadTrades(backtest.id, wish, signal),
            its.lastClose ?? lastCloseOf(backtest, span, signal),
          ]);
          const range = begin();
          // What was bought at the first open is worth what the metric says at the last close.
          const first = lastClose / (1 + (backtest.metrics?.buy_and_hold ?? NaN));
          const curve = within(points, closer.points);
          // The curve stays without candles too.
          const drawn = bars.length
            ? along(
                curve,
                bars.map((bar) => bar.time),
                step,
              )
            : along(
                curve,
                curve.map((p) => p.t).filter((t) => t >= wish.from && t <= wish.to),
                0,
              );
          const times = bars.length ? bars : drawn.curve;

          its.lastClose = lastClose;
          setError(null);
          setRough(closer.thinned);
          Object.assign(its, {
            bars,
            trades,
            curve: drawn.curve,
            falls: drawn.falls,
            held: bars.map((bar) => ({
              time: bar.time,
              value:
                first > 0
                  ? backtest.initial_capital * ((bar.time + step >= span.last ? lastClose : bar.close) / first)
                  : undefined,
            })),
          });
          its.price.setData(bars);
          its.equity.setData(its.curve);
          its.hold.setData(its.held);
          its.fall.setData(its.falls);
          setFrame(wish.timeframe);
          paint();
          if (times.length)
            chart
              .timeScale()
              .setVisibleRange({
                from: Math.max(range.from, times[0].time),
                to: Math.min(range.to, times[times.length - 1].time),
              });
        },
      });
      its.follow.go(span.first, span.last);
      return () => {
        its.follow.end();
        Object.assign(its, { price: null, chart: null, bars: [], lastClose: undefined });
      };
    },
    [backtest.id, points],
    paint,
  );

  useEffect(paint, [selected, digits]);
  useEffect(() => {
    handle.current = {
      show(trade) {
        const { from } = trade,
          to = Math.min(trade.to, span.last);
        const room = Math.max(to - from, SECONDS[backtest.timeframe] * 15);

        its.follow?.go(Math.max(span.first, from - room), Math.min(span.last, to + room));
      },
      all: () => its.follow?.go(span.first, span.last),
    };
  }, [span]);
  useSignal(clock);

  const { bar, equity, hold, fall } = at || its.valuesAt?.(end) || {};
  const shown = (value) => (bar ? price(value, digits) : NONE);

  return html`<${Wrong} error=${error} title="The candles cannot be shown" />
    <div class="legend">
      <span class="when">${bar ? time(bar.time * 1000) : at ? time(at.t * 1000) : ""}</span>
      <span
        >O <b>${shown(bar?.open)}</b> H <b>${shown(bar?.high)}</b> L <b>${shown(bar?.low)}</b> C${" "}
        <b>${shown(bar?.close)}</b></span
      >
      <span><i class="key line-1"></i>Equity <b>${money(equity)}</b></span>
      <span><i class="key hold"></i>Buy and hold <b>${money(hold)}</b></span>
      <span><i class="key fall"></i>Drawdown <b>${percent(fall, 1)}</b></span>
      <span class="end"
        >${frame !== backtest.timeframe ? `bars of ${frame}, zoom in for ${backtest.timeframe}` : `bars of ${frame}${rough ? "; the curve leaves out points, zoom in for all" : ""}`}
        <button type="button" class="quiet" onClick=${() => handle.current.all()}>Whole span</button></span
      >
    </div>
    <div
      class="chart tall"
      ref=${box}
      role="img"
      aria-label=${`Candles of ${backtest.symbol} with the fills; equity, which ends at ${money(points.at(-1)?.v)}, beside buy and hold; drawdown. The tables
      below have the numbers.`}
    ></div>`;
}

// Candles of a series for a chart that is looked at: a window of them, in the timeframe that fits it. A million bars are never
// here at once.
import { beside, get, path, withQuery } from "./api.js";
import { seconds, ticks } from "./chart.js";
import { fitting, SECONDS } from "./timeframe.js";

const BUSY_MS = 300; // so long after a change of our own, a change of the range is taken for what follows from it
const REST_MS = 150; // so long a range rests before it is looked at
const A_BAR = 1; // pixel, at least; as many bars as are seen are loaded on either side of them
const PAGE = 10000;

export const iso = (s) => new Date(s * 1000).toISOString();

const PART = 60000; // stored bars that one answer is made of, about: the service reads no more of them for it
const PARTS_MAX = 6; // at a time: more connections a browser does not open

// In parts beside each other, if bars are made of so many shorter ones (of the timeframe `base`) that it takes several answers.
export async function loadCandles(symbol, timeframe, base, from, to, signal) {
  const step = SECONDS[timeframe] * Math.max(1, Math.floor((PART * SECONDS[base]) / SECONDS[timeframe]));
  const begins = [];

  for (let begin = from; begin < to; begin = (Math.floor(begin / step) + 1) * step) begins.push(begin);
  const parts = await beside(PARTS_MAX, begins, (begin, i) =>
    loadPart(symbol, timeframe, begin, begins[i + 1] ?? to, signal),
  );

  return parts.flat();
}

async function loadPart(symbol, timeframe, from, to, signal) {
  const bars = [];

  for (let start = iso(from); start !== null;) {
    const page = await get(withQuery(path("candles", symbol, timeframe), { start, end: iso(to), limit: PAGE }), {
      signal,
    });

    for (const bar of page.items) bars.push({ ...bar, time: seconds(bar.time) });
    start = page.next;
  }
  return bars;
}

// What is to be loaded so that [from, to) can be seen, of a series from `first` to `last` whose own timeframe is `base`.
export function windowOf(base, from, to, first, last, most) {
  const span = Math.max(to - from, SECONDS[base] * 20);
  const timeframe = fitting(base, span, most);

  return { timeframe, from: Math.max(first, from - span), to: Math.min(last, to + span) };
}

// Follows a chart: when its range nears the end of the window, or another timeframe fits it, load(window, signal, begin) is
// called. It fetches, calls begin() for the range to show, and shows it. go(from, to) leads to a range. seen(range) is told when a
// range rests.
export function followRange(chart, { base, first, last, load, seen, told }) {
  let current = null,
    timer = 0,
    control = null,
    busy = 0,
    asked = null, // the range that was led to, until somebody moves on from it
    width = 0;

  const holds = (wish, from, to) => {
    const edge = (to - from) * 0.05;

    return (
      current &&
      wish.timeframe === current.timeframe &&
      (current.from <= first || from - current.from > edge) &&
      (current.to >= last || current.to - to > edge)
    );
  };

  async function look(from, to, moves) {
    const wish = windowOf(base, from, to, first, last, Math.max(200, chart.timeScale().width() / A_BAR || 1000));

    if (holds(wish, from, to)) {
      if (moves) {
        busy = performance.now() + BUSY_MS;
        chart.timeScale().setVisibleRange({ from, to });
      }
      return;
    }
    control?.abort(new DOMException("newer", "AbortError"));
    control = new AbortController();
    const { signal } = control;

    try {
      await load(wish, signal, () => {
        current = wish;
        busy = performance.now() + BUSY_MS;
        chart.timeScale().applyOptions({ tickMarkFormatter: ticks(SECONDS[wish.timeframe] >= SECONDS["1d"]) });
        return { from, to };
      });
    } catch (error) {
      if (!signal.aborted) told?.(error);
    }
  }

  const watch = (range) => {
    clearTimeout(timer);
    if (!range) return;
    const wait = busy - performance.now();

    if (wait <= 0 && chart.timeScale().width() === width) asked = null;
    timer = setTimeout(
      () => {
        const now = chart.timeScale().getVisibleRange();

        if (!now) return;
        seen(now);
        look(now.from, now.to, false);
      },
      Math.max(wait, 0) + REST_MS,
    );
  };
  // A chart that becomes narrower keeps its bars as wide as they were, and loses some: what was led to is seen again.
  const resized = (now) => {
    width = now;
    if (asked && current) look(asked.from, asked.to, true);
  };

  chart.timeScale().subscribeVisibleTimeRangeChange(watch);
  chart.timeScale().subscribeSizeChange(resized);
  return {
    go(from, to) {
      clearTimeout(timer); // a look at where it was
      asked = { from, to };
      width = chart.timeScale().width();
      return look(from, to, true);
    },
    get timeframe() {
      return current?.timeframe;
    },
    end() {
      clearTimeout(timer);
      control?.abort(new DOMException("left", "AbortError"));
      chart.timeScale().unsubscribeVisibleTimeRangeChange(watch);
      chart.timeScale().unsubscribeSizeChange(resized);
    },
  };
}

// TradingView's charts in this page's colours, in the reader's clock.
import { createChart, CrosshairMode, LineStyle } from "./lightweight-charts.js";
import { useEffect, useRef } from "./html.js";
import { clock, count, MONTHS, price as priceText, signedPercent, percent, money, time } from "./format.js";

export {
  AreaSeries,
  BaselineSeries,
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  LineSeries,
  LineStyle,
} from "./lightweight-charts.js";

// A colour of the style sheet, as it is now: light or dark.
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
export const LINES = ["line-1", "line-2", "line-3", "line-4", "line-5", "line-6"];

function look() {
  return {
    layout: {
      background: { color: "transparent" },
      textColor: color("muted"),
      fontSize: 11,
      fontFamily: getComputedStyle(document.body).fontFamily,
      attributionLogo: false, // its style stands in the page, which the policy forbids; the foot of the page names TradingView
      panes: { separatorColor: color("line"), separatorHoverColor: color("hover"), enableResize: true },
    },
    grid: { vertLines: { color: color("grid") }, horzLines: { color: color("grid") } },
    crosshair: {
      mode: CrosshairMode.Normal,
      vertLine: { color: color("muted"), style: LineStyle.Dotted, labelBackgroundColor: color("label") },
      horzLine: { color: color("muted"), style: LineStyle.Dotted, labelBackgroundColor: color("label") },
    },
    rightPriceScale: { borderColor: color("line"), scaleMargins: { top: 0.1, bottom: 0.08 } },
    timeScale: {
      borderColor: color("line"),
      timeVisible: true,
      secondsVisible: false,
    },
    localization: { timeFormatter: (seconds) => time(seconds * 1000) },
  };
}

// The library counts years, months, days and times as 0 to 4. A day beside a month must not look like one. The bars begin with
// years, months and days of UTC: in another clock they would have the name of the one before.
export const ticks = (isDaily) => (seconds, kind) => {
  const text = time(seconds * 1000, kind < 2 || (kind === 2 && isDaily) ? "UTC" : clock.value);
  const month = MONTHS[Number(text.slice(5, 7)) - 1];

  if (kind === 0) return text.slice(0, 4);
  if (kind === 1) return `${month} ${text.slice(0, 4)}`;
  return kind === 2 ? `${Number(text.slice(8, 10))} ${month}` : text.slice(11);
};

export const FORMATS = {
  percent: { type: "custom", minMove: 0.0001, formatter: (n) => percent(n, 1) },
  signed: { type: "custom", minMove: 0.0001, formatter: (n) => signedPercent(n, 1) },
  money: { type: "custom", minMove: 0.01, formatter: (n) => (Math.abs(n) >= 1000 ? count(n) : money(n)) },
  // No more digits than the highest price leaves room for; all of them are in the legend.
  price: (digits, bars = []) => {
    const shown = bars.some((bar) => bar.high >= 10000)
      ? 0
      : bars.some((bar) => bar.high >= 1000)
        ? Math.min(digits, 1)
        : digits;

    return { type: "custom", minMove: 10 ** -shown, formatter: (n) => priceText(n, shown) };
  },
};

// A chart in an element: make(chart) adds its series, and returns what to do at the end. It is made anew if one of `by` changes, and
// repainted(chart) when the colours or the clock do.
export function useChart(make, by, repainted) {
  const box = useRef();

  useEffect(() => {
    if (!box.current) return undefined;
    const chart = createChart(box.current, { autoSize: true, ...look() });

    // Once: set again, they would move what is seen.
    chart.timeScale().applyOptions({ rightOffset: 2, minBarSpacing: 0.05, fixLeftEdge: true, tickMarkFormatter: ticks(false) });
    const end = make(chart);
    const repaint = () => {
      chart.applyOptions(look());
      repainted?.(chart);
    };
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const unwatch = clock.watch(repaint);

    dark.addEventListener("change", repaint);
    return () => {
      dark.removeEventListener("change", repaint);
      unwatch();
      end?.();
      chart.remove();
    };
  }, by);
  return box;
}

export const candleColors = () => ({
  upColor: color("candle-up"),
  downColor: color("candle-down"),
  borderVisible: false,
  wickUpColor: color("candle-up"),
  wickDownColor: color("candle-down"),
});

export const seconds = (when) => Math.floor(Date.parse(when) / 1000);

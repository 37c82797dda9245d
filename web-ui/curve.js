// What a curve of equity tells besides itself. points: [{t, v}] in the order of their times, in seconds.
import { seconds } from "./chart.js";

export const pointsOf = (items) => items.map(({ time, equity }) => ({ t: seconds(time), v: equity }));

// The value at or before each time, the lowest drawdown since the time before it.
export function along(points, times, step) {
  const curve = [],
    falls = [];
  let i = 0,
    peak = -Infinity,
    value = null;

  for (const t of times) {
    let fall = null;

    for (; i < points.length && points[i].t <= t + step; i++) {
      value = points[i].v;
      peak = Math.max(peak, value);
      fall = Math.min(fall ?? 0, peak > 0 ? value / peak - 1 : 0);
    }
    if (value === null || (i >= points.length && t > points[points.length - 1].t)) continue;
    curve.push({ time: t, value });
    falls.push({ time: t, value: fall ?? (peak > 0 ? value / peak - 1 : 0) });
  }
  return { curve, falls };
}

// The curve of the whole with the one of a span in its place: what came before says how high the peak was.
export function within(points, span) {
  if (!span.length) return points;
  const first = span[0].t,
    last = span[span.length - 1].t;

  return [...points.filter((p) => p.t < first), ...span, ...points.filter((p) => p.t > last)];
}

// [{year, months: [12 × fraction or null], whole}]: from the last equity of a month to that of the next, in UTC.
export function monthly(points) {
  const years = new Map();
  let before = points[0]?.v,
    month = null,
    value = before;
  const close = () => {
    if (month === null) return;
    const [year, index] = month;

    if (!years.has(year)) years.set(year, { year, months: Array(12).fill(null), first: before });
    const row = years.get(year);

    row.months[index] = before > 0 ? value / before - 1 : null;
    row.whole = row.first > 0 ? value / row.first - 1 : null;
    before = value;
  };

  // The first one is the capital, from which the first month goes on.
  for (const { t, v } of points.slice(1)) {
    // A point is the close of a bar: that at midnight of the first belongs to the month before.
    const when = new Date((t - 1) * 1000);
    const key = [when.getUTCFullYear(), when.getUTCMonth()];

    if (month === null || key[0] !== month[0] || key[1] !== month[1]) {
      close();
      month = key;
    }
    value = v;
  }
  close();
  return [...years.values()];
}

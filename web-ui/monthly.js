// Returns by month, as people read them: a row a year.
import { html } from "./html.js";
import { beside, get, path, withQuery } from "./api.js";
import { monthly, pointsOf } from "./curve.js";
import { count, MONTHS, NONE, percent, signedPercent } from "./format.js";
import { useLoad } from "./load.js";

// Stronger the further from 0; the sign is in the text too.
function shade(value) {
  if (value === null || value === undefined) return "";
  const strength = Math.min(4, Math.ceil(Math.abs(value) / 0.04));

  return value === 0 ? "" : `${value > 0 ? "gain" : "loss"}-${strength}`;
}

const AT_ONCE = 4; // requests

// Of a curve that was thinned the last point of a month may be missing. Of a span the service always tells the first and the last one;
// and a point at midnight of the first is the close of a bar of the month before.
async function monthEnds(id, points, signal) {
  const begin = new Date(points[0].t * 1000),
    months = [];

  for (let year = begin.getUTCFullYear(), month = begin.getUTCMonth(); ; month++) {
    const start = Date.UTC(year, month) + 1;

    if (start / 1000 > points[points.length - 1].t) break;
    months.push({ start: new Date(start).toISOString(), end: new Date(Date.UTC(year, month + 1) + 1).toISOString() });
  }
  const found = await beside(AT_ONCE, months, async (month) => {
    const curve = await get(withQuery(path("backtests", id, "equity"), { ...month, points: 2 }), { signal });

    return pointsOf(curve.items);
  });

  return [points[0], ...found.flat()];
}

export function Monthly({ id, points, thinned }) {
  const exact = useLoad(async (signal) => (thinned ? monthEnds(id, points, signal) : points), [id, points]);
  const years = monthly(exact.data || points);

  return html`<div class="scroll" tabindex="0" role="region" aria-label="Monthly returns">
      <table class="months">
        <thead>
          <tr>
            <th scope="col">Year</th>
            ${MONTHS.map((name) => html`<th scope="col">${name}</th>`)}
            <th scope="col">Year</th>
          </tr>
        </thead>
        <tbody>
          ${years.map(
            ({ year, months, whole }) =>
              html`<tr>
                <th scope="row">${year}</th>
                ${months.map((value) => html`<td class=${shade(value)}>${value === null ? html`<span class="none">${NONE}</span>` : percent(value, 1)}</td>`)}
                <td class=${`whole ${whole > 0 ? "up" : whole < 0 ? "down" : ""}`}>${signedPercent(whole, 1)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${thinned && !exact.data && html`<p class="note" role="status">From ${count(points.length)} of the curve's points, so that a month may be off a little${exact.error ? "" : "; the exact ones are coming"}.</p>`}`;
}

// Returns by month, as people read them: a row a year.
import { html } from "./html.js";
import { monthly } from "./curve.js";
import { count, NONE, percent, signedPercent } from "./format.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// Stronger the further from 0; the sign is in the text too.
function shade(value) {
  if (value === null || value === undefined) return "";
  const strength = Math.min(4, Math.ceil(Math.abs(value) / 0.04));

  return value === 0 ? "" : `${value > 0 ? "gain" : "loss"}-${strength}`;
}

export function Monthly({ points, thinned }) {
  const years = monthly(points);

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
    ${thinned && html`<p class="note">From ${count(points.length)} of the curve's points, so that a month may be off by a bar or two.</p>`}`;
}

// The gaps of a series: where bars are missing. Choosing one leads the chart there.
import { html, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { seconds } from "./chart.js";
import { count } from "./format.js";
import { useList } from "./load.js";
import { Card, Check, Loading, Time, Wrong } from "./parts.js";

const LIMIT = 200,
  TRIES = 10;
const RESTS = 0.25; // of the bars: if more are missing, the market is likely to be closed at weekends

export function Gaps({ one, onSelect }) {
  const [weekends, setWeekends] = useState(one.missing / (one.missing + one.bars) < RESTS);
  const [chosen, choose] = useState(null);
  const list = useList(
    async (after, signal) => {
      let page = { items: [], next: after };

      // A page may have none, and yet not be the last.
      for (let tries = 0; tries < TRIES && !page.items.length && page.next !== null; tries++) {
        const query = { limit: LIMIT, weekends, start: page.next };

        page = await get(withQuery(path("series", one.symbol, one.timeframe, "gaps"), query), { signal });
      }
      return page;
    },
    [one.id, one.revision, weekends],
  );
  const { items, next, error } = list;

  const show = (gap) => {
    choose(gap.first);
    onSelect(seconds(gap.first), seconds(gap.last));
  };

  return html`<${Card}
    title="Gaps"
    note=${one.missing > 0 ? `${count(one.missing)} bars are missing; choose a gap to see it in the chart` : "no bar is missing"}
  >
    ${
      one.missing > 0 &&
      html`<${Check}
        label="Weekends too"
        hint="Without them, what is missing on a Saturday or Sunday (UTC) is not a gap."
        value=${weekends}
        onValue=${setWeekends}
      />`
    }
    <${Wrong} error=${error} title="The gaps cannot be shown" again=${list.again} />
    ${!items && !error && html`<${Loading} />`}
    ${
      items?.length > 0 &&
      html`<div class="scroll short gaps" tabindex="0" role="region" aria-label="Gaps">
        <table class="list">
          <thead>
            <tr>
              <th scope="col" class="text">First missing</th>
              <th scope="col" class="text">Last missing</th>
              <th scope="col">Bars</th>
            </tr>
          </thead>
          <tbody>
            ${items.map(
              (gap) =>
                html`<tr key=${gap.first} class=${gap.first === chosen ? "selected" : ""}>
                  <td class="text">
                    <button type="button" class="quiet" aria-pressed=${gap.first === chosen ? "true" : "false"} onClick=${() => show(gap)}>
                      <${Time} of=${gap.first} />
                    </button>
                  </td>
                  <td class="text"><${Time} of=${gap.last} /></td>
                  <td>${count(gap.bars)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }
    ${items?.length === 0 && next === null && one.missing > 0 && html`<p class="note">There are none besides weekends.</p>`}
    ${next !== null && html`<p class="more"><button type="button" onClick=${list.more}>More</button></p>`}
  <//>`;
}

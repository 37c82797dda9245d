// Data: the series that are there, and how more come in.
import { html, useState } from "./html.js";
import { all, path } from "./api.js";
import { ago, bytes, count } from "./format.js";
import { Importer } from "./importer.js";
import { useLoad } from "./load.js";
import { Card, Loading, Page, Text, Time, Wrong } from "./parts.js";
import { href } from "./route.js";
import { SECONDS } from "./timeframe.js";
import { DemoOffer } from "./start.js";

const SEARCHED_FROM = 12; // series: fewer are seen at a glance

export function Data() {
  const found = useLoad((signal) => all(path("series"), { query: { limit: 200 }, most: 1000, signal }), []);
  const [wish, setWish] = useState("");
  const series = [...(found.data || [])].sort((a, b) =>
    a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : SECONDS[a.timeframe] - SECONDS[b.timeframe],
  );

  const shown = series.filter((one) => `${one.symbol} ${one.timeframe}`.toLowerCase().includes(wish.trim().toLowerCase()));

  return html`<${Page}
    title="Data"
    lead="Candles by symbol and timeframe. Longer timeframes are made of the finest that is there; a gap stays a gap."
  >
    <${Wrong} error=${found.error} again=${found.again} />
    ${
      !found.data
        ? !found.error && html`<${Loading} />`
        : series.length > 0
          ? html`<${Card} title="Series" note=${series.length > SEARCHED_FROM ? `${count(shown.length)} of ${count(series.length)}` : ""}
              >${
                series.length > SEARCHED_FROM &&
                html`<div class="filters">
                  <${Text}
                    class="grow"
                    type="search"
                    label="Search"
                    placeholder="Symbol"
                    value=${wish}
                    onValue=${setWish}
                  />
                </div>`
              }
              <div class="scroll tall" tabindex="0" role="region" aria-label="Series">
                <table class="list">
                  <thead>
                    <tr>
                      <th scope="col" class="text">Symbol</th>
                      <th scope="col" class="text">Timeframe</th>
                      <th scope="col" class="text">First</th>
                      <th scope="col" class="text">Last</th>
                      <th scope="col">Bars</th>
                      <th scope="col">Missing</th>
                      <th scope="col">Tick</th>
                      <th scope="col">Stored</th>
                      <th scope="col" class="text">Changed</th>
                      <th scope="col"><span class="hidden">Do</span></th>
                    </tr>
                  </thead>
                  <tbody>
                    ${shown.map(
                      (one) =>
                        html`<tr key=${one.id}>
                          <td class="text main">
                            <a href=${href(["data", one.symbol, one.timeframe])}>${one.symbol}</a>
                          </td>
                          <td class="text">${one.timeframe}</td>
                          <td class="text"><${Time} of=${one.first} /></td>
                          <td class="text"><${Time} of=${one.last} /></td>
                          <td>${count(one.bars)}</td>
                          <td class=${one.missing ? "warn-text" : ""}>${count(one.missing)}</td>
                          <td>${one.tick}</td>
                          <td>${bytes(one.bytes)}</td>
                          <td class="text">${ago(one.updated_at)}</td>
                          <td>
                            <a
                              href=${href("run", { symbol: one.symbol, timeframe: one.timeframe })}
                              aria-label=${`Run on ${one.symbol} ${one.timeframe}`}
                              >Run</a
                            >
                          </td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div><//
            >`
          : html`<${Card} title="There are no candles yet"
              ><p>Import a file below, or bring in the made-up market to look around.</p>
              <${DemoOffer}
            /><//>`
    }
    <${Importer} changed=${found.again} />
  <//>`;
}

// The trades of a result. However many there are, only the rows that are seen are in the page.
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import {
  clock,
  count,
  duration,
  otherTime,
  price,
  quantity,
  signedMoney,
  signedPercent,
  time,
  tone,
} from "./format.js";
import { useSignal } from "./signal.js";

const ROW = 28,
  SEEN = 14; // px; rows
const gain = (trade) => trade.pnl / (trade.quantity * trade.entry_price);

// [key, head, value to sort by, cell, is text]
const COLUMNS = [
  ["n", "#", (t) => t.n, (t) => t.n],
  ["side", "Side", (t) => t.side, (t) => t.side, true],
  [
    "entry",
    "Entry",
    (t) => t.entry_time,
    (t) => html`<span title=${otherTime(t.entry_time)}>${time(t.entry_time)}</span>`,
    true,
  ],
  ["entryPrice", "Price", (t) => t.entry_price, (t) => price(t.entry_price, 2)],
  [
    "exit",
    "Exit",
    (t) => t.exit_time || "~",
    (t) =>
      t.exit_time ? html`<span title=${otherTime(t.exit_time)}>${time(t.exit_time)}</span>` : html`<em>open</em>`,
    true,
  ],
  ["exitPrice", "Price", (t) => t.exit_price ?? Infinity, (t) => price(t.exit_price, 2)],
  ["pnl", "Profit", (t) => t.pnl, (t) => html`<span class=${tone(t.pnl)}>${signedMoney(t.pnl)}</span>`],
  ["gain", "%", gain, (t) => html`<span class=${tone(t.pnl)}>${signedPercent(gain(t))}</span>`],
  ["reason", "Why", (t) => t.exit_reason || "", (t) => t.exit_reason || "", true],
  ["quantity", "Quantity", (t) => t.quantity, (t) => quantity(t.quantity)],
  ["bars", "Bars", (t) => t.bars, (t) => count(t.bars)],
];

export function Trades({ trades, more, total, selected, onSelect }) {
  const [order, setOrder] = useState({ key: "n", down: false });
  const [top, setTop] = useState(0);
  const box = useRef();

  useSignal(clock);
  const sorted = useMemo(() => {
    const by = COLUMNS.find(([key]) => key === order.key)[2];
    const sign = order.down ? -1 : 1;

    return [...trades].sort((a, b) => {
      const [x, y] = [by(a), by(b)];

      return x < y ? -sign : x > y ? sign : a.n - b.n;
    });
  }, [trades, order]);
  const place = useMemo(() => sorted.findIndex((t) => t.n === selected), [sorted, selected]);

  useEffect(() => {
    if (place < 0 || !box.current) return;
    const at = place * ROW,
      view = box.current;

    if (at < view.scrollTop || at > view.scrollTop + view.clientHeight - 3 * ROW) view.scrollTop = at - 5 * ROW;
  }, [place]);

  const first = Math.max(0, Math.floor(top / ROW) - 10),
    last = Math.min(sorted.length, first + SEEN + 30);
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];

    if (!step || !sorted.length) return;
    event.preventDefault();
    onSelect(sorted[Math.max(0, Math.min(sorted.length - 1, (place < 0 ? -1 : place) + step))]);
  };

  return html`<div
      class="scroll trades"
      ref=${box}
      tabindex="0"
      role="region"
      aria-label="Trades; the arrow keys choose one"
      onKeyDown=${move}
      onScroll=${(e) => setTop(e.currentTarget.scrollTop)}
    >
      <table>
        <thead>
          <tr>
            ${COLUMNS.map(
              ([key, head, , , isText]) =>
                html` <th
                  scope="col"
                  class=${isText ? "text" : ""}
                  aria-sort=${order.key === key ? (order.down ? "descending" : "ascending") : undefined}
                >
                  <button type="button" onClick=${() => setOrder({ key, down: order.key === key && !order.down })}>
                    ${head}
                  </button>
                </th>`,
            )}
          </tr>
        </thead>
        <tbody>
          <tr style=${{ height: `${first * ROW}px` }} aria-hidden="true"></tr>
          ${sorted.slice(first, last).map(
            (trade) =>
              html`<tr
                key=${trade.n}
                class=${trade.n === selected ? "selected" : ""}
                onClick=${() => onSelect(trade)}
              >
                ${COLUMNS.map(([, , , cell, isText]) => html`<td class=${isText ? "text" : ""}>${cell(trade)}</td>`)}
              </tr>`,
          )}
          <tr style=${{ height: `${(sorted.length - last) * ROW}px` }} aria-hidden="true"></tr>
        </tbody>
      </table>
    </div>
    ${more && trades.length < total && html`<p class="note" role="status">${count(trades.length)} of ${count(total)} are here. The CSV below has all of them.</p>`}
    ${!trades.length && !more && html`<p class="note">It made no trades.</p>`}`;
}

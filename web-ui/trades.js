// The trades of a result, in windows: only the pages that are looked at are loaded, in the order that the service sorts them in, and
// only the rows that are seen are in the page.
import { html, useEffect, useRef, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { seconds } from "./chart.js";
import {
  clock,
  count,
  otherTime,
  price,
  quantity,
  signedMoney,
  signedPercent,
  time,
  tone,
} from "./format.js";
import { Wrong } from "./parts.js";
import { useSignal } from "./signal.js";

const ROW = 28,
  SEEN = 14; // px; rows
const SIZE = 200; // trades of a page
export const gain = (trade) => trade.pnl / (trade.quantity * trade.entry_price);

// With its times as numbers.
export const timed = (trade) => ({
  ...trade,
  from: seconds(trade.entry_time),
  to: trade.exit_time ? seconds(trade.exit_time) : Infinity,
});

// [key, head, cell, is text, what the service sorts by if it is not the key]
const COLUMNS = [
  ["n", "#", (t) => t.n],
  ["side", "Side", (t) => t.side, true],
  ["entry", "Entry", (t) => html`<span title=${otherTime(t.entry_time)}>${time(t.entry_time)}</span>`, true, "n"],
  ["entry_price", "Price", (t) => price(t.entry_price, 2)],
  [
    "exit_time",
    "Exit",
    (t) =>
      t.exit_time ? html`<span title=${otherTime(t.exit_time)}>${time(t.exit_time)}</span>` : html`<em>open</em>`,
    true,
  ],
  ["exit_price", "Price", (t) => price(t.exit_price, 2)],
  ["pnl", "Profit", (t) => html`<span class=${tone(t.pnl)}>${signedMoney(t.pnl)}</span>`],
  ["return", "%", (t) => html`<span class=${tone(t.pnl)}>${signedPercent(gain(t))}</span>`],
  ["exit_reason", "Why", (t) => t.exit_reason || "", true],
  ["quantity", "Quantity", (t) => quantity(t.quantity)],
  ["bars", "Bars", (t) => count(t.bars)],
];

// The trades in one order. By their numbers any page can be asked for; in another order, the one after those that are there.
class Pages {
  constructor(id, total, order) {
    const column = COLUMNS.find(([key]) => key === order.key);

    this.id = id;
    this.order = order;
    this.total = total;
    this.by = column[4] || column[0];
    this.blocks = new Map();
    this.coming = new Map();
    this.loaded = 0; // in a row from the first one on
    this.atEnd = false;
  }
  get length() {
    return this.by === "n" ? this.total : this.loaded;
  }
  at(index) {
    return this.blocks.get(Math.floor(index / SIZE))?.[index % SIZE];
  }
  // -1: not among those that are here
  placeOf(n) {
    if (this.by === "n") return this.order.down ? this.total - n : n - 1;
    for (const [block, items] of this.blocks) {
      const i = items.findIndex((one) => one.n === n);

      if (i >= 0) return block * SIZE + i;
    }
    return -1;
  }
  after(block) {
    if (block === 0) return undefined;
    if (this.by !== "n") return this.blocks.get(block - 1)?.at(-1).n;
    return this.order.down ? this.total - block * SIZE + 1 : block * SIZE;
  }
  load(block, signal) {
    if (this.blocks.has(block)) return Promise.resolve();
    if (!this.coming.has(block)) {
      const sort = this.by === "n" && !this.order.down ? undefined : `${this.order.down ? "-" : ""}${this.by}`;
      const query = { limit: SIZE, sort, after: this.after(block) };

      this.coming.set(
        block,
        get(withQuery(path("backtests", this.id, "trades"), query), { signal })
          .then((page) => {
            this.blocks.set(block, page.items.map(timed));
            while (this.blocks.has(Math.floor(this.loaded / SIZE)) && !this.atEnd) {
              const items = this.blocks.get(Math.floor(this.loaded / SIZE));

              this.loaded += items.length;
              this.atEnd = items.length < SIZE;
            }
            if (page.next === null && block * SIZE + page.items.length === this.loaded) this.atEnd = true;
          })
          .finally(() => this.coming.delete(block)),
      );
    }
    return this.coming.get(block);
  }
}

export function Trades({ id, total, selected, onSelect }) {
  const [order, setOrder] = useState({ key: "n", down: false });
  const [pages, setPages] = useState(null);
  const [, draw] = useState(0);
  const [top, setTop] = useState(0);
  const [wrong, fail] = useState(null); // {error, again()}
  const [round, retry] = useState(0);
  const box = useRef();
  const life = useRef();

  useSignal(clock);
  // The order before stays until there is something of the new one.
  useEffect(() => {
    const control = (life.current = new AbortController());
    const fresh = new Pages(id, total, order);

    fresh.load(0, control.signal).then(
      () => {
        if (control.signal.aborted) return;
        fail(null);
        setPages(fresh);
        if (box.current && pages) box.current.scrollTop = 0;
      },
      (error) => control.signal.aborted || fail({ error, again: () => setOrder({ ...order }) }),
    );
    return () => control.abort(new DOMException("left", "AbortError"));
  }, [id, total, order]);

  const length = pages?.length || 0;
  const place = selected && pages ? pages.placeOf(selected.n) : -1;
  const first = Math.max(0, Math.min(Math.floor(top / ROW) - 10, length - SEEN)),
    last = Math.min(length, first + SEEN + 30);

  // What is seen and not there, and in an order of values the page behind it.
  useEffect(() => {
    if (!pages) return;
    const { signal } = life.current;
    const wanted = new Set();

    for (let i = first; i < last; i += 1) if (!pages.at(i)) wanted.add(Math.floor(i / SIZE));
    if (pages.by !== "n" && !pages.atEnd && last > length - SIZE / 2) wanted.add(pages.loaded / SIZE);
    for (const block of wanted) {
      pages.load(block, signal).then(
        () => {
          if (signal.aborted) return;
          fail(null);
          draw((n) => n + 1);
        },
        (error) => signal.aborted || fail({ error, again: () => retry((n) => n + 1) }),
      );
    }
  }, [pages, first, last, length, round]);

  useEffect(() => {
    if (place < 0 || !box.current) return;
    const at = place * ROW,
      view = box.current;

    if (at < view.scrollTop || at > view.scrollTop + view.clientHeight - 3 * ROW) view.scrollTop = at - 5 * ROW;
  }, [place, pages]);

  const choose = async (index) => {
    const { signal } = life.current;

    try {
      await pages.load(Math.floor(index / SIZE), signal);
      if (!signal.aborted && pages.at(index)) onSelect(pages.at(index));
    } catch (error) {
      if (!signal.aborted) fail({ error, again: () => choose(index) });
    }
  };
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];

    if (!step || !length) return;
    event.preventDefault();
    choose(Math.max(0, Math.min(length - 1, (place < 0 ? -1 : place) + step)));
  };
  const row = (trade, key, name) =>
    trade
      ? html`<tr key=${key} class=${name} onClick=${() => onSelect(trade)}>
          ${COLUMNS.map(([, , cell, isText]) => html`<td class=${isText ? "text" : ""}>${cell(trade)}</td>`)}
        </tr>`
      : html`<tr key=${key} aria-hidden="true">
          <td colspan=${COLUMNS.length}>…</td>
        </tr>`;
  const rows = [];

  for (let i = first; i < last; i += 1) rows.push(row(pages.at(i), i, i === place ? "selected" : ""));
  return html`<${Wrong} error=${wrong?.error} again=${wrong?.again} title="The trades cannot be shown" />
    <p class="hidden" role="status">
      ${selected && `Trade ${selected.n}, ${selected.side}, ${signedPercent(gain(selected))}`}
    </p>
    <div
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
              ([key, head, , isText]) =>
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
          ${selected && pages && place < 0 && row(selected, "chosen", "selected pinned")}
          <tr style=${{ height: `${first * ROW}px` }} aria-hidden="true"></tr>
          ${rows}
          <tr style=${{ height: `${(length - last) * ROW}px` }} aria-hidden="true"></tr>
        </tbody>
      </table>
    </div>
    ${pages && !length && html`<p class="note">It made no trades.</p>`}`;
}

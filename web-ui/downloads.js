// A result as files: as CSV and JSON, as the API gives them.
import { html, useEffect, useRef, useState } from "./html.js";
import { all, ask, get, path, withQuery } from "./api.js";
import { Wrong } from "./parts.js";

function save(name, type, text) {
  const link = document.createElement("a");

  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// All pages as one file: of the further ones the head is left out, and the next page is in Link alone.
async function tradesAsCsv(id, signal) {
  let text = "",
    after;

  do {
    const answer = await ask("GET", withQuery(path("backtests", id, "trades"), { limit: 1000, after }), {
      accept: "text/csv",
      signal,
    });
    const page = await answer.text();

    text += text ? page.slice(page.indexOf("\n") + 1) : page;
    after = answer.headers.get("Link")?.match(/[?&]after=([^&>]*)/)?.[1];
  } while (after);
  return text;
}

const POINTS = 10000; // the most that an answer has

// All points of the curve: of a span that has more of them than an answer, one half after the other.
async function allPoints(id, signal, start, end) {
  const found = await get(withQuery(path("backtests", id, "equity"), { start, end, points: POINTS }), { signal });
  const { items } = found;

  if (!found.thinned) return items;
  const middle = new Date((Date.parse(items[0].time) + Date.parse(items.at(-1).time)) / 2).toISOString();

  return [...(await allPoints(id, signal, start, middle)), ...(await allPoints(id, signal, middle, end))];
}

async function equityAsCsv(id, signal) {
  const points = await allPoints(id, signal);

  return ["time,equity\n", ...points.map((one) => `${one.time},${one.equity}\n`)].join("");
}

const asJson = (value) => JSON.stringify(value, null, 1);

const FILES = [
  ["Trades", "trades.csv", "text/csv", tradesAsCsv],
  [
    "Trades",
    "trades.json",
    "application/json",
    async (id, signal) => asJson(await all(path("backtests", id, "trades"), { query: { limit: 1000 }, signal })),
  ],
  ["Equity", "equity.csv", "text/csv", equityAsCsv],
  ["Equity", "equity.json", "application/json", async (id, signal) => asJson(await allPoints(id, signal))],
  [
    "Metrics",
    "result.json",
    "application/json",
    async (id, signal) => asJson(await get(path("backtests", id), { signal })),
  ],
];

export function Downloads({ id, name }) {
  const [error, set] = useState(null);
  const [busy, setBusy] = useState(""); // the file that is on its way
  const life = useRef();

  useEffect(() => {
    life.current = new AbortController();
    return () => life.current.abort(new DOMException("left", "AbortError"));
  }, []);
  const base = name.replace(/[^\p{L}\p{N}]+/gu, "-");
  const take = async (file, type, make) => {
    const { signal } = life.current;

    set(null);
    setBusy(file);
    try {
      save(`${base}-${file}`, type, await make(id, signal));
    } catch (problem) {
      if (!signal.aborted) set(problem);
    }
    if (!signal.aborted) setBusy("");
  };

  return html`<div class="actions left">
      ${FILES.map(
        ([what, file, type, make]) =>
          html`<button type="button" disabled=${busy !== ""} onClick=${() => take(file, type, make)}>
            ${what} <small>${file.split(".")[1].toUpperCase()}</small>
          </button>`,
      )}
    </div>
    ${busy && html`<p class="note" role="status">Fetching ${busy}…</p>`}
    <${Wrong} error=${error} />`;
}

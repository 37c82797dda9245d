// A result as files: as CSV and JSON, as the API gives them.
import { html, useState } from "./html.js";
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
async function tradesAsCsv(id) {
  let text = "",
    after;

  do {
    const answer = await ask("GET", withQuery(path("backtests", id, "trades"), { limit: 1000, after }), {
      accept: "text/csv",
    });
    const page = await answer.text();

    text += text ? page.slice(page.indexOf("\n") + 1) : page;
    after = answer.headers.get("Link")?.match(/[?&]after=([^&>]*)/)?.[1];
  } while (after);
  return text;
}

const equity = (id, accept) => ask("GET", withQuery(path("backtests", id, "equity"), { points: 10000 }), { accept });

const FILES = [
  ["Trades", "trades.csv", "text/csv", tradesAsCsv],
  [
    "Trades",
    "trades.json",
    "application/json",
    async (id) => JSON.stringify(await all(path("backtests", id, "trades"), { query: { limit: 1000 } }), null, 1),
  ],
  ["Equity", "equity.csv", "text/csv", async (id) => (await equity(id, "text/csv")).text()],
  ["Equity", "equity.json", "application/json", async (id) => (await equity(id)).text()],
  [
    "Metrics",
    "result.json",
    "application/json",
    async (id) => JSON.stringify(await get(path("backtests", id)), null, 2),
  ],
];

export function Downloads({ id, name }) {
  const [error, set] = useState(null);
  const base = name.replace(/[^\p{L}\p{N}]+/gu, "-");
  const take = async (file, type, make) => {
    set(null);
    try {
      save(`${base}-${file}`, type, await make(id));
    } catch (problem) {
      set(problem);
    }
  };

  return html`<div class="actions left">
      ${FILES.map(
        ([what, file, type, make]) =>
          html`<button type="button" onClick=${() => take(file, type, make)}>
            ${what} <small>${file.split(".")[1].toUpperCase()}</small>
          </button>`,
      )}
    </div>
    <p class="note">Equity has at most 10,000 points of the curve.</p>
    <${Wrong} error=${error} />`;
}

// The functions of the rules, with a search: what they are for, how they are written, what they compute.
import { html, useState } from "./html.js";
import { constant } from "./api.js";
import { useLoad } from "./load.js";
import { Text } from "./parts.js";

const WORDS = [
  ["open high low close volume", "columns of the bar; also hl2 hlc3 ohlc4"],
  ["x[k]", "k bars ago"],
  ["and or not", "conditions"],
  ["if(c, a, b)", "a choice"],
  ["$name", "a parameter"],
  ["tf('4h', x)", "of a higher timeframe"],
  ["entry_price bars_held equity", "in exits and levels"],
];

export function useFunctions() {
  return useLoad(() => constant("functions"), []).data || [];
}

// insert(text) puts a function where the cursor is.
export function Functions({ insert }) {
  const functions = useFunctions();
  const [q, setQ] = useState("");
  const wish = q.trim().toLowerCase();
  const found = functions.filter((one) =>
    `${one.name} ${one.description} ${one.family}`.toLowerCase().includes(wish),
  );
  const families = [...new Set(found.map((one) => one.family))];

  return html`<aside class="functions" aria-label="Functions">
    <${Text} type="search" label="Functions" placeholder="average, rsi, cross…" value=${q} onValue=${setQ} />
    <div class="list" tabindex="0" role="region" aria-label="Found functions">
      ${
        !wish &&
        html`<dl class="words">
          ${WORDS.map(
            ([word, what]) =>
              html`<dt><code>${word}</code></dt>
                <dd>${what}</dd>`,
          )}
        </dl>`
      }
      ${families.map(
        (family) =>
          html`<section key=${family}>
            <h3>${family}</h3>
            ${found
              .filter((one) => one.family === family)
              .map(
                (one) =>
                  html`<details key=${one.name}>
                    <summary><code>${one.signature}</code><span>${one.description}</span></summary>
                    <p>${one.formula && html`<code>${one.formula}</code>`}</p>
                    <p class="note">
                      ${one.seed && `Begins with ${one.seed}. `}Look-back: ${one.lookback || "none"}. Gives a${" "}
                      ${one.result}.
                    </p>
                    <button
                      type="button"
                      onMouseDown=${(e) => e.preventDefault()}
                      onClick=${() => insert(one.signature)}
                    >
                      Insert
                    </button>
                  </details>`,
              )}
          </section>`,
      )}
      ${!found.length && html`<p class="note">None is like that.</p>`}
    </div>
  </aside>`;
}

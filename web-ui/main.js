// The page: its frame, and which view is in it. Each view is a file of its own.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./html.js";
import { forgetToken, isToken, refused, setToken, token } from "./access.js";
import { silence } from "./api.js";
import { clock, setClock, time } from "./format.js";
import { href, useRoute } from "./route.js";
import { forgetTyped } from "./keep.js";
import { useSignal } from "./signal.js";
import { Start } from "./start.js";
import { Strategies } from "./strategies.js";
import { Strategy } from "./strategy.js";
import { Data } from "./data.js";
import { Series } from "./series.js";
import { Run } from "./run.js";
import { Results } from "./results.js";
import { Result } from "./result.js";
import { Compare } from "./compare.js";
import { Page, Wrong } from "./parts.js";

const VIEWS = {
  "": Start,
  strategies: ({ parts, query }) =>
    parts.length ? html`<${Strategy} key=${parts[0]} id=${parts[0]} query=${query} />` : html`<${Strategies} query=${query} />`,
  data: ({ parts, query }) =>
    parts.length > 1
      ? html`<${Series} key=${parts.join()} symbol=${parts[0]} timeframe=${parts[1]} />`
      : html`<${Data} query=${query} />`,
  run: ({ query }) => html`<${Run} key=${JSON.stringify(query)} query=${query} />`,
  results: ({ parts }) => (parts.length ? html`<${Result} key=${parts[0]} id=${parts[0]} />` : html`<${Results} />`),
  compare: ({ query }) => html`<${Compare} ids=${(query.ids || "").split(",").filter(Boolean)} />`,
};

const MENU = [
  ["strategies", "Strategies"],
  ["data", "Data"],
  ["run", "Run"],
  ["results", "Results"],
  ["compare", "Compare"],
];

const facts = document.getElementById("app").dataset;

// What it has let one see goes with it, and what was typed.
function signOut() {
  forgetToken();
  forgetTyped();
  location.reload();
}

function Bar({ view }) {
  const which = useSignal(clock);
  const has = useSignal(token);

  return html`<header class="bar">
    <a
      class="skip"
      href="#content"
      onClick=${(e) => {
        e.preventDefault();
        document.querySelector("h1")?.focus();
      }}
      >To the content</a
    >
    <a class="brand" href=${href("")}
      ><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M3 24l8-9 6 5L29 7" /></svg>StratsLab</a
    >
    <nav aria-label="Views">
      ${MENU.map(
        ([name, text]) => html`<a href=${href(name)} aria-current=${name === view ? "page" : undefined}>${text}</a>`,
      )}
    </nav>
    <div class="tools">
      <button
        type="button"
        class="quiet"
        title=${`Times are ${which === "UTC" ? "in UTC" : "those of this computer"}`}
        aria-label=${`Times: ${which}. Change to ${which === "UTC" ? "local" : "UTC"}`}
        onClick=${() => setClock(which === "UTC" ? "local" : "UTC")}
      >
        ${which === "UTC" ? "UTC" : "Local"}
      </button>
      ${has && html`<button type="button" class="quiet" onClick=${signOut} title="Forget the access token of this tab">Sign out</button>`}
      ${facts.docs && html`<a class="quiet" href=${facts.docs}>API</a>`}
    </div>
  </header>`;
}

// Over the view, which stays as it is, with all that was typed.
function Access() {
  const why = useSignal(refused);
  const [text, set] = useState("");
  const [wrong, setWrong] = useState(false);
  const field = useRef();

  useEffect(() => {
    // Whoever is typing goes on with it, rather than in the field of the token.
    if (why && !document.activeElement?.matches("input, textarea, select")) field.current?.focus();
  }, [why]);
  if (!why) return null;
  return html`<form
    class="banner ask"
    aria-label="Access"
    onSubmit=${(e) => {
      e.preventDefault();
      setWrong(!isToken(text.trim()));
      if (!isToken(text.trim())) return;
      set("");
      setToken(text.trim());
    }}
  >
    <div role="alert">
      <strong>This service asks for an access token.</strong>${" "}
      ${why.startsWith("An access token is needed") ? "" : `${why} `}<span class="note"
        >What you have typed is still there, and goes on with the token.</span
      >
    </div>
    <label for="token">Token</label>
    <input
      id="token"
      ref=${field}
      type="password"
      autocomplete="off"
      spellcheck=${false}
      value=${text}
      required
      placeholder="stl_…"
      onInput=${(e) => set(e.target.value)}
    />
    <button class="primary">Use it</button>
    ${wrong && html`<span class="error" role="alert">This is not a token: it has a space in it, or a letter that no token has.</span>`}
    <span class="note"
      >It is kept for this tab alone. Whoever runs the service makes one:${" "}
      <code>stratslabd token create NAME --scope read --scope write</code></span
    >
  </form>`;
}

function Silence() {
  const quiet = useSignal(silence);
  const which = useSignal(clock);

  if (!quiet) return null;
  return html`<div class="banner bad" role="status">
    <strong>The service does not answer</strong> since ${time(quiet.since, which).slice(11)}${which === "UTC" ? " UTC" : ""}. ${quiet.message.replace(" Try again later.", "")}${" "}
    Trying again. What you have typed is kept.
  </div>`;
}

function Foot() {
  return html`<footer>
    <span>StratsLab ${facts.version}</span>
    <span
      >Charts:${" "}
      <a href="https://www.tradingview.com/" rel="noopener noreferrer" target="_blank"
        >TradingView Lightweight Charts™</a
      >, Copyright © TradingView, Inc.</span
    >
    ${facts.licences && html`<a href=${facts.licences}>Licences</a>`}
  </footer>`;
}

// One odd answer does not take the whole page away. at: where the view is; elsewhere is another try.
function Guard({ at, children }) {
  const [error, again] = useErrorBoundary((thrown) => console.error(thrown));

  useEffect(() => {
    if (error) again();
  }, [at]);
  return error
    ? html`<${Page} title="This cannot be shown"><${Wrong} error=${error} again=${again} /><//>`
    : children;
}

function Lab() {
  const route = useRoute();
  const View = Object.hasOwn(VIEWS, route.view) && VIEWS[route.view];

  return html`<${Bar} view=${route.view} /><${Access} /><${Silence} />
    ${
      View
        ? html`<${Guard} at=${location.hash}><${View} key=${route.view} ...${route} /><//>`
        : html`<${Page} title="There is no such view"
            ><p><a href=${href("")}>To the start</a></p><//
          >`
    }
    <${Foot} />`;
}

// A file that is dropped beside the place for it does not take the page's.
for (const kind of ["dragover", "drop"]) {
  addEventListener(kind, (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.dataTransfer.dropEffect = "none";
    event.preventDefault();
  });
}

render(html`<${Lab} />`, document.getElementById("app"));

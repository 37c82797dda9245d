// Small pieces that all views are put together from.
import { html, useEffect, useId, useRef } from "./html.js";
import { useTitle } from "./route.js";
import { clock, date, NONE, otherTime, time } from "./format.js";
import { useSignal } from "./signal.js";

// A view's frame. Its heading takes the focus, so that a screen reader says where one is.
export function Page({ title, lead, actions, wide, children }) {
  const heading = useRef();

  useTitle(title);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return html`<main id="content" class=${wide ? "wide" : ""}>
    <div class="head">
      <div>
        <h1 ref=${heading} tabindex="-1">${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>
    ${children}
  </main>`;
}

export function Card({ title, note, actions, children, ...rest }) {
  return html`<section ...${rest} class=${`card ${rest.class || ""}`}>
    ${
      title &&
      html`<div class="card-head">
        <h2>${title}</h2>
        ${note && html`<span class="note">${note}</span>`} ${actions && html`<div class="actions">${actions}</div>`}
      </div>`
    }
    ${children}
  </section>`;
}

// A field with its label, what to write, and what is wrong with it. children is a function of the attributes that tie them together.
export function Field({ label, hint, error, children, ...rest }) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;

  return html`<div class=${`field ${rest.class || ""} ${error ? "wrong" : ""}`}>
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": about, "aria-invalid": error ? "true" : undefined })}
    ${hint && html`<div class="hint" id=${`${id}-hint`}>${hint}</div>`}
    ${error && html`<div class="error" id=${`${id}-error`}>${error}</div>`}
  </div>`;
}

export function Text({ label, hint, error, value, onValue, class: name, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error} class=${name}
    >${(tie) => html`<input ...${tie} ...${rest} value=${value} onInput=${(e) => onValue(e.target.value)} />`}<//
  >`;
}

export function Choice({ label, hint, error, value, onValue, options, class: name, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error} class=${name}
    >${(tie) =>
      html`<select ...${tie} ...${rest} value=${value} onChange=${(e) => onValue(e.target.value)}>
        ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
      </select>`}<//
  >`;
}

export function Check({ label, hint, value, onValue }) {
  const id = useId();

  return html`<div class="check">
    <input
      type="checkbox"
      id=${id}
      checked=${value}
      onChange=${(e) => onValue(e.target.checked)}
      aria-describedby=${hint && `${id}-hint`}
    /><label for=${id}>${label}</label> ${hint && html`<div class="hint" id=${`${id}-hint`}>${hint}</div>`}
  </div>`;
}

// What went wrong, and what can be done about it.
export function Wrong({ error, again, title = "That did not work" }) {
  if (!error) return null;
  return html`<div class="banner bad" role="alert">
    <strong>${title}.</strong>${" "}
    ${error.places?.length > 0 ? "The service does not take this:" : error.message}
    ${
      error.places?.length > 0 &&
      html`<ul>
        ${error.places.map((place) => html`<li><code>${place.pointer}</code> ${place.detail}</li>`)}
      </ul>`
    }
    ${again && html` <button type="button" onClick=${again}>Try again</button>`}
  </div>`;
}

export const Loading = ({ what = "Loading" }) => html`<p class="loading" role="status">${what}…</p>`;

export const Empty = ({ title, children }) =>
  html`<div class="empty">
    <h2>${title}</h2>
    ${children}
  </div>`;

const PILLS = {
  succeeded: "good",
  failed: "bad",
  running: "busy",
  queued: "",
  cancelled: "",
  active: "good",
  draft: "",
  archived: "",
};
export const Pill = ({ of }) => html`<span class=${`pill ${PILLS[of] || ""}`}>${of}</span>`;

export function Time({ of, short }) {
  useSignal(clock);
  if (!of) return NONE;
  return html`<time datetime=${of} title=${otherTime(of)}>${(short ? date : time)(of)}</time>`;
}

export function Progress({ value, label }) {
  return html`<progress aria-label=${label} max="1" value=${value}></progress>`;
}

// Copies a text, and says so.
export function Copy({ text, label = "Copy" }) {
  const button = useRef();

  return html`<button
    type="button"
    ref=${button}
    onClick=${async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.current.textContent = "Copied";
      } catch {
        button.current.textContent = "Select it and press Ctrl-C";
      }
      setTimeout(() => {
        if (button.current) button.current.textContent = label;
      }, 2000);
    }}
  >
    ${label}
  </button>`;
}

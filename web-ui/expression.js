// One expression of the rules: what is wrong stands below, with a mark at its column; names are completed while one types.
import { html, useId, useRef, useState } from "./html.js";

const WORD = /[A-Za-z_$][\w$]*$/;

// faults: [{detail, column}]; names: what can be completed to; focused(field) lets others insert into it
export function Expression({ label, value, onValue, faults = [], names, focused, placeholder, hideLabel }) {
  const id = useId();
  const field = useRef();
  const latest = useRef(); // what others insert goes on from the newest rules, not from those of when the field was gone into
  const [offer, setOffer] = useState([]);
  const [picked, pick] = useState(0);

  latest.current = onValue;
  const look = (element) => {
    const word = element.value.slice(0, element.selectionStart).match(WORD)?.[0] || "";

    setOffer(word.length >= 2 ? names.filter((name) => name.startsWith(word) && name !== word).slice(0, 8) : []);
    pick(0);
  };
  const take = (name) => {
    const element = field.current,
      at = element.selectionStart;
    const begin = at - (element.value.slice(0, at).match(WORD)?.[0].length || 0);

    element.setRangeText(name, begin, at, "end");
    onValue(element.value);
    setOffer([]);
    element.focus();
  };
  const key = (event) => {
    if (!offer.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp")
      pick((picked + (event.key === "ArrowDown" ? 1 : offer.length - 1)) % offer.length);
    else if (event.key === "Enter" || event.key === "Tab") take(offer[picked]);
    else if (event.key === "Escape") setOffer([]);
    else return;
    event.preventDefault();
  };

  return html`<div class=${`expression ${faults.length ? "wrong" : ""}`}>
    <label for=${id} class=${hideLabel ? "hidden" : ""}>${label}</label>
    <div class="box">
      <textarea
        id=${id}
        ref=${field}
        class="code"
        rows=${Math.max(1, Math.ceil((value || "").length / 70))}
        spellcheck=${false}
        autocomplete="off"
        value=${value || ""}
        placeholder=${placeholder}
        aria-autocomplete="list"
        aria-controls=${`${id}-offer`}
        aria-activedescendant=${offer.length ? `${id}-${picked}` : undefined}
        aria-invalid=${faults.length ? "true" : undefined}
        aria-describedby=${faults.length ? `${id}-error` : undefined}
        onInput=${(e) => {
          onValue(e.target.value.replaceAll("\n", " "));
          look(e.target);
        }}
        onKeyDown=${key}
        onFocus=${(e) => focused?.(e.target, (text) => latest.current(text))}
        onBlur=${() => setOffer([])}
      ></textarea>
      <ul id=${`${id}-offer`} class="offer-list" role="listbox" aria-label="Completions" hidden=${!offer.length}>
        ${offer.map(
          (name, i) =>
            html`<li
              id=${`${id}-${i}`}
              role="option"
              aria-selected=${i === picked ? "true" : "false"}
              onMouseDown=${(e) => {
                e.preventDefault();
                take(name);
              }}
            >
              ${name}
            </li>`,
        )}
      </ul>
    </div>
    ${
      faults.length > 0 &&
      html`<div class="error" id=${`${id}-error`} role="status">
        ${faults.map(
          (fault) =>
            html`<div key=${fault.detail}>
              ${
                fault.column > 0 &&
                html`<code class="place" aria-hidden="true"
                  >${(value || "").slice(0, fault.column - 1)}<mark>${(value || "").slice(fault.column - 1).match(/^(\w+|.)?/)[0] || " "}</mark>${(
                    value || ""
                  )
                    .slice(fault.column - 1)
                    .replace(/^(\w+|.)?/, "")}</code
                >`
              }
              <span>${fault.detail}</span>
            </div>`,
        )}
      </div>`
    }
  </div>`;
}

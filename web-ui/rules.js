// Rules of one's own, as a form: conditions of both sides, names, parameters, levels. What the form has no field for stays as it is.
import { html, useEffect, useRef, useState } from "./html.js";
import { Expression } from "./expression.js";
import { Functions, useFunctions } from "./functions.js";
import { Levels } from "./levels.js";
import { Value } from "./value.js";

const COLUMNS = [
  "open",
  "high",
  "low",
  "close",
  "volume",
  "hl2",
  "hlc3",
  "ohlc4",
  "entry_price",
  "bars_held",
  "equity",
  "true",
  "false",
];
export const FIRST_RULES = {
  v: 1,
  params: { fast: 20, slow: 100 },
  let: {},
  long: {
    enter: "crosses_above(sma(close, $fast), sma(close, $slow))",
    exit: "crosses_below(sma(close, $fast), sma(close, $slow))",
  },
  stop: { percent: 8 },
};

function without(object, key) {
  const { [key]: _, ...rest } = object;

  return rest;
}

// A row a name; renaming keeps the order.
function rename(object, from, to) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name === from ? to : name, value]));
}

const freeName = (object, base) => {
  for (let n = 1; ; n++) if (!(`${base}${n}` in object)) return `${base}${n}`;
};

// A name that the parent cannot yet have (empty, or taken) stays in the field until it is one.
function Name({ value, taken, onValue, label }) {
  const [text, set] = useState(value);

  useEffect(() => set(value), [value]); // another row has come to this place, or another version
  const isName = /^[A-Za-z_]\w*$/.test(text) && (text === value || !taken.includes(text));

  return html`<input
    class=${`code name ${isName ? "" : "wrong"}`}
    aria-label=${label}
    aria-invalid=${isName ? undefined : "true"}
    spellcheck=${false}
    value=${text}
    onInput=${(e) => {
      const next = e.target.value;
      set(next);
      if (/^[A-Za-z_]\w*$/.test(next) && !taken.includes(next)) onValue(next);
    }}
  />`;
}

// value: the parameters; faultsAt(pointer) are those of a place below them.
export function Rules({ value, onChange, faultsAt, errorAt }) {
  const functions = useFunctions();
  const last = useRef(null);
  const lets = value.let || {},
    params = value.params || {};
  const names = [
    ...Object.keys(lets),
    ...Object.keys(params).map((name) => `$${name}`),
    ...functions.map((one) => one.name),
    ...COLUMNS,
  ];
  const focused = (element, take) => {
    last.current = { element, take };
  };
  const insert = (text) => {
    if (!last.current) return;
    const { element, take } = last.current;

    element.setRangeText(text, element.selectionStart, element.selectionEnd, "end");
    take(element.value);
    element.focus();
  };
  const part = (name, object) =>
    onChange(
      Object.keys(object).length || (name !== "let" && name !== "params")
        ? { ...value, [name]: object }
        : without(value, name),
    );
  const condition = (side, which, text) => {
    const next = text.trim() === "" ? without(value[side] || {}, which) : { ...value[side], [which]: text };

    onChange(Object.keys(next).length ? { ...value, [side]: next } : without(value, side));
  };

  return html`<div class="rules">
    <div class="rules-form">
      ${[
        ["long", "Long", "Buy if", "Sell if"],
        ["short", "Short", "Sell short if", "Buy back if"],
      ].map(
        ([side, title, enter, exit]) =>
          html`<fieldset key=${side}>
            <legend>${title}</legend>
            <${Expression}
              label=${enter}
              value=${value[side]?.enter}
              names=${names}
              focused=${focused}
              placeholder=${side === "long" ? "crosses_above(close, sma(close, 50))" : "never"}
              faults=${faultsAt(`/${side}/enter`)}
              onValue=${(text) => condition(side, "enter", text)}
            />
            <${Expression}
              label=${exit}
              value=${value[side]?.exit}
              names=${names}
              focused=${focused}
              placeholder="only at a level"
              faults=${faultsAt(`/${side}/exit`)}
              onValue=${(text) => condition(side, "exit", text)}
            />
            ${faultsAt(`/${side}`).map((fault) => html`<div class="error">${fault.detail}</div>`)}
          </fieldset>`,
      )}
      <fieldset>
        <legend>Names</legend>
        <p class="note">Expressions that others use by their name.</p>
        ${Object.entries(lets).map(
          ([name, text], i) =>
            html`<div class="named" key=${i}>
              <${Name}
                label="Name"
                value=${name}
                taken=${Object.keys(lets)}
                onValue=${(next) => part("let", rename(lets, name, next))}
              /><span>=</span>
              <${Expression}
                label=${`Expression of ${name}`}
                hideLabel
                value=${text}
                names=${names.filter((one) => one !== name)}
                focused=${focused}
                faults=${faultsAt(`/let/${name}`)}
                onValue=${(next) => part("let", { ...lets, [name]: next })}
              />
              <button
                type="button"
                class="quiet"
                aria-label=${`Remove ${name}`}
                onClick=${() => part("let", without(lets, name))}
              >
                ×
              </button>
            </div>`,
        )}
        <button type="button" onClick=${() => part("let", { ...lets, [freeName(lets, "x")]: "close" })}>
          Add a name
        </button>
      </fieldset>
      <fieldset>
        <legend>Parameters</legend>
        <p class="note">Numbers that expressions write as <code>$name</code>.</p>
        <div class="params">
          ${Object.entries(params).map(
            ([name, number], i) =>
              html`<div class="named" key=${i}>
                <${Name}
                  label="Parameter"
                  value=${name}
                  taken=${Object.keys(params)}
                  onValue=${(next) => part("params", rename(params, name, next))}
                /><span>=</span>
                <${Value}
                  class="code number"
                  aria-label=${`Value of ${name}`}
                  inputmode="decimal"
                  value=${number}
                  onValue=${(next) => part("params", { ...params, [name]: next })}
                />
                <button
                  type="button"
                  class="quiet"
                  aria-label=${`Remove ${name}`}
                  onClick=${() => part("params", without(params, name))}
                >
                  ×
                </button>
                ${errorAt(`/params/${name}`) && html`<div class="error">${errorAt(`/params/${name}`)}</div>`}
              </div>`,
          )}
        </div>
        <button type="button" onClick=${() => part("params", { ...params, [freeName(params, "n")]: 10 })}>
          Add a parameter
        </button>
      </fieldset>
      <fieldset>
        <legend>Levels and size</legend>
        <${Levels} value=${value} onChange=${onChange} errorAt=${(pointer) => errorAt(pointer)} />
      </fieldset>
    </div>
    <${Functions} insert=${insert} />
  </div>`;
}

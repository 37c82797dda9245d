// A field of a number, or of an expression in place of it.
import { html, useState } from "./html.js";

const valueOf = (text) => (text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text);

// What is typed stays as it is typed while it means the value: "1." is on its way to "1.5", and 1 already.
export function Value({ value, onValue, ...rest }) {
  const [text, set] = useState(String(value));

  return html`<input
    ...${rest}
    spellcheck=${false}
    value=${Object.is(valueOf(text), value) ? text : String(value)}
    onInput=${(e) => {
      set(e.target.value);
      onValue(valueOf(e.target.value));
    }}
  />`;
}

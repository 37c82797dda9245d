// Stop, take, trail and size: what every kind of strategy may have.
import { html } from "./html.js";
import { Field } from "./parts.js";
import { Value } from "./value.js";

const LEVELS = [
  ["stop", "Stop loss", ["percent", "distance", "price"]],
  ["take", "Take profit", ["percent", "distance", "price"]],
  ["trail", "Trailing stop", ["percent", "distance"]],
  ["size", "Size", ["equity", "cash", "units"]],
];
const UNITS = {
  percent: "% of entry",
  distance: "away",
  price: "price",
  equity: "× equity",
  cash: "× cash",
  units: "units",
};

const keyOf = (level) => Object.keys(level || {}).find((key) => key !== "at");

// value: the parameters; errorAt(pointer) is what is wrong there.
export function Levels({ value, onChange, errorAt }) {
  const change = (name, level) => {
    const { [name]: _, ...rest } = value;

    onChange(level ? { ...rest, [name]: level } : rest);
  };

  return html`<div class="levels">
    ${LEVELS.map(([name, title, units]) => {
      const level = value[name],
        unit = keyOf(level) || "";
      const error = errorAt(`/${name}`);

      return html`<div class="level" key=${name}>
        <${Field} label=${title} error=${error}
          >${(tie) =>
            html`<div class="pair">
              <${Value}
                ...${tie}
                class="code"
                disabled=${!unit}
                placeholder=${name === "size" ? "all" : "none"}
                value=${unit ? level[unit] : ""}
                onValue=${(next) => change(name, { ...level, [unit]: next })}
              />
              <select
                aria-label=${`${title}: unit`}
                value=${unit}
                onChange=${(e) =>
                  change(
                    name,
                    e.target.value
                      ? {
                          ...(level?.at ? { at: level.at } : {}),
                          [e.target.value]: unit ? level[unit] : name === "size" ? 1 : 2,
                        }
                      : null,
                  )}
              >
                <option value="">${name === "size" ? "default" : "none"}</option>
                ${units.map((one) => html`<option value=${one} selected=${one === unit}>${UNITS[one]}</option>`)}
              </select>
            </div>`}<//
        >
      </div>`;
    })}
  </div>`;
}

// The parameters of a named kind, as a form: made from the schema that the API gives.
import { html } from "./html.js";
import { Levels } from "./levels.js";
import { Check, Field } from "./parts.js";
import { Value } from "./value.js";

const boundsOf = ({ minimum, maximum }) =>
  minimum !== undefined && maximum !== undefined ? `, ${minimum} to ${maximum}` : "";

export function Parameters({ schema, value, onChange, errorAt }) {
  const plain = Object.entries(schema.properties || {}).filter(([, one]) => one.type !== "object");
  const set = (name, next) => {
    const { [name]: _, ...rest } = value;

    onChange(next === undefined ? rest : { ...rest, [name]: next });
  };

  return html`<div class="row parameters">
      ${plain
        .filter(([, one]) => one.type !== "boolean")
        .map(
          ([name, one]) =>
            html`<${Field}
              key=${name}
              label=${name}
              hint=${`${one.description || ""}${boundsOf(one)}`}
              error=${errorAt(`/${name}`)}
              >${(tie) =>
                html`<${Value}
                  ...${tie}
                  inputmode="decimal"
                  placeholder=${String(one.default ?? "")}
                  value=${value[name] ?? ""}
                  onValue=${(next) => set(name, next === "" ? undefined : next)}
                />`}<//
            >`,
        )}
    </div>
    <div class="checks">
      ${plain
        .filter(([, one]) => one.type === "boolean")
        .map(
          ([name, one]) =>
            html`<${Check}
              key=${name}
              label=${(one.description || name).replace(/^Whether (.)/, (_, first) => first.toUpperCase())}
              value=${value[name] ?? one.default ?? false}
              onValue=${(next) => set(name, next === (one.default ?? false) ? undefined : next)}
            />`,
        )}
    </div>
    <${Levels} value=${value} onChange=${onChange} errorAt=${errorAt} />`;
}

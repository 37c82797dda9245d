// Parameters in the order in which people write them: the database keeps none.
const ORDER = [
  "name",
  "description",
  "kind",
  "status",
  "parameters",
  "v",
  "params",
  "let",
  "long",
  "short",
  "enter",
  "exit",
  "stop",
  "take",
  "trail",
  "size",
  "fast",
  "slow",
  "signal",
  "length",
];
const rank = (name) => ORDER.indexOf(name) + 1 || ORDER.length + 1;

export function tidy(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => rank(a) - rank(b))
      .map(([name, inner]) => [name, tidy(inner)]),
  );
}

export const tidyText = (value) => JSON.stringify(tidy(value), null, 2);

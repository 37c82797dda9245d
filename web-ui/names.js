// The names of strategies, by id: asked for once each, many at a time.
import { useEffect, useState } from "./html.js";
import { get, path } from "./api.js";

const known = new Map();

export function remember(strategies) {
  for (const one of strategies) known.set(one.id, one.name);
}

export function useNames(ids) {
  const [, again] = useState(0);
  const unknown = [...new Set(ids)].filter((id) => !known.has(id));

  useEffect(() => {
    let isHere = true;

    Promise.all(
      unknown.map((id) =>
        get(path("strategies", id)).then(
          (one) => known.set(id, one.name),
          () => known.set(id, "deleted"),
        ),
      ),
    ).then(() => isHere && unknown.length && again((n) => n + 1));
    return () => {
      isHere = false;
    };
  }, [unknown.join()]);
  return (id) => known.get(id) || "…";
}

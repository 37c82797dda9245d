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
    if (!unknown.length) return undefined;
    const control = new AbortController();
    const { signal } = control;

    Promise.all(
      unknown.map((id) =>
        get(path("strategies", id), { signal }).then(
          (one) => known.set(id, one.name),
          (error) => error.status === 404 && known.set(id, "deleted"),
        ),
      ),
    ).then(() => signal.aborted || again((n) => n + 1));
    return () => control.abort(new DOMException("left", "AbortError"));
  }, [unknown.join()]);
  return (id) => known.get(id) || "…";
}

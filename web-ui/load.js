// What a view has to ask for before it can show anything: {data, error, again()}.
import { useEffect, useState } from "./html.js";

// ask(signal) is called anew when one of `by` changes. What it gave before stays until there is something newer.
export function useLoad(ask, by) {
  const [state, set] = useState({});
  const [round, next] = useState(0);

  useEffect(() => {
    const control = new AbortController();

    ask(control.signal).then(
      (data) => control.signal.aborted || set({ data }),
      (error) => control.signal.aborted || set((before) => ({ data: before.data, error })),
    );
    return () => control.abort(new DOMException("left", "AbortError"));
  }, [...by, round]);
  return { ...state, again: () => next((n) => n + 1) };
}

// Again and again, while it is wanted.
export function useEvery(ms, act, wanted) {
  useEffect(() => {
    if (!wanted) return undefined;
    const timer = setInterval(act, ms);

    return () => clearInterval(timer);
  }, [ms, wanted]);
}

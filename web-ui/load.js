// What a view has to ask for before it can show anything: {data, error, again()}.
import { useEffect, useRef, useState } from "./html.js";

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

// Again and again, while it is wanted: act(signal), the next time so long after the last one is over. While nobody answers, looks
// do not heap up.
export function useEvery(ms, act, wanted) {
  const latest = useRef();

  latest.current = act;
  useEffect(() => {
    if (!wanted) return undefined;
    const control = new AbortController();
    let timer = 0;
    const turn = async () => {
      await latest.current(control.signal);
      if (!control.signal.aborted) timer = setTimeout(turn, ms);
    };

    timer = setTimeout(turn, ms);
    return () => {
      clearTimeout(timer);
      control.abort(new DOMException("left", "AbortError"));
    };
  }, [ms, wanted]);
}

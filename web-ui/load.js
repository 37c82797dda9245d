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

const join = (before, page) => ({ ...before, items: [...before.items, ...page.items], next: page.next, error: null });

// A list, page by page: {items, next, error, again(), more(), renew(signal)}; items is null before the first page. ask(after, signal)
// gives {items, next}. It is called anew from the first page on when one of `by` changes, and what comes then of the list before is
// left out. renew() asks for as many as are there.
export function useList(ask, by) {
  const [state, set] = useState({ items: null, next: null });
  const [round, reload] = useState(0);
  const coming = useRef(false);

  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;

    ask(undefined, signal).then(
      (page) => signal.aborted || set({ items: page.items, next: page.next, signal }),
      (error) => signal.aborted || set((before) => ({ ...before, error, again: () => reload((n) => n + 1) })),
    );
    return () => control.abort(new DOMException("left", "AbortError"));
  }, [...by, round]);

  const { items, next, signal } = state;
  // What follows what is seen, and not something newer.
  const follow = (change) => set((before) => (before.items === items && !signal.aborted ? change(before) : before));
  const more = async () => {
    if (coming.current || signal.aborted) return;
    coming.current = true;
    try {
      const page = await ask(next, signal);

      follow((before) => join(before, page));
    } catch (error) {
      follow((before) => ({ ...before, error, again: more }));
    } finally {
      coming.current = false;
    }
  };
  const renew = async (own) => {
    let fresh = { items: [], next: undefined };

    do fresh = join(fresh, await ask(fresh.next, own));
    while (fresh.next !== null && fresh.items.length < items.length);
    if (!coming.current) follow((before) => ({ ...before, items: fresh.items, next: fresh.next }));
  };

  return { ...state, more, renew };
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

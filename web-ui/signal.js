// A value that several views look at.
import { useEffect, useState } from "./html.js";

export function signal(value) {
  const watchers = new Set();

  return {
    get value() {
      return value;
    },
    set value(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watcher of [...watchers]) watcher();
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

export function useSignal(one) {
  const [, again] = useState(0);

  useEffect(() => one.watch(() => again((n) => n + 1)), [one]);
  return one.value;
}

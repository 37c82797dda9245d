// What was typed outlives a reload of the page: it is kept for the tab (sessionStorage), never for another one.
import { useCallback, useState } from "./html.js";

const read = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // no storage, or not ours
  }
};

export function keep(key, value) {
  try {
    if (value === null || value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* a browser that keeps nothing, or has no room left: it is in memory all the same */
  }
}

export const kept = read;

export function keptKeys(prefix) {
  try {
    return Object.keys(sessionStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

// Whatever somebody has typed in this tab.
export function forgetTyped() {
  for (const prefix of ["draft:", "aside:", "said"]) for (const key of keptKeys(prefix)) keep(key, null);
}

// As useState, of an object that is changed member by member. [draft, change({member: value}), forget()]
export function useDraft(key, first) {
  const [draft, set] = useState(() => ({ ...first, ...read(`draft:${key}`) }));
  const change = useCallback(
    (part) =>
      set((before) => {
        const after = { ...before, ...part };

        keep(`draft:${key}`, after);
        return after;
      }),
    [key],
  );
  const forget = useCallback(() => {
    keep(`draft:${key}`, null);
    set(first);
  }, [key]);

  return [draft, change, forget];
}

export const forgetDraft = (key) => keep(`draft:${key}`, null);

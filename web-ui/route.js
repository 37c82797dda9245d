// Addresses within the page: #/results/ID?trade=3. They can be kept, sent, and gone back to.
import { useEffect } from "./html.js";
import { signal, useSignal } from "./signal.js";

function read() {
  const [at, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = at
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });

  return { view: parts[0] || "", parts: parts.slice(1), query: Object.fromEntries(new URLSearchParams(query || "")) };
}

const route = signal(read());

addEventListener("hashchange", () => {
  route.value = read();
});

export function href(parts, query = {}) {
  const at = "#/" + [].concat(parts).map(encodeURIComponent).join("/").replaceAll("%3A", ":");
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");

  return given.length ? `${at}?${new URLSearchParams(given)}` : at;
}

export function go(parts, query, { replace = false } = {}) {
  const to = href(parts, query);

  if (replace) (history.replaceState(null, "", to), (route.value = read()));
  else location.hash = to;
}

export const useRoute = () => useSignal(route);

export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} – StratsLab` : "StratsLab";
  }, [title]);
}

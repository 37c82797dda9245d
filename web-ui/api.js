// The public API, and nothing else. A read is asked again while the service cannot be reached, and any request once there is a
// token that is taken; so a view sees answers, and errors that are about its request.
import { anotherToken, token } from "./access.js";
import { signal } from "./signal.js";

export const silence = signal(null); // {since, message} while nobody answers

export class Problem extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
    this.places = problem.errors || [];
    this.requestId = problem.request_id || "";
    this.retryAfter = retryAfter;
  }
}

const RETRY_MS = [500, 1000, 2000, 4000];
const TIMEOUTS_MAX = 3; // of one request: "the database took too long, ask for less" is about it, and not about the service

let waiting = 0; // requests that nobody has answered

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);

    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

export function path(...parts) {
  return "/api/v1/" + parts.map(encodeURIComponent).join("/").replaceAll("%3A", ":");
}

export function withQuery(address, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");

  return given.length ? `${address}?${new URLSearchParams(given)}` : address;
}

async function problemOf(answer) {
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;

  try {
    return new Problem(answer.status, await answer.json(), retryAfter);
  } catch {
    return new Problem(answer.status, {}, retryAfter);
  }
}

async function once(method, address, options) {
  const headers = { Accept: options.accept || "application/json", ...options.headers };
  let body;

  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.json);
  } else if (options.body !== undefined) {
    headers["Content-Type"] = options.type;
    body = options.body;
  }
  return fetch(address, { method, headers, body, signal: options.signal, credentials: "omit" });
}

// The service is not there, or says that it will be soon; 502 and 504 are what a proxy before it says of that.
const passes = (error) =>
  error instanceof TypeError || (error instanceof Problem && [502, 503, 504].includes(error.status));

// The answer with its body, which a connection may lose too.
async function whole(answer) {
  const text = await answer.text();

  return { headers: answer.headers, text: () => text, json: () => JSON.parse(text) };
}

// options: json | body and type; accept, headers, signal; safe: asking twice does no harm (a GET always is)
export async function ask(method, address, options = {}) {
  const ours = { waits: false };

  try {
    return await answered(method, address, options, ours);
  } finally {
    if (ours.waits && --waiting === 0) silence.value = null; // one that was given up too
  }
}

async function answered(method, address, options, ours) {
  const safe = options.safe ?? method === "GET";

  for (let tries = 0, timeouts = 0; ; tries++) {
    const used = token.value;
    let error;

    try {
      const answer = await once(method, address, options);

      if (answer.ok) {
        const all = await whole(answer);

        silence.value = null;
        return all;
      }
      error = await problemOf(answer);
    } catch (thrown) {
      error = thrown;
    }
    if (options.signal?.aborted) throw options.signal.reason;
    if (error instanceof Problem && error.status === 401) {
      if (token.value === used) await anotherToken(error.message, options.signal);
      continue;
    }
    if (!passes(error)) {
      silence.value = null;
      throw error;
    }
    if (!safe) {
      throw error instanceof Problem
        ? error
        : new Problem(0, { detail: "The service does not answer. What you wrote is kept; try again." });
    }
    if (error.code === "timeout" && ++timeouts >= TIMEOUTS_MAX) throw error;
    if (!ours.waits) {
      ours.waits = true;
      waiting++;
    }
    silence.value = silence.value || { since: Date.now(), message: error instanceof Problem ? error.message : "" };
    await pause((error.retryAfter || 0) * 1000 || RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], options.signal);
  }
}

export const get = async (address, options) => (await ask("GET", address, options)).json();
export const post = async (address, json, options) => (await ask("POST", address, { json, ...options })).json();

// Every item of a list, page by page, or the first `most` of them. each(items so far) is told after every page.
export async function all(address, { query = {}, most = Infinity, signal, each } = {}) {
  const items = [];

  for (let after; ;) {
    const page = await get(withQuery(address, { ...query, after }), { signal });

    items.push(...page.items);
    after = page.next;
    each?.(items, after !== null);
    if (after === null || items.length >= most) return items;
  }
}

// What `ask` gives for each of the list, in its order; so many are asked for beside each other.
export async function beside(most, list, ask) {
  const found = Array(list.length);
  let next = 0;
  const work = async () => {
    while (next < list.length) {
      const i = next++;

      found[i] = await ask(list[i], i);
    }
  };

  await Promise.all(Array.from({ length: most }, work));
  return found;
}

// What only the program changes is asked for once.
const constants = new Map();

export function constant(name) {
  if (!constants.has(name)) {
    constants.set(
      name,
      get(path(name))
        .then((list) => list.items)
        .catch((error) => {
          constants.delete(name);
          throw error;
        }),
    );
  }
  return constants.get(name);
}

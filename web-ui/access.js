// The token. It lives in memory and in the tab's sessionStorage, goes to this service alone, as a field that no other page can
// make a browser send, and is gone with the tab.
import { signal } from "./signal.js";
import { keep, kept } from "./keep.js";

export const token = signal(kept("token"));
export const refused = signal(null); // what the service said of the token that it refused; null: all is well

// What a request's head can carry: fetch() throws at anything else, as it does if nobody answers.
export const isToken = (text) => /^[\x21-\x7e]+$/.test(text);

let waiting = [];

export function setToken(text) {
  token.value = text || null;
  keep("token", token.value);
  refused.value = null;
  for (const go of waiting.splice(0)) go();
}

export function forgetToken() {
  token.value = null;
  keep("token", null);
}

// The requests that were refused wait here, whole, until there is another token.
export function anotherToken(why, signal) {
  refused.value = why;
  return new Promise((resolve, reject) => {
    waiting.push(resolve);
    signal?.addEventListener("abort", () => {
      waiting = waiting.filter((one) => one !== resolve);
      reject(signal.reason);
    });
  });
}

// What every view is written with: preact's hooks, and html`…` in place of a compiler.
import { h } from "./preact.js";
import htm from "./htm.js";

export { render, Fragment } from "./preact.js";
export * from "./hooks.js";
export const html = htm.bind(h);

// Two texts beside each other, line by line: what both have, what is gone, what is new.
import { html } from "./html.js";

// [["same" | "gone" | "new", line]], by the longest common subsequence; texts of some hundred lines.
export function diffLines(before, after) {
  const a = before.split("\n"),
    b = after.split("\n");
  const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const lines = [];

  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--)
      length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  }
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) (lines.push(["same", a[i]]), i++, j++);
    else if (i < a.length && (j === b.length || length[i + 1][j] >= length[i][j + 1])) lines.push(["gone", a[i++]]);
    else lines.push(["new", b[j++]]);
  }
  return lines;
}

const SIGNS = { same: " ", gone: "−", new: "+" };

export function Diff({ before, after, label }) {
  return html`<pre class="diff" tabindex="0" aria-label=${label}>
${diffLines(before, after).map(
      ([how, line]) => html`<span class=${how}><span class="sign">${SIGNS[how]}</span>${line}${"\n"}</span>`,
    )}</pre>`;
}

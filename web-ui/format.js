// Numbers as the reader's locale writes them, times in UTC unless the reader asks for the local ones.
import { signal } from "./signal.js";
import { keep, kept } from "./keep.js";

export const NONE = "–";
export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export const clock = signal(kept("clock") === "local" ? "local" : "UTC");
export const setClock = (which) => {
  keep("clock", (clock.value = which));
};

const formats = new Map();
function numbers(options) {
  const key = JSON.stringify(options);

  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(undefined, options));
  return formats.get(key);
}
const is = (n) => typeof n === "number" && Number.isFinite(n);
const minus = (text) => text.replace("-", "−");

export const count = (n) => (is(n) ? numbers({ maximumFractionDigits: 0 }).format(n) : NONE);
export const ratio = (n, digits = 2) =>
  is(n) ? minus(numbers({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n)) : NONE;
export const money = (n) => ratio(n, Math.abs(n) >= 1e6 ? 0 : 2);
// Digits behind the point that a price of this tick has.
export const digitsOf = (tick) => Math.min(8, Math.max(0, Math.round(-Math.log10(tick))));
export const price = (n, digits) =>
  is(n) ? numbers({ minimumFractionDigits: digits ?? 0, maximumFractionDigits: digits ?? 8 }).format(n) : NONE;
export const quantity = (n) => (is(n) ? numbers({ maximumSignificantDigits: 6 }).format(n) : NONE);
export const percent = (n, digits = 2) =>
  is(n)
    ? minus(numbers({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n))
    : NONE;
export const signedPercent = (n, digits = 2) =>
  is(n)
    ? minus(
        numbers({
          style: "percent",
          minimumFractionDigits: digits,
          maximumFractionDigits: digits,
          signDisplay: "exceptZero",
        }).format(n),
      )
    : NONE;
export const signedMoney = (n) =>
  is(n)
    ? minus(numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" }).format(n))
    : NONE;
export const tone = (n) => (!is(n) || n === 0 ? "" : n > 0 ? "up" : "down");

export function bytes(n) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;

  for (; n >= 999.5 && unit < units.length - 1; unit++) n /= 1000;
  return `${ratio(n, n < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export function duration(seconds) {
  if (!is(seconds)) return NONE;
  const days = seconds / 86400;

  if (days >= 1) return `${ratio(days, days < 10 ? 1 : 0)} days`;
  if (seconds >= 3600) return `${ratio(seconds / 3600, 1)} h`;
  return seconds >= 60 ? `${ratio(seconds / 60, 0)} min` : `${ratio(seconds, seconds < 10 ? 1 : 0)} s`;
}

// How the reader's locale parts a number, and what its digits are.
const PARTS = new Intl.NumberFormat(undefined, { useGrouping: true }).formatToParts(1234567.8);
const partOf = (type) => PARTS.find((part) => part.type === type)?.value;
const DECIMAL = partOf("decimal") || ".",
  GROUP = partOf("group") || "";
const DIGITS = Array.from({ length: 10 }, (_, n) => new Intl.NumberFormat(undefined, { useGrouping: false }).format(n));
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const GROUPED = new RegExp(`^[+-]?[1-9]\\d{0,2}(${escaped(GROUP)}\\d{3})+(${escaped(DECIMAL)}\\d*)?$`);

// What somebody types, as a number: 10,000 and 10.000 are what they are where the reader lives. What is not a number stays text.
export function readNumber(text) {
  let plain = text.replace(/[\s\u00a0\u202f]/g, "");

  DIGITS.forEach((digit, n) => {
    plain = plain.replaceAll(digit, String(n));
  });
  if (GROUP.trim() && GROUPED.test(plain)) plain = plain.replaceAll(GROUP, "");
  plain = plain.replace(DECIMAL, ".").replace(",", ".");
  const n = Number(plain);

  return Number.isNaN(n) ? text : n;
}
export const writeNumber = (n) =>
  String(n)
    .replace(".", DECIMAL)
    .replace(/\d/g, (digit) => DIGITS[digit]);

const two = (n) => String(n).padStart(2, "0");
const parts = (date, which) =>
  which === "local"
    ? [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes()]
    : [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];

// ISO order: a table of times can be read, and compared, in any language.
export function time(when, which = clock.value) {
  if (!when) return NONE;
  const [y, m, d, h, min] = parts(new Date(when), which);

  return `${y}-${two(m)}-${two(d)} ${two(h)}:${two(min)}`;
}
export const date = (when, which = clock.value) => (when ? time(when, which).slice(0, 10) : NONE);
// The other clock, to be shown when a pointer rests on a time.
export const otherTime = (when) =>
  when
    ? `${time(when, clock.value === "UTC" ? "local" : "UTC")} ${clock.value === "UTC" ? "local time" : "UTC"}`
    : "";

export function ago(when) {
  const seconds = (new Date(when) - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  for (const [unit, size] of [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// Other people's indicators over a series, for indicators.py: reads {time, open, high, low, close, volume} (JSON) from
// standard input and prints [{rule, by, values, …}], one for each row of the table below. `rule` is the expression of ours
// that must give the same column; null in `values` is a bar without a value.
//
// What a row may say, where the two are not equal at every bar from the same first bar on:
//     starts   our first value's bar minus theirs
//     after    from this bar on both are equal; before it they are not (rounded up)
//     within   an absolute tolerance instead of 1e-9 relative
//     share    at most this share of the bars differs
//     why      the reason, in each of these cases
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import * as ts from "trading-signals";

const require = createRequire(import.meta.url);
const ti = require("technicalindicators");
const talib = require("talib-web");

const series = JSON.parse(readFileSync(0, "utf8"));
const { time, open, high, low, close, volume } = series;
const count = close.length;
const bars = close.map((_, i) => ({ open: open[i], high: high[i], low: low[i], close: close[i], volume: volume[i] }));
const hlc3 = bars.map((b) => (b.high + b.low + b.close) / 3);
const rows = [];

// With fetch there, it takes the path of its own file for an address.
const { fetch } = globalThis;
delete globalThis.fetch;
const wasm = await talib.init();
globalThis.fetch = fetch;

const known = (x) => (typeof x === "number" && Number.isFinite(x) ? x : null);
const aligned = (values) => [...Array(count - values.length).fill(null), ...values.map(known)];
const add = (by, rule, values, said = {}) => rows.push({ by, rule, values: values.map(known), ...said });

// The library itself: the package's own wrapper lets it read and write a value beyond the end of its arrays, and does not
// tell at which bar it begins.
const lib = (rule, name, inputs, options, said = {}, output = 0) => {
  const outputs = { MACD: 3, BBANDS: 3, STOCHF: 2, STOCHRSI: 2 }[name] ?? 1;
  const arrays = [...inputs, ...Array(outputs).fill([])].map((values) => {
    const at = wasm._malloc((count + 2) * 8);
    wasm.HEAPF64.set(values, at / 8);
    return at;
  });
  const told = wasm._malloc(8); // the first bar and the number of values
  const args = [0, count - 1, ...arrays.slice(0, inputs.length), ...options, told, told + 4, ...arrays.slice(inputs.length)];
  const status = wasm.ccall(`TA_${name}`, "number", args.map(() => "number"), args);
  if (status !== 0) throw new Error(`TA_${name} gave ${status}`);
  const [begin, length] = new Int32Array(wasm.HEAPF64.buffer, told, 2);
  const at = arrays[inputs.length + output];
  // Those that tell a place write whole numbers.
  const found = name.endsWith("INDEX") ? new Int32Array(wasm.HEAPF64.buffer, at, length) : new Float64Array(wasm.HEAPF64.buffer, at, length);
  const values = [...Array(begin).fill(null), ...found];
  if (values.length !== count) throw new Error(`TA_${name} gave ${length} values from bar ${begin} on, of ${count} bars`);
  add("talib-web", rule, values, said);
  for (const place of [...arrays, told]) wasm._free(place);
};
const technical = (rule, values, said) => add("technicalindicators", rule, aligned(values), said);
// An indicator of trading-signals, bar by bar, once it says that it is stable.
const signals = (rule, indicator, inputs, said = {}, pick = (x) => x) =>
  add("trading-signals", rule, inputs.map((x) => {
    const found = indicator.update(x, false);
    return indicator.isStable && found !== null ? pick(found) : null;
  }), said);
const window = (rule, n, f) =>
  add("trading-signals", rule, close.map((_, i) => (i < n - 1 ? null : f(close.slice(i - n + 1, i + 1).sort((a, b) => a - b)))));

const first = (after) => ({ after, why: "begins with the first value" });
const late = (after, starts) => ({ after, starts, why: "true ranges and movements begin at the second bar" });
const hundredths = { within: 0.0051, why: "rounds to hundredths" };

// averages
lib("sma(close, 20)", "SMA", [close], [20]);
lib("ema(close, 20)", "EMA", [close], [20]);
lib("wma(close, 20)", "WMA", [close], [20]);
lib("dema(close, 10)", "DEMA", [close], [10]);
lib("tema(close, 10)", "TEMA", [close], [10]);
const before = { after: 210, why: "begins with the value of the bar before" };
lib("kama(close, 10)", "KAMA", [close], [10], before);
lib("linreg(close, 14)", "LINEARREG", [close], [14]);
lib("linreg(close, 14, 13)", "LINEARREG_INTERCEPT", [close], [14]);
lib("linreg(close, 14) - linreg(close, 14, 1)", "LINEARREG_SLOPE", [close], [14]);
technical("sma(close, 20)", ti.SMA.calculate({ values: close, period: 20 }));
technical("ema(close, 20)", ti.EMA.calculate({ values: close, period: 20 }));
technical("wma(close, 20)", ti.WMA.calculate({ values: close, period: 20 }));
technical("rma(close, 14)", ti.WEMA.calculate({ values: close, period: 14 }));
signals("sma(close, 20)", new ts.SMA(20), close);
signals("ema(close, 20)", new ts.EMA(20), close, first(210));
signals("rma(close, 14)", new ts.WSMA(14), close);
signals("rma(close, 14)", new ts.RMA(14), close, first(250));
signals("wma(close, 20)", new ts.WMA(20), close);
signals("hma(close, 16)", new ts.HMA(16), close);
signals("hma(close, 21)", new ts.HMA(21), close);
signals("dema(close, 10)", new ts.DEMA(10), close, { ...first(120), starts: 9 });
signals("tema(close, 10)", new ts.TEMA(10), close, first(130));
signals("kama(close, 10)", new ts.KAMA(10), close, { ...before, starts: 1 });
signals("vwma(close, 20)", new ts.VWMA(20), bars);
signals("linreg(close, 14) - linreg(close, 14, 1)", new ts.LinearRegression(14), close, {}, (x) => x.slope);
signals("linreg(close, 14, 13)", new ts.LinearRegression(14), close, {}, (x) => x.intercept);

// statistics
lib("sum(close, 12)", "SUM", [close], [12]);
lib("stdev(close, 20)", "STDDEV", [close], [20, 1]);
lib("variance(close, 20)", "VAR", [close], [20, 1]);
lib("correlation(close, volume, 20)", "CORREL", [close, volume], [20], { within: 1e-6, why: "takes sums of squares, of which little is left" });
technical("stdev(close, 20)", ti.SD.calculate({ values: close, period: 20 }));
signals("rci(close, 9)", new ts.RCI(9), close);
window("median(close, 9)", 9, ts.getMedian);
window("median(close, 10)", 10, ts.getMedian);

// extremes
lib("highest(high, 20)", "MAX", [high], [20]);
lib("lowest(low, 20)", "MIN", [low], [20]);
lib("highestbars(high, 20)", "MAXINDEX", [high], [20]);
lib("lowestbars(low, 20)", "MININDEX", [low], [20]);
for (const row of rows.slice(-2)) row.values = row.values.map((x, i) => (x === null ? null : x - i));
technical("highest(high, 20)", ti.Highest.calculate({ values: high, period: 20 }));
technical("lowest(low, 20)", ti.Lowest.calculate({ values: low, period: 20 }));
signals("donchian_upper(20)", new ts.DonchianChannels(20), bars, {}, (x) => x.upper);
signals("donchian_lower(20)", new ts.DonchianChannels(20), bars, {}, (x) => x.lower);

// momentum
lib("change(close, 7)", "MOM", [close], [7]);
lib("mom(close, 10)", "MOM", [close], [10]);
lib("roc(close, 10)", "ROC", [close], [10]);
lib("rsi(close, 14)", "RSI", [close], [14]);
lib("2 * rsi(close, 14) - 100", "CMO", [close], [14]);
const fast = (after, starts) => ({ after, starts, why: "the fast average begins with the slow one, and the line with the signal" });
lib("macd(close, 12, 26, 9)", "MACD", [close], [12, 26, 9], fast(180, -8), 0);
lib("macd_signal(close, 12, 26, 9)", "MACD", [close], [12, 26, 9], fast(190), 1);
lib("macd_hist(close, 12, 26, 9)", "MACD", [close], [12, 26, 9], fast(190), 2);
const both = { starts: -2, why: "has both lines or none" };
lib("stoch_k(close, high, low, 14)", "STOCHF", [high, low, close], [14, 3, 0], both, 0);
lib("stoch_d(close, high, low, 14, 3)", "STOCHF", [high, low, close], [14, 3, 0], {}, 1);
lib("stochrsi(close, 14, 10)", "STOCHRSI", [close], [14, 10, 3, 0], both, 0);
lib("wpr(14)", "WILLR", [high, low, close], [14]);
lib("cci(hlc3, 20)", "CCI", [high, low, close], [20]);
lib("mfi(hlc3, 14)", "MFI", [high, low, close, volume], [14]);
technical("rsi(close, 14)", ti.RSI.calculate({ values: close, period: 14 }), hundredths);
technical("roc(close, 10)", ti.ROC.calculate({ values: close, period: 10 }));
const lines = ti.MACD.calculate({ values: close, fastPeriod: 12, slowPeriod: 26, signalPeriod: 9, SimpleMAOscillator: false, SimpleMASignal: false });
technical("macd(close, 12, 26, 9)", lines.map((x) => x.MACD));
technical("macd_signal(close, 12, 26, 9)", lines.map((x) => x.signal));
technical("macd_hist(close, 12, 26, 9)", lines.map((x) => x.histogram));
const fasts = ti.Stochastic.calculate({ high, low, close, period: 14, signalPeriod: 3 });
technical("stoch_k(close, high, low, 14)", fasts.map((x) => x.k));
technical("stoch_d(close, high, low, 14, 3)", fasts.map((x) => x.d));
technical("wpr(14)", ti.WilliamsR.calculate({ high, low, close, period: 14 }));
technical("cci(hlc3, 20)", ti.CCI.calculate({ high, low, close, period: 20 }));
technical("mfi(hlc3, 14)", ti.MFI.calculate({ high, low, close, volume, period: 14 }), { ...hundredths, starts: -1 });
signals("mom(close, 10)", new ts.MOM(10), close);
signals("roc(close, 10) / 100", new ts.ROC(10), close);
signals("rsi(close, 14)", new ts.RSI(14), close);
const averages = () => new ts.MACD(new ts.EMA(12), new ts.EMA(26), new ts.EMA(9));
signals("macd(close, 12, 26, 9)", averages(), close, first(340), (x) => x.macd);
signals("macd_signal(close, 12, 26, 9)", averages(), close, { ...first(340), starts: 8 }, (x) => x.signal);
const stochastic = () => new ts.StochasticOscillator({ kPeriod: 14, kSlowingPeriod: 1, dPeriod: 3 });
signals("stoch_k(close, high, low, 14)", stochastic(), bars, both, (x) => x.stochK);
signals("stoch_d(close, high, low, 14, 3)", stochastic(), bars, {}, (x) => x.stochD);
signals("stochrsi(close, 14, 14) / 100", new ts.StochasticRSI(14), close);
signals("wpr(14)", new ts.WilliamsR(14), bars);
signals("cci(hlc3, 20)", new ts.CCI(20), bars);
signals("cmo(close, 9)", new ts.CMO(9), close);
signals("mfi(hlc3, 14)", new ts.MFI(14), bars);
// It weighs the oldest 1, we the newest.
signals("cog(close, 10)", new ts.CG(10, 10), close, {}, (x) => x - 11);
signals("tsi(close, 13, 25)", new ts.TSI({ longPeriod: 25, shortPeriod: 13 }), close, first(350), (x) => x / 100);

// volatility
lib("tr()", "TRANGE", [high, low, close], [], { starts: -1, why: "true ranges begin at the second bar" });
lib("atr(14)", "ATR", [high, low, close], [14], late(280, -1));
lib("di_plus(14)", "PLUS_DI", [high, low, close], [14], late(300));
lib("di_minus(14)", "MINUS_DI", [high, low, close], [14], late(300));
lib("adx(14, 14)", "ADX", [high, low, close], [14], late(350));
// TradingView's way is ours. trading-signals has another one again: a turn upwards is held a hundredth below the bar's low.
const turns = { share: 0.15, why: "judges a turn after the value was held to the last two bars, and begins in another direction" };
lib("sar(0.02, 0.02, 0.2)", "SAR", [high, low], [0.02, 0.2], turns);
lib("bb_upper(close, 20, 2)", "BBANDS", [close], [20, 2, 2, 0], {}, 0);
lib("bb_middle(close, 20, 2)", "BBANDS", [close], [20, 2, 2, 0], {}, 1);
lib("bb_lower(close, 20, 2)", "BBANDS", [close], [20, 2, 2, 0], {}, 2);
technical("tr()", ti.TrueRange.calculate({ high, low, close }), { starts: -1, why: "true ranges begin at the second bar" });
technical("atr(14)", ti.ATR.calculate({ high, low, close, period: 14 }), late(280, -1));
const directions = ti.ADX.calculate({ high, low, close, period: 14 });
const all = { starts: -13, why: "has all three or none" };
technical("adx(14, 14)", directions.map((x) => x.adx));
technical("di_plus(14)", directions.map((x) => x.pdi), all);
technical("di_minus(14)", directions.map((x) => x.mdi), all);
technical("sar(0.02, 0.02, 0.2)", ti.PSAR.calculate({ high, low, step: 0.02, max: 0.2 }), { ...turns, starts: 1 });
const technicalBands = ti.BollingerBands.calculate({ values: close, period: 20, stdDev: 2 });
for (const name of ["upper", "middle", "lower"]) technical(`bb_${name}(close, 20, 2)`, technicalBands.map((x) => x[name]));
const keltner = ti.KeltnerChannels.calculate({ high, low, close, maPeriod: 20, atrPeriod: 10, multiplier: 2, useSMA: false });
technical("ema(close, 20) + 2 * atr(10)", keltner.map((x) => x.upper), late(150));
technical("ema(close, 20) - 2 * atr(10)", keltner.map((x) => x.lower), late(150));
// Its averages, of the true ranges of trading-signals, which begin at the first bar.
const ranger = new ts.TR();
const middles = ti.EMA.calculate({ values: close, period: 20 });
const widths = ti.EMA.calculate({ values: bars.map((b) => ranger.update(b, false)), period: 20 });
technical("kc_upper(close, 20, 2)", middles.map((x, i) => x + 2 * widths[i]));
technical("kc_lower(close, 20, 2)", middles.map((x, i) => x - 2 * widths[i]));
signals("tr()", new ts.TR(), bars);
signals("atr(14)", new ts.ATR(14), bars);
const zero = (after) => ({ after, starts: 1, why: "counts a movement of 0 at the first bar" });
signals("adx(14, 14)", new ts.ADX(14), bars, zero(350));
const dx = new ts.DX(14);
signals("di_plus(14)", dx, bars, zero(300), () => 100 * dx.pdi);
const mdx = new ts.DX(14);
signals("di_minus(14)", mdx, bars, zero(300), () => 100 * mdx.mdi);
for (const name of ["upper", "middle", "lower"]) {
  signals(`bb_${name}(close, 20, 2)`, new ts.BollingerBands(20, 2), close, {}, (x) => x[name]);
}
const trend = () => new ts.SuperTrend({ interval: 10, multiplier: 3 });
signals("supertrend(3, 10)", trend(), bars, {}, (x) => x.supertrend);
signals("supertrend_direction(3, 10)", trend(), bars, {}, (x) => (x.trend === ts.TradingSignal.BULLISH ? -1 : 1));

// volume
lib("obv() - obv()[1]", "OBV", [close, volume], []);
rows.at(-1).values = rows.at(-1).values.map((x, i, all) => (i === 0 ? null : x - all[i - 1]));
lib("accdist()", "AD", [high, low, close, volume], []);
technical("obv()", ti.OBV.calculate({ close, volume }), { starts: -1, why: "begins with the first change" });
technical("accdist()", ti.ADL.calculate({ high, low, close, volume }), { within: 0.51, why: "rounds to whole numbers" });
signals("obv()", new ts.OBV(2), bars, { starts: -1, why: "begins with the first change" });
signals("accdist()", new ts.AD(), bars);
signals("pvt()", new ts.PVT(), bars, { starts: -1, why: "begins with the first change" });
for (const [rule, indicator] of [["nvi()", new ts.NVI()], ["pvi()", new ts.PVI()]]) {
  signals(rule, indicator, bars); // theirs begins with 1000
  rows.at(-1).values = rows.at(-1).values.map((x, i, all) => x / 1000);
}
let daily = null;
add("trading-signals", "vwap()", bars.map((b, i) => {
  if (i === 0 || Math.floor(time[i] / 86400000) !== Math.floor(time[i - 1] / 86400000)) daily = new ts.VWAP();
  return daily.update(b, false);
}));

// pivots, crosses
signals("pivot_high(high, 3, 3)", new ts.SwingHigh({ lookback: 3 }), bars);
signals("pivot_low(low, 3, 3)", new ts.SwingLow({ lookback: 3 }), bars);
const mean = aligned(ti.SMA.calculate({ values: close, period: 20 })).map((x, i) => x ?? close[i]);
const crossing = (type) => type.calculate({ lineA: close, lineB: mean }).map(Number);
technical("if(crosses_above(close, nz(sma(close, 20), close)), 1, 0)", crossing(ti.CrossUp));
technical("if(crosses_below(close, nz(sma(close, 20), close)), 1, 0)", crossing(ti.CrossDown));

// math
const ratio = close.map((x, i) => x / open[i]);
lib("log(close)", "LN", [close], []);
lib("exp(close / open)", "EXP", [ratio], []);
lib("sqrt(volume)", "SQRT", [volume], []);
lib("floor(close)", "FLOOR", [close], []);
lib("ceil(close)", "CEIL", [close], []);
lib("hlc3", "TYPPRICE", [high, low, close], []);
lib("hl2", "MEDPRICE", [high, low], []);
lib("ohlc4", "AVGPRICE", [open, high, low, close], []);

process.stdout.write(JSON.stringify(rows));

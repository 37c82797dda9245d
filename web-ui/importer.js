// Import: files are dropped, cut into pieces, sent one after the other; then what came of them.
import { html, useEffect, useRef, useState } from "./html.js";
import { ask, path, withQuery } from "./api.js";
import { beginningOf, guess, halves, isZip, pieces } from "./cut.js";
import { bytes, count, percent, plural } from "./format.js";
import { Card, Check, Choice, Progress, Text, Time, Wrong } from "./parts.js";
import { href } from "./route.js";
import { signal, useSignal } from "./signal.js";
import { NAMES } from "./timeframe.js";

const SHOWN_MAX = 100; // rejected rows, and gaps

// The number in the file of a line of a piece.
const lineIn =
  ({ line = 1, headLines = 0 }) =>
  (n) =>
    n > headLines ? n - headLines + line - 1 : n;
const LINE = /^line:(\d+)$/;

// The reports of all pieces as one. tell(share).
async function importFile(file, { symbol, timeframe, ...query }, tell, signal) {
  const send = async (body, type) =>
    (
      await ask("POST", withQuery(path("candles", symbol, timeframe), query), { body, type, signal, safe: true })
    ).json();
  const sum = {
    read: 0,
    new: 0,
    equal: 0,
    replaced: 0,
    rejected: 0,
    rejections: [],
    gaps: [],
    missing: 0,
    remarks: [],
    first: null,
    last: null,
  };
  const add = (report, piece = {}) => {
    const { line = 1, overlaps = false } = piece,
      lineOf = lineIn(piece);
    const rejections = report.rejections.map((one) => ({ ...one, line: lineOf(one.line) }));

    for (const name of ["read", "new", "equal", "replaced", "rejected", "missing"]) sum[name] += report[name];
    if (overlaps) {
      // The first row was the last one of the piece before.
      const was = rejections[0]?.line === line ? "rejected" : "equal";

      if (was === "rejected") rejections.shift();
      sum.read--;
      sum[was]--;
    }
    sum.rejections = [...sum.rejections, ...rejections].slice(0, SHOWN_MAX);
    sum.gaps = [...sum.gaps, ...report.gaps].slice(0, SHOWN_MAX);
    sum.remarks = [...new Set([...sum.remarks, ...report.remarks])];
    if (!sum.first || report.first < sum.first) sum.first = report.first;
    if (!sum.last || report.last > sum.last) sum.last = report.last;
  };

  // A piece of which not a row was taken: what is said of them stands among the other rejected rows.
  const reject = (piece, places) => {
    const rows = piece.text.split("\n").filter((row, i) => i >= piece.headLines + piece.overlaps && row.trim()).length;
    const said = places.map(({ pointer, detail }) => ({
      line: lineIn(piece)(Number(pointer.match(LINE)?.[1] || piece.headLines + 1 + piece.overlaps)),
      reason: detail,
    }));

    sum.read += rows;
    sum.rejected += rows;
    sum.rejections = [...sum.rejections, ...said.filter((one) => !piece.overlaps || one.line !== piece.line)].slice(
      0,
      SHOWN_MAX,
    );
  };

  if (await isZip(file)) {
    try {
      add(await send(file, "application/zip"));
    } catch (error) {
      if (error.status !== 413) throw error;
      throw new Error(`${error.message} A zip goes whole, in one request: unpack it, and import the files in it.`);
    }
    return sum;
  }
  const sendPiece = async (piece) => {
    try {
      add(await send(piece.text, "text/csv"), piece);
    } catch (error) {
      const smaller = error.status === 413 && halves(piece);

      // The rest may be sound: a piece of nothing but wrong rows is told, and gone over.
      if (smaller) for (const half of smaller) await sendPiece(half);
      else if (error.code === "candles_invalid" && sum.read > 0) reject(piece, error.places);
      else {
        for (const place of error.places || [])
          place.pointer = place.pointer.replace(LINE, (_, n) => `line:${lineIn(piece)(Number(n))}`);
        error.storedBefore = sum.new + sum.replaced > 0;
        throw error;
      }
    }
  };

  for await (const piece of pieces(file)) {
    await sendPiece(piece);
    tell(file.size ? Math.min(1, piece.done / file.size) : 0.5);
  }
  if (!sum.read) throw new Error("There is not a row in it.");
  return sum;
}

// A table that is folded away: a number, and words.
function Rows({ what, total, heads, rows, open }) {
  if (!rows.length) return null;
  return html`<details open=${open}>
    <summary>${what}${total > rows.length ? ` (the first ${rows.length})` : ""}</summary>
    <div class="scroll short" tabindex="0" role="region" aria-label=${what}>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">${heads[0]}</th>
            <th scope="col" class="text">${heads[1]}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([number, words]) =>
              html`<tr>
                <td>${number}</td>
                <td class="text">${words}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

function Report({ one }) {
  const { report, file, symbol, timeframe, error } = one;

  if (error)
    return html`<${Wrong} error=${error} title=${`${file.name} was not imported${error.storedBefore ? " to its end" : ""}`} />
      ${error.storedBefore && html`<p class="note">The rows before that are stored. Once it is mended, import the file again: it adds the others.</p>`}`;
  return html`<div class=${`banner ${report.rejected ? "warn" : "good"}`} role="status">
    <strong>${file.name}</strong>: ${plural(report.read, "row")} read, <b>${count(report.new)}</b> new,${" "}
    ${count(report.equal)} there already${report.replaced ? `, ${count(report.replaced)} replaced` : ""},
    ${" "}${count(report.rejected)} rejected.${" "}
    <a href=${href(["data", symbol, timeframe])}>Look at ${symbol} ${timeframe}</a>
    ${report.remarks.map((remark) => html`<p class="note">${remark}</p>`)}
    <${Rows}
      open
      what="The rows that were rejected"
      total=${report.rejected}
      heads=${["Line", "Why"]}
      rows=${report.rejections.map((row) => [row.line, row.reason])}
    />
    <${Rows}
      what=${`${plural(report.missing, "bar")} missing in the file`}
      total=${report.gaps.length < SHOWN_MAX ? report.gaps.length : Infinity}
      heads=${["Bars", "From and to"]}
      rows=${report.gaps.map((gap) => [count(gap.bars), html`<${Time} of=${gap.first} /> – <${Time} of=${gap.last} />`])}
    />
  </div>`;
}

// Not the view's own: an import goes on while one looks at another view, and its report is there when one comes back.
const chosen = signal([]); // {file, symbol, timeframe}
const underWay = signal(null); // {name, share, stop()}
const reports = signal([]);
const how = signal({ timezone: "", stamp: "", replace: false, adjusted: false });

const leave = (event) => event.preventDefault();

underWay.watch(() => {
  if (underWay.value) addEventListener("beforeunload", leave);
  else removeEventListener("beforeunload", leave);
});

export function Importer({ changed }) {
  const files = useSignal(chosen),
    state = useSignal(underWay),
    done = useSignal(reports);
  const options = useSignal(how);
  const [over, setOver] = useState(false);
  const input = useRef();
  const told = useRef(done);

  // Whichever view of it is there, it is told: one may have come back meanwhile.
  useEffect(() => {
    if (done !== told.current && done.length) changed();
    told.current = done;
  }, [done]);

  async function take(list) {
    const some = await Promise.all(
      [...list].map(async (file) => {
        // What cannot be read (a folder) says so when it is imported.
        const text = await isZip(file)
          .then((zip) => (zip ? "" : beginningOf(file)))
          .catch(() => "");

        return { file, ...guess(file.name, text) };
      }),
    );

    chosen.value = [...chosen.value, ...some];
  }

  async function start(event) {
    event.preventDefault();
    const query = {
      ...(options.timezone ? { timezone: options.timezone } : {}),
      ...(options.stamp ? { stamp: options.stamp } : {}),
      ...(options.replace ? { replace: "true" } : {}),
      ...(options.adjusted ? { adjusted: "true" } : {}),
    };

    const control = new AbortController();
    const stop = () => control.abort(new DOMException("stopped", "AbortError"));

    reports.value = [];
    for (const one of files) {
      const tell = (share) => {
        underWay.value = { name: one.file.name, share, stop };
      };

      tell(0);
      try {
        const report = await importFile(
          one.file,
          { symbol: one.symbol, timeframe: one.timeframe, ...query },
          tell,
          control.signal,
        );

        reports.value = [...reports.value, { ...one, report }];
        chosen.value = chosen.value.filter((other) => other !== one);
      } catch (thrown) {
        const error = control.signal.aborted
          ? new Error("It was stopped. The rows before that are stored; importing the file again adds the others.")
          : thrown;

        reports.value = [...reports.value, { ...one, error }];
      }
      if (control.signal.aborted) break;
    }
    underWay.value = null;
  }

  const set = (part) => {
    how.value = { ...how.value, ...part };
  };
  const edit = (i, part) => {
    chosen.value = chosen.value.map((one, k) => (k === i ? { ...one, ...part } : one));
  };

  return html`<${Card} title="Import">
    <div
      class=${`drop ${over ? "over" : ""}`}
      onDragOver=${(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave=${() => setOver(false)}
      onDrop=${(e) => {
        e.preventDefault();
        setOver(false);
        take(e.dataTransfer.files);
      }}
    >
      <p>
        <strong>Drop files of candles here</strong>, or${" "}
        <button type="button" onClick=${() => input.current.click()}>choose files</button>
      </p>
      <p class="note">
        CSV as Binance, Kraken, Yahoo, MetaTrader, TradingView, pandas and others write it, plain or as gzip, of any
        size: it is cut into pieces. A zip goes whole: it may have 1 MiB unless the service says otherwise, and unpacked
        8 MiB and 100,000 rows.
      </p>
      <input
        type="file"
        ref=${input}
        class="hidden"
        multiple
        tabindex="-1"
        aria-label="Files of candles"
        accept=".csv,.txt,.gz,.zip,text/csv"
        onChange=${(e) => {
          take(e.target.files);
          e.target.value = "";
        }}
      />
    </div>
    ${
      files.length > 0 &&
      html`<form onSubmit=${start}>
        ${files.map(
          (one, i) =>
            html`<div class="row file" key=${`${i} ${one.file.name}`}>
              <div class="grow">
                <strong>${one.file.name}</strong> <span class="note">${bytes(one.file.size)}</span>
              </div>
              <${Text}
                label="Symbol"
                required
                maxlength="32"
                disabled=${!!state}
                value=${one.symbol}
                onValue=${(symbol) => edit(i, { symbol })}
              />
              <${Choice}
                label="Timeframe"
                required
                disabled=${!!state}
                value=${one.timeframe}
                onValue=${(timeframe) => edit(i, { timeframe })}
                options=${[...(one.timeframe ? [] : [["", "?"]]), ...NAMES.map((name) => [name, name])]}
              />
              <button
                type="button"
                class="quiet"
                aria-label=${`Leave out ${one.file.name}`}
                disabled=${!!state}
                onClick=${() => {
                  chosen.value = files.filter((other) => other !== one);
                }}
              >
                ×
              </button>
            </div>`,
        )}
        <details>
          <summary>Times and prices</summary>
          <div class="row">
            <${Text}
              label="Time zone"
              placeholder="UTC"
              value=${options.timezone}
              onValue=${(timezone) => set({ timezone })}
              hint="of times that do not name one, such as America/New_York"
            />
            <${Choice}
              label="A row's time is that of"
              value=${options.stamp}
              onValue=${(stamp) => set({ stamp })}
              options=${[
                ["", "the bar's opening"],
                ["close", "the bar's closing"],
              ]}
            />
            <div class="checks">
              <${Check}
                label="Replace rows that differ from those stored"
                value=${options.replace}
                onValue=${(replace) => set({ replace })}
              />
              <${Check}
                label="Take the adjusted prices"
                value=${options.adjusted}
                onValue=${(adjusted) => set({ adjusted })}
              />
            </div>
          </div>
        </details>
        <div class="actions left">
          <button class="primary" disabled=${!!state}>
            ${state ? "Importing…" : `Import ${plural(files.length, "file")}`}
          </button>
          ${state && html`<${Progress} value=${state.share} label=${`Import of ${state.name}`} /><span role="status">${state.name}, ${percent(state.share, 0)}</span>
              <button type="button" onClick=${state.stop}>Stop</button>`}
        </div>
      </form>`
    }
    ${done.map((one) => html`<${Report} one=${one} />`)}
  <//>`;
}

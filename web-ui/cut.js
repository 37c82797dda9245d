// A file, cut into pieces that a request may hold: whole lines, each piece with the file's head.
const PIECE = 900_000; // bytes; a body may have 1 MiB unless the service says otherwise

// A row begins with its time, or with the name of what is traded, and has prices in any case.
const HEAD_MAX = 20; // lines
const isNumber = (cell) => /^\s*["']?[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?["']?\s*$/i.test(cell);
const isHead = (line) => !/^\s*["']?\d/.test(line) && !line.split(/[,;\t|]/).some(isNumber);

async function unpacked(file) {
  const begin = new Uint8Array(await file.slice(0, 2).arrayBuffer());

  if (begin[0] === 0x1f && begin[1] === 0x8b) {
    return {
      name: file.name.replace(/\.gz$/i, ""),
      size: null,
      stream: file.stream().pipeThrough(new DecompressionStream("gzip")),
    };
  }
  const isWide = (begin[0] === 0xff && begin[1] === 0xfe) || (begin[0] === 0xfe && begin[1] === 0xff); // MetaTrader writes UTF-16

  if (isWide) {
    const text = new TextDecoder(begin[0] === 0xff ? "utf-16le" : "utf-16be").decode(await file.arrayBuffer());

    return { name: file.name, size: file.size, stream: new Blob([text]).stream() };
  }
  return { name: file.name, size: file.size, stream: file.stream() };
}

export async function isZip(file) {
  const begin = new Uint8Array(await file.slice(0, 4).arrayBuffer());

  return begin[0] === 0x50 && begin[1] === 0x4b;
}

// The beginning of a file as text.
export async function beginningOf(file, bytes = 4096) {
  const { stream } = await unpacked(file);
  const reader = stream.getReader(),
    decoder = new TextDecoder();
  let text = "";

  for (;;) {
    const { value, done } = await reader.read();

    if (value) text += decoder.decode(value, { stream: true });
    if (done || text.length >= bytes) break;
  }
  await reader.cancel();
  return text.slice(0, bytes);
}

// Yields {text, line, overlaps, headLines, done}: `line` is the number in the file of the piece's first row, `done` how many bytes
// are behind it. A piece begins with the last row of the one before (overlaps), so that a gap between the two is found.
export async function* pieces(file) {
  const { stream } = await unpacked(file);
  const reader = stream.getReader(),
    decoder = new TextDecoder();
  let rest = "",
    head = null,
    again = "",
    line = 1,
    read = 0;

  for (;;) {
    const { value, done } = await reader.read();

    if (value) {
      rest += decoder.decode(value, { stream: !done });
      read += value.length;
    }
    if (head === null && (done || rest.includes("\n", PIECE / 2) || rest.length >= PIECE)) {
      head = "";
      for (; line <= HEAD_MAX; line++) {
        const end = rest.indexOf("\n") + 1;

        if (!end || !isHead(rest.slice(0, end))) break;
        head += rest.slice(0, end);
        rest = rest.slice(end);
      }
    }
    while (head !== null && (rest.length >= PIECE || (done && rest))) {
      const end = rest.length <= PIECE ? rest.length : rest.lastIndexOf("\n", PIECE) + 1 || PIECE;
      const text = rest.slice(0, end);

      yield {
        text: head + again + text,
        line: again ? line - 1 : line,
        overlaps: again !== "",
        headLines: head ? head.split("\n").length - 1 : 0,
        done: read - (rest.length - end),
      };
      line += text.split("\n").length - 1;
      again = text.slice(text.lastIndexOf("\n", text.length - 2) + 1);
      rest = rest.slice(end);
    }
    if (done) return;
  }
}

// A piece that is still too large, as two; null if it has one row.
export function halves(piece) {
  const lines = piece.text.split("\n");
  const head = lines.slice(0, piece.headLines),
    rows = lines.slice(piece.headLines);
  const middle = rows.length >> 1;

  if (middle < 2) return null;
  return [
    { ...piece, text: [...head, ...rows.slice(0, middle), ""].join("\n") },
    {
      ...piece,
      text: [...head, ...rows.slice(middle - 1)].join("\n"),
      line: piece.line + middle - 1,
      overlaps: true,
    },
  ];
}

// What the name and the first rows say: BINANCE-BTCUSDT-1h.csv, times an hour apart.
export function guess(name, text) {
  const base = name.replace(/\.(csv|txt|gz|zip)$/gi, "").replace(/\.(csv|txt)$/i, "");
  const timeframe = base
    .match(/(?:^|[-_ ])(1m|2m|3m|5m|10m|15m|30m|1h|2h|3h|4h|6h|8h|12h|1d|1w)(?:$|[-_ ])/i)?.[1]
    .toLowerCase();
  const symbol = base
    .split(/[-_ ](?=\d+[mhdw]\b)/i)[0]
    .replace(/[^A-Za-z0-9:._]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 32)
    .toUpperCase();
  const times = text
    .split("\n")
    .slice(0, 40)
    .map((row) => timeOf(row))
    .filter((t) => t !== null);
  const steps = times
    .slice(1)
    .map((t, i) => Math.abs(t - times[i]))
    .filter((step) => step > 0)
    .sort((a, b) => a - b);

  return { symbol, timeframe: timeframe || nameOf(steps[Math.floor(steps.length / 2)]) };
}

function timeOf(row) {
  const cell = row
    .split(/[,;\t]/)[0]
    .replace(/"/g, "")
    .trim();

  if (/^\d{9,}(\.\d+)?$/.test(cell))
    return Number(cell) / 10 ** Math.max(0, Math.floor((cell.split(".")[0].length - 10) / 3) * 3);
  const when = Date.parse(
    cell.replace(/^(\d{4})[.](\d\d)[.](\d\d)/, "$1-$2-$3").replace(/^(\d{4}-\d\d-\d\d)$/, "$1T00:00:00Z"),
  );

  return Number.isNaN(when) ? null : when / 1000;
}

function nameOf(step) {
  return (
    {
      60: "1m",
      120: "2m",
      180: "3m",
      300: "5m",
      600: "10m",
      900: "15m",
      1800: "30m",
      3600: "1h",
      7200: "2h",
      10800: "3h",
      14400: "4h",
      21600: "6h",
      28800: "8h",
      43200: "12h",
      86400: "1d",
      604800: "1w",
    }[step] || ""
  );
}

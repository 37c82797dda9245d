// Somebody else has stored another version meanwhile: what they changed and what was typed here, beside each other, and what can be done
// about it. Nothing is lost unless one throws it away.
import { html, useEffect, useRef, useState } from "./html.js";
import { get, path } from "./api.js";
import { Diff } from "./diff.js";
import { Card, Loading, Time, Wrong } from "./parts.js";
import { tidyText } from "./tidy.js";

const TITLE = "Somebody else has changed this strategy";

// base, mine: a strategy as it is written; on(newest, "mine" | "theirs" | "edit"); busy: one of these is under way
export function Conflict({ id, base, mine, written, on, busy }) {
  const [newest, set] = useState(null);
  const [error, fail] = useState(null);
  const [round, again] = useState(0);
  const box = useRef();

  // The button that was pressed may be far below it.
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    const control = new AbortController();

    get(path("strategies", id), { signal: control.signal }).then(
      (found) => (fail(null), set(found)),
      (problem) => control.signal.aborted || fail(problem),
    );
    return () => control.abort(new DOMException("left", "AbortError"));
  }, [id, round]);

  const before = tidyText(base);

  return html`<div ref=${box} tabindex="-1" role="group" aria-label=${TITLE}>
    <${Card} class="conflict" title=${TITLE}>
      <p role="alert">
        ${newest && html`Version ${newest.version} was stored at <${Time} of=${newest.updated_at} />.${" "}`}What you typed is
        still here, and nothing of it was stored.
      </p>
      <${Wrong} error=${error} title="The newest version cannot be shown" again=${() => again(round + 1)} />
      ${!newest && !error && html`<${Loading} />`}
      ${
        newest &&
        html`<div class="sides">
            <div>
              <h3>Theirs</h3>
              <${Diff} before=${before} after=${tidyText(written(newest))} label="What they have changed" />
            </div>
            <div>
              <h3>Yours</h3>
              <${Diff} before=${before} after=${tidyText(mine)} label="What you have changed" />
            </div>
          </div>
          <div class="actions left">
            <button type="button" class="primary" disabled=${busy} onClick=${() => on(newest, "mine")}>
              Keep mine: store it as version ${newest.version + 1}
            </button>
            <button type="button" disabled=${busy} onClick=${() => on(newest, "theirs")}>Take theirs</button>
            <button type="button" class="quiet" disabled=${busy} onClick=${() => on(newest, "edit")}>
              Go on editing mine
            </button>
          </div>`
      }
    <//>
  </div>`;
}

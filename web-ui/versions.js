// What a strategy was before: every version, and what changed between two of them.
import { html, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { Diff } from "./diff.js";
import { useLoad } from "./load.js";
import { Card, Choice, Loading, Time, Wrong } from "./parts.js";
import { tidyText } from "./tidy.js";

const text = ({ name, description, kind, status, parameters }) =>
  tidyText({ name, description, kind, status, parameters });

export function Versions({ id, current, take }) {
  const found = useLoad(
    (signal) => get(withQuery(path("strategies", id, "versions"), { limit: 200 }), { signal }),
    [id, current],
  );
  const [pair, setPair] = useState(null);
  const versions = found.data?.items || [];
  const [older, newer] = pair || [String(Math.max(1, current - 1)), String(current)];
  const of = (n) => versions.find((one) => String(one.version) === n);
  const options = versions.map((one) => [String(one.version), `${one.version}`]);

  if (found.error) return html`<${Wrong} error=${found.error} again=${found.again} />`;
  if (!found.data) return html`<${Loading} />`;
  if (versions.length < 2)
    return html`<${Card} title="Versions"
      ><p class="note">
        This is the only one so far. Every change makes another one, and what changed is shown here.
      </p><//
    >`;
  return html`<${Card} title="Versions" note=${`${versions.length}; a version never changes`}>
    <div class="row ends">
      <${Choice} label="From" value=${older} onValue=${(n) => setPair([n, newer])} options=${options} />
      <${Choice} label="To" value=${newer} onValue=${(n) => setPair([older, n])} options=${options} />
      ${of(newer) && html`<p class="note">of <${Time} of=${of(newer).created_at} /></p>`}
      ${of(older) && older !== String(current) && html`<button type="button" onClick=${() => take(of(older))}>Put version ${older} into the editor</button>`}
    </div>
    ${
      of(older) &&
      of(newer) &&
      (older === newer
        ? html`<pre class="diff" tabindex="0">${text(of(newer))}</pre>`
        : html`<${Diff}
            before=${text(of(older))}
            after=${text(of(newer))}
            label=${`Changes from version ${older} to ${newer}`}
          />`)
    }
  <//>`;
}

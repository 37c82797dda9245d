// A strategy: made, changed, and what it was before. It is checked by the service while it is typed.
import { html, useEffect, useRef, useState } from "./html.js";
import { ask, constant, get, path, post, Problem } from "./api.js";
import { Conflict } from "./conflict.js";
import { keep, kept, keptKeys, useDraft } from "./keep.js";
import { useLoad } from "./load.js";
import { remember } from "./names.js";
import { Parameters } from "./parameters.js";
import { Card, Choice, Field, Loading, Page, Pill, Text, Wrong } from "./parts.js";
import { go, href } from "./route.js";
import { FIRST_RULES, Rules } from "./rules.js";
import { tidy, tidyText } from "./tidy.js";
import { Versions } from "./versions.js";

const CHECK_MS = 250;
const FIRST = { name: "", description: "", kind: "sma_crossover", parameters: {}, status: "active" };
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const written = ({ name, description, kind, parameters, status }) => ({
  name,
  description,
  kind,
  parameters: tidy(parameters),
  status,
});

// What was typed, and is neither stored nor in the editor: it was put aside, or somebody else stored a version meanwhile.
function asideOf(id, version) {
  const begin = `draft:strategy:${id}:`,
    its = `aside:${id}`;

  if (kept(its)) return { key: its, draft: kept(its), when: "before you took the other version" };
  const [older] = keptKeys(begin)
    .map((key) => Number(key.slice(begin.length)))
    .filter((n) => n < version && kept(`${begin}${n}`))
    .sort((a, b) => b - a);

  return older ? { key: `${begin}${older}`, draft: kept(`${begin}${older}`), when: `on version ${older}` } : null;
}

export function Strategy({ id, query }) {
  const isNew = id === "new";
  const [made, take] = useState(null); // what was stored here, until the service is asked again
  const found = useLoad(
    async (signal) => {
      const [kinds, strategy] = await Promise.all([
        constant("kinds"),
        isNew ? null : get(path("strategies", id), { signal }),
      ]);

      return { kinds, strategy };
    },
    [id],
  );

  if (!found.data) {
    return html`<${Page} title=${isNew ? "New strategy" : "Strategy"}
      >${found.error ? html`<${Wrong} error=${found.error} again=${found.again} title="It cannot be shown" />` : html`<${Loading} />`}<//
    >`;
  }
  const stored = made && made.version > found.data.strategy?.version ? made : found.data.strategy;

  return html`<${Editor}
    key=${stored?.version}
    id=${id}
    kinds=${found.data.kinds}
    stored=${stored}
    query=${query}
    changed=${found.again}
    taken=${take}
  />`;
}

// What the service says of the parameters, some moments after they were typed.
function useCheck(kind, parameters) {
  const [verdict, set] = useState({ errors: [] });

  useEffect(() => {
    const control = new AbortController();
    const timer = setTimeout(() => {
      post(path("rules", "check"), { kind, parameters }, { signal: control.signal, safe: true }).then(
        set,
        (error) => {
          if (error instanceof Problem)
            set({ errors: error.places.filter((place) => place.pointer.startsWith("/parameters")) });
        },
      );
    }, CHECK_MS);

    return () => {
      clearTimeout(timer);
      control.abort(new DOMException("newer", "AbortError"));
    };
  }, [kind, JSON.stringify(parameters)]);
  return verdict;
}

function Editor({ id, kinds, stored, query, changed, taken }) {
  const isNew = !stored;
  const key = isNew ? "strategy" : `strategy:${id}:${stored.version}`;
  const first = stored ? written(stored) : { ...FIRST, ...(query.kind ? { kind: query.kind } : {}) };
  const [draft, change, forget] = useDraft(key, first);
  const [error, fail] = useState(null);
  const [busy, setBusy] = useState(false);
  const [said, say] = useState(kept("said"));
  const [json, setJson] = useState(null); // the text, while it is edited as JSON
  const [aside, showAside] = useState(() => asideOf(id, stored?.version));
  const setAside = (typed) => {
    keep(`aside:${id}`, typed);
    showAside(asideOf(id, stored?.version));
  };
  const dropAside = () => {
    keep(aside.key, null);
    showAside(asideOf(id, stored?.version));
  };
  const latest = useRef();

  latest.current = draft;
  const verdict = useCheck(draft.kind, draft.parameters);
  const kind = kinds.find((one) => one.name === draft.kind);
  const isChanged = JSON.stringify(written(draft)) !== JSON.stringify(first);
  const faults = verdict.errors;
  const faultsAt = (pointer) => faults.filter((one) => one.pointer === `/parameters${pointer}`);
  const errorAt = (pointer) =>
    faults
      .filter((one) => one.pointer === `/parameters${pointer}` || one.pointer.startsWith(`/parameters${pointer}/`))
      .map((one) => one.detail)
      .join("; ") || undefined;
  const at = (pointer) => error?.places?.find((place) => place.pointer === pointer)?.detail;
  // What no field is about stands above them.
  const shownAt = (pointer) =>
    draft.kind !== "rules"
      ? kind && pointer.split("/")[2] in (kind.parameters.properties || {})
      : /^\/parameters\/(long|short|let|params|stop|take|trail|size)\b/.test(pointer);
  const others = faults.filter((one) => json !== null || !shownAt(one.pointer));

  useEffect(() => {
    keep("said", null);
  }, []);

  // Those of the other kinds are there when one comes back to them.
  const pick = (name) => {
    const others = { ...draft.others, [draft.kind]: draft.parameters };
    const parameters =
      others[name] || (name === first.kind && stored ? first.parameters : name === "rules" ? FIRST_RULES : {});

    change({ kind: name, parameters, others });
    if (json !== null) setJson(tidyText(parameters));
  };

  async function save(event, on = stored?.version) {
    event?.preventDefault();
    const sent = written(draft);

    setBusy(true);
    fail(null);
    say(null);
    try {
      const answer = isNew
        ? await ask("POST", path("strategies"), { json: sent })
        : await ask("PUT", path("strategies", id), {
            json: sent,
            headers: { "If-Match": `"${on}"` },
            safe: true,
          });
      const made = await answer.json();

      // What was typed meanwhile goes on with what is stored now.
      if (JSON.stringify(written(latest.current)) !== JSON.stringify(sent))
        keep(`draft:strategy:${made.id}:${made.version}`, latest.current);
      remember([made]);
      forget();
      keep("said", `Version ${made.version} is stored.`);
      if (isNew) go(["strategies", made.id]);
      else taken(made);
    } catch (problem) {
      fail(problem);
      setBusy(false);
    }
  }

  // What was typed goes on with the newest version, takes its place, or is put aside.
  function settle(newest, how) {
    if (how === "mine") {
      save(null, newest.version);
      return;
    }
    if (how === "edit") keep(`draft:strategy:${id}:${newest.version}`, draft);
    else keep(`aside:${id}`, draft);
    forget();
    changed();
  }

  async function remove() {
    if (!confirm(`Delete "${stored.name}"? If a backtest refers to it, it is archived instead.`)) return;
    try {
      await ask("DELETE", path("strategies", id), { safe: true });
      forget();
      go("strategies");
    } catch (problem) {
      fail(problem);
    }
  }

  const editJson = (text) => {
    let parameters = null;

    try {
      parameters = JSON.parse(text);
    } catch {
      /* not yet */
    }
    setJson(text);
    if (isObject(parameters)) change({ parameters });
  };
  let jsonError = null;

  if (json !== null) {
    try {
      if (!isObject(JSON.parse(json))) jsonError = "It must be an object: { … }.";
    } catch (problem) {
      jsonError = problem.message;
    }
  }

  return html`<${Page}
    wide
    title=${isNew ? "New strategy" : stored.name}
    lead=${stored && `Version ${stored.version}`}
    actions=${
      stored &&
      html`<${Pill} of=${stored.status} /><a class="button primary" href=${href("run", { strategy: id })}>Run…</a>
        <button type="button" onClick=${remove}>Delete</button>`
    }
  >
    ${said && html`<p class="banner good" role="status">${said} ${isChanged ? "" : html`<a href=${href("run", { strategy: id })}>Run it</a>`}</p>`}
    ${
      aside &&
      html`<div class="banner warn" role="status">
        What you had typed ${aside.when} is kept.${" "}
        <button
          type="button"
          onClick=${() => {
            dropAside();
            change(aside.draft);
            setJson(null);
            if (isChanged) setAside(draft);
          }}
        >
          Put it into the editor
        </button>${" "}
        <button type="button" class="quiet" onClick=${dropAside}>Throw it away</button>
      </div>`
    }
    ${error?.status === 412 && html`<${Conflict} key=${error.requestId} id=${id} base=${first} mine=${written(draft)} written=${written} on=${settle} busy=${busy} />`}
    <form class="sheet" onSubmit=${save}>
      <${Card}>
        <div class="row">
          <${Text}
            class="grow"
            label="Name"
            required
            maxlength="100"
            value=${draft.name}
            onValue=${(name) => change({ name })}
            error=${at("/name")}
            placeholder="Golden cross"
          />
          <${Choice}
            class="kind"
            label="Kind"
            value=${draft.kind}
            onValue=${pick}
            error=${at("/kind")}
            options=${[...kinds.map((one) => [one.name, one.name === "rules" ? "rules: my own" : one.name]), ...(kind ? [] : [[draft.kind, draft.kind]])]}
          />
          <${Choice}
            label="Status"
            value=${draft.status}
            onValue=${(status) => change({ status })}
            options=${[
              ["draft", "draft"],
              ["active", "active"],
              ["archived", "archived"],
            ]}
            error=${at("/status")}
          />
        </div>
        <div class="row">
          <${Text}
            class="whole"
            label="Description"
            maxlength="2000"
            value=${draft.description}
            onValue=${(description) => change({ description })}
            error=${at("/description")}
            placeholder="For people: what it is about"
          />
        </div>
      <//>
      <${Card}
        title=${draft.kind === "rules" ? "Rules" : "Parameters"}
        note=${faults.length ? "" : verdict.cost ? `checked: ${verdict.cost} steps a bar` : ""}
        actions=${html`<button
          type="button"
          class="quiet"
          aria-pressed=${json !== null ? "true" : "false"}
          disabled=${!!jsonError}
          title=${jsonError ? "The form shows what is JSON: mend it first" : undefined}
          onClick=${() => setJson(json === null ? tidyText(draft.parameters) : null)}
        >
          ${json === null ? "As JSON" : "As a form"}
        </button>`}
      >
        ${draft.kind !== "rules" && html`<p class="note kind-note">${kind ? kind.description : "Another service works this kind; its parameters are not checked here"}.</p>`}
        ${
          others.length > 0 &&
          html`<ul class="error" role="status">
            ${others.map((one) => html`<li><code>${one.pointer.slice(11) || "/"}</code> ${one.detail}${one.column ? `, at column ${one.column}` : ""}</li>`)}
          </ul>`
        }
        ${
          json !== null || !kind
            ? html`<${Field} label="Parameters as JSON" error=${jsonError}
                >${(tie) =>
                  html`<textarea
                    ...${tie}
                    class="code"
                    rows="16"
                    spellcheck=${false}
                    value=${json ?? tidyText(draft.parameters)}
                    onInput=${(e) => editJson(e.target.value)}
                  ></textarea>`}<//
              >`
            : draft.kind === "rules"
              ? html`<${Rules}
                  value=${draft.parameters}
                  onChange=${(parameters) => change({ parameters })}
                  faultsAt=${faultsAt}
                  errorAt=${errorAt}
                />`
              : html`<${Parameters}
                  schema=${kind.parameters}
                  value=${draft.parameters}
                  onChange=${(parameters) => change({ parameters })}
                  errorAt=${errorAt}
                />`
        }
      <//>
      ${error && error.status !== 412 && html`<${Wrong} error=${error} title="It was not stored" />`}
      <div class=${`actions left ${isChanged ? "sticky" : ""}`}>
        <button class="primary big" disabled=${busy || (!isNew && !isChanged) || !!jsonError || error?.status === 412}>
          ${busy ? "Storing…" : isNew ? "Make it" : `Store version ${stored.version + 1}`}
        </button>
        ${faults.length > 0 && html`<span class="error">${faults.length === 1 ? "One place is wrong." : `${faults.length} places are wrong.`}</span>`}
        ${
          (isChanged || jsonError) &&
          html`<button
            type="button"
            class="quiet"
            onClick=${() => {
              forget();
              setJson(null);
            }}
          >
            Throw the changes away
          </button>`
        }
      </div>
    </form>
    ${
      stored &&
      html`<${Versions}
        id=${id}
        current=${stored.version}
        take=${(version) => {
          if (isChanged) setAside(draft);
          change(written(version));
          setJson(null);
          scrollTo(0, 0);
        }}
      />`
    }
  <//>`;
}

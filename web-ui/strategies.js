// Strategies: the list, and a search in their names.
import { html, useEffect, useRef, useState } from "./html.js";
import { get, path, withQuery } from "./api.js";
import { ago } from "./format.js";
import { useList } from "./load.js";
import { remember } from "./names.js";
import { Card, Choice, Empty, Loading, Page, Pill, Text, Wrong } from "./parts.js";
import { go, href } from "./route.js";

const PAGE = 50,
  SEARCHED_FROM = 3; // letters: the API looks for no fewer

// What a strategy does, in a line.
export function summaryOf({ kind, parameters }) {
  if (kind !== "rules") {
    return Object.entries(parameters || {})
      .map(
        ([name, value]) =>
          `${name} ${
            value && typeof value === "object"
              ? Object.entries(value)
                  .map((pair) => pair.join(" "))
                  .join(" ")
              : value
          }`,
      )
      .join(", ");
  }
  return [
    ["long", "buy if"],
    ["short", "short if"],
  ]
    .filter(([side]) => parameters?.[side])
    .map(([side, word]) => `${word} ${parameters[side].enter}`)
    .join("; ");
}

// What is searched for is in the address, so that "back" leads to what was found.
export function Strategies({ query }) {
  const [text, setText] = useState(query.q || "");
  const q = query.q || "",
    status = query.status || "";
  const ours = useRef(q);
  const address = useRef();
  const look = (part) => go("strategies", { ...address.current, ...part }, { replace: true });
  const list = useList(
    async (after, signal) => {
      const page = await get(withQuery(path("strategies"), { limit: PAGE, q, status, after }), { signal });

      remember(page.items);
      return page;
    },
    [q, status],
  );

  address.current = query; // as it is when a timer looks

  useEffect(() => {
    const wanted = text.trim().length >= SEARCHED_FROM ? text.trim() : "";
    const timer = setTimeout(() => {
      if (wanted !== (address.current.q || "")) look({ q: (ours.current = wanted) });
    }, 250);

    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (q !== ours.current) setText((ours.current = q)); // led to by a link
  }, [q]);

  const wish = text.trim().toLowerCase();
  const all = list.items || [];
  const items =
    wish && wish.length < SEARCHED_FROM ? all.filter((one) => one.name.toLowerCase().includes(wish)) : all;
  const { next } = list;

  return html`<${Page}
    wide
    title="Strategies"
    actions=${html`<a class="button primary" href=${href(["strategies", "new"])}>New strategy</a>`}
  >
    <div class="filters">
      <${Text}
        class="grow"
        type="search"
        label="Search"
        placeholder="Text in the name"
        value=${text}
        onValue=${setText}
        hint=${wish && wish.length < SEARCHED_FROM && next ? `Among the ${all.length} below; ${SEARCHED_FROM} letters look through all` : ""}
      />
      <${Choice}
        label="Status"
        value=${status}
        onValue=${(next) => look({ status: next })}
        options=${[
          ["", "all"],
          ["active", "active"],
          ["draft", "draft"],
          ["archived", "archived"],
        ]}
      />
    </div>
    <${Wrong} error=${list.error} again=${list.again} />
    ${
      !list.items
        ? !list.error && html`<${Loading} />`
        : !items.length
          ? html`<${Empty} title=${wish || status ? "None is like that" : "There is no strategy yet"}>
              <p>
                ${
                  wish || status
                    ? html`<button
                        type="button"
                        onClick=${() => {
                          setText("");
                          look({ q: "", status: "" });
                        }}
                      >
                        Show all
                      </button>`
                    : html`<a href=${href(["strategies", "new"])}>Write one down</a>, or see
                        <a href=${href("")}>how to begin</a>.`
                }
              </p><//
            >`
          : html`<${Card}
              ><div class="scroll" tabindex="0" role="region" aria-label="Strategies">
                <table class="list">
                  <thead>
                    <tr>
                      <th scope="col" class="text">Name</th>
                      <th scope="col" class="text">Kind</th>
                      <th scope="col" class="text">What it does</th>
                      <th scope="col" class="text">Status</th>
                      <th scope="col">Version</th>
                      <th scope="col" class="text">Changed</th>
                      <th scope="col"><span class="hidden">Do</span></th>
                    </tr>
                  </thead>
                  <tbody>
                    ${items.map(
                      (one) =>
                        html`<tr key=${one.id}>
                          <td class="text main">
                            <a href=${href(["strategies", one.id])}>${one.name}</a
                            >${one.description && html`<span class="sub">${one.description}</span>`}
                          </td>
                          <td class="text">${one.kind}</td>
                          <td class="text"><code class="summary">${summaryOf(one)}</code></td>
                          <td class="text"><${Pill} of=${one.status} /></td>
                          <td>${one.version}</td>
                          <td class="text"><span title=${one.updated_at}>${ago(one.updated_at)}</span></td>
                          <td>
                            ${one.status !== "archived" && html`<a href=${href("run", { strategy: one.id })} aria-label=${`Run ${one.name}`}>Run</a>`}
                          </td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div>
              ${next && html`<p class="more"><button type="button" onClick=${list.more}>More</button></p>`}<//
            >`
    }
  <//>`;
}

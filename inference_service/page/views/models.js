// All versions with their accuracy and pictures.

import { empty, facts, h } from "../dom.js";
import { getJson } from "../http.js";

const POLL_MS = 10000;

export function showModels({ root, text, signal }) {
  const box = h("div", { "data-testid": "models" });
  root.append(box);
  let shown = "";
  load();
  const timer = setInterval(() => document.hidden || load(), POLL_MS);
  return () => clearInterval(timer);

  async function load() {
    try {
      const models = await getJson("models", text, { signal });
      const current = JSON.stringify(models);
      if (current === shown) return; // keep what is opened
      shown = current;
      box.replaceChildren(...list(models));
    } catch (error) {
      shown = "";
      if (!signal.aborted) box.replaceChildren(h("p", { class: "notice bad", role: "status" }, error.message));
    }
  }

  function list({ versions }) {
    if (!versions.length) return [empty(h("p", {}, text("models.none")))];
    return versions.map(card);
  }

  function card(found) {
    const { spec } = found;
    const tag = (key) => h("span", { class: "tag" }, text(key));
    return h(
      "section",
      { class: "card version" },
      h(
        "h2",
        {},
        text("models.version", { version: found.version }),
        found.active ? tag("models.active") : null,
        found.source === "bundled" ? tag("models.bundled") : null,
        found.matches || found.rejected ? null : tag("models.mismatch"),
        found.rejected ? tag("models.rejected") : null,
      ),
      found.rejected ? h("p", { class: "notice bad" }, found.rejected) : null,
      facts("facts", [
        [text("models.accuracy"), accuracy(found)],
        [text("models.count"), found.test_captchas ? text.number(found.test_captchas) : null],
        [text("models.created"), found.created ? text.date(found.created) : null],
        [text("models.captchas"), spec ? describe(spec) : null],
        [text("models.charset"), spec ? h("span", { class: "mono small" }, spec.charset) : null],
        [text("models.size"), found.size_bytes ? text("models.megabytes", { mb: text.number(found.size_bytes / 1e6, 1) }) : null],
        [text("models.engine"), found.engine],
      ]),
      pictures(found),
    );
  }

  function accuracy(found) {
    if (found.accuracy === null) return null;
    const [low, high] = found.accuracy_interval_95 ?? [];
    return [
      h("strong", {}, text.percent(found.accuracy, 2)),
      low === undefined
        ? ""
        : h("span", { class: "muted small" }, ` (${text("models.interval", { low: text.percent(low, 2), high: text.percent(high, 2) })})`),
    ];
  }

  function describe(spec) {
    const shortest = spec.min_length ?? spec.length;
    const length = shortest === spec.length ? spec.length : `${shortest}–${spec.length}`;
    return text("models.spec", { length, count: spec.charset.length, width: spec.width, height: spec.height });
  }

  function pictures(found) {
    const images = (found.files ?? []).filter((file) => file.media_type.startsWith("image/"));
    if (!images.length) return null;
    const list = h("div", { class: "pictures" });
    const fill = () => {
      if (list.childElementCount) return;
      list.append(
        ...images.map((file) => {
          const path = `models/${found.version}/files/${encodeURIComponent(file.name)}`;
          const caption = describeFile(file.name);
          const image = h("img", { src: path, alt: caption, loading: "lazy" });
          return h("figure", {}, h("a", { href: path }, image), h("figcaption", {}, caption));
        }),
      );
    };
    return h("details", { ontoggle: fill }, h("summary", {}, `${text("models.pictures")} (${images.length})`), list);
  }

  function describeFile(name) {
    const key = `models.file.${name.replace(/\.png$/, "")}`;
    const known = text(key);
    return known === key ? name : known;
  }
}

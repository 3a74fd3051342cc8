// All versions with their accuracy and figures.

import { empty, facts, h } from "../dom.js";
import { getJson, repeat } from "../http.js";

const POLL_MS = 10000;

export function showModels({ root, text, signal }) {
  const problem = h("div", { role: "status" });
  const list = h("div", { "data-testid": "models" });
  root.append(problem, list);
  let shown = "";
  repeat(load, POLL_MS, signal);

  async function load() {
    try {
      const { versions } = await getJson("models", text, { signal });
      problem.replaceChildren();
      const current = JSON.stringify(versions);
      if (current === shown) return; // keep what is opened
      shown = current;
      list.replaceChildren(...(versions.length ? versions.map(card) : [empty(h("p", {}, text("models.none")))]));
      // On the public port no version has the list of its files. Without versions, the port is not known.
      const isReduced = versions.some(({ files }) => !files);
      if (isReduced) list.append(h("p", { class: "muted small" }, text("models.operator")));
    } catch (error) {
      if (!signal.aborted) problem.replaceChildren(h("p", { class: "notice bad", lang: error.lang }, error.message));
      return error;
    }
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
        found.version === 0 ? tag("models.bundled") : null,
        found.matches || found.rejected ? null : tag("models.mismatch"),
        found.rejected ? tag("models.rejected") : null,
      ),
      found.rejected ? h("p", { class: "notice bad", lang: "en" }, found.rejected) : null,
      facts("facts", [
        [text("models.accuracy"), typeof found.accuracy === "number" ? accuracy(found) : null],
        [text("models.count"), found.test_captchas ? text.number(found.test_captchas) : null],
        [text("models.created"), found.created ? text.date(found.created) : null],
        [text("models.captchas"), spec ? describe(spec) : null],
        [text("models.charset"), spec ? h("span", { class: "mono small" }, spec.charset) : null],
        [text("models.size"), found.size_bytes ? text("models.megabytes", { mb: text.number(found.size_bytes / 1e6, 1) }) : null],
        [text("models.engine"), found.engine],
      ]),
      figures(found),
    );
  }

  function accuracy({ accuracy: value, accuracy_interval_95: interval }) {
    const number = h("strong", {}, text.percent(value, 2));
    if (!interval) return number;
    const [low, high] = interval.map((bound) => text.percent(bound, 2));
    return h("span", {}, number, h("span", { class: "muted small" }, ` (${text("models.interval", { low, high })})`));
  }

  function describe(spec) {
    const shortest = spec.min_length ?? spec.length;
    const length = shortest === spec.length ? spec.length : `${shortest}–${spec.length}`;
    return text("models.spec", { length, count: spec.charset.length, width: spec.width, height: spec.height });
  }

  function figures(found) {
    const images = (found.files ?? []).filter((file) => file.media_type.startsWith("image/"));
    if (!images.length) return null;
    const box = h("div", { class: "pictures" });
    const fill = () => {
      if (!box.childElementCount) box.append(...images.map((file) => figure(found.version, file.name)));
    };
    return h("details", { ontoggle: fill }, h("summary", {}, `${text("models.figures")} (${images.length})`), box);
  }

  function figure(version, name) {
    const path = `models/${version}/files/${encodeURIComponent(name)}`;
    const key = `models.file.${name.replace(/\.png$/, "")}`;
    const caption = text(key) === key ? name : text(key);
    const image = h("img", { src: path, alt: caption, loading: "lazy" });
    return h("figure", {}, h("a", { href: path }, image), h("figcaption", {}, caption));
  }
}

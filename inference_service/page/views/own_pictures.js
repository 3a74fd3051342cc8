// Pictures of one's own: dropped, pasted or chosen, and predicted together.

import { h } from "../dom.js";
import { getJson, untilAvailable } from "../http.js";

// The limits of POST /predict/batch, with room for the form around the pictures.
const MAX_FILES = 64;
const MAX_BYTES = 3_900_000;

export function ownPictures({ text, signal }) {
  let run = new AbortController();
  const results = h("ul", { class: "gallery", "aria-live": "polite", "data-testid": "own-results" });
  const notice = h("p", { role: "status" });
  const input = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => predictAll(input.files) });
  const area = h(
    "div",
    { class: "drop" },
    h("p", {}, text("own.lead")),
    h("label", { class: "button" }, input, text("own.choose")),
  );
  const listen = (name, handler) => document.addEventListener(name, handler, { signal });

  // On the whole document: a file that is dropped beside the area would replace the page.
  // Text can still be dropped into a field.
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  listen("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    area.classList.toggle("over", area.contains(event.target));
  });
  listen("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    area.classList.remove("over");
    predictAll(event.dataTransfer.files);
  });
  listen("paste", (event) => predictAll(event.clipboardData.files));

  return h("section", { class: "card" }, h("h2", {}, text("own.title")), area, notice, results);

  async function predictAll(list) {
    const files = [...list];
    input.value = "";
    if (!files.length) return;
    run.abort();
    run = new AbortController();
    const both = AbortSignal.any([signal, run.signal]);
    const pictures = files.map((file) => ({ file, url: URL.createObjectURL(file) }));
    both.addEventListener("abort", () => pictures.forEach(({ url }) => URL.revokeObjectURL(url)));
    results.replaceChildren();
    notice.textContent = text("wait");
    try {
      for (const part of split(pictures)) {
        const form = new FormData();
        for (const { file } of part) form.append("image", file);
        const found = part[0].file.size > MAX_BYTES ? null : await send(form, both);
        part.forEach((picture, i) => show(picture, found?.results[i] ?? { success: false, debug: text("own.large") }));
      }
      notice.textContent = text("own.done", { count: files.length });
    } catch (error) {
      if (!both.aborted) notice.textContent = error.message;
    }
  }

  function send(form, both) {
    const post = () => getJson("predict/batch?details=1", text, { method: "POST", body: form, signal: both });
    return untilAvailable(post, both, (error) => (notice.textContent = error.message));
  }

  /** Split into requests; a file that is too large for any is a part of its own. */
  function split(pictures) {
    const parts = [];
    let bytes = Infinity;
    for (const picture of pictures) {
      bytes += picture.file.size;
      if (bytes > MAX_BYTES || parts.at(-1).length === MAX_FILES) {
        parts.push([]);
        bytes = picture.file.size;
      }
      parts.at(-1).push(picture);
    }
    return parts;
  }

  function show({ file, url }, { success, prediction, debug, details }) {
    const said = success ? h("strong", { class: "mono" }, prediction) : h("strong", { class: "wrong", lang: "en" }, debug);
    const confidence = success ? ` · ${text.percent(details.confidence)}` : null;
    results.append(
      h("li", {}, h("img", { src: url, alt: file.name }), said, h("div", { class: "muted" }, file.name, confidence)),
    );
  }
}

// Pictures of one's own: dropped, pasted or chosen, and predicted together.

import { h } from "../dom.js";
import { getJson, untilAvailable } from "../http.js";
import { either } from "../signals.js";

// The limits of POST /predict/batch: images of a request, and bytes of an image. A request has no more
// bytes than one image can have, so that it arrives within 10 seconds at 1 Mbit/s.
const MAX_FILES = 64;
const MAX_BYTES = 1_000_000;

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
    const both = either(signal, run.signal);
    const pictures = files.map((file) => ({ file, url: URL.createObjectURL(file), problem: "" }));
    both.addEventListener("abort", () => pictures.forEach(({ url }) => URL.revokeObjectURL(url)));
    results.replaceChildren();
    notice.textContent = text("wait");
    try {
      for (const picture of pictures) picture.problem = await findProblem(picture.file);
      for (const part of split(pictures)) {
        const [{ problem }] = part;
        const found = problem ? [{ problem }] : await send(part, both);
        part.forEach((picture, i) => show(picture, found[i]));
      }
      notice.textContent = text("own.done", { count: files.length });
    } catch (error) {
      if (!both.aborted) notice.textContent = error.message;
    }
  }

  /** Why a file cannot be sent, or "". */
  async function findProblem(file) {
    if (file.size > MAX_BYTES) return text("own.large");
    // A folder, or a file that was changed or deleted. A request with it fails like a lost connection.
    return file.slice(0, 1).arrayBuffer().then(() => "", () => text("own.unreadable"));
  }

  /** Return the results of a request; if it fails, that is the problem of each of its pictures. */
  async function send(part, both) {
    const form = new FormData();
    for (const { file } of part) form.append("image", file);
    const post = () => getJson("predict/batch?details=1", text, { method: "POST", body: form, signal: both });
    try {
      return (await untilAvailable(post, both, (error) => (notice.textContent = error.message))).results;
    } catch (error) {
      if (both.aborted) throw error;
      return part.map(() => ({ problem: error.message, lang: error.lang }));
    }
  }

  /** Split into requests; a file that cannot be sent is a part of its own. */
  function split(pictures) {
    const parts = [];
    let bytes = Infinity;
    for (const picture of pictures) {
      const size = picture.problem ? Infinity : picture.file.size;
      bytes += size;
      if (bytes > MAX_BYTES || parts.at(-1).length === MAX_FILES) {
        parts.push([]);
        bytes = size;
      }
      parts.at(-1).push(picture);
    }
    return parts;
  }

  /** Show a picture with its prediction, what the service said about it, or why it was not predicted. */
  function show({ file, url }, { success, prediction, debug, details, problem, lang = problem ? undefined : "en" }) {
    const said = success
      ? h("strong", { class: "mono" }, prediction)
      : h("strong", { class: "wrong", lang }, problem ?? debug);
    const confidence = success ? ` · ${text.percent(details.confidence)}` : null;
    results.append(
      h("li", {}, h("img", { src: url, alt: file.name }), said, h("div", { class: "muted" }, file.name, confidence)),
    );
  }
}

// Pictures of one's own: dropped, pasted or chosen, and predicted together.

import { h } from "../dom.js";
import { getJson } from "../http.js";

// The limit of POST /predict/batch.
const BATCH = 64;

export function ownPictures({ text, signal }) {
  const results = h("ul", { class: "gallery", "aria-live": "polite", "data-testid": "own-results" });
  const notice = h("p", { role: "status" });
  const input = h("input", { type: "file", accept: "image/*", multiple: true, onchange: () => readFiles(input.files) });
  const area = h(
    "div",
    { class: "drop" },
    h("p", {}, text("own.lead")),
    h("label", { class: "button" }, input, text("own.choose")),
  );
  let urls = [];
  const release = () => urls.forEach((url) => URL.revokeObjectURL(url));

  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    readFiles(event.dataTransfer.files);
  });
  document.addEventListener(
    "paste",
    (event) => {
      if (event.clipboardData.files.length) readFiles(event.clipboardData.files);
    },
    { signal },
  );
  signal.addEventListener("abort", release);

  async function readFiles(list) {
    const files = [...list];
    if (!files.length) return;
    release();
    urls = files.map((file) => URL.createObjectURL(file));
    results.replaceChildren();
    notice.textContent = text("wait");
    try {
      for (let start = 0; start < files.length; start += BATCH) {
        const part = files.slice(start, start + BATCH);
        const form = new FormData();
        for (const file of part) form.append("image", file);
        const body = await getJson("predict/batch?details=1", text, { method: "POST", body: form, signal });
        body.results.forEach((result, i) => showResult(part[i], urls[start + i], result));
      }
      notice.textContent = text("own.done", { count: files.length });
    } catch (error) {
      if (!signal.aborted) notice.textContent = error.message;
    }
    input.value = "";
  }

  function showResult(file, url, { success, prediction, debug, details }) {
    results.append(
      h(
        "li",
        {},
        h("img", { src: url, alt: file.name }),
        h("strong", { class: success ? "mono" : "wrong" }, success ? prediction : debug),
        h("div", { class: "muted" }, file.name, success ? ` · ${text.percent(details.confidence)}` : null),
      ),
    );
  }

  return h("section", { class: "card" }, h("h2", {}, text("own.title")), area, notice, results);
}

// Audit reports on the models volume, opened in a sandbox.

import { empty, h } from "../dom.js";
import { getBytes, getJson, repeat } from "../http.js";

const POLL_MS = 10000;

export function showAudits({ root, text, signal }) {
  const problem = h("div", { role: "status" });
  const list = h("div", { "data-testid": "audits" });
  const frame = h("iframe", { sandbox: "", title: text("audits.report"), hidden: true });
  root.append(problem, list, frame);
  let shown = "";
  repeat(load, POLL_MS, signal);

  async function load() {
    try {
      const { audits } = await getJson("audits", text, { signal });
      problem.replaceChildren();
      const current = JSON.stringify(audits);
      if (current === shown) return;
      shown = current;
      list.replaceChildren(audits.length ? reports(audits) : empty(h("p", {}, text("audits.none"))));
    } catch (error) {
      if (error.status === 403) list.replaceChildren(empty(h("p", {}, text("audits.operator"))));
      else if (!signal.aborted) problem.replaceChildren(h("p", { class: "notice bad", lang: error.lang }, error.message));
      return error;
    }
  }

  function reports(audits) {
    return h(
      "ul",
      { class: "gallery" },
      audits.map((audit) =>
        h(
          "li",
          {},
          h("p", {}, h("strong", {}, audit.name), h("br"), h("span", { class: "muted" }, text.date(audit.created))),
          h("button", { type: "button", onclick: () => open(audit.name) }, text("audits.open")),
        ),
      ),
    );
  }

  async function open(name) {
    const path = `audits/${encodeURIComponent(name)}/report.html`;
    try {
      // A frame could not show why the report is missing.
      await getBytes(path, text, { method: "HEAD", signal });
    } catch (error) {
      if (!signal.aborted) problem.replaceChildren(h("p", { class: "notice bad", lang: error.lang }, error.message));
      return;
    }
    frame.src = path;
    frame.title = `${text("audits.report")} ${name}`;
    frame.hidden = false;
    frame.scrollIntoView({ block: "start" });
    frame.focus();
  }
}

// Audit reports on the models volume, opened in a sandbox.

import { empty, h } from "../dom.js";
import { getJson } from "../http.js";

export function showAudits({ root, text, signal }) {
  const box = h("div", { "data-testid": "audits" });
  root.append(box);
  load();

  async function load() {
    try {
      const { audits } = await getJson("audits", text, { signal });
      if (audits.length) show(audits);
      else box.replaceChildren(empty(h("p", {}, text("audits.none")), h("pre", {}, "docker compose run --rm trainer audit")));
    } catch (error) {
      if (!signal.aborted) box.replaceChildren(h("p", { class: "notice bad" }, error.message));
    }
  }

  function show(audits) {
    const frame = h("iframe", { sandbox: "", title: text("audits.report"), hidden: true });
    const open = (audit) => {
      frame.src = `audits/${encodeURIComponent(audit.name)}/report.html`;
      frame.title = `${text("audits.report")} ${audit.name}`;
      frame.hidden = false;
    };
    box.replaceChildren(
      h(
        "ul",
        { class: "gallery" },
        audits.map((audit) =>
          h(
            "li",
            {},
            h("p", {}, h("strong", {}, audit.name), h("br"), h("span", { class: "muted" }, text.date(audit.created))),
            h("button", { type: "button", onclick: () => open(audit) }, text("audits.open")),
          ),
        ),
      ),
      h("p"),
      frame,
    );
  }
}

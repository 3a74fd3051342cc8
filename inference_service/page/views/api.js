// The routes, as OpenAPI describes them.

import { h } from "../dom.js";
import { getJson, untilAvailable } from "../http.js";
import { curlOption } from "../token.js";

const SERVICES = [
  { name: "api.inference", schema: "openapi.json", docs: "docs" },
  { name: "api.generator", schema: "captcha/openapi.json", docs: "captcha/docs" },
];

export function showApi({ root, text, signal }) {
  if (curlOption()) {
    const command = `curl${curlOption()} '${new URL("captcha", location)}'`;
    root.append(h("p", {}, text("api.token")), h("pre", { tabindex: 0 }, command));
  }
  for (const service of SERVICES) {
    const body = h("div", {}, h("p", { class: "muted" }, text("wait")));
    root.append(
      h(
        "section",
        { class: "card version" },
        h("h2", {}, text(service.name)),
        body,
        h("p"),
        h("a", { href: service.docs }, text("api.docs")),
      ),
    );
    const say = (error) => body.replaceChildren(h("p", { class: "notice bad" }, error.message));
    untilAvailable(() => getJson(service.schema, text, { signal }), signal, say).then(
      (schema) => body.replaceChildren(table(schema, text(service.name))),
      (error) => signal.aborted || say(error),
    );
  }

  function table({ paths }, name) {
    const rows = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary, description, parameters = [] }]) =>
        h(
          "tr",
          {},
          h("td", { class: "method" }, method.toUpperCase()),
          h("td", {}, h("code", {}, path)),
          h("td", { lang: "en" }, withCode(description || summary), names(parameters)),
        ),
      ),
    );
    const heads = ["api.method", "api.path", "api.description"].map((key) => h("th", { scope: "col" }, text(key)));
    return h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": text("api.routes", { name }) },
      h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
    );
  }

  function withCode(markdown) {
    return markdown.split(/`([^`]+)`/).map((part, i) => (i % 2 ? h("code", {}, part) : part));
  }

  function names(parameters) {
    if (!parameters.length) return null;
    return h("div", { class: "muted small" }, text("api.parameters"), parameters.map(({ name }) => [" ", h("code", {}, name)]).flat());
  }
}

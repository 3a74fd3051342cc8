// The form that asks for the API token, in the place of a view whose requests wait for it.

import { h } from "./dom.js";
import { setToken, tokenState, watchToken } from "./token.js";

export function tokenForm({ text, view, signal }) {
  const problem = h("p", { class: "notice bad", id: "token-problem", role: "alert", hidden: true });
  const input = h("input", {
    type: "password",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    required: true,
    // What a header can contain.
    pattern: "\\s*[!-~]+\\s*",
    title: text("token.characters"),
    "aria-describedby": "token-problem",
  });
  const form = h(
    "form",
    {
      class: "card token",
      hidden: true,
      "aria-labelledby": "token-title",
      onsubmit: (event) => (event.preventDefault(), setToken(input.value.trim())),
    },
    h("h2", { id: "token-title" }, text("token.title")),
    h("p", {}, text("token.lead")),
    problem,
    h("label", {}, text("token.label"), input),
    h("p"),
    h("button", { type: "submit", class: "primary" }, text("token.use")),
  );
  watchToken(update, signal);
  return form;

  function update() {
    const { isWanted, wasRefused } = tokenState();
    const hadFocus = form.contains(document.activeElement);
    const isNew = form.hidden || problem.hidden === wasRefused;
    form.hidden = !isWanted;
    view.hidden = isWanted;
    problem.hidden = !wasRefused;
    problem.textContent = wasRefused ? text("token.refused") : "";
    input.setAttribute("aria-invalid", String(wasRefused));
    if (!isWanted) {
      input.value = "";
      if (hadFocus) form.closest("main").focus({ preventScroll: true });
    } else if (isNew) {
      input.select();
      input.focus();
    }
  }
}

// Human against model: the model's answer is shown after the visitor's.

import { facts, h } from "../dom.js";
import { getJson, predict } from "../http.js";

const KEY = "captcha-pipeline.human";
const NOTHING = { rounds: 0, human: 0, model: 0 };

function readScore() {
  try {
    return { ...NOTHING, ...JSON.parse(localStorage.getItem(KEY)) };
  } catch {
    return { ...NOTHING };
  }
}

export function showHuman({ root, text, signal }) {
  let score = readScore();
  let captcha = null;
  const image = h("img", { alt: text("human.image"), width: 320, height: 120 });
  const input = h("input", {
    class: "mono",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: 32,
    required: true,
  });
  const check = h("button", { type: "submit", class: "primary" }, text("human.check"));
  const next = h("button", { type: "button", onclick: load }, text("human.next"));
  const result = h("div", { role: "status", "data-testid": "human-result" });
  const scoreBox = h("div", { "data-testid": "human-score" });
  const form = h("form", { onsubmit: answer }, h("label", {}, text("human.label"), input), h("p"), h("div", { class: "row" }, check, next));

  root.append(
    h(
      "div",
      { class: "grid two" },
      h("section", { class: "card" }, h("div", { class: "captcha" }, image), form),
      h(
        "section",
        { class: "card" },
        h("h2", {}, text("human.score")),
        scoreBox,
        result,
        h("p", { class: "small muted" }, text("human.private")),
        h("button", { type: "button", onclick: reset }, text("human.reset")),
      ),
    ),
  );
  showScore();
  load();

  async function load() {
    result.replaceChildren();
    input.value = "";
    check.disabled = true;
    try {
      captcha = await getJson("captcha", text, { signal });
      image.src = `data:image/png;base64,${captcha.image}`;
      check.disabled = false;
      input.focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) result.replaceChildren(h("p", { class: "notice bad" }, error.message));
    }
  }

  async function answer(event) {
    event.preventDefault();
    if (check.disabled) return;
    check.disabled = true; // one answer per captcha
    const typed = input.value.trim();
    try {
      const { prediction } = await predict(captcha.image, text);
      const human = typed === captcha.text;
      const model = prediction === captcha.text;
      score = { rounds: score.rounds + 1, human: score.human + human, model: score.model + model };
      localStorage.setItem(KEY, JSON.stringify(score));
      showScore();
      result.replaceChildren(
        h("p", {}, text("human.truth"), " ", h("strong", { class: "mono" }, captcha.text)),
        said(text("human.you"), typed, human),
        said(text("human.model"), prediction, model),
      );
      next.focus({ preventScroll: true });
    } catch (error) {
      check.disabled = false;
      if (!signal.aborted) result.replaceChildren(h("p", { class: "notice bad" }, error.message));
    }
  }

  function said(who, what, isRight) {
    const verdict = text(isRight ? "human.right" : "human.wrong");
    return h("p", {}, `${who} `, h("strong", { class: "mono" }, what), " ", h("span", { class: isRight ? "right" : "wrong" }, verdict));
  }

  function showScore() {
    const rate = (correct) => (score.rounds ? `${correct} (${text.percent(correct / score.rounds, 0)})` : "–");
    scoreBox.replaceChildren(
      facts("score", [
        [text("human.you"), rate(score.human)],
        [text("human.model"), rate(score.model)],
        [text("human.rounds"), String(score.rounds)],
      ]),
    );
  }

  function reset() {
    score = { ...NOTHING };
    localStorage.removeItem(KEY);
    showScore();
    load();
  }
}

// Human against model: the model's answer is shown after the visitor's.

import { facts, h } from "../dom.js";
import { getJson, predict, untilAvailable } from "../http.js";
import { either } from "../signals.js";
import { load, store } from "../storage.js";

const NOTHING = { rounds: 0, human: 0, model: 0 };

function readScore() {
  try {
    return { ...NOTHING, ...JSON.parse(load("human")) };
  } catch {
    return { ...NOTHING };
  }
}

export function showHuman({ root, text, signal }) {
  let score = readScore();
  let captcha = null; // null while there is nothing to answer
  let turn = new AbortController();
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
  const next = h("button", { type: "button", onclick: () => show(true) }, text("human.next"));
  const result = h("div", { role: "status", "data-testid": "human-result" });
  const scoreBox = h("div", { "data-testid": "human-score" });
  const form = h(
    "form",
    { onsubmit: (event) => (event.preventDefault(), compare()) },
    h("label", {}, text("human.label"), input),
    h("p"),
    h("div", { class: "row" }, check, next),
  );

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
  show(false);

  async function show(isFocused) {
    turn.abort();
    turn = new AbortController();
    const both = either(signal, turn.signal);
    result.replaceChildren();
    input.value = "";
    setCaptcha(null);
    image.removeAttribute("src"); // its answer would be compared with the next one
    if (isFocused) input.focus({ preventScroll: true });
    try {
      const found = await untilAvailable(() => getJson("captcha", text, { signal: both }), both, showProblem);
      image.src = `data:image/png;base64,${found.image}`;
      result.replaceChildren();
      setCaptcha(found);
    } catch (error) {
      if (!both.aborted) showProblem(error);
    }
  }

  async function compare() {
    const asked = captcha;
    if (!asked) return;
    setCaptcha(null); // one answer per captcha
    const typed = input.value.trim();
    try {
      const { prediction } = await predict(asked.image, text, either(signal, turn.signal));
      const human = typed === asked.text;
      const model = prediction === asked.text;
      setScore({ rounds: score.rounds + 1, human: score.human + human, model: score.model + model });
      result.replaceChildren(
        h("p", {}, text("human.truth"), " ", h("strong", { class: "mono" }, asked.text)),
        said(text("human.you"), typed, human),
        said(text("human.model"), prediction, model),
      );
      next.focus({ preventScroll: true });
    } catch (error) {
      if (error.name === "AbortError") return;
      setCaptcha(asked);
      showProblem(error);
    }
  }

  function setCaptcha(found) {
    captcha = found;
    check.setAttribute("aria-disabled", String(!found));
  }

  function showProblem(error) {
    result.replaceChildren(h("p", { class: "notice bad", lang: error.lang }, error.message));
  }

  function said(who, what, isRight) {
    const verdict = h("span", { class: isRight ? "right" : "wrong" }, text(isRight ? "human.right" : "human.wrong"));
    return h("p", {}, `${who} `, h("strong", { class: "mono" }, what), " ", verdict);
  }

  function setScore(value) {
    score = value;
    store("human", JSON.stringify(score));
    showScore();
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
    setScore({ ...NOTHING });
    show(true);
  }
}

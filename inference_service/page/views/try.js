// Try it: a captcha and its prediction, many of them, and pictures of one's own.

import { bar, facts, h } from "../dom.js";
import { getJson, predict, untilAvailable, withQuery } from "../http.js";
import { either } from "../signals.js";
import { curlOption } from "../token.js";
import { ownPictures } from "./own_pictures.js";
import { series } from "./series.js";
import { spokenCaptcha } from "./spoken_captcha.js";

const STYLES = ["current", "classic", "vintage", "synthetic", "gimpy", "line", "crowded"];
// It counts until the page is closed.
const score = { correct: 0, total: 0 };
let counted = null; // the image that was counted last: a language or a click can show it again

export function showTry({ root, text, options, signal }) {
  let captcha = null;
  let turn = new AbortController();

  const image = h("img", { alt: text("try.image"), width: 320, height: 120 });
  const answer = h("p", { class: "answer", "data-testid": "answer" });
  const verdict = h("p", { class: "verdict", role: "status", "data-testid": "verdict" });
  const bars = h("ul", { class: "bars", "aria-label": text("try.confidence") });
  const scoreBox = h("div", { "data-testid": "score" });
  const curl = h("pre", { tabindex: 0 });
  const audio = spokenCaptcha({ text, signal, find: () => captcha });

  const style = h(
    "select",
    { name: "style" },
    h("option", { value: "" }, text("try.default")),
    STYLES.map((name) => h("option", { value: name }, name)),
  );
  const random = text("try.random");
  const label = h("input", {
    name: "text",
    maxlength: 32,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    placeholder: random,
  });
  const seed = h("input", { name: "seed", inputmode: "numeric", autocomplete: "off", placeholder: random });
  style.value = STYLES.includes(options.get("style")) ? options.get("style") : "";
  label.value = options.get("text") ?? "";
  seed.value = options.get("seed") ?? "";

  const form = h(
    "form",
    { onsubmit: (event) => (event.preventDefault(), show()) },
    h(
      "div",
      { class: "fields" },
      h("label", {}, text("try.style"), style),
      h("label", {}, text("try.text"), label),
      h("label", {}, text("try.seed"), seed),
    ),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "primary", onclick: () => ((seed.value = ""), show()) }, text("try.new")),
      h("button", { type: "submit" }, text("try.show")),
      audio.button,
    ),
  );
  const copy = h("button", { type: "button", class: "quiet small", onclick: copyCurl }, text("try.copy"));
  const commandLine = h(
    "div",
    { class: "after" },
    h("p", { class: "small muted" }, text("try.curl")),
    curl,
    copy,
  );

  root.append(
    h(
      "div",
      { class: "grid two" },
      h("section", { class: "card" }, h("div", { class: "captcha" }, image), form, audio.player, commandLine),
      h("section", { class: "card" }, h("h2", {}, text("try.prediction")), answer, verdict, bars, scoreBox),
      series({ text, signal, findStyle: () => style.value }),
      ownPictures({ text, signal }),
    ),
  );
  showScore();
  show();

  /** Request a captcha and its prediction; a later call replaces an earlier one. */
  async function show() {
    turn.abort();
    turn = new AbortController();
    const both = either(signal, turn.signal);
    const query = { style: style.value, text: label.value.trim(), seed: seed.value.trim() };
    answer.textContent = "";
    bars.replaceChildren();
    audio.clear();
    say("", text("wait"));
    try {
      await untilAvailable(
        async () => {
          const found = await getJson(withQuery("captcha", query), text, { signal: both });
          captcha = found;
          image.src = `data:image/png;base64,${found.image}`;
          showAddress({ ...query, seed: found.seed });
          showPrediction(found, await predict(found.image, text, both));
        },
        both,
        (error) => say("wrong", error.message),
      );
    } catch (error) {
      if (!both.aborted) say("wrong", error.message);
    }
  }

  function say(kind, message) {
    verdict.className = `verdict ${kind}`;
    verdict.textContent = message;
  }

  function showAddress(query) {
    seed.placeholder = query.seed;
    copy.textContent = text("try.copy");
    history.replaceState(null, "", `#${withQuery("try", query)}`);
    curl.textContent =
      `curl -s${curlOption()} '${new URL(withQuery("captcha", query), location)}' |\n` +
      `  curl -s${curlOption()} -H 'Content-Type: application/json' -d @- '${new URL("predict?details=1", location)}'`;
  }

  function showPrediction(found, { prediction, details, ms }) {
    const isRight = prediction === found.text;
    if (found.image !== counted) {
      score.total += 1;
      score.correct += isRight;
      counted = found.image;
    }
    answer.textContent = prediction;
    say(
      isRight ? "right" : "wrong",
      isRight ? text("try.right", { prediction }) : text("try.wrong", { prediction, label: found.text }),
    );
    bars.replaceChildren(
      ...details.characters.map(({ character, confidence }) =>
        h("li", {}, h("span", {}, character), bar(confidence), h("span", { class: "value" }, text.percent(confidence))),
      ),
      h(
        "li",
        { class: "whole" },
        h("span", {}, text("try.whole")),
        h("span", { class: "value" }, text.percent(details.confidence)),
      ),
    );
    showScore(ms, details.model_ms);
  }

  function showScore(ms, modelMs) {
    const rate = score.total ? text.percent(score.correct / score.total) : "–";
    scoreBox.replaceChildren(
      facts("score", [
        [text("try.score"), `${score.correct} / ${score.total}`],
        [text("try.rate"), rate],
        [text("try.time"), ms === undefined ? "–" : text("ms", { ms: text.number(ms) })],
        [text("try.model_time"), modelMs === undefined ? "–" : text("ms", { ms: text.number(modelMs, 1) })],
      ]),
    );
  }

  async function copyCurl() {
    try {
      await navigator.clipboard.writeText(curl.textContent);
      copy.textContent = text("try.copied");
    } catch {
      // Without HTTPS a browser offers no clipboard, except on localhost.
      getSelection().selectAllChildren(curl);
      copy.textContent = text("try.selected");
    }
  }
}

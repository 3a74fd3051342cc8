// Try it: a captcha and its prediction, many of them, and pictures of one's own.

import { waveform } from "../chart.js";
import { bar, facts, gallery, h } from "../dom.js";
import { getBinary, getJson, predict, withQuery } from "../http.js";
import { ownPictures } from "./own_pictures.js";

const STYLES = ["current", "classic", "vintage", "synthetic"];
const SERIES = 100;
const PARALLEL = 4;

export function showTry({ root, text, options, signal }) {
  const score = { correct: 0, total: 0 };
  let captcha = null;

  const image = h("img", { alt: text("try.image"), width: 320, height: 120 });
  const answer = h("p", { class: "answer", "data-testid": "answer" });
  const verdict = h("p", { class: "verdict", role: "status", "data-testid": "verdict" });
  const bars = h("ul", { class: "bars", "aria-label": text("try.confidence") });
  const scoreBox = h("div", { "data-testid": "score" });
  const curl = h("pre", { tabindex: 0 });
  const audioBox = h("div");
  const commandLine = h(
    "div",
    { class: "after" },
    h("p", { class: "small muted" }, text("try.curl")),
    curl,
    h("button", { type: "button", class: "quiet small", onclick: copyCurl }, text("try.copy")),
  );

  const style = h(
    "select",
    { name: "style" },
    h("option", { value: "" }, text("try.default")),
    STYLES.map((name) => h("option", { value: name }, name)),
  );
  const label = h("input", { name: "text", maxlength: 16, autocomplete: "off", placeholder: text("try.random") });
  const seed = h("input", { name: "seed", inputmode: "numeric", autocomplete: "off", placeholder: text("try.random") });
  style.value = STYLES.includes(options.get("style")) ? options.get("style") : "";
  label.value = options.get("text") ?? "";
  seed.value = options.get("seed") ?? "";

  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        load();
      },
    },
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
      h("button", { type: "button", class: "primary", onclick: () => ((seed.value = ""), load()) }, text("try.new")),
      h("button", { type: "submit" }, text("try.show")),
      h("button", { type: "button", onclick: playAudio }, text("try.listen")),
    ),
  );

  const seriesBox = h("div", { "data-testid": "series" });
  const seriesButton = h("button", { type: "button", onclick: runSeries }, text("try.run", { count: SERIES }));

  root.append(
    h(
      "div",
      { class: "grid two" },
      h("section", { class: "card" }, h("div", { class: "captcha" }, image), form, audioBox, commandLine),
      h(
        "section",
        { class: "card" },
        h("h2", {}, text("try.prediction")),
        answer,
        verdict,
        bars,
        scoreBox,
      ),
      h(
        "section",
        { class: "card" },
        h("h2", {}, text("try.series")),
        h("p", { class: "muted" }, text("try.series.lead", { count: SERIES })),
        seriesButton,
        seriesBox,
      ),
      ownPictures({ text, signal }),
    ),
  );
  showScore();
  load();

  function query() {
    return { style: style.value, text: label.value.trim(), seed: seed.value.trim() };
  }

  async function load() {
    verdict.className = "verdict";
    verdict.textContent = text("wait");
    try {
      captcha = await getJson(withQuery("captcha", query()), text, { signal });
      image.src = `data:image/png;base64,${captcha.image}`;
      const shared = { ...query(), seed: captcha.seed };
      seed.placeholder = captcha.seed;
      history.replaceState(null, "", `#${withQuery("try", shared)}`);
      curl.textContent =
        `curl -s '${new URL(withQuery("captcha", shared), location)}' |\n` +
        `  curl -s -H 'Content-Type: application/json' -d @- '${new URL("predict?details=1", location)}'`;
      audioBox.replaceChildren();
      showPrediction(await predict(captcha.image, text));
    } catch (error) {
      showError(error);
    }
  }

  function showError(error) {
    if (signal.aborted) return;
    answer.textContent = "–";
    bars.replaceChildren();
    verdict.className = "verdict wrong";
    verdict.textContent = error.message;
  }

  function showPrediction({ prediction, details, ms }) {
    const isRight = prediction === captcha.text;
    score.total += 1;
    score.correct += isRight;
    answer.textContent = prediction;
    verdict.className = `verdict ${isRight ? "right" : "wrong"}`;
    verdict.textContent = isRight ? text("try.right") : text("try.wrong", { label: captcha.text });
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

  async function copyCurl(event) {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(curl.textContent);
      button.textContent = text("try.copied");
    } catch {
      // Without HTTPS a browser offers no clipboard, except on localhost.
      getSelection().selectAllChildren(curl);
      button.textContent = text("try.selected");
    }
  }

  async function playAudio() {
    if (!captcha) return;
    audioBox.replaceChildren(h("p", { class: "muted", role: "status" }, text("wait")));
    try {
      const path = withQuery("captcha.wav", { text: captcha.text, seed: captcha.seed });
      const { bytes } = await getBinary(path, text);
      const url = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
      const context = new AudioContext();
      const audio = await context.decodeAudioData(bytes);
      context.close();
      const player = h("audio", { src: url, controls: true });
      signal.addEventListener("abort", () => (player.pause(), URL.revokeObjectURL(url)));
      audioBox.replaceChildren(
        h("p"),
        waveform(audio, text("try.waveform", { seconds: text.number(audio.duration, 1) })),
        player,
      );
      await player.play();
    } catch (error) {
      // NotAllowedError: the browser wants the user to press play.
      if (error.name === "NotAllowedError") return;
      audioBox.replaceChildren(h("p", { class: "notice bad", role: "status" }, error.message));
    }
  }

  async function runSeries() {
    seriesButton.disabled = true;
    const done = h("progress", { max: SERIES, value: 0, "aria-label": text("try.series") });
    const said = h("p", { role: "status" });
    const wrong = h("div");
    seriesBox.replaceChildren(h("p"), done, said, wrong);
    const misses = [];
    let started = 0;
    let total = 0;
    let failure = null;
    const one = async () => {
      while (started < SERIES && !failure && !signal.aborted) {
        started += 1;
        try {
          const found = await getJson(withQuery("captcha", { style: style.value }), text, { signal });
          const { prediction } = await predict(found.image, text);
          total += 1;
          if (prediction !== found.text) {
            const caption = text("try.read_as", { label: found.text, prediction });
            misses.push({ image: `data:image/png;base64,${found.image}`, alt: caption, caption });
          }
        } catch (error) {
          failure = error;
        }
        done.value = total;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, one));
    seriesButton.disabled = false;
    if (signal.aborted) return;
    const correct = total - misses.length;
    const result = text("try.series.result", { correct, total, rate: total ? text.percent(correct / total) : "–" });
    said.textContent = failure ? `${failure.message} ${result}` : result;
    wrong.replaceChildren(misses.length ? gallery(misses) : "");
  }
}

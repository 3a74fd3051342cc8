// Many captchas in a row, and the misclassified ones among them.

import { gallery, h } from "../dom.js";
import { getJson, predict, untilAvailable, withQuery } from "../http.js";

const COUNT = 100;
const PARALLEL = 4;

export function series({ text, signal, findStyle }) {
  let isRunning = false;
  const result = h("div", { "data-testid": "series" });
  const button = h("button", { type: "button", onclick: run }, text("series.run", { count: COUNT }));

  return h(
    "section",
    { class: "card" },
    h("h2", {}, text("series.title")),
    h("p", { class: "muted" }, text("series.lead", { count: COUNT })),
    button,
    result,
  );

  async function run() {
    if (isRunning) return;
    setRunning(true);
    const style = findStyle();
    const done = h("progress", { max: COUNT, value: 0, "aria-label": text("series.title") });
    const said = h("p", { role: "status" });
    const wrong = h("div");
    result.replaceChildren(h("p"), done, said, wrong);
    const misses = [];
    let started = 0;
    let total = 0;
    let failure = null;
    // Many requests can exceed the rate limit.
    const patiently = (action) => untilAvailable(action, signal, (error) => (said.textContent = error.message));
    const worker = async () => {
      while (started < COUNT && !failure) {
        started += 1;
        try {
          const captcha = await patiently(() => getJson(withQuery("captcha", { style }), text, { signal }));
          const { prediction } = await patiently(() => predict(captcha.image, text, signal));
          said.textContent = "";
          total += 1;
          if (prediction !== captcha.text) misses.push(describe(captcha, prediction));
        } catch (error) {
          failure = error;
        }
        done.value = total;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    if (signal.aborted) return;
    setRunning(false);
    const correct = total - misses.length;
    const summary = text("series.result", { correct, total, rate: total ? text.percent(correct / total) : "–" });
    said.textContent = failure ? `${failure.message} ${summary}` : summary;
    wrong.replaceChildren(misses.length ? gallery(misses) : "");
  }

  // Not `disabled`: a button with the focus would lose it.
  function setRunning(value) {
    isRunning = value;
    button.setAttribute("aria-disabled", String(value));
  }

  function describe(captcha, prediction) {
    const caption = text("series.miss", { label: captcha.text, prediction });
    return { image: `data:image/png;base64,${captcha.image}`, alt: caption, caption };
  }
}

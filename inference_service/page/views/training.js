// The training that runs, or the last one.

import { lineChart } from "../chart.js";
import { empty, facts, gallery, h } from "../dom.js";
import { getJson, repeat } from "../http.js";

const POLL_MS = 2000;
const RUNNING = ["waiting", "fetching", "training", "evaluating"];

export function showTraining({ root, text, signal }) {
  const problem = h("div", { role: "status" });
  const state = h("span", { role: "status", "data-testid": "training-state" });
  const details = h("div");
  const loss = h("section", { class: "card" });
  const accuracy = h("section", { class: "card" });
  const samples = h("section", { class: "card" });
  const curves = h("div", { class: "grid" }, loss, accuracy);
  const content = h("div", { class: "grid", hidden: true }, h("section", { class: "card" }, h("h2", {}, state), details), curves, samples);
  const nothing = empty(h("p", {}, text("training.none")), h("pre", {}, "docker compose run --rm trainer"));
  nothing.hidden = true;
  root.append(problem, nothing, content);

  const shown = new Map();
  let updated = "";
  repeat(load, POLL_MS, signal);

  async function load() {
    try {
      const status = await getJson("training", text, { signal });
      problem.replaceChildren();
      nothing.hidden = true;
      content.hidden = false;
      // Another replica can have an older one.
      if (status.updated >= updated) show(status);
    } catch (error) {
      if (signal.aborted) return;
      const isMissing = error.status === 404;
      nothing.hidden = !isMissing;
      content.hidden = isMissing || !updated;
      problem.replaceChildren(isMissing ? "" : h("p", { class: "notice bad", lang: error.lang }, error.message));
      return error;
    }
  }

  function show(status) {
    updated = status.updated;
    const title = text(`training.state.${status.state}`, { version: status.version });
    if (state.textContent !== title) state.textContent = title;
    replace(details, [status.started, status.state, status.reason, status.stale, status.progress, status.seconds_left, status.captchas_fetched], () => describe(status));
    // The public port has neither losses nor samples.
    loss.hidden = !status.loss;
    curves.classList.toggle("two", !loss.hidden);
    content.classList.toggle("two", loss.hidden);
    replace(loss, status.loss, () => curve("training.loss", lossPoints(status), { format: (y) => text.number(y, 2), minimum: 0 }));
    replace(accuracy, status.epochs_done, () =>
      curve("training.accuracy", accuracyPoints(status), {
        format: (y) => text.percent(y, 1),
        minimum: Math.min(0.99, ...accuracyPoints(status).map(([, y]) => y)),
        maximum: 1,
      }),
    );
    const { samples: examples = [] } = status;
    samples.hidden = !examples.length;
    replace(samples, examples, () => [h("h2", {}, text("training.samples")), gallery(examples.map(sample))]);
  }

  /** Replace what an element contains if its data has changed, so that a selection stays. */
  function replace(element, data, create) {
    const key = JSON.stringify(data);
    if (shown.get(element) === key) return;
    shown.set(element, key);
    element.replaceChildren(...create().filter(Boolean));
  }

  function describe(status) {
    const isRunning = RUNNING.includes(status.state) && !status.stale;
    const { captchas_fetched: fetched, captchas_wanted: wanted, seconds_left: seconds, spec } = status;
    return [
      status.reason ? h("p", { class: "notice", lang: "en" }, status.reason) : null,
      status.stale ? h("p", { class: "notice bad" }, text("training.stale", { date: text.date(status.updated) })) : null,
      isRunning ? progress(status) : null,
      facts("facts", [
        [text("training.captchas"), wanted ? text("training.of", { done: text.number(fetched), total: text.number(wanted) }) : null],
        [text("training.epoch"), text("training.of", { done: status.epoch, total: status.epochs })],
        [text("training.left"), isRunning && seconds !== null ? duration(seconds) : null],
        [text("training.network"), status.network],
        [text("training.length"), spec ? lengths(spec) : null],
        [text("training.charset"), spec ? h("span", { class: "mono small" }, spec.charset) : null],
        [text("training.started"), text.date(status.started)],
      ]),
    ];
  }

  function progress({ progress: value }) {
    const known = typeof value === "number" ? { value } : {};
    return h("div", { class: "progress" }, h("progress", { max: 1, "aria-label": text("training.title"), ...known }));
  }

  function lengths({ min_length: shortest, length }) {
    return shortest && shortest !== length ? `${shortest}–${length}` : String(length);
  }

  function duration(seconds) {
    return seconds < 90
      ? text("training.seconds", { seconds: text.number(seconds) })
      : text("training.minutes", { minutes: text.number(seconds / 60) });
  }

  function lossPoints(status) {
    return (status.loss ?? []).map(({ epoch, loss: value }) => [epoch, value]);
  }

  function accuracyPoints(status) {
    return status.epochs_done.map(({ epoch, validation_accuracy: value }) => [epoch, value]);
  }

  function curve(key, points, options) {
    const title = text(key);
    if (!points.length) return [h("h2", {}, title), h("p", { class: "muted" }, text(`${key}.empty`))];
    const label = `${title}: ${options.format(points.at(-1)[1])}`;
    return [h("h2", {}, title), lineChart({ points, label, ...options })];
  }

  function sample({ image, label, prediction }) {
    const verdict = h("span", { class: `mono ${prediction === label ? "right" : "wrong"}` }, prediction);
    return {
      image: `data:image/png;base64,${image}`,
      alt: text("series.miss", { label, prediction }),
      caption: [h("span", { class: "mono" }, `${label} → `), verdict],
    };
  }
}

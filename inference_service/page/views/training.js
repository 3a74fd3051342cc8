// The training that runs, or the last one.

import { lineChart } from "../chart.js";
import { empty, facts, gallery, h } from "../dom.js";
import { getJson } from "../http.js";

const POLL_MS = 2000;

export function showTraining({ root, text, signal }) {
  const box = h("div", { class: "grid", "data-testid": "training" });
  root.append(box);
  let shown = "";
  load();
  const timer = setInterval(() => document.hidden || load(), POLL_MS);
  return () => clearInterval(timer);

  async function load() {
    let status;
    try {
      status = await getJson("training", text, { signal });
    } catch (error) {
      if (signal.aborted) return;
      shown = "";
      const isMissing = error.status === 404;
      box.replaceChildren(
        isMissing
          ? empty(h("p", {}, text("training.none")), h("pre", {}, "docker compose run --rm trainer"))
          : h("p", { class: "notice bad", role: "status" }, error.message),
      );
      return;
    }
    const current = JSON.stringify(status);
    if (current === shown) return;
    shown = current;
    box.replaceChildren(...show(status));
  }

  function show(status) {
    const isRunning = ["waiting", "fetching", "training", "evaluating"].includes(status.state);
    return [
      h(
        "section",
        { class: "card" },
        h("h2", { "data-testid": "training-state" }, text(`training.state.${status.state}`, { version: status.version })),
        status.reason ? h("p", { class: "notice" }, status.reason) : null,
        status.stale && isRunning ? h("p", { class: "notice bad" }, text("training.stale", { date: text.date(status.updated) })) : null,
        isRunning && !status.stale ? progress(status) : null,
        facts("facts", [
          [text("training.captchas"), fetched(status)],
          [text("training.epoch"), status.epochs ? text("training.of", { done: status.epoch, total: status.epochs }) : null],
          [text("training.left"), isRunning && status.seconds_left !== null ? duration(status.seconds_left) : null],
          [text("training.network"), status.network],
          [text("training.length"), status.spec ? lengths(status.spec) : null],
          [text("training.captchas.label"), status.spec ? h("span", { class: "mono small" }, status.spec.charset) : null],
          [text("training.started"), text.date(status.started)],
        ]),
      ),
      h("div", { class: "grid two" }, curve(status, "loss"), curve(status, "accuracy")),
      samples(status),
    ];
  }

  function progress({ state, captchas_fetched: fetched, captchas_wanted: wanted, step, steps, epoch, epochs }) {
    const value = state === "fetching" ? fetched / wanted : state === "training" ? (epoch - 1 + step / steps) / epochs : null;
    const known = Number.isFinite(value) ? { value: Math.min(Math.max(value, 0), 1) } : {};
    return h("div", { class: "progress" }, h("progress", { max: 1, "aria-label": text("training.title"), ...known }));
  }

  function fetched({ captchas_fetched: done, captchas_wanted: total }) {
    return total ? text("training.of", { done: text.number(done), total: text.number(total) }) : null;
  }

  function lengths({ min_length: shortest, length }) {
    return shortest && shortest !== length ? `${shortest}–${length}` : String(length);
  }

  function duration(seconds) {
    return seconds < 90
      ? text("training.seconds", { seconds: text.number(seconds) })
      : text("training.minutes", { minutes: text.number(seconds / 60) });
  }

  function curve({ loss, epochs_done: epochs }, which) {
    const points = which === "loss" ? loss.map(({ epoch, loss: value }) => [epoch, value]) : epochs.map(({ epoch, validation_accuracy: value }) => [epoch, value]);
    const title = text(`training.${which}`);
    const format = which === "loss" ? (y) => text.number(y, 2) : (y) => text.percent(y, 1);
    return h(
      "section",
      { class: "card" },
      h("h2", {}, title),
      points.length
        ? lineChart({ points, label: `${title}: ${format(points.at(-1)[1])}`, format, minimum: which === "loss" ? 0 : undefined, maximum: which === "loss" ? undefined : 1 })
        : h("p", { class: "muted" }, text(`training.${which}.empty`)),
    );
  }

  function samples({ samples: found }) {
    if (!found.length) return null;
    return h(
      "section",
      { class: "card" },
      h("h2", {}, text("training.samples")),
      gallery(
        found.map(({ image, label, prediction }) => {
          const isRight = prediction === label;
          const said = prediction === null ? text("training.no_prediction", { label }) : text("try.read_as", { label, prediction });
          const verdict = h("span", { class: isRight ? "mono right" : "mono wrong" }, prediction ?? "–");
          return { image: `data:image/png;base64,${image}`, alt: said, caption: [h("span", { class: "mono" }, `${label} → `), verdict] };
        }),
      ),
    );
  }
}

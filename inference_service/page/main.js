// The frame of the page: navigation, language and the state of the service.

import { h } from "./dom.js";
import { getJson } from "./http.js";
import { LANGUAGES, findLanguage, loadTexts, storeLanguage } from "./texts.js";
import { showTry } from "./views/try.js";
import { showHuman } from "./views/human.js";
import { showTraining } from "./views/training.js";
import { showModels } from "./views/models.js";
import { showAudits } from "./views/audits.js";
import { showApi } from "./views/api.js";

const VIEWS = {
  try: showTry,
  human: showHuman,
  training: showTraining,
  models: showModels,
  audits: showAudits,
  api: showApi,
};
const STATE_POLL_MS = 5000;

const content = document.getElementById("content");
const nav = document.getElementById("nav");
const languageButton = document.getElementById("language");
const state = document.getElementById("state");

let text;
let stopView = () => {};

/** The view and its options in the address: #try?style=classic&seed=7. */
function readAddress() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  return { name: name in VIEWS ? name : "try", options: new URLSearchParams(query) };
}

function showView() {
  stopView();
  const { name, options } = readAddress();
  for (const link of nav.children) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${text(`nav.${name}`)} · captcha-pipeline`;
  content.replaceChildren(
    h("h1", {}, text(`${name}.title`)),
    h("p", { class: "lead" }, text(`${name}.lead`)),
  );
  const controller = new AbortController();
  const stops = VIEWS[name]({ root: content, text, options, signal: controller.signal });
  stopView = () => {
    controller.abort();
    stops?.();
  };
}

async function useLanguage(language) {
  text = await loadTexts(language);
  document.documentElement.lang = text.locale;
  document.getElementById("skip").textContent = text("skip");
  nav.setAttribute("aria-label", text("nav.label"));
  nav.replaceChildren(
    ...Object.keys(VIEWS).map((name) => h("a", { href: `#${name}` }, text(`nav.${name}`))),
  );
  languageButton.textContent = text("language.other");
  languageButton.lang = language === "zh" ? "en" : "zh-CN";
  showView();
  await updateState();
}

async function updateState() {
  try {
    const model = await getJson("model", text);
    const accuracy = text.percent(model.metrics.accuracy, 2);
    state.className = "state good";
    setState(text(model.source === "bundled" ? "state.bundled" : "state.version", { version: model.version, accuracy }));
  } catch (error) {
    state.className = "state bad";
    setState(error.status ? error.message : text("state.down"));
  }
}

function setState(message) {
  // Screen readers announce each change of a status.
  if (state.textContent !== message) state.textContent = message;
}

languageButton.addEventListener("click", async () => {
  const next = LANGUAGES.find((language) => language !== text.language);
  storeLanguage(next);
  await useLanguage(next);
});
window.addEventListener("hashchange", () => {
  showView();
  content.focus({ preventScroll: true });
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the view
  content.focus();
});
setInterval(() => document.hidden || updateState(), STATE_POLL_MS);

await useLanguage(findLanguage());

// The frame of the page: navigation, language and the state of the service.

import { h } from "./dom.js";
import { getJson, repeat } from "./http.js";
import { store } from "./storage.js";
import { LANGUAGES, findLanguage, loadTexts } from "./texts.js";
import { setToken, tokenState, watchToken } from "./token.js";
import { tokenForm } from "./token_form.js";
import { showApi } from "./views/api.js";
import { showAudits } from "./views/audits.js";
import { showHuman } from "./views/human.js";
import { showModels } from "./views/models.js";
import { showTraining } from "./views/training.js";
import { showTry } from "./views/try.js";

const VIEWS = {
  try: showTry,
  human: showHuman,
  training: showTraining,
  models: showModels,
  audits: showAudits,
  api: showApi,
};
const STATE_POLL_MS = 5000;
const READY_TIMEOUT_MS = 10000;
const START_RETRY_MS = 2000;

const content = document.getElementById("content");
const nav = document.getElementById("nav");
const languageButton = document.getElementById("language");
const state = document.getElementById("state");
const forget = document.getElementById("forget");

let text;
let view = new AbortController();

/** The view and its options in the address: #try?style=classic&seed=7. */
function readAddress() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  return { name: Object.hasOwn(VIEWS, name) ? name : "try", options: new URLSearchParams(query) };
}

function showView() {
  view.abort();
  view = new AbortController();
  const { name, options } = readAddress();
  for (const link of nav.children) {
    if (link.getAttribute("href") === `#${name}`) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ inline: "nearest", block: "nearest" });
    } else {
      link.removeAttribute("aria-current");
    }
  }
  document.title = `${text(`nav.${name}`)} · captcha-pipeline`;
  const root = h("div");
  content.replaceChildren(
    h("h1", {}, text(`${name}.title`)),
    h("p", { class: "lead" }, text(`${name}.lead`)),
    tokenForm({ text, view: root, signal: view.signal }),
    root,
  );
  VIEWS[name]({ root, text, options, signal: view.signal });
}

async function useLanguage(language) {
  text = await loadTexts(language);
  document.documentElement.lang = text.locale;
  document.getElementById("skip").textContent = text("skip");
  nav.setAttribute("aria-label", text("nav.label"));
  nav.replaceChildren(...Object.keys(VIEWS).map((name) => h("a", { href: `#${name}` }, text(`nav.${name}`))));
  languageButton.textContent = text("language.other");
  languageButton.lang = language === "zh" ? "en" : "zh-CN";
  forget.textContent = text("token.forget");
  showView();
}

async function updateState() {
  try {
    const { version } = await getJson("ready", text, { timeoutMs: READY_TIMEOUT_MS });
    setState("good", text(version === 0 ? "state.bundled" : "state.version", { version }));
  } catch (error) {
    setState("bad", error.status ? error.message : text("state.down"));
    return error;
  }
}

function setState(kind, message) {
  state.className = `state ${kind}`;
  // Screen readers announce each change of a status.
  if (state.textContent !== message) state.textContent = message;
}

async function start() {
  for (;;) {
    try {
      return await useLanguage(findLanguage());
    } catch {
      // The message of index.html stays until the texts are there.
      await new Promise((resolve) => setTimeout(resolve, START_RETRY_MS));
    }
  }
}

await start();
languageButton.addEventListener("click", async () => {
  const next = LANGUAGES.find((language) => language !== text.language);
  try {
    await useLanguage(next);
  } catch {
    setState("bad", text("state.down"));
    return;
  }
  store("language", next);
  await updateState();
});
window.addEventListener("hashchange", () => {
  showView();
  content.focus({ preventScroll: true });
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the view
  content.focus();
});
const showForget = () => (forget.hidden = !tokenState().isInUse);
watchToken(showForget);
showForget();
forget.addEventListener("click", () => {
  setToken(null);
  showView();
  content.focus({ preventScroll: true }); // the button is hidden now
});
repeat(updateState, STATE_POLL_MS, new AbortController().signal);

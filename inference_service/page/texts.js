// Texts in the language of the browser. `texts/<language>.json` has them all.

import { load } from "./storage.js";

export const LANGUAGES = ["en", "zh"];

/** The language that was chosen here before, else the browser's, else English. */
export function findLanguage() {
  const chosen = load("language");
  if (LANGUAGES.includes(chosen)) return chosen;
  const wanted = navigator.languages.map((language) => language.slice(0, 2).toLowerCase());
  return wanted.find((language) => LANGUAGES.includes(language)) ?? "en";
}

/** Load a language; return a function from a key and its values to the text. */
export async function loadTexts(language) {
  const response = await fetch(`page/texts/${language}.json`);
  if (!response.ok) throw new Error(`no texts: ${response.status}`);
  const texts = await response.json();
  const text = (key, values = {}) => {
    const found = texts[key] ?? key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
  text.language = language;
  text.locale = language === "zh" ? "zh-CN" : "en-GB";
  text.percent = (fraction, digits = 1) =>
    new Intl.NumberFormat(text.locale, {
      style: "percent",
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(fraction);
  text.number = (value, digits = 0) =>
    new Intl.NumberFormat(text.locale, { maximumFractionDigits: digits }).format(value);
  text.date = (iso) =>
    new Intl.DateTimeFormat(text.locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
  return text;
}

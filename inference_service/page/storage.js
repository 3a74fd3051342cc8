// Values that stay in this browser. A browser can forbid it; then they last until the page closes.

const PREFIX = "captcha-pipeline.";
const values = new Map();

export function load(name) {
  try {
    return localStorage.getItem(PREFIX + name) ?? values.get(name) ?? null;
  } catch {
    return values.get(name) ?? null;
  }
}

export function store(name, value) {
  values.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It is in `values`.
  }
}

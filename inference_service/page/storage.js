// Values that stay in this browser, or only in this tab. A browser can forbid it; then they last
// until the page closes.

const PREFIX = "captcha-pipeline.";

function values(findStorage) {
  const own = new Map();
  return {
    load(name) {
      try {
        return findStorage().getItem(PREFIX + name) ?? own.get(name) ?? null;
      } catch {
        return own.get(name) ?? null;
      }
    },
    /** Store a text; null removes it. */
    store(name, value) {
      own.set(name, value);
      try {
        if (value === null) findStorage().removeItem(PREFIX + name);
        else findStorage().setItem(PREFIX + name, value);
      } catch {
        // It is in `own`.
      }
    },
  };
}

export const { load, store } = values(() => localStorage);
export const tab = values(() => sessionStorage);

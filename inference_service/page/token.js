// The API token. It stays in this tab, and requests wait while the visitor is asked for one.

import { either } from "./signals.js";
import { tab } from "./storage.js";

// The gateway waits for a replica for 60 seconds at most.
const TIMEOUT_MS = 70000;
const NAME = "token";
const refused = new Set(); // requests that got a 401 and have not ended
const events = new EventTarget();
let wasRefused = false;

/** Whether a token is in use, whether requests wait for one, and whether the last one was refused. */
export function tokenState() {
  return { isInUse: tab.load(NAME) !== null, isWanted: refused.size > 0, wasRefused };
}

/** Call an action after each change of the state, until the signal is aborted. */
export function watchToken(action, signal) {
  events.addEventListener("change", action, { signal });
}

/** Send this token with all requests from now on; null forgets it. */
export function setToken(token) {
  tab.store(NAME, token);
  wasRefused = false;
  events.dispatchEvent(new Event("set"));
  events.dispatchEvent(new Event("change"));
}

/** The option of curl for the token, which is a variable of the shell there. */
export function curlOption() {
  return tokenState().isInUse ? ' -H "Authorization: Bearer $TOKEN"' : "";
}

/**
 * Fetch with the token. After a 401 the request waits for another token, and is sent again.
 *
 * options: those of `fetch`, and `timeoutMs` until the response begins, without the wait for a token.
 */
export async function fetchWithToken(path, options) {
  const request = Symbol(path);
  try {
    for (;;) {
      const token = tab.load(NAME);
      const header = token === null ? {} : { Authorization: `Bearer ${token}` };
      const response = await fetchInTime(path, { ...options, headers: { ...options.headers, ...header } });
      if (response.status !== 401) return response;
      refused.add(request);
      if (token === tab.load(NAME)) await ask(token, options.signal); // else there is a newer one
    }
  } finally {
    if (refused.delete(request)) events.dispatchEvent(new Event("change"));
  }
}

/** Fetch, and fail with a TimeoutError if there is no response in time, for example without a network. */
async function fetchInTime(path, { timeoutMs = TIMEOUT_MS, signal, ...options }) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new DOMException("timeout", "TimeoutError")), timeoutMs);
  try {
    return await fetch(path, { ...options, signal: signal ? either(signal, timeout.signal) : timeout.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Wait until `setToken` is called. */
function ask(token, signal) {
  if (token !== null) {
    wasRefused = true;
    tab.store(NAME, null);
  }
  events.dispatchEvent(new Event("change"));
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("stopped", "AbortError"));
    events.addEventListener("set", resolve, { once: true });
    signal?.addEventListener("abort", stop, { once: true });
  });
}

// Requests to the service that this page came from, and to no other.

import { untilVisible, wait } from "./signals.js";
import { fetchWithToken } from "./token.js";

const RETRY_MS = 2000;
const MAX_RETRY_MS = 30000;

/**
 * A failed request; `message` is what the service said, in the language `lang`, or a text of the page.
 * `status` is 0 if there was no response.
 */
export class RequestError extends Error {
  constructor(message, status, { lang, retryAfter } = {}) {
    super(message);
    this.status = status;
    this.lang = lang;
    // Without the header, or with a date in it, the default.
    this.retryMs = Math.min(1000 * retryAfter || RETRY_MS, MAX_RETRY_MS);
  }

  /** Whether the same request can succeed later. */
  get isTemporary() {
    // Not 500, which is a bug: the same request would fail again.
    return this.status === 0 || this.status === 429 || this.status > 500;
  }
}

async function request(path, text, options, read) {
  try {
    const response = await fetchWithToken(path, { cache: "no-store", ...options });
    if (response.ok) return { body: await read(response), headers: response.headers };
    const body = await response.json().catch(() => null);
    const reason = body?.debug || body?.detail;
    const isSaid = typeof reason === "string";
    throw new RequestError(isSaid ? reason : text("error.status", { status: response.status }), response.status, {
      lang: isSaid ? "en" : undefined,
      retryAfter: response.headers.get("Retry-After"),
    });
  } catch (error) {
    if (error instanceof RequestError || error.name === "AbortError") throw error;
    // No response in time, or a replica that died during its response.
    throw new RequestError(text("error.connection"), 0);
  }
}

/** Return the JSON body of a response. */
export async function getJson(path, text, options = {}) {
  return (await request(path, text, options, (response) => response.json())).body;
}

/** Return the bytes of a response. */
export async function getBytes(path, text, options = {}) {
  return (await request(path, text, options, (response) => response.arrayBuffer())).body;
}

/** Return a prediction with details for an image in base64, and the time it took in ms. */
export async function predict(image, text, signal) {
  const started = performance.now();
  const body = await getJson("predict?details=1", text, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ image }),
    signal,
  });
  return { ...body, ms: performance.now() - started };
}

/** Return the result of an action, which is repeated while the service is not available. */
export async function untilAvailable(action, signal, onError) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!error.isTemporary) throw error;
      onError(error);
      await wait(error.retryMs, signal);
    }
  }
}

/**
 * Call an action again and again, while the page is visible, until the signal is aborted.
 *
 * The action returns its error, if any: a temporary one can need a longer pause, and what only the
 * operator port shows is not requested again.
 */
export async function repeat(action, ms, signal) {
  for (;;) {
    await untilVisible(signal);
    if (signal.aborted) return;
    const error = await action();
    if (error?.status === 403) return;
    await wait(Math.max(ms, error?.retryMs ?? 0), signal).catch(() => {});
  }
}

/** Path with a query of the values that are not empty. */
export function withQuery(path, values) {
  const used = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined);
  const query = new URLSearchParams(used).toString();
  return query ? `${path}?${query}` : path;
}

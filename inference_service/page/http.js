// Requests to the service that this page came from, and to no other.

import { fetchWithToken } from "./token.js";

const RETRY_MS = 2000;
const MAX_RETRY_MS = 30000;

/** A failed request; `message` is what the service said, `status` 0 if it did not respond. */
export class RequestError extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
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
    const said = typeof reason === "string" ? reason : text("error.status", { status: response.status });
    throw new RequestError(said, response.status, response.headers.get("Retry-After"));
  } catch (error) {
    if (error instanceof RequestError || error.name === "AbortError") throw error;
    // No response, or a replica that died during its response.
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

/** Return a signal that is aborted with the first of two. Not `AbortSignal.any`: Safari has it since 17.4. */
export function either(first, second) {
  const both = new AbortController();
  for (const signal of [first, second]) {
    if (signal.aborted) both.abort();
    else signal.addEventListener("abort", () => both.abort(), { signal: both.signal });
  }
  return both.signal;
}

/** Wait, unless the signal is aborted before. */
export function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(new DOMException("stopped", "AbortError")));
    const timer = setTimeout(() => (signal.removeEventListener("abort", stop), resolve()), ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
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
  while (!signal.aborted) {
    const error = document.hidden ? null : await action();
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

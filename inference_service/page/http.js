// Requests to the service that this page came from, and to no other.

/** A failed request; `message` is what the service said, `status` 0 if it did not respond. */
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, options, text) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError(text("error.connection"), 0);
  }
  return response;
}

/** Return the JSON body of a response. */
export async function getJson(path, text, options = {}) {
  const response = await request(path, options, text);
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    const reason = body?.debug || body?.detail;
    const said = typeof reason === "string" ? reason : text("error.status", { status: response.status });
    throw new RequestError(said, response.status);
  }
  return body;
}

/** Return a binary response with its headers. */
export async function getBinary(path, text) {
  const response = await request(path, {}, text);
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new RequestError(body?.detail || text("error.status", { status: response.status }), response.status);
  }
  return { bytes: await response.arrayBuffer(), headers: response.headers };
}

/** Return a prediction with details for an image in base64, and the time it took in ms. */
export async function predict(image, text) {
  const started = performance.now();
  const body = await getJson("predict?details=1", text, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ image }),
  });
  return { ...body, ms: performance.now() - started };
}

/** Path with a query of the values that are not empty. */
export function withQuery(path, values) {
  const used = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined);
  const query = new URLSearchParams(used).toString();
  return query ? `${path}?${query}` : path;
}

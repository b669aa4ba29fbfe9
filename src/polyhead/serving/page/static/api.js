// Talking to the server. The key is kept in this variable only: a reload forgets it, and no other tab finds it.
let key = "";

/** Remember the key until the page is left. */
export function useKey(value) {
  key = value;
}

/** Say whether there is a key. */
export function hasKey() {
  return key !== "";
}

/** An answer that is no answer: what the server, or the way to it, said instead. */
export class Refusal extends Error {
  /**
   * @param {number} status 0 where nothing came back at all.
   * @param {{code?: string, message?: string, field?: string, request_id?: string}} error As the server put it.
   * @param {number|null} retryAfter Seconds after which to try again, where the server said so.
   */
  constructor(status, error, retryAfter = null) {
    super(error.message ?? "");
    this.name = "Refusal";
    this.status = status;
    this.code = error.code ?? "";
    this.field = error.field ?? "";
    this.requestId = error.request_id ?? "";
    this.retryAfter = retryAfter;
  }
}

/** Return the whole address of a path below the page's own, so that a proxy may put the server anywhere. */
export function addressOf(path) {
  return new URL(path, document.baseURI).href;
}

/**
 * Ask the server.
 * @param {string} path Without a slash in front.
 * @param {{body?: object, signal?: AbortSignal}} options With a body it is a POST.
 * @returns {Promise<{data: any, roundTrip: number}>} `roundTrip` in milliseconds, with reading the answer.
 * @throws {Refusal}
 */
export async function ask(path, { body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers.Authorization = `Bearer ${key}`;
  const begun = performance.now();
  const { response, text } = await sent(path, {
    method: body ? "POST" : "GET",
    headers,
    body: body && JSON.stringify(body),
    signal,
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
  });
  const data = parsed(text);
  if (!response.ok) throw new Refusal(response.status, errorIn(data), secondsOf(response));
  if (data === undefined) throw new Refusal(response.status, { code: "not_json" });
  return { data, roundTrip: performance.now() - begun };
}

/** Ask for the answers to texts; there must be one for each. */
export async function predict(body, signal) {
  const answer = await ask("v1/predict", { body, signal });
  const found = answer.data.results;
  if (!Array.isArray(found) || found.length !== body.texts.length) throw new Refusal(200, { code: "not_json" });
  return answer;
}

async function sent(path, options) {
  try {
    const response = await fetch(addressOf(path), options);
    return { response, text: await response.text() };
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw new Refusal(0, { code: "unreachable", message: String(error.message ?? error) });
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorIn(data) {
  return typeof data?.error === "object" && data.error !== null ? data.error : { code: "not_json" };
}

function secondsOf(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

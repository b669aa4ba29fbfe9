// What went wrong, in words for a person, with what to do about it.
import { hasKey } from "./api.js";
import { bytes, counted, shortNumber } from "./text.js";

const UNAVAILABLE = {
  draining: "The server is shutting down and takes no more texts, unless it comes back.",
  not_ready: "The server is still loading its model.",
  too_many_connections: "The server has as many connections open as it may.",
};
const LINES = {
  0: () => "The server does not answer. Is it still running, and is there a connection? Your text is still here.",
  401: () =>
    hasKey()
      ? "The server did not accept this key. Check it and enter it again."
      : "This server asks for a key. Enter it above.",
  408: () => "The text reached the server too slowly, so it stopped waiting. Try again, or send less at once.",
  413: (refusal, limits) =>
    `That is too much for one request${limits ? `: the server takes at most ${bytes(limits.body_bytes)}` : ""}. ` +
    "Send a shorter text.",
  422: (refusal) => `The server refuses ${refusal.field ? `“${refusal.field}”` : "the request"}: ${refusal.message}`,
  429: (refusal) => `The server is busy. Try again${inSeconds(refusal)}.`,
  500: () => "Something went wrong inside the server. Its log says more.",
  503: (refusal) => `${UNAVAILABLE[refusal.code] ?? "The server is not ready."} Try again${inSeconds(refusal)}.`,
  504: (refusal, limits) =>
    `The server did not get to it in time${limits ? ` (${shortNumber(limits.deadline_seconds)} s)` : ""}. ` +
    "It may be busy: try again, or send less at once.",
};

/**
 * Say what went wrong.
 * @param {import("./api.js").Refusal} refusal
 * @param {object|null} limits Of `/v1/model`, where they are known.
 */
export function lineFor(refusal, limits = null) {
  if (refusal.code === "not_json") {
    return `What answered (status ${refusal.status}) is not a polyhead server. Is there a proxy between?`;
  }
  const line = LINES[refusal.status];
  if (line) return line(refusal, limits);
  return `The server refused, with status ${refusal.status}: ${refusal.message || "it did not say why"}`;
}

function inSeconds(refusal) {
  return refusal.retryAfter === null ? " in a moment" : ` in ${counted(refusal.retryAfter, "second")}`;
}

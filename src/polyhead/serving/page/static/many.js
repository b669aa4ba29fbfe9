// Many texts: in portions that the server takes, one after the other, with patience where it is busy.
import { predict, Refusal } from "./api.js";
import { pause } from "./dom.js";

const BUSY = new Set([429, 503]);
const MOST_NOT_READY = 20;
const ENVELOPE = 1024;
const encoder = new TextEncoder();

/**
 * Part lines into texts.
 * @param {string} pasted
 * @param {false|true|"optional"} pairs Whether a tab parts a first text from a second.
 * @returns {{rows: Array<{line: number, text: string|string[]}>, empty: number}}
 * @throws {Error} If a line is no pair where it must be one.
 */
export function linesOf(pasted, pairs) {
  const lines = pasted.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop(); // what ends with a line's end has no further line
  const rows = [];
  lines.forEach((text, at) => {
    if (text.trim()) rows.push({ line: at + 1, text: pairs ? pairOf(text, at + 1, pairs) : text });
  });
  return { rows, empty: lines.length - rows.length };
}

function pairOf(text, line, pairs) {
  const parts = text.split("\t");
  if (parts.length === 2) return parts;
  if (parts.length === 1 && pairs === "optional") return text;
  throw new Error(`Line ${line} must hold two texts with one tab between them; it has ${parts.length - 1} tabs.`);
}

/** Share rows among requests: at most so many texts, and so many bytes, in each. A row too large for any goes alone. */
export function portionsOf(rows, limits) {
  const portions = [];
  let size = Infinity;
  for (const row of rows) {
    const own = encoder.encode(JSON.stringify(row.text)).length + 1;
    const last = portions.at(-1);
    if (!last || last.length >= limits.texts || size + own > limits.body_bytes - ENVELOPE) {
      portions.push([row]);
      size = own;
    } else {
      last.push(row);
      size += own;
    }
  }
  return portions;
}

/**
 * Answer rows.
 * @param {Array<{text: any}>} rows
 * @param {object} settings `tasks`, `min_confidence`, `top_k` and `truncate` of each request.
 * @param {object} watch `limits`, `signal`, and what to call: `answered(portion, results)`, `refused(row, refusal)`,
 *   `waiting(seconds, refusal)`.
 * @throws {Refusal} What cannot be helped by waiting or by sending less. What was answered before stays.
 */
export async function answerAll(rows, settings, watch) {
  const queue = portionsOf(rows, watch.limits);
  while (queue.length) {
    const portion = queue.shift();
    try {
      const { data } = await patiently({ ...settings, texts: portion.map((row) => row.text) }, watch);
      watch.answered(portion, data.results);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      queue.unshift(...lessOf(portion, refusal, watch.refused));
    }
  }
}

async function patiently(body, { signal, waiting }) {
  for (let unready = 0; ; ) {
    signal.throwIfAborted();
    try {
      return await predict(body, signal);
    } catch (refusal) {
      if (!BUSY.has(refusal.status)) throw refusal;
      unready += refusal.status === 503 ? 1 : 0;
      if (unready > MOST_NOT_READY) throw refusal;
      const seconds = Math.min(60, Math.max(refusal.retryAfter ?? 1, 0.2));
      waiting(seconds, refusal);
      await pause(1000 * seconds, signal);
    }
  }
}

// A text that is refused by name leaves the portion; what is too much at once is halved.
function lessOf(portion, refusal, refused) {
  const named = refusal.status === 422 && /^texts\[(\d+)\]/.exec(refusal.field);
  const at = named ? Number(named[1]) : refusal.status === 413 && portion.length === 1 ? 0 : -1;
  if (at >= 0 && at < portion.length) {
    refused(portion[at], refusal);
    const rest = portion.toSpliced(at, 1);
    return rest.length ? [rest] : [];
  }
  if (portion.length === 1 || (refusal.status !== 413 && refusal.status !== 504)) throw refusal;
  const middle = portion.length >> 1;
  return [portion.slice(0, middle), portion.slice(middle)];
}

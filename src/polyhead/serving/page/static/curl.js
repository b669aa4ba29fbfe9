// The request as a line for a shell.
import { addressOf } from "./api.js";

/** Quote a word for a POSIX shell, so that it stays one word whatever it holds. */
export function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Write a request as a curl line.
 * @param {string} path
 * @param {{body?: string, method?: string, withKey?: boolean}} options The body as text. The key is never written: the
 *   line reads it from the shell's variable POLYHEAD_KEY.
 */
export function curlLine(path, { body, method, withKey = false } = {}) {
  const parts = [`curl -sS ${quoted(addressOf(path))}`];
  if (method && !body && method !== "GET") parts.push(`-X ${method}`);
  if (withKey) parts.push('-H "Authorization: Bearer $POLYHEAD_KEY"');
  if (body) parts.push("-H 'Content-Type: application/json'", `--data-binary ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

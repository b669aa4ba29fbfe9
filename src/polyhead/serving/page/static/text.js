// Texts and numbers. The server counts characters as Python does, in code points; JavaScript counts UTF-16 units.

/**
 * Make a function that cuts a text by code points.
 * @param {string} text
 * @returns {(start: number, end?: number) => string}
 */
export function cutter(text) {
  const places = [];
  let at = 0;
  for (const character of text) {
    places.push(at);
    at += character.length;
  }
  const place = (index) => (index < places.length ? places[index] : text.length);
  return (start, end = places.length) => text.slice(place(start), place(end));
}

/** Count the code points of a text. */
export function countOf(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Write a share in per cent. Only what is certain is called 100 %, and only what is impossible 0 %. */
export function percent(share) {
  if (typeof share !== "number") return "";
  if (share < 1 && share >= 0.9995) return "> 99.9\u00a0%";
  if (share > 0 && share < 0.0005) return "< 0.1\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/** Write a number with at most six significant digits. */
export function shortNumber(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

/** Write a duration. */
export function duration(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** Write a count with its noun. */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** Write bytes. */
export function bytes(count) {
  if (count >= 1024 * 1024) return `${shortNumber(Number((count / 1024 / 1024).toFixed(1)))} MiB`;
  return count >= 1024 ? `${shortNumber(Number((count / 1024).toFixed(1)))} KiB` : counted(count, "byte");
}

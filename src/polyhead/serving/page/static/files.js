// The table as files: CSV for spreadsheets, JSON lines for programs.
import { answered, shapeOf } from "./answers.js";

// What a spreadsheet would take for a formula (OWASP, "CSV Injection"), also behind blanks and in full width.
const FORMULA = /^[\s\u0000-\u001f]*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Write one field. One that would be a formula gets an apostrophe in front, unless it is a plain number. */
export function csvField(value) {
  const text = String(value ?? "");
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** Write rows as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8. */
export function csvOf(rows, tasks) {
  const records = rows.map((row) => record(row, tasks));
  const names = columnNames(records, tasks);
  const lines = [names, ...records.map((own) => names.map((name) => own.get(name)))];
  return `\ufeff${lines.map((line) => line.map(csvField).join(",")).join("\r\n")}\r\n`;
}

/** Write rows as JSON lines: results as the server gave them, and for a text that it refused what it said. */
export function jsonLinesOf(rows) {
  return rows.map((row) => `${JSON.stringify(row.result ?? { ...texts(row), error: errorOf(row) })}\n`).join("");
}

/** Hand a file to the user. */
export function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function texts(row) {
  return Array.isArray(row.text) ? { text: row.text[0], second: row.text[1] } : { text: row.text };
}

function errorOf(row) {
  return row.refusal ? { code: row.refusal.code, message: row.refusal.message } : { code: "not_answered" };
}

// A task's name holds no blank: so these names, and what a shape adds behind a task's, cannot be another task's.
// ("text" and "windows" no task may be called.)
const LINE = "line number";
const SECOND = "second text";
const CUT = "was truncated";
const WHY = "not answered because";

function record(row, tasks) {
  const { text, second } = texts(row);
  const own = new Map([[LINE, row.line], ["text", text]]);
  if (second !== undefined) own.set(SECOND, second);
  if (!row.result) return own.set(WHY, errorOf(row).message ?? "stopped before");
  own.set("windows", row.result.windows).set(CUT, row.result.truncated);
  for (const task of answered(tasks, row.result)) {
    const answer = row.result[task.name];
    for (const [behind, value] of shapeOf(answer).columns(answer)) own.set(task.name + behind, value);
  }
  return own;
}

function columnNames(records, tasks) {
  const all = new Set(records.flatMap((own) => [...own.keys()]));
  const ofTasks = tasks.flatMap((task) => ["", " score", " scores"].map((behind) => task.name + behind));
  return [LINE, "text", SECOND, ...ofTasks, "windows", CUT, WHY].filter((name) => all.has(name));
}

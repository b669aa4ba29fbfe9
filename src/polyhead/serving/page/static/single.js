// One text and all its answers.
import { answered, drawn, inWords, remarks } from "./answers.js";
import { copyButton } from "./copying.js";
import { curlLine } from "./curl.js";
import { make } from "./dom.js";
import { counted, duration } from "./text.js";

/** Draw a result: the second text where there is one, what was cut, and a section for each task. */
export function resultView(model, result) {
  const said = remarks(result).map((line) => make("p", { class: "remark" }, line));
  const tasks = answered(model.tasks, result);
  const parts = tasks.map((task) => drawn(task, result[task.name], result.text));
  const grid = make("div", { class: "grid" }, ...parts);
  const isMarked = grid.querySelector(".marked") !== null;
  const text = isMarked ? [] : [make("p", { class: "marked", dir: "auto" }, result.text)];
  return [...said, ...text, ...secondOf(result), grid];
}

function secondOf(result) {
  if (result.second === undefined) return [];
  const label = make("span", { class: "soft small" }, "Second text: ");
  return [make("p", { class: "second", dir: "auto" }, label, result.second)];
}

/**
 * Draw the answer to one text, with how long it took, its JSON and the curl line.
 * @param {object} model Of `/v1/model`.
 * @param {object} body What was asked.
 * @param {{data: object, roundTrip: number}} answer
 * @param {boolean} withKey Whether the server asks for one.
 */
export function answerView(model, body, { data, roundTrip }, withKey) {
  const [result] = data.results;
  const times = `${duration(data.milliseconds)} in the server, ${duration(roundTrip)} with the way there and back`;
  return [
    make("h2", {}, "Answers"),
    ...resultView(model, result),
    make("p", { class: "soft small latency" }, times),
    folded("JSON", JSON.stringify(data, null, 2)),
    folded("curl", curlLine("v1/predict", { body: JSON.stringify(body), withKey })),
  ];
}

/** Say the answer to one text in a sentence. */
export function answerInWords(model, { data }) {
  const [result] = data.results;
  const count = counted(answered(model.tasks, result).length, "task");
  return [`Answered ${count}`, inWords(model.tasks, result), ...remarks(result)].join(". ");
}

/** A text for machines, folded away, with a button to copy it. */
export function folded(name, text) {
  const pre = make("pre", { tabindex: 0, role: "group", "aria-label": name }, text);
  const body = make("div", { class: "copyable" }, copyButton(name, () => text), pre);
  return make("details", { class: "folded" }, make("summary", {}, name), body);
}

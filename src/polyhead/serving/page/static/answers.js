// Answers, by the shape they have: a kind of task that another package adds is drawn, too, if its answers look like one
// of these, and as JSON if not. Each shape says how it is drawn, put into words, into a cell, into CSV, and sorted.
import { manyClasses, oneClass, oneNumber } from "./classes.js";
import { make } from "./dom.js";
import { entities } from "./entities.js";
import { words } from "./words.js";

const json = {
  fits: () => true,
  draw: (answer) => [make("pre", {}, JSON.stringify(answer, null, 2))],
  inWords: (answer) => JSON.stringify(answer),
  cell: (answer) => make("code", {}, JSON.stringify(answer)),
  columns: (answer) => [["", JSON.stringify(answer)]],
  rank: (answer) => [JSON.stringify(answer)],
};
const SHAPES = [entities, words, manyClasses, oneClass, oneNumber];
const COLOURS = 8;

/** Return what knows the shape of an answer. */
export function shapeOf(answer) {
  const isObject = answer !== null && typeof answer === "object";
  return (isObject && SHAPES.find((shape) => shape.fits(answer))) || json;
}

const colours = new Map();

/** Give every label a colour: the same in all tasks, and within a task different ones, as far as there are colours. */
export function colourLabels(tasks) {
  colours.clear();
  for (const task of tasks) {
    const used = new Array(COLOURS).fill(0);
    for (const label of task.labels) if (colours.has(label)) used[colours.get(label)] += 1;
    for (const label of task.labels) {
      if (colours.has(label)) continue;
      colours.set(label, used.indexOf(Math.min(...used)));
      used[colours.get(label)] += 1;
    }
  }
}

/** Return the class that gives a label its colour. A label that the model did not name gets one when it first comes. */
export function colourOf(label) {
  if (!colours.has(label)) colours.set(label, colours.size % COLOURS);
  return `c${colours.get(label)}`;
}

/** Draw one task's answer as a section with its name. */
export function drawn(task, answer, text) {
  const body = shapeOf(answer).draw(answer, { text, colourOf });
  const kind = make("span", { class: "soft small" }, task.kind.replaceAll("_", " "));
  const heading = make("h3", {}, make("bdi", {}, task.name), " ", kind);
  return make("div", { class: "answer", role: "group", "aria-label": task.name }, heading, ...body);
}

/** Put a whole result into a sentence, for those who hear it. */
export function inWords(tasks, result) {
  return answered(tasks, result)
    .map((task) => `${task.name}: ${shapeOf(result[task.name]).inWords(result[task.name])}`)
    .join(". ");
}

/** Return the tasks that a result answers. */
export function answered(tasks, result) {
  return tasks.filter((task) => Object.hasOwn(result, task.name));
}

/** Say in words what of a text was not read in one piece, or not at all. */
export function remarks(result) {
  const said = [];
  if (result.truncated) said.push("The text was cut at the server's limit: what follows was not read.");
  if (result.windows > 1) {
    said.push(`The text is longer than the encoder takes: it was read in ${result.windows} overlapping windows.`);
  }
  return said;
}

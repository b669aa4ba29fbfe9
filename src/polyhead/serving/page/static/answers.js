// Answers, by the shape they have: a kind of task that another package adds is drawn, too, if its answers look like one of
// these, and as JSON if not. Each shape says how it is drawn, put into words, into a cell, into CSV, and sorted.
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

/** Make the function that gives a task's labels their colours: those next to each other in the model's list differ. */
export function colouring(task) {
  const known = task.labels ?? [];
  return (label) => {
    const at = known.indexOf(label);
    return `c${(at >= 0 ? at : known.length + sumOf(String(label))) % COLOURS}`;
  };
}

function sumOf(label) {
  return [...label].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 65521, 0);
}

/** Draw one task's answer as a section with its name. */
export function drawn(task, answer, text) {
  const body = shapeOf(answer).draw(answer, { text, colourOf: colouring(task) });
  const kind = make("span", { class: "soft small" }, task.kind.replaceAll("_", " "));
  return make("section", { class: "answer", "aria-label": task.name }, make("h3", {}, make("bdi", {}, task.name), " ", kind), ...body);
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
  const cut = result.truncated ? ["The text was cut at the server's limit: what follows was not read."] : [];
  if (result.windows > 1) cut.push(`The text is longer than the encoder takes: it was read in ${result.windows} overlapping windows.`);
  return cut;
}

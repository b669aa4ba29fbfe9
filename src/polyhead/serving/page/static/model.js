// What the model offers: its facts, its tasks to choose from, its examples.
import { button, make } from "./dom.js";
import { bytes, counted, percent, shortNumber } from "./text.js";

const FEW = 60;

/** A line under the model's name. */
export function factsOf(model) {
  return [counted(model.tasks.length, "task"), model.encoder, `${model.runtime} ${model.precision}`].join(" · ");
}

/** A check box for each task, all checked. */
export function tasksView(model) {
  return model.tasks.map((task) => {
    const box = make("input", { type: "checkbox", value: task.name, checked: true, autocomplete: "off" });
    return make("label", { class: "check" }, box, " ", make("bdi", {}, task.name));
  });
}

/** A button for each example. */
export function examplesView(model, take) {
  return model.examples.map((example) => {
    const [first, second] = [example].flat();
    const label = [first, second].filter(Boolean).join(" | ");
    return button(label, () => take(first, second), { class: "example", dir: "auto" });
  });
}

/** The slider's value in words. */
export function confidenceInWords(value) {
  return value > 0 ? percent(value) : "any";
}

/** All that the server tells about the model. */
export function aboutView(model) {
  const facts = [
    ["Model", model.model],
    ["Loaded", `${model.loaded_at}, generation ${model.generation}`],
    ["Limits", limitsOf(model.limits)],
    ["Versions", pairs(model.versions)],
  ].filter(([, value]) => value);
  const sums = Object.entries(model.checksums).map(([name, sum]) => [name, make("code", {}, sum)]);
  return [
    listOf(facts),
    make("h3", {}, "Tasks"),
    listOf(model.tasks.map((task) => [task.name, labelsOf(task)])),
    ...(sums.length ? [make("h3", {}, "Checksums (SHA-256)"), listOf(sums)] : []),
  ];
}

function listOf(facts) {
  const parts = facts.flatMap(([name, value]) => [make("dt", {}, make("bdi", {}, name)), make("dd", {}, value)]);
  return make("dl", { class: "facts" }, ...parts);
}

function limitsOf(limits) {
  const request = `${counted(limits.texts, "text")} and ${bytes(limits.body_bytes)} a request`;
  const text = `${counted(limits.characters, "character")} a text`;
  return `${request}, ${text}, answered within ${shortNumber(limits.deadline_seconds)} s`;
}

function labelsOf(task) {
  const kind = task.kind.replaceAll("_", " ");
  const labels = task.labels ?? [];
  if (!labels.length) return kind;
  const chips = labels.slice(0, FEW).map((label) => make("li", {}, make("small", { class: "label c7" }, label)));
  const more = labels.length > FEW ? [` and ${labels.length - FEW} more`] : [];
  const list = make("ul", { class: "chips" }, ...chips);
  return make("div", {}, `${kind}, ${counted(labels.length, "label")}`, list, ...more);
}

function pairs(object) {
  return Object.entries(object).map(([name, value]) => `${name} ${value}`).join(", ");
}

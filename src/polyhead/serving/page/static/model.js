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
    return button([first, second].filter(Boolean).join(" | "), () => take(first, second), { class: "example", dir: "auto" });
  });
}

/** The slider's value in words. */
export function confidenceInWords(value) {
  return value > 0 ? percent(value) : "any";
}

/** All that the server tells about the model. */
export function aboutView(model) {
  const { limits } = model;
  const facts = [
    ["Model", model.model],
    ["Loaded", `${model.loaded_at}, generation ${model.generation}`],
    ["Limits", `${counted(limits.texts, "text")} and ${bytes(limits.body_bytes)} a request, ${counted(limits.characters, "character")} a text, ${shortNumber(limits.deadline_seconds)} s`],
    ["Versions", pairs(model.versions)],
  ].filter(([, value]) => value);
  const list = facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  const tasks = model.tasks.flatMap((task) => [make("dt", {}, make("bdi", {}, task.name)), make("dd", {}, labelsOf(task))]);
  const sums = Object.entries(model.checksums).flatMap(([name, sum]) => [make("dt", {}, name), make("dd", {}, make("code", {}, sum))]);
  return [
    make("dl", { class: "facts" }, ...list),
    make("h3", {}, "Tasks"),
    make("dl", { class: "facts" }, ...tasks),
    ...(sums.length ? [make("h3", {}, "Checksums (SHA-256)"), make("dl", { class: "facts" }, ...sums)] : []),
  ];
}

function labelsOf(task) {
  const kind = task.kind.replaceAll("_", " ");
  const labels = task.labels ?? [];
  if (!labels.length) return kind;
  const chips = labels.slice(0, FEW).map((label) => make("li", {}, make("small", { class: "label c7" }, label)));
  const more = labels.length > FEW ? [` and ${labels.length - FEW} more`] : [];
  return make("div", {}, `${kind}, ${counted(labels.length, "label")}`, make("ul", { class: "chips" }, ...chips), ...more);
}

function pairs(object) {
  return Object.entries(object).map(([name, value]) => `${name} ${value}`).join(", ");
}

// Answers that name classes: {"label", "score"}, or {"labels": [{"label", "score"}, …]}; a number: {"value"}.
// Beside classes may stand the most probable ones, {"classes": [{"label", "score"}, …]}: those that are the answer,
// and others.
import { make } from "./dom.js";
import { percent, shortNumber } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const UNSURE = "not sure enough";
const BELOW = "Below their thresholds";

function bar(label, score, { tag = "div", kind = "", name = label } = {}) {
  const share = make("span", { class: "number" }, percent(score));
  return make(tag, { class: `bar ${kind}`.trim() }, make("bdi", {}, ...breakable(label)), meter(score, name), share);
}

// A long name may be broken behind what parts its words, before it is broken anywhere.
function breakable(label) {
  return label.split(/(?<=[_/:.-])/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));
}

// Bars one below the other; a class that is not the answer has a quieter one.
function bars(classes, name, kind = () => "") {
  const items = classes.map((own) => bar(String(own.label), own.score, { tag: "li", kind: kind(own) }));
  return make("ol", { class: "bars", "aria-label": name }, ...items);
}

// A drawing, since browsers differ in how <meter> can be styled. Its width is an attribute, and needs no style.
function meter(score, name) {
  const svg = document.createElementNS(SVG, "svg");
  const said = {
    role: "meter",
    "aria-label": `confidence of ${name}`,
    "aria-valuemin": 0,
    "aria-valuemax": 1,
    "aria-valuenow": score,
    "aria-valuetext": percent(score),
  };
  for (const [key, value] of Object.entries(said)) svg.setAttribute(key, value);
  const filled = document.createElementNS(SVG, "rect");
  filled.setAttribute("width", `${100 * Math.min(1, Math.max(0, score))}%`);
  filled.setAttribute("height", "100%");
  svg.append(filled);
  return svg;
}

function nameOf(label) {
  return label === null ? UNSURE : String(label);
}

/** One class. Below the least confidence its place is empty, but its score is still told. */
export const oneClass = {
  fits: (answer) => "label" in answer && typeof answer.score === "number",
  draw(answer) {
    if (answer.label === null) return [bar(UNSURE, answer.score, { name: "the best class" })];
    if (!answer.classes?.length) return [bar(String(answer.label), answer.score)];
    return [bars(answer.classes, "Most probable classes", (own) => (own.label === answer.label ? "" : "other"))];
  },
  inWords: (answer) => `${nameOf(answer.label)} ${percent(answer.score)}`,
  cell: (answer) => make("span", {}, ...scored(nameOf(answer.label), answer.score)),
  columns: (answer) => [["", answer.label ?? ""], [" score", answer.score]],
  rank: (answer) => [nameOf(answer.label), answer.score],
};

/** Any number of classes. */
export const manyClasses = {
  fits: (answer) =>
    Array.isArray(answer.labels) && answer.labels.every((own) => own !== null && typeof own === "object"),
  draw(answer) {
    const found = byScore(answer);
    const others = (answer.classes ?? []).filter((own) => !found.some(({ label }) => label === own.label));
    return [
      found.length ? bars(found, "Answered") : make("p", { class: "soft" }, "none of its classes"),
      ...(others.length ? [make("p", { class: "soft small lesser" }, BELOW), bars(others, BELOW, () => "other")] : []),
    ];
  },
  inWords(answer) {
    const said = byScore(answer).map((own) => `${own.label} ${percent(own.score)}`);
    return said.join(", ") || "none of its classes";
  },
  cell(answer) {
    const chips = byScore(answer).map((own) => make("li", {}, ...scored(String(own.label), own.score)));
    return chips.length ? make("ul", { class: "chips" }, ...chips) : make("span", { class: "soft" }, "–");
  },
  columns: (answer) => [
    ["", byScore(answer).map((own) => own.label).join("; ")],
    [" scores", byScore(answer).map((own) => own.score).join("; ")],
  ],
  rank: (answer) => [byScore(answer).map((own) => own.label).join(" "), answer.labels.length],
};

/** A number. */
export const oneNumber = {
  fits: (answer) => typeof answer.value === "number",
  draw: (answer) => [make("p", { class: "big number" }, shortNumber(answer.value))],
  inWords: (answer) => shortNumber(answer.value),
  cell: (answer) => make("span", { class: "number" }, shortNumber(answer.value)),
  columns: (answer) => [["", answer.value]],
  rank: (answer) => [answer.value],
};

function scored(label, score) {
  return [make("bdi", {}, label), " ", make("span", { class: "soft number" }, percent(score))];
}

function byScore(answer) {
  return [...answer.labels].sort((a, b) => b.score - a.score);
}

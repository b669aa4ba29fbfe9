// Answers that mark stretches of the text: {"entities": [{"start", "end", "label", "text", "score"}, …]}.
import { make } from "./dom.js";
import { markedText } from "./highlight.js";
import { counted, percent } from "./text.js";

export const entities = {
  fits: (answer) => Array.isArray(answer.entities),

  draw(answer, { text, colourOf }) {
    const found = answer.entities;
    if (!found.length) return [make("p", { class: "soft" }, "nothing found")];
    const list = make("details", {}, make("summary", {}, `${counted(found.length, "entity", "entities")} as a list`));
    list.append(listOf(found, colourOf));
    return [...markedText(text, found, colourOf), list];
  },

  inWords(answer) {
    const named = answer.entities.map((own) => `${own.text} ${own.label}`);
    return named.length ? `${named.length} found: ${named.join(", ")}` : "nothing found";
  },

  cell(answer, { colourOf }) {
    const chips = answer.entities.map((own) => {
      const parts = [make("bdi", {}, own.text), " ", make("small", {}, own.label)];
      return make("li", {}, make("mark", { class: colourOf(own.label) }, ...parts));
    });
    return chips.length ? make("ul", { class: "chips" }, ...chips) : make("span", { class: "soft" }, "–");
  },

  columns(answer) {
    const told = answer.entities.map((own) => `${own.label}: ${own.text} (${own.start}–${own.end}, ${own.score})`);
    return [["", told.join("; ")]];
  },

  rank: (answer) => [answer.entities.length, answer.entities.map((own) => own.label).join(" ")],
};

function listOf(found, colourOf) {
  const head = ["Text", "Label", "Confidence", "Characters"].map((name) => make("th", { scope: "col" }, name));
  const rows = found.map((own) =>
    make(
      "tr",
      {},
      make("th", { scope: "row", dir: "auto" }, own.text),
      make("td", {}, make("mark", { class: colourOf(own.label) }, own.label)),
      make("td", { class: "number" }, percent(own.score)),
      make("td", { class: "number" }, `${own.start}–${own.end}`),
    ),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Entities as a list" }, table);
}

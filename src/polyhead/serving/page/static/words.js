// Answers that label every word: {"words": […], "labels": […], "scores": […]}; null where a word has no label.
import { make } from "./dom.js";
import { percent } from "./text.js";

export const words = {
  fits: (answer) => Array.isArray(answer.words) && Array.isArray(answer.labels),

  draw(answer, { colourOf }) {
    const items = answer.words.map((word, at) => {
      const label = answer.labels[at];
      const tag = make("small", { class: label === null ? "soft" : colourOf(label) }, label ?? "–");
      const sure = make("span", { class: "sure" }, percent(answer.scores?.[at]));
      return make("li", {}, make("bdi", {}, word), " ", tag, " ", sure);
    });
    return [make("ol", { class: "words", dir: "auto" }, ...items)];
  },

  inWords: (answer) => paired(answer),
  cell: (answer) => make("span", { class: "paired", dir: "auto" }, paired(answer)),
  columns: (answer) => [["", paired(answer)]],
  rank: (answer) => [answer.labels.filter((label) => label !== null).join(" ")],
};

function paired(answer) {
  return answer.words.map((word, at) => (answer.labels[at] === null ? word : `${word}/${answer.labels[at]}`)).join(" ");
}

// Entities marked in their text. Those inside others are drawn inside them; those that cross others, once more below.
import { make } from "./dom.js";
import { cutter, percent } from "./text.js";

const AROUND = 40;

/**
 * Share entities among layers, so that in each layer any two lie side by side or one within the other.
 * @param {Array<{start: number, end: number}>} entities In any order; code points.
 * @returns {Array<Array<object>>} Each layer in the order of drawing: outer before inner.
 */
export function layersOf(entities) {
  const layers = [];
  for (const entity of [...entities].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const layer = layers.find((own) => fits(own, entity)) ?? added(layers);
    layer.open.push(entity.end);
    layer.entities.push(entity);
  }
  return layers.map((layer) => layer.entities);
}

function added(layers) {
  layers.push({ open: [], entities: [] });
  return layers.at(-1);
}

function fits(layer, entity) {
  while (layer.open.length && layer.open.at(-1) <= entity.start) layer.open.pop();
  return !layer.open.length || entity.end <= layer.open.at(-1);
}

/**
 * Draw a text with its entities.
 * @param {string} text
 * @param {Array<{start: number, end: number, label: string, score: number}>} entities
 * @param {(label: string) => string} colourOf The class that gives a label its colour.
 */
export function markedText(text, entities, colourOf) {
  const cut = cutter(text);
  const [first = [], ...crossing] = layersOf(entities);
  const parts = [make("p", { class: "marked", dir: "auto" }, ...drawn(cut, first, { from: 0 }, colourOf))];
  for (const layer of crossing) {
    const from = Math.max(0, layer[0].start - AROUND);
    const to = Math.max(...layer.map((entity) => entity.end)) + AROUND;
    const pieces = drawn(cut, layer, { from, to }, colourOf);
    parts.push(
      make("p", { class: "soft small" }, "Overlaps with those above:"),
      make("p", { class: "marked", dir: "auto" }, from ? "… " : "", ...pieces, cut(to) ? " …" : ""),
    );
  }
  return parts;
}

// Marks are closed when the next one begins behind them; `open` holds those that are still open, the innermost last.
function drawn(cut, entities, { from, to }, colourOf) {
  const root = { node: make("span"), end: Infinity };
  const open = [root];
  let at = from;
  const write = (until) => {
    const text = cut(at, until);
    if (text) open.at(-1).node.append(text);
    at = until ?? at;
  };
  const close = (before) => {
    while (open.at(-1).end <= before) {
      write(open.at(-1).end);
      const { node, entity } = open.pop();
      node.append(tag(entity));
    }
  };
  for (const entity of entities) {
    close(entity.start);
    write(entity.start);
    const node = make("mark", { class: colourOf(entity.label) });
    open.at(-1).node.append(node);
    open.push({ node, entity, end: entity.end });
  }
  close(Number.MAX_SAFE_INTEGER);
  write(to);
  return [...root.node.childNodes];
}

// The blanks are for screen readers, which would read text and label as one word.
function tag(entity) {
  const sure = make("span", { class: "sure" }, percent(entity.score));
  return make("small", {}, " ", make("bdi", {}, entity.label), "\u00a0", sure, " ");
}

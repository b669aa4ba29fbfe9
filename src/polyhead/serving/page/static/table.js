// The table of many answers: a row a text, a column a task, sorted by any column.
import { answered, colourOf, shapeOf } from "./answers.js";
import { button, make } from "./dom.js";

const SHOWN = 100;

/** A table that grows as answers come, and draws no more rows than a person asked for. */
export class AnswerTable {
  /**
   * @param {Array<object>} tasks The columns.
   * @param {(row: object) => void} open Shows one row whole.
   */
  constructor(tasks, open) {
    this.tasks = tasks;
    this.open = open;
    this.rows = [];
    this.shown = SHOWN;
    this.sorted = { by: null, down: false };
    this.body = make("tbody");
    this.more = button("", () => this.showMore(), { class: "quiet", hidden: true });
    const ours = [this.head("Line", "line", "number"), this.head("Text", "text")];
    this.heads = [...ours, ...tasks.map((task) => this.head(task.name, task))];
    const caption = make("caption", { class: "unseen" }, "Answers, one row a text, one column a task");
    const head = make("thead", {}, make("tr", {}, ...this.heads));
    const table = make("table", { class: "answers" }, caption, head, this.body);
    const named = { role: "region", "aria-label": "Table of answers" };
    const scroller = make("div", { class: "wide", tabindex: 0, ...named }, table);
    this.element = make("div", {}, scroller, this.more);
  }

  /** Show rows that are answered, or refused, beside those there are. */
  add(rows) {
    this.rows.push(...rows);
    if (this.sorted.by !== null) this.draw();
    else this.append();
  }

  head(label, by, kind = "") {
    const cell = make("th", { scope: "col", class: kind });
    cell.append(button(label, () => this.sort(by, cell), { class: "sorting" }));
    return cell;
  }

  sort(by, cell) {
    const down = this.sorted.by === by && !this.sorted.down;
    this.sorted = { by, down };
    for (const head of this.heads) head.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    this.draw();
  }

  // Rows that come after the sorting find their places, too.
  draw() {
    const { by, down } = this.sorted;
    const keys = new Map(this.rows.map((row) => [row, keyOf(row, by)]));
    this.rows.sort((a, b) => (down ? -1 : 1) * compared(keys.get(a), keys.get(b)) || a.line - b.line);
    this.body.replaceChildren();
    this.append();
  }

  append() {
    const next = this.rows.slice(this.body.childElementCount, this.shown);
    this.body.append(...next.map((row) => this.drawnRow(row)));
    const left = this.rows.length - this.body.childElementCount;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show ${Math.min(left, SHOWN)} more of ${left.toLocaleString("en")}`;
  }

  showMore() {
    this.shown += SHOWN;
    this.append();
  }

  drawnRow(row) {
    const name = `Line ${row.line}: show it whole`;
    const attributes = { class: "quiet", "aria-label": name, disabled: !row.result };
    const opening = button(row.line, () => this.open(row), attributes);
    const texts = [].concat(row.result ? [row.result.text, row.result.second ?? []].flat() : row.text);
    const text = make("th", { scope: "row", class: "text" }, ...texts.map((own) => make("div", { dir: "auto" }, own)));
    return make("tr", {}, make("td", { class: "number" }, opening), text, ...this.cells(row));
  }

  cells(row) {
    if (row.refusal) {
      return [make("td", { colspan: this.tasks.length, class: "refused" }, `Refused: ${row.refusal.message}`)];
    }
    return this.tasks.map((task) => {
      const answer = row.result[task.name];
      return make("td", {}, ...(answer ? [shapeOf(answer).cell(answer, { colourOf })] : []));
    });
  }
}

function keyOf(row, by) {
  if (by === "line") return [row.line];
  if (by === "text") return [String(row.text).toLowerCase()];
  const [task] = row.result ? answered([by], row.result) : [];
  return task ? shapeOf(row.result[task.name]).rank(row.result[task.name]) : [];
}

function compared(a, b) {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    if (a[at] === b[at]) continue;
    if (a[at] === undefined) return 1;
    if (b[at] === undefined) return -1;
    const numbers = typeof a[at] === "number" && typeof b[at] === "number";
    return numbers ? a[at] - b[at] : String(a[at]).localeCompare(String(b[at]));
  }
  return 0;
}

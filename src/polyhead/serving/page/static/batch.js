// Many texts on the page: progress, the table, and the files to take away.
import { button, find, make } from "./dom.js";
import { csvOf, download, jsonLinesOf } from "./files.js";
import { answerAll } from "./many.js";
import { resultView } from "./single.js";
import { AnswerTable } from "./table.js";
import { counted, duration } from "./text.js";

/** One run over many rows. It can be stopped and gone on with; what is answered stays. */
export class Batch {
  /**
   * @param {object} model Of `/v1/model`.
   * @param {{rows: Array<object>, empty: number}} lines
   * @param {object} settings `tasks`, `min_confidence`, `top_k`, `truncate` of the requests.
   */
  constructor(model, { rows, empty }, settings) {
    this.model = model;
    this.rows = rows;
    this.settings = settings;
    this.columns = model.tasks.filter((task) => !settings.tasks || settings.tasks.includes(task.name));
    this.table = new AnswerTable(this.columns, (row) => this.show(row));
    this.took = 0;
    this.done = 0;
    this.refused = 0;
    this.progress = make("progress", { max: rows.length, value: 0, "aria-label": "Texts answered" });
    this.line = make("p", { class: "soft small" });
    this.files = make("div", { class: "row", hidden: true }, ...this.fileButtons());
    const left = empty ? [make("p", { class: "soft small" }, `${counted(empty, "empty line")} left out.`)] : [];
    const title = make("h2", {}, counted(rows.length, "text"));
    this.view = [title, this.progress, this.line, ...left, this.files, this.table.element];
  }

  /** Rows that have neither an answer nor a refusal. */
  get open() {
    return this.rows.filter((row) => !row.result && !row.refusal);
  }

  /** Answer what is open; throws as `answerAll` does. */
  async run(signal) {
    const begun = performance.now();
    this.say();
    try {
      await answerAll(this.open, this.settings, {
        limits: this.model.limits,
        signal,
        answered: (portion, results) => this.take(portion, results),
        refused: (row, refusal) => this.refuse(row, refusal),
        waiting: (seconds, refusal) => this.wait(seconds, refusal),
      });
    } finally {
      this.took += performance.now() - begun;
      this.files.hidden = !this.done;
      this.progress.hidden = !this.open.length;
      this.say();
    }
  }

  wait(seconds, refusal) {
    const why = refusal.status === 429 ? "The server is busy" : "The server is not ready";
    this.say(`${why}: waiting ${counted(Math.ceil(seconds), "second")}.`);
  }

  take(portion, results) {
    portion.forEach((row, at) => { row.result = results[at]; });
    this.count(portion);
  }

  refuse(row, refusal) {
    row.refusal = refusal;
    this.refused += 1;
    this.count([row]);
  }

  count(rows) {
    this.done += rows.length;
    this.progress.value = this.done;
    this.table.add(rows);
    this.say();
  }

  /** What there is to say, for the live region, too. */
  summary() {
    const refused = this.refused ? `, ${this.refused.toLocaleString("en")} of them refused` : "";
    const time = this.took && !this.open.length ? ` in ${duration(this.took)}` : "";
    return `${this.done.toLocaleString("en")} of ${this.rows.length.toLocaleString("en")} done${time}${refused}.`;
  }

  say(waiting = "") {
    this.line.textContent = `${this.summary()}${waiting && ` ${waiting}`}`;
    if (waiting) find("status").textContent = waiting;
  }

  fileButtons() {
    return [
      button("Download CSV", () => download("answers.csv", "text/csv;charset=utf-8", csvOf(this.rows, this.columns))),
      button("Download JSON lines", () => download("answers.jsonl", "application/x-ndjson", jsonLinesOf(this.rows))),
    ];
  }

  show(row) {
    const dialog = find("whole");
    const close = button("Close", () => dialog.close());
    const title = make("h2", { id: "whole-title" }, `Line ${row.line}`);
    dialog.replaceChildren(make("div", { class: "row between" }, title, close), ...resultView(this.model, row.result));
    dialog.showModal();
  }
}

// The page: what the model offers, what the user asks, and where the answers go.
import { colourLabels } from "./answers.js";
import { ask, hasKey, predict, Refusal, useKey } from "./api.js";
import { Batch } from "./batch.js";
import { button, find, make } from "./dom.js";
import { linesOf } from "./many.js";
import { lineFor } from "./messages.js";
import { aboutView, confidenceInWords, examplesView, factsOf, tasksView } from "./model.js";
import { answerInWords, answerView } from "./single.js";
import { counted, countOf } from "./text.js";

const SETTLED = 250;
const CLASSES = 5;
const state = { model: null, running: null, shown: false, wantsKey: false, timer: 0, loading: 0 };

// A server that starts says so: it is asked again until it has its model.
async function loadModel() {
  clearTimeout(state.loading);
  try {
    const { data } = await ask("v1/model");
    state.model = data;
    tell("");
    showModel(data);
  } catch (error) {
    complain(error, loadModel);
    if (error.status === 503) state.loading = setTimeout(loadModel, 1000 * Math.max(1, error.retryAfter ?? 1));
  }
}

function showModel(model) {
  colourLabels(model.tasks);
  document.title = `${model.name} · polyhead`;
  find("name").textContent = model.name;
  find("facts").textContent = factsOf(model);
  find("tasks").replaceChildren(...tasksView(model));
  find("second-part").hidden = !model.reads_second;
  find("second-label").textContent = `Second text${model.reads_second === "optional" ? " (may be left empty)" : ""}`;
  const longest = counted(model.limits.characters, "character");
  find("truncate-label").textContent = `Cut texts longer than ${longest}, instead of refusing them`;
  find("about-body").replaceChildren(...aboutView(model));
  find("about").hidden = false;
  const examples = examplesView(model, takeExample);
  find("examples").replaceChildren(...examples);
  find("examples").hidden = !examples.length;
  if (state.wantsKey) find("key-form").hidden = true;
  showCount();
}

function takeExample(first, second) {
  find("many").checked = false;
  find("text").value = first;
  find("second").value = second ?? find("second").value;
  showCount();
  run();
}

// What the user set, as fields of the request. All tasks are asked for by naming none.
function settings() {
  const boxes = [...find("tasks").querySelectorAll("input")];
  const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
  if (boxes.length && !chosen.length) throw new Error("Choose at least one task in the options.");
  const confidence = Number(find("confidence").value);
  return {
    ...(chosen.length < boxes.length && { tasks: chosen }),
    ...(confidence > 0 && { min_confidence: confidence }),
    top_k: CLASSES,
    ...(find("truncate").checked && { truncate: true }),
  };
}

function single() {
  const text = find("text").value;
  const second = find("second").value;
  const pairs = state.model?.reads_second;
  if (!text) throw new Error("There is no text yet. Type one, or take an example.");
  if (pairs === true && !second) throw new Error("This model reads two texts together. Enter the second one, too.");
  return pairs && second ? [text, second] : text;
}

async function run() {
  state.running?.abort();
  const running = new AbortController();
  state.running = running;
  tell("");
  busy(true);
  try {
    if (!state.model) await loadModel();
    if (!state.model) return;
    await (find("many").checked ? runMany(running.signal) : runSingle(running.signal));
  } catch (error) {
    if (state.running === running && !running.signal.aborted) complain(error, run);
  } finally {
    if (state.running === running) {
      state.running = null;
      busy(false);
    }
  }
}

async function runSingle(signal) {
  const body = { texts: [single()], ...settings() };
  const answer = await predict(body, signal);
  show(answerView(state.model, body, answer, state.wantsKey));
  find("status").textContent = answerInWords(state.model, answer);
  state.shown = true;
}

async function runMany(signal) {
  const lines = linesOf(find("text").value, state.model.reads_second);
  if (!lines.rows.length) throw new Error("There is no line yet. Paste some, one text a line.");
  state.shown = false;
  const batch = new Batch(state.model, lines, settings());
  show(batch.view);
  await finish(batch, signal);
}

async function finish(batch, signal) {
  try {
    await batch.run(signal);
    find("status").textContent = batch.summary();
  } catch (error) {
    if (error !== signal.reason) return complain(error, () => goOn(batch), "Go on");
    tell(`Stopped: ${batch.summary()}`, () => goOn(batch), { label: "Go on" });
  }
}

async function goOn(batch) {
  const running = new AbortController();
  state.running = running;
  tell("");
  busy(true);
  await finish(batch, running.signal);
  if (state.running === running) busy(false);
}

function show(view) {
  find("answers").replaceChildren(...view);
  find("answers").hidden = false;
}

function busy(is) {
  find("answers").setAttribute("aria-busy", String(is));
  find("cancel").hidden = !is;
  document.body.classList.toggle("busy", is);
}

// One place for what went wrong. The button does again what failed.
function tell(line, again = null, { label = "Try again", requestId = "" } = {}) {
  const parts = line ? [make("p", {}, line)] : [];
  if (line && requestId) parts.push(make("p", { class: "small" }, `Request ${requestId}`));
  if (line && again) parts.push(button(label, again));
  find("alert").replaceChildren(...(parts.length ? [make("div", { class: "alert" }, ...parts)] : []));
}

function complain(error, again, label) {
  if (!(error instanceof Refusal)) return tell(error.message);
  if (error.status === 401) askForKey();
  tell(lineFor(error, state.model?.limits), error.status === 401 ? null : again, { label, requestId: error.requestId });
}

function askForKey() {
  state.wantsKey = true;
  find("key-form").hidden = false;
  find("key").focus();
  if (!state.model) find("facts").textContent = "The server tells about its model once it has the key.";
}

function showCount() {
  const text = find("text").value;
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim()).length;
  const many = find("many").checked;
  find("count").textContent = many ? counted(lines, "text") : counted(countOf(text), "character");
  find("text-label").textContent = many ? "Texts, one a line" : "Text";
  find("text").rows = many || lines > 4 ? 10 : 4;
  find("second-part").hidden = many || !state.model?.reads_second;
  if (many && state.model?.reads_second) find("count").textContent += "; a tab parts the first text from the second";
  find("part").hidden = many || lines < 2;
  find("part").textContent = `These are ${lines} lines: answer each by itself`;
}

// Options change what is shown, as soon as the user's hand rests.
function again() {
  clearTimeout(state.timer);
  if (state.shown && !find("many").checked) state.timer = setTimeout(run, SETTLED);
}

function wire() {
  find("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  find("ask").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
  });
  find("key-form").addEventListener("submit", (event) => { event.preventDefault(); takeKey(); });
  find("text").addEventListener("input", showCount);
  find("many").addEventListener("change", showCount);
  find("part").addEventListener("click", () => { find("many").checked = true; showCount(); run(); });
  find("cancel").addEventListener("click", () => state.running?.abort(new Error("cancelled")));
  find("tasks").addEventListener("change", again);
  find("truncate").addEventListener("change", again);
  find("confidence").addEventListener("input", () => {
    find("confidence-value").textContent = confidenceInWords(Number(find("confidence").value));
    again();
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) find("modifier").textContent = "⌘";
}

async function takeKey() {
  useKey(find("key").value);
  find("key").value = "";
  await loadModel();
  if (hasKey() && state.model) find("text").focus();
}

wire();
loadModel();

// The page: reads, shows, and looks for changes while somebody looks at it.

import { airflowAt } from "./airflow.mjs";
import { historyOf } from "./history.mjs";
import { bySource, isActive, newer, refusals, usualSeconds, waitingQuestions, withoutDoubles } from "./loads.mjs";
import { showQuestions, showRefusals, showRunning, tick } from "./sections.mjs";
import { showSources } from "./sources.mjs";
import { followTheme, letLinksLeave } from "./surroundings.mjs";
import { momentText, numberText, several, verdictText } from "./words.mjs";

const SOON_MS = 5_000;
const LATER_MS = 30_000;
/** How many of the newest checks are read at once; only what they refused is shown. */
const MOST_CHECKS = 60;

const airflow = airflowAt(new URL("../", document.baseURI));
const history = historyOf(airflow);
const open = new Set();
const links = new Map();
const inView = new Set();
/** The loads whose end a reader of screens is to be told. */
const goingOn = new Set();
const byId = (id) => document.getElementById(id);
const places = {
  running: {
    section: byId("running"),
    table: byId("running-table"),
    body: byId("running-body"),
    empty: byId("running-empty"),
  },
  questions: { list: byId("questions-list"), empty: byId("questions-empty") },
  refusals: { list: byId("refusals-list"), empty: byId("refusals-empty"), more: byId("refusals-more") },
};

let questions = { details: [], problem: null };
let sources = [];
let isReading = false;
let drawing = 0;
let timer = 0;

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inView.add(target.dataset.key);
    else inView.delete(target.dataset.key);
  }
  completeInView();
});

/** Draw once per frame, however many results arrive. */
function drawSoon() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    draw();
  });
}

function draw() {
  const loads = withoutDoubles(history.loads());
  sources = bySource(loads);
  const now = new Date();
  const context = { airflow, now, open, links, seen };
  const running = sources.flatMap((source) =>
    source.running.map((load) => ({
      load,
      source: source.title,
      usual: usualSeconds(source.loads, load.kind),
    })),
  );
  showRunning(places.running, running, context);
  const dagIds = new Set(loads.map((load) => load.task.dag_id));
  showQuestions(places.questions, waitingQuestions(questions.details, dagIds), questions.problem, context);
  showRefusals(places.refusals, refusals(loads), context);
  const wanted = byId("filter").value.trim().toLowerCase();
  const shown = sources.filter(({ title, connection }) => `${title} ${connection}`.toLowerCase().includes(wanted));
  showSources(byId("sources-table"), shown, context);
  byId("sources-empty").hidden = shown.length > 0;
  byId("sources-empty").textContent = sources.length
    ? "No source matches the filter."
    : "No load yet. As soon as a task loads a source, it is shown here.";
  byId("sources-head").hidden = shown.length === 0;
  showExtent();
  tellEnds(loads);
}

function showExtent() {
  const { total, listed } = history.extent();
  byId("older").hidden = total <= listed;
  byId("extent").textContent =
    total > listed ? `Showing the newest ${numberText(listed)} of ${numberText(total)} task instances.` : "";
}

/** Tell a reader of screens which loads have ended, and nothing else. */
function tellEnds(loads) {
  const ended = loads.filter((load) => !isActive(load) && load.isComplete && goingOn.delete(load.key));
  for (const load of loads) if (isActive(load)) goingOn.add(load.key);
  if (!ended.length) return;
  const words = ended.map((load) => `${load.sourceName ?? load.task.task_id}: ${verdictText(load.state)}`);
  byId("told").textContent = words.join(". ");
}

/** Read the results that are shown: the last load of every source first, then all loads of those in view. */
async function complete() {
  const loads = withoutDoubles(history.loads());
  const unnamed = loads.filter((load) => !load.sourceId && !load.sourceName).sort(newer);
  const lasts = bySource(loads).flatMap((source) => [...source.running, source.last]);
  const checks = loads.filter((load) => load.isCheck || load.isSensor).slice(0, MOST_CHECKS);
  await orProblem(history.complete([...lasts, ...unnamed, ...checks, ...history.unclear()], drawSoon));
  await completeInView();
}

async function completeInView() {
  const visible = sources.filter((source) => inView.has(source.key));
  const loads = visible.flatMap((source) => source.loads);
  await orProblem(history.complete(loads, drawSoon));
  for (const source of visible) await orProblem(readLinks(source));
}

async function orProblem(reading) {
  try {
    await reading;
  } catch (error) {
    showProblem(error);
  }
}

async function readLinks({ key, last }) {
  if (links.get(key)?.task === last.task.id) return;
  const before = links.get(key)?.found ?? [];
  links.set(key, { task: last.task.id, found: before });
  try {
    links.set(key, { task: last.task.id, found: await airflow.links(last.task) });
    drawSoon();
  } catch (error) {
    // Airflow knows no links of a task that has left its DAG.
    if (error.status === 401 || error.status === 0) {
      links.delete(key);
      throw error;
    }
  }
}

async function readQuestions() {
  try {
    questions = { details: await airflow.questions(), problem: null };
  } catch (error) {
    questions = { details: [], problem: `What waits for a person cannot be shown: ${error.message}` };
    if (error.status === 401 || error.status === 0) throw error;
  }
}

async function look(read) {
  if (isReading) return;
  isReading = true;
  try {
    await read();
    await readQuestions();
    draw();
    showUpdated();
  } catch (error) {
    showProblem(error);
  } finally {
    isReading = false;
    lookAgain();
  }
  await complete();
}

function showUpdated() {
  byId("problem").hidden = true;
  const loads = history.loads().filter((load) => !load.isCheck);
  byId("status").textContent =
    `${several(sources.length, "source", "sources")}, ${several(loads.length, "load", "loads")}. ` +
    `Updated ${momentText(new Date(), new Date())}.`;
}

function showProblem(error) {
  if (!("status" in error)) throw error;
  byId("problem").hidden = false;
  const again = error.status === 401 ? "" : " This page tries again.";
  byId("problem-words").textContent = `${error.message}${again} What is shown may be out of date.`;
  byId("login").hidden = error.status !== 401;
}

function lookAgain() {
  clearTimeout(timer);
  if (document.hidden) return;
  const isBusy = sources.some((source) => source.running.length > 0);
  timer = setTimeout(() => look(history.refresh), isBusy ? SOON_MS : LATER_MS);
}

function unfold(event) {
  const button = event.target.closest("button.unfold");
  if (!button) return;
  const key = button.dataset.source;
  if (!open.delete(key)) open.add(key);
  draw();
}

followTheme();
letLinksLeave();
byId("login").href = new URL("../", document.baseURI).href;
byId("sources-table").addEventListener("click", unfold);
byId("filter").addEventListener("input", draw);
byId("refresh").addEventListener("click", () => look(history.refresh));
byId("older").addEventListener("click", () => look(history.readOlder));
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look(history.refresh)));
setInterval(() => tick(places.running.body), 1000);
look(history.refresh);

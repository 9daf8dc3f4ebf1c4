// What runs now, what waits for a person, and what was refused.

import { badge, element, link, moment, showAll } from "./dom.mjs";
import { keyOf } from "./loads.mjs";
import { elapsedText, several, verdictText } from "./words.mjs";

const MOST_REFUSALS = 20;
/** The bar of a load that takes longer than usual stays short of the end, because nobody knows the end. */
const ALMOST = 0.97;

/** Show the loads that are going on. */
export function showRunning(place, running, { airflow, now }) {
  place.section.hidden = false;
  place.empty.hidden = running.length > 0;
  place.table.hidden = running.length === 0;
  const build = ({ load, source, usual }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, source, element("span", { class: "aside" }, load.kind)),
      element("td", {}, badge(load.state, runningWords(load))),
      element("td", {}, moment(load.started, now)),
      element("td", { class: "progress" }, ...progress(load, usual, source)),
      element("td", {}, link(airflow.logUrl(load.task), "Log", `Log of the load of ${source}`)),
    );
  const sign = ({ load, source, usual }) =>
    JSON.stringify([load.task.id, load.state, load.hasStarted, load.started, source, usual]);
  showAll(place.body, running, ({ load }) => load.key, sign, build);
  tick(place.body);
}

function runningWords(load) {
  if (load.state !== "running") return verdictText(load.state);
  return load.hasStarted ? "Running in ISC" : "Not started in ISC yet";
}

function progress(load, usual, source) {
  if (!load.hasStarted) return ["Checks its file, or waits for its turn"];
  const bar = element("progress", {
    max: usual === null ? null : 1,
    "aria-label": `Time of ${source} compared with the usual time`,
  });
  const words = element("span", { class: "aside" });
  bar.dataset.since = load.started;
  if (usual !== null) bar.dataset.usual = usual;
  return [bar, words];
}

/** Move the bars on; called every second, so no reader of screens is told of it. */
export function tick(place, now = Date.now()) {
  for (const bar of place.querySelectorAll("progress[data-since]")) {
    const elapsed = Math.max(0, (now - Date.parse(bar.dataset.since)) / 1000);
    const usual = bar.dataset.usual === undefined ? NaN : Number(bar.dataset.usual);
    if (Number.isFinite(usual)) bar.value = Math.min(ALMOST, usual > 0 ? elapsed / usual : ALMOST);
    bar.nextElementSibling.textContent = elapsedText(elapsed, usual);
  }
}

/** Show the questions that wait for a person; `problem` says why they cannot be shown. */
export function showQuestions(place, questions, problem, { airflow, now }) {
  place.empty.hidden = questions.length > 0;
  place.empty.textContent = problem ?? "Nothing waits for a person.";
  const build = ({ subject, created_at: asked, task_instance: task }) =>
    element(
      "li",
      {},
      element("p", { class: "lead" }, subject),
      element("p", { class: "aside" }, `${task.dag_display_name ?? task.dag_id}, asked `, moment(asked, now)),
      link(airflow.questionUrl(task), "Decide", `Decide: ${subject}`),
    );
  const sign = ({ subject, created_at: asked }) => JSON.stringify([subject, asked]);
  showAll(place.list, questions, ({ task_instance: task }) => keyOf(task), sign, build);
}

/** Show what was refused, and why. */
export function showRefusals(place, refused, { airflow, now }) {
  const shown = refused.slice(0, MOST_REFUSALS);
  place.empty.hidden = shown.length > 0;
  place.more.textContent =
    refused.length > shown.length ? `The newest ${shown.length} of ${several(refused.length, "refusal", "refusals")}.` : "";
  const build = (load) =>
    element(
      "li",
      {},
      element(
        "p",
        { class: "lead" },
        badge("refused", load.isCheck ? "Refused by the check" : "Refused"),
        ` ${load.file ?? "A file"} for ${load.sourceName ?? load.sourceId ?? load.task.dag_id}`,
      ),
      element("p", {}, load.sentence ?? "The log says why."),
      reasons(load.report),
      element(
        "p",
        { class: "aside" },
        moment(load.ended ?? load.started, now),
        load.approvedBy ? "; a person approved it, and it was loaded in the same run" : null,
      ),
      link(airflow.logUrl(load.task), "Log", `Log of the refusal of ${load.file ?? "the file"}`),
    );
  const sign = (load) => JSON.stringify([load.task.id, load.sentence, Boolean(load.approvedBy)]);
  showAll(place.list, shown, (load) => load.key, sign, build);
}

function reasons(report) {
  const rules = (report?.rules ?? []).filter((rule) => rule.state === "refused");
  if (!rules.length) return null;
  const lines = rules.map((rule) =>
    element("li", {}, [rule.rule, rule.figure, rule.limit && `limit ${rule.limit}`].filter(Boolean).join(" \u00b7 ")),
  );
  return element("ul", { class: "rules" }, lines);
}

// The table of sources: the last load, the bars of the last thirty, and each of them on demand.

import { drawChart } from "./chart.mjs";
import { badge, element, link, moment, showAll } from "./dom.mjs";
import { isActive } from "./loads.mjs";
import { countsText, durationText, numberText, several, verdictText } from "./words.mjs";

const COLUMNS = 7;

/** Show the sources; each is a row group, so that its loads unfold below it. */
export function showSources(table, sources, { airflow, now, open, links, seen }) {
  const build = (source) => {
    const group = element("tbody", {}, rowOf(source, { airflow, now, open, links }));
    if (open.has(source.key)) group.append(unfolded(source, { airflow, now }));
    seen.observe(group);
    return group;
  };
  const sign = (source) =>
    JSON.stringify([
      source.title,
      open.has(source.key),
      links.get(source.key)?.found,
      source.loads.map((load) => [load.task.id, load.state, load.isComplete, load.problem, load.seconds]),
    ]);
  showAll(table, sources, (source) => source.key, sign, build);
}

function rowOf(source, { airflow, now, open, links }) {
  const { last } = source;
  const isOpen = open.has(source.key);
  const toggle = element(
    "button",
    {
      type: "button",
      class: "unfold",
      "aria-expanded": String(isOpen),
      "data-focus": `unfold ${source.key}`,
      "aria-label": `${isOpen ? "Hide" : "Show"} the last loads of ${source.title}`,
    },
    isOpen ? "\u25be" : "\u25b8",
  );
  toggle.dataset.source = source.key;
  return element(
    "tr",
    {},
    element("td", { class: "narrow" }, toggle),
    element(
      "th",
      { scope: "row" },
      source.title,
      element("span", { class: "aside" }, source.connection ?? "connection unknown"),
    ),
    element("td", {}, badge(last.state, verdictText(last.state)), why(last)),
    element("td", {}, moment(last.started, now)),
    element("td", { class: "number" }, isActive(last) ? durationText(NaN) : durationText(last.seconds)),
    element("td", { class: "chart-cell" }, drawChart(source.loads, now), element("span", { class: "aside" }, lastCounts(last))),
    element(
      "td",
      { class: "links" },
      link(airflow.logUrl(last.task), "Log", `Log of the last load of ${source.title}`),
      (links.get(source.key)?.found ?? []).map(([name, url]) => link(url, name, `${name}: ${source.title}`)),
    ),
  );
}

function why(load) {
  const told = load.state === "succeeded" ? null : load.sentence;
  const words = load.problem ? `The result cannot be read: ${load.problem}` : told;
  if (!words) return null;
  return element("span", { class: "aside why", title: words }, words);
}

function lastCounts(load) {
  if (isActive(load)) return "runs now";
  if (!load.isComplete) return "reading the result \u2026";
  return countsText(load.counts) || "no numbers of accounts";
}

function unfolded(source, { airflow, now }) {
  const numbers = ["Duration", "Created", "Updated", "Deleted"];
  const head = ["Started", "State", ...numbers, "File", "Task"].map((name) =>
    element("th", { scope: "col", class: numbers.includes(name) ? "number" : null }, name),
  );
  const rows = source.loads.map((load) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, moment(load.started, now)),
      element("td", {}, badge(load.state, verdictText(load.state)), why(load)),
      element("td", { class: "number" }, isActive(load) ? durationText(NaN) : durationText(load.seconds)),
      ...["created", "updated", "deleted"].map((name) =>
        element("td", { class: "number" }, numberText(load.counts?.[name])),
      ),
      element("td", {}, load.file ?? ""),
      element("td", {}, link(airflow.logUrl(load.task), "Log", `Log of the load of ${source.title}, ${load.task.dag_id}`)),
    ),
  );
  const caption = `Last ${several(source.loads.length, "load", "loads")} of ${source.title}`;
  return element(
    "tr",
    {},
    element(
      "td",
      { colspan: COLUMNS },
      element(
        "div",
        // A region that scrolls must be reachable by keyboard.
        { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
        element(
          "table",
          { class: "loads" },
          element("caption", {}, caption),
          element("thead", {}, element("tr", {}, head)),
          element("tbody", {}, rows),
        ),
      ),
    ),
  );
}

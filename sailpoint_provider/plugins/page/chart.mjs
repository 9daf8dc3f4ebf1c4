// The small bars of a source's last loads: created and updated upwards, deleted downwards.

import { isActive, isGood, MOST_SHOWN } from "./loads.mjs";
import { countsText, momentText, several, verdictText } from "./words.mjs";

const SLOT = 8;
const BAR = 3;
const UP = 30;
const DOWN = 14;
const LEAST = 2;
export const WIDTH = SLOT * MOST_SHOWN;
export const HEIGHT = UP + DOWN + 2;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Return the bars of loads: `{slot, load, bars: [{name, x, y, width, height}], mark}`, the oldest first.
 *
 * Heights grow with the square root, so that a first load of 100,000 accounts leaves the daily changes visible.
 */
export function barsOf(newestFirst) {
  const loads = newestFirst.slice(0, MOST_SHOWN).reverse();
  const most = Math.max(1, ...loads.flatMap(({ counts }) => [counts?.created ?? 0, counts?.updated ?? 0]));
  const mostDeleted = Math.max(1, ...loads.map(({ counts }) => counts?.deleted ?? 0));
  const first = MOST_SHOWN - loads.length;
  return loads.map((load, index) => {
    const left = (first + index) * SLOT;
    const counts = load.counts ?? {};
    const bars = [
      bar("created", left, counts.created, most, UP, true),
      bar("updated", left + BAR, counts.updated, most, UP, true),
      bar("deleted", left, counts.deleted, mostDeleted, DOWN, false),
    ];
    return { left, load, bars: bars.filter(Boolean), mark: markOf(load) };
  });
}

function bar(name, x, count, most, room, isUp) {
  if (!Number.isFinite(count) || count <= 0) return null;
  const height = Math.max(LEAST, Math.round(Math.sqrt(count / most) * (room - 1)));
  return { name, x, y: isUp ? UP - height : UP + 2, width: isUp ? BAR : 2 * BAR, height };
}

/** Return the shape that marks a load without a good end; null for a good one. */
function markOf(load) {
  if (isActive(load)) return "running";
  if (isGood(load)) return null;
  if (load.state === "refused") return "refused";
  return ["failed", "cancelled", "terminated"].includes(load.state) ? "failed" : "other";
}

/** Return what the chart shows, for those who do not see it. */
export function chartText(newestFirst) {
  const ended = newestFirst.filter((load) => !isActive(load));
  const good = ended.filter(isGood).length;
  const counted = ended.filter(({ counts }) => counts);
  const sum = (name) => counted.reduce((total, { counts }) => total + (counts[name] ?? 0), 0);
  const sums = { created: sum("created"), updated: sum("updated"), deleted: sum("deleted") };
  const numbers = counted.length ? `${countsText(sums)} in total` : "numbers of accounts unknown";
  return `Last ${several(ended.length, "load", "loads")}: ${good} succeeded; ${numbers}.`;
}

/** Draw the bars. */
export function drawChart(newestFirst, now) {
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img" });
  svg.setAttribute("class", "chart");
  svg.setAttribute("aria-label", chartText(newestFirst));
  svg.append(node("line", { class: "base", x1: 0, x2: WIDTH, y1: UP + 1, y2: UP + 1 }));
  for (const { left, load, bars, mark } of barsOf(newestFirst)) {
    const group = node("g", {});
    const title = node("title", {});
    const words = [momentText(load.started, now), verdictText(load.state), countsText(load.counts)];
    title.textContent = words.filter(Boolean).join(", ");
    // The whole slot shows the title, not only its thin bars.
    group.append(title, node("rect", { class: `slot ${mark ?? "good"}`, x: left, y: 0, width: SLOT, height: HEIGHT }));
    for (const { name, ...place } of bars) group.append(node("rect", { class: `bar ${name}`, ...place }));
    if (mark) group.append(shape(mark, left));
    svg.append(group);
  }
  return svg;
}

function shape(mark, left) {
  const [x, y] = [left + BAR, UP + 1];
  if (mark === "failed") {
    return node("path", { class: "mark failed", d: `M${x - 3} ${y - 3}l6 6m0 -6l-6 6` });
  }
  if (mark === "refused") {
    return node("path", { class: "mark refused", d: `M${x} ${y - 4}l4 4l-4 4l-4 -4z` });
  }
  return node("circle", { class: `mark ${mark}`, cx: x, cy: y, r: 2.5 });
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}

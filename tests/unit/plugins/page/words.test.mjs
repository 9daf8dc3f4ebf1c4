import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countsText,
  durationText,
  elapsedText,
  momentText,
  numberText,
  several,
  utcText,
} from "../../../../sailpoint_provider/plugins/page/words.mjs";

test("numbers have separators, and an unknown one is a dash", () => {
  assert.equal(numberText(1234567, "en"), "1,234,567");
  assert.equal(numberText(null, "en"), "\u2013");
  assert.equal(numberText(0, "en"), "0");
});

test("durations are short at every length", () => {
  assert.deepEqual(
    [3.14159, 14, 125, 3600, 12_000, 300_000, NaN, -1].map(durationText),
    ["3.1 s", "14 s", "2 min 5 s", "1 h", "3 h 20 min", "3 days", "\u2013", "\u2013"],
  );
});

test("a moment is in the viewer's zone, with the day unless it is today", () => {
  const now = new Date("2026-03-02T12:00:00Z");
  assert.equal(momentText("2026-03-02T10:00:00Z", now, "en-GB", "Europe/Berlin"), "11:00:00");
  assert.equal(momentText("2026-03-01T10:00:00Z", now, "en-GB", "UTC"), "1 Mar 2026, 10:00:00");
  assert.equal(momentText("nonsense", now, "en-GB", "UTC"), "\u2013");
  assert.equal(momentText(null, now, "en-GB", "UTC"), "\u2013");
});

test("UTC is there for who needs it", () => {
  assert.equal(utcText("2026-03-01T10:00:00+02:00"), "2026-03-01 08:00:00 UTC");
  assert.equal(utcText(null), "");
  assert.equal(utcText("nonsense"), "");
});

test("counts name what is known", () => {
  assert.equal(countsText({ created: 1000, updated: null, deleted: 0 }, "en"), "1,000 created, 0 deleted");
  assert.equal(countsText(null), "");
});

test("one is singular", () => {
  assert.deepEqual([several(1, "load", "loads", "en"), several(1200, "load", "loads", "en")], ["1 load", "1,200 loads"]);
});

test("the time so far is compared with the usual time, and claims no more", () => {
  assert.equal(elapsedText(30, 60), "30 s; usually 1 min");
  assert.equal(elapsedText(90, 60), "1 min 30 s; usually 1 min, longer than usual");
  assert.equal(elapsedText(30, NaN), "30 s; no earlier load to compare with");
});

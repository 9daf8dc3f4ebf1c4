import assert from "node:assert/strict";
import { test } from "node:test";

import { barsOf, chartText, HEIGHT, WIDTH } from "../../../../sailpoint_provider/plugins/page/chart.mjs";

const load = (counts, state = "succeeded") => ({ counts, state });

test("the newest load is on the right", () => {
  const slots = barsOf([load({ created: 1 }), load({ created: 2 })]);
  assert.deepEqual(slots.map(({ load: { counts } }) => counts.created), [2, 1]);
  assert.equal(slots.at(-1).left, WIDTH - 8);
});

test("every bar lies inside the drawing, created and updated above the line and deleted below", () => {
  const counts = { created: 100_000, updated: 3, deleted: 50 };
  for (const { bars } of barsOf([load(counts), load({ created: 0, updated: 9, deleted: 1 })])) {
    for (const { name, x, y, width, height } of bars) {
      assert.ok(x >= 0 && x + width <= WIDTH && y >= 0 && y + height <= HEIGHT, name);
      assert.equal(name === "deleted", y > 30);
    }
  }
});

test("one account is still visible beside 100,000", () => {
  const [, { bars }] = barsOf([load({ created: 1 }), load({ created: 100_000 })]).reverse();
  assert.ok(bars.every(({ height }) => height >= 2));
  const [small] = barsOf([load({ created: 1 }), load({ created: 100_000 })]).at(-1).bars;
  assert.equal(small.height, 2);
});

test("nothing created draws no bar, and unknown numbers draw none", () => {
  assert.deepEqual(barsOf([load({ created: 0, updated: null, deleted: undefined })])[0].bars, []);
  assert.deepEqual(barsOf([load(null)])[0].bars, []);
});

test("a bad end has a mark of its own shape", () => {
  const marks = ["succeeded", "failed", "refused", "running", "skipped"].map((state) => barsOf([load(null, state)])[0].mark);
  assert.deepEqual(marks, [null, "failed", "refused", "running", "other"]);
});

test("at most thirty loads are drawn", () => {
  assert.equal(barsOf(Array.from({ length: 40 }, () => load(null))).length, 30);
});

test("who does not see the bars hears the sums", () => {
  const words = chartText([load(null, "running"), load({ created: 5, updated: 1, deleted: 0 }), load(null, "failed")]);
  assert.equal(words, "Last 2 loads: 1 succeeded; 5 created, 1 updated, 0 deleted in total.");
});

test("who does not see the bars is not told that unknown numbers are zero", () => {
  assert.equal(chartText([load(null)]), "Last 1 load: 1 succeeded; numbers of accounts unknown.");
});

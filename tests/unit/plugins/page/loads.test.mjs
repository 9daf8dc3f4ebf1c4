import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bySource,
  isWorthShowing,
  loadOf,
  mayRun,
  refusals,
  usualSeconds,
  waitingQuestions,
  withoutDoubles,
} from "../../../../sailpoint_provider/plugins/page/loads.mjs";
import { result, task } from "./made.mjs";

const states = (pairs) => pairs.map(([one, details]) => loadOf(task(one), details).state);

test("a good load has the result's times, numbers and file", () => {
  const load = loadOf(task(), { result: result() });
  assert.equal(load.state, "succeeded");
  assert.deepEqual([load.started, load.ended, load.seconds], ["2026-03-01T10:00:05Z", "2026-03-01T10:00:19Z", 14]);
  assert.equal(load.counts.created, 1000);
  assert.equal(load.file, "hr.csv");
});

test("a task whose result is not read yet shows Airflow's own times", () => {
  const load = loadOf(task());
  assert.deepEqual([load.seconds, load.started, load.isComplete], [60, "2026-03-01T10:00:00Z", false]);
});

test("a green task counts by the state that ISC gave the load", () => {
  assert.deepEqual(
    states([
      [{}, { result: result({ state: "succeeded_with_warnings" }) }],
      [{}, { result: result({ state: "running" }) }],
      [{}, { result: null }],
    ]),
    ["succeeded_with_warnings", "started", "succeeded"],
  );
});

test("a failed task tells how the load ended, and why", () => {
  const reason = { type: "AggregationFailedError", message: "ISC said no.", result: result({ state: "cancelled" }) };
  const load = loadOf(task({ state: "failed" }), { reason, report: null, result: null });
  assert.deepEqual([load.state, load.sentence, load.counts.created], ["cancelled", "ISC said no.", 1000]);
});

test("a failed task is never shown as good, whatever its reason holds", () => {
  const reason = { type: "AggregationFailedError", message: "Warnings.", result: result() };
  assert.equal(loadOf(task({ state: "failed" }), { reason }).state, "failed");
  assert.equal(loadOf(task({ state: "failed" }), { reason: null, report: null }).state, "failed");
});

test("only a refusal is shown as one, not a failure after an approved refusal", () => {
  const report = { verdict: "refused", sentence: "Too many leavers." };
  const refused = { type: "FileRefusedError", message: "Too many leavers. Nothing was sent.", result: null };
  const outage = { type: "TenantUnavailableError", message: "No answer.", result: null };
  assert.deepEqual(
    states([
      [{ state: "failed" }, { report, reason: refused }],
      [{ state: "failed" }, { report, reason: outage }],
      [{ state: "skipped" }, { report: { verdict: "repeated" }, reason: null }],
      [{ state: "skipped" }, { report: null, reason: null }],
    ]),
    ["refused", "failed", "repeated", "skipped"],
  );
});

test("a check that refuses is a refusal although its task is green", () => {
  const check = { operator: "SailPointFileCheckOperator" };
  const report = { verdict: "refused", sentence: "Too many leavers.", name: "hr.csv", sha256: "f".repeat(64) };
  assert.equal(loadOf(task(check), { report }).state, "refused");
});

test("a task that goes on is waiting, running or between two tries", () => {
  assert.deepEqual(
    states(["queued", "running", "deferred", "up_for_retry"].map((state) => [{ state }])),
    ["waiting", "running", "running", "retrying"],
  );
});

test("what never ran, and what is not ours, gets no row", () => {
  assert.ok(isWorthShowing(task()));
  assert.ok(isWorthShowing(task({ state: "skipped" })));
  for (const one of [{ state: null }, { state: "removed" }, { state: "upstream_failed" }, { operator: "BashOperator" }]) {
    assert.ok(!isWorthShowing(task(one)), JSON.stringify(one));
  }
});

test("a skipped task has run only if its fields were rendered, wherever they are found", () => {
  const skipped = task({ state: "skipped", rendered_fields: {} });
  assert.ok(!mayRun(skipped, undefined));
  assert.ok(!mayRun(skipped, { fields: {} }));
  assert.ok(mayRun(skipped, { fields: { source_name: "HR" } }));
  assert.ok(mayRun(task({ state: "skipped" })));
  assert.ok(mayRun(task({ state: "failed", rendered_fields: {} })));
});

test("a source is known from the task itself where the list lacks the rendered fields", () => {
  const load = loadOf(task({ rendered_fields: {} }), { fields: { source_name: "HR", sailpoint_conn_id: "c" } });
  assert.deepEqual([load.sourceName, load.connection], ["HR", "c"]);
});

test("a source that is named by ID here and by name there is one source", () => {
  const rendered_fields = { source_id: "5".repeat(32), sailpoint_conn_id: "sailpoint_default" };
  const loads = [
    loadOf(task({ dag_run_id: "a" })),
    loadOf(task({ dag_run_id: "b", rendered_fields })),
    loadOf(task({ dag_run_id: "c" }), { result: result() }),
  ];
  const [source, ...others] = bySource(loads);
  assert.equal(others.length, 0);
  assert.deepEqual([source.title, source.loads.length], ["HR", 3]);
});

test("a source of the same name in another tenant is another source", () => {
  const rendered_fields = { source_name: "HR", sailpoint_conn_id: "sandbox" };
  assert.equal(bySource([loadOf(task()), loadOf(task({ dag_run_id: "b", rendered_fields }))]).length, 2);
});

test("a drop names its source and its file", () => {
  const rendered_fields = { drop: { source_name: "HR", name: "monday.csv" }, sailpoint_conn_id: "c" };
  const load = loadOf(task({ state: "running", rendered_fields }));
  assert.deepEqual([load.sourceName, load.file], ["HR", "monday.csv"]);
});

test("a template that is not rendered names no source", () => {
  const rendered_fields = { source_name: "{{ params.source }}", sailpoint_conn_id: "c" };
  assert.equal(loadOf(task({ rendered_fields })).sourceName, null);
});

test("a source shows its newest thirty loads, the newest first", () => {
  const loads = Array.from({ length: 40 }, (_, day) =>
    loadOf(task({ dag_run_id: `run-${day}`, start_date: new Date(Date.UTC(2026, 0, day + 1)).toISOString() })),
  );
  const [source] = bySource(loads);
  assert.equal(source.loads.length, 30);
  assert.equal(source.last.task.dag_run_id, "run-39");
});

test("a load that runs is no last load while there is one that ended", () => {
  const running = loadOf(task({ dag_run_id: "b", state: "deferred", start_date: "2026-03-02T10:00:00Z" }));
  const [source] = bySource([running, loadOf(task())]);
  assert.deepEqual([source.last.state, source.running.length], ["succeeded", 1]);
});

test("the usual time is the median of good loads of the same kind", () => {
  const kind = "Account aggregation";
  const ended = (seconds, state = "succeeded") => ({ kind, state, seconds });
  assert.equal(usualSeconds([ended(10), ended(2000), ended(14)], kind), 14);
  assert.equal(usualSeconds([ended(10), ended(20), ended(1, "failed")], kind), 15);
  assert.equal(usualSeconds([ended(10, "failed")], kind), null);
  assert.equal(usualSeconds([ended(10)], "Identity refresh"), null);
});

test("a sensor's wait completes the load that it waited for, and is no load of its own", () => {
  const sensor = { operator: "SailPointAccountAggregationSensor", task_id: "wait", rendered_fields: {} };
  const loads = withoutDoubles([
    loadOf(task(), { result: result({ state: "running", accounts: {} }) }),
    loadOf(task(sensor), { result: result() }),
  ]);
  assert.equal(loads.length, 1);
  assert.deepEqual([loads[0].state, loads[0].counts.created, loads[0].seconds], ["succeeded", 1000, 14]);
});

test("a sensor that waits for a load from elsewhere is shown itself", () => {
  const sensor = { operator: "SailPointAccountAggregationSensor", rendered_fields: {} };
  assert.equal(withoutDoubles([loadOf(task(sensor), { result: result() })]).length, 1);
});

test("a refusal that a person overruled in the same run says so", () => {
  const check = { operator: "SailPointFileCheckOperator", task_id: "check" };
  const report = { verdict: "refused", sha256: "f".repeat(64) };
  const refused = loadOf(task(check), { report });
  const other = loadOf(task({ ...check, dag_run_id: "run-2" }), { report });
  const found = refusals([refused, other, loadOf(task(), { result: result() })]);
  assert.deepEqual(
    found.map(({ task: { dag_run_id }, approvedBy }) => [dag_run_id, approvedBy !== null]).sort(),
    [["run-1", true], ["run-2", false]],
  );
});

test("only questions that are open, and that belong to our DAGs, wait for a person", () => {
  const asked = (changed) => ({ response_received: false, task_instance: { dag_id: "ours", state: "deferred" }, ...changed });
  const waiting = waitingQuestions(
    [
      asked(),
      asked({ task_instance: { dag_id: "ours", state: "awaiting_input" } }),
      asked({ response_received: true }),
      asked({ task_instance: { dag_id: "others", state: "deferred" } }),
      asked({ task_instance: { dag_id: "ours", state: "failed" } }),
    ],
    new Set(["ours"]),
  );
  assert.equal(waiting.length, 2);
});

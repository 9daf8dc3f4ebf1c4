import assert from "node:assert/strict";
import { test } from "node:test";

import { airflowAt, isWebAddress, valueOf } from "../../../../sailpoint_provider/plugins/page/airflow.mjs";
import { historyOf } from "../../../../sailpoint_provider/plugins/page/history.mjs";
import { task, result } from "./made.mjs";

const BASE = "https://airflow.example.com/team/";

/** Return a client whose requests `answer` gets as (path, query), and a list of those. */
function client(answer) {
  const asked = [];
  const fetchUrl = async (url) => {
    assert.equal(url.origin, "https://airflow.example.com");
    const path = url.pathname.replace("/team/api/v2/", "");
    asked.push(`${path}${url.search}`);
    const body = await answer(path, url.searchParams);
    if (typeof body === "number") return new Response("{}", { status: body });
    return Response.json(body, { headers: { Date: "Sun, 01 Mar 2026 11:00:00 GMT" } });
  };
  return { airflow: airflowAt(BASE, fetchUrl), asked };
}

test("names from outside become parts of a path, and never more", async () => {
  const { airflow, asked } = client(() => ({ value: {} }));
  await airflow.xcom(task({ dag_id: "a/../b", dag_run_id: "r?x=1#y", task_id: "t%" }), "return_value");
  assert.match(asked[0], /^dags\/a%2F\.\.%2Fb\/dagRuns\/r%3Fx%3D1%23y\/taskInstances\/t%25\/xcomEntries\/return_value\?/);
});

test("a log's address keeps the path of Airflow's base URL", () => {
  const { airflow } = client(() => ({}));
  assert.equal(
    airflow.logUrl(task({ map_index: 3, try_number: 2, dag_run_id: "manual__2026-03-01T10:00:00+00:00" })),
    `${BASE}dags/nightly/runs/manual__2026-03-01T10%3A00%3A00%2B00%3A00/tasks/load/mapped/3?try_number=2`,
  );
  assert.equal(airflow.questionUrl(task()), `${BASE}dags/nightly/runs/run-1/tasks/load/required_actions`);
});

test("only web addresses become links", async () => {
  assert.deepEqual(
    ["https://acme.identitynow.com/ui/a", "http://127.0.0.1:1/", "javascript:alert(1)", "data:,x", "/x", null, ""].map(isWebAddress),
    [true, true, false, false, false, false, false],
  );
  const { airflow } = client(() => ({ extra_links: { Good: "https://a.example/", Bad: "javascript:1", None: null } }));
  assert.deepEqual(await airflow.links(task()), [["Good", "https://a.example/"]]);
});

test("an XCom may come as JSON text", () => {
  assert.deepEqual(valueOf('{"a": 1}'), { a: 1 });
  assert.deepEqual(valueOf({ a: 1 }), { a: 1 });
  assert.equal(valueOf("plain"), "plain");
});

test("what Airflow answers is said in words", async () => {
  for (const [status, words] of [[401, /not logged in/], [403, /not permit/], [503, /HTTP 503/]]) {
    await assert.rejects(client(() => status).airflow.questions(), words);
  }
  const silent = airflowAt(BASE, async () => {
    throw new TypeError("network");
  });
  await assert.rejects(silent.questions(), (error) => error.status === 0 && /does not answer/.test(error.message));
});

/** Return an Airflow with these task instances in pages of `size`, and the results of all. */
function airflowWith(tasks, { size = 2, xcoms = () => ({ value: result() }) } = {}) {
  return client((path, query) => {
    if (path.endsWith("/taskInstances")) {
      const wanted = query.getAll("state");
      const found = tasks.filter(({ state }) => !wanted.length || wanted.includes(state));
      const from = Number(query.get("offset"));
      return { task_instances: found.slice(from, from + size), total_entries: found.length };
    }
    return xcoms(path, query);
  });
}

test("pages smaller than asked for are all read", async () => {
  const tasks = ["a", "b", "c", "d", "e"].map((dag_run_id) => task({ dag_run_id }));
  const history = historyOf(airflowWith(tasks).airflow);
  await history.refresh();
  assert.equal(history.loads().length, 5);
  assert.deepEqual(history.extent(), { total: 5, listed: 5 });
});

test("the second look asks only for what changed since shortly before the first, by the server's clock", async () => {
  const { airflow, asked } = airflowWith([task()]);
  const history = historyOf(airflow);
  await history.refresh();
  const first = asked.length;
  await history.refresh();
  assert.equal(asked.length, first + 1);
  assert.match(decodeURIComponent(asked.at(-1)), /updated_at_gte=2026-03-01T10:59:00\.000Z/);
});

test("a result is read once, however often the page looks", async () => {
  const { airflow, asked } = airflowWith([task({ dag_run_id: "a" }), task({ dag_run_id: "b" })]);
  const history = historyOf(airflow);
  await history.refresh();
  for (let times = 0; times < 3; times += 1) await history.complete(history.loads(), () => {});
  assert.equal(asked.filter((one) => one.includes("return_value")).length, 2);
  assert.ok(history.loads().every((load) => load.isComplete && load.counts.created === 1000));
});

test("a new try of a task is read anew", async () => {
  const tasks = [task({ id: "first" })];
  const { airflow, asked } = airflowWith(tasks);
  const history = historyOf(airflow);
  await history.refresh();
  await history.complete(history.loads(), () => {});
  tasks[0] = { ...tasks[0], id: "second", try_number: 2 };
  await history.refresh();
  await history.complete(history.loads(), () => {});
  assert.equal(asked.filter((one) => one.includes("return_value")).length, 2);
});

test("XComs of a failed task are read only if they exist, so that nothing is asked in vain", async () => {
  const { airflow, asked } = airflowWith([task({ state: "failed" })], {
    xcoms: (path) => {
      if (path.endsWith("/xcomEntries")) return { xcom_entries: [{ key: "reason", map_index: -1 }] };
      return path.endsWith("reason") ? { value: { type: "X", message: "Why.", result: null } } : 404;
    },
  });
  const history = historyOf(airflow);
  await history.refresh();
  await history.complete(history.loads(), () => {});
  assert.equal(history.loads()[0].sentence, "Why.");
  assert.ok(!asked.some((one) => one.includes("file_report")));
});

test("a result that may not be read leaves the row, and says so", async () => {
  const history = historyOf(airflowWith([task()], { xcoms: () => 403 }).airflow);
  await history.refresh();
  await history.complete(history.loads(), () => {});
  assert.match(history.loads()[0].problem, /not permit/);
  assert.equal(history.loads()[0].counts, null);
});

test("a result that could not be read because the session ended is asked for again", async () => {
  let status = 401;
  const history = historyOf(airflowWith([task()], { xcoms: () => status || { value: result() } }).airflow);
  await history.refresh();
  await assert.rejects(history.complete(history.loads(), () => {}), /not logged in/);
  status = 0;
  await history.complete(history.loads(), () => {});
  assert.equal(history.loads()[0].counts.created, 1000);
});

test("a running load is asked about until ISC has started it", async () => {
  const entries = [];
  const { airflow } = airflowWith([task({ state: "deferred" })], { xcoms: () => ({ xcom_entries: entries }) });
  const history = historyOf(airflow);
  await history.refresh();
  await history.complete(history.loads(), () => {});
  assert.ok(!history.loads()[0].hasStarted);
  entries.push({ key: "aggregation_id", map_index: -1, timestamp: "2026-03-01T10:00:07Z" });
  await history.complete(history.loads(), () => {});
  assert.equal(history.loads()[0].started, "2026-03-01T10:00:07Z");
});

/** Return an Airflow whose lists have no rendered fields, as those of Airflow 3.1, but whose tasks have. */
function airflowWithoutListedFields(tasks, fields) {
  const listed = tasks.map((one) => ({ ...one, rendered_fields: {} }));
  return airflowWith(listed, {
    size: 100,
    xcoms: (path) => {
      if (path.endsWith("/-1")) return { rendered_fields: fields };
      return path.endsWith("/xcomEntries") ? { xcom_entries: [] } : { value: result() };
    },
  });
}

test("where a list has no rendered fields, each task is asked for its own, once", async () => {
  const fields = { source_name: "HR", sailpoint_conn_id: "sailpoint_default" };
  const { airflow, asked } = airflowWithoutListedFields([task(), task({ state: "deferred", dag_run_id: "b" })], fields);
  const history = historyOf(airflow);
  await history.refresh();
  for (let times = 0; times < 3; times += 1) await history.complete(history.loads(), () => {});
  assert.deepEqual(history.loads().map((load) => load.connection), ["sailpoint_default", "sailpoint_default"]);
  assert.equal(asked.filter((one) => one.includes("/-1")).length, 2);
});

test("where a list has rendered fields, no task is asked for its own", async () => {
  const { airflow, asked } = airflowWith([task(), task({ dag_run_id: "old", rendered_fields: {} })]);
  const history = historyOf(airflow);
  await history.refresh();
  await history.complete(history.loads(), () => {});
  assert.equal(asked.filter((one) => one.includes("/-1")).length, 0);
});

test("a skipped task without listed fields is shown once it is known to have run", async () => {
  for (const [fields, shown] of [[{ source_name: "HR" }, 1], [{}, 0]]) {
    const { airflow } = airflowWithoutListedFields([task({ state: "skipped" })], fields);
    const history = historyOf(airflow);
    await history.refresh();
    assert.equal(history.loads().length, 0);
    await history.complete(history.unclear(), () => {});
    assert.equal(history.loads().length, shown);
    assert.equal(history.unclear().length, 0);
  }
});

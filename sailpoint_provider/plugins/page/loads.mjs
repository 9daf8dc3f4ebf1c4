// What Airflow's task instances and XComs say about loads. Pure functions of plain values.

/** The operators that load something, and what their load is called. */
export const LOAD_OPERATORS = {
  SailPointAccountAggregationOperator: "Account aggregation",
  SailPointEntitlementAggregationOperator: "Entitlement aggregation",
  SailPointUncorrelatedAccountsOperator: "Uncorrelated accounts",
  SailPointIdentityRefreshOperator: "Identity refresh",
};

/** The sensors that wait for a load; its record completes that of the task that started it. */
export const LOAD_SENSORS = {
  SailPointAccountAggregationSensor: "Account aggregation",
};

/** The operators that check a file and load nothing. */
export const CHECK_OPERATORS = { SailPointFileCheckOperator: "File check" };

export const OPERATORS = Object.keys({ ...LOAD_OPERATORS, ...LOAD_SENSORS, ...CHECK_OPERATORS });

export const MOST_SHOWN = 30;
const USUAL_OF = 10;

const ACTIVE = new Set(["waiting", "running", "retrying"]);
const GOOD = new Set(["succeeded", "succeeded_with_warnings"]);
const ENDED_TASKS = new Set(["success", "failed", "skipped"]);
/** The states of a task that goes on, and what its load does meanwhile. */
export const TASK_STATES = {
  scheduled: "waiting",
  queued: "waiting",
  running: "running",
  restarting: "running",
  deferred: "running",
  up_for_retry: "retrying",
  up_for_reschedule: "running",
};

/** Return what names a task instance, whichever of its tries it is. */
export function keyOf(task) {
  return JSON.stringify([task.dag_id, task.dag_run_id, task.task_id, task.map_index]);
}

/** Return what names one state of one try: results of a try that has ended never change. */
export function versionOf(task) {
  return `${task.id} ${task.try_number} ${task.state}`;
}

/** Return whether a task has ended, so that its XComs are final. */
export function hasEnded(task) {
  return ENDED_TASKS.has(task.state);
}

/** Return whether a load is still going on. */
export function isActive(load) {
  return ACTIVE.has(load.state);
}

/** Return whether a load ended well. */
export function isGood(load) {
  return GOOD.has(load.state);
}

/** Return whether a task instance is one of ours that Airflow has at least scheduled. */
export function isWorthShowing(task) {
  const never = [null, undefined, "removed", "upstream_failed"];
  return OPERATORS.includes(task.operator) && !never.includes(task.state);
}

/** Return the rendered fields of a task, which the lists of Airflow 3.1 and 3.2 lack; empty if it never ran. */
export function fieldsOf(task, details) {
  const listed = task.rendered_fields ?? {};
  return Object.keys(listed).length ? listed : (details?.fields ?? {});
}

/** Return whether a task has run, or still may: one that a branch passed by, for example, has not. */
export function mayRun(task, details) {
  return task.state !== "skipped" || Object.keys(fieldsOf(task, details)).length > 0;
}

/**
 * Return a load from a task instance and what its XComs hold.
 *
 * @param task a task instance of Airflow's REST API.
 * @param details `{fields, result, report, reason, startedAt}`, each as far as it is known.
 */
export function loadOf(task, details = {}) {
  const { report, reason } = details;
  const result = details.result ?? reason?.result ?? null;
  const fields = fieldsOf(task, details);
  const drop = typeof fields.drop === "object" && fields.drop !== null ? fields.drop : {};
  return {
    key: keyOf(task),
    task,
    isCheck: task.operator in CHECK_OPERATORS,
    isSensor: task.operator in LOAD_SENSORS,
    kind: { ...LOAD_OPERATORS, ...LOAD_SENSORS, ...CHECK_OPERATORS }[task.operator],
    connection: text(fields.sailpoint_conn_id),
    sourceId: text(result?.source_id) ?? text(fields.source_id) ?? text(drop.source_id),
    sourceName: text(result?.source_name) ?? text(fields.source_name) ?? text(drop.source_name),
    aggregationId: text(result?.aggregation_id),
    state: stateOf(task, details),
    started: text(result?.started) ?? details.startedAt ?? task.start_date,
    hasStarted: Boolean(details.startedAt ?? result?.started),
    ended: hasEnded(task) ? (text(result?.completed) ?? task.end_date) : null,
    seconds: finite(result?.duration_seconds) ?? (hasEnded(task) ? finite(task.duration) : null),
    counts: result?.accounts ?? null,
    file: text(result?.file?.name) ?? text(report?.name) ?? text(drop.name),
    sha256: text(result?.file?.sha256) ?? text(report?.sha256),
    report: report ?? null,
    sentence: sentenceOf(result, report, reason),
    isComplete: !hasEnded(task) || "result" in details || "reason" in details,
    problem: details.problem ?? null,
  };
}

function stateOf(task, { result, report, reason }) {
  if (!hasEnded(task)) return TASK_STATES[task.state] ?? task.state;
  if (task.operator in CHECK_OPERATORS && report) {
    return report.verdict === "passed" ? "succeeded" : report.verdict;
  }
  if (task.state === "success") return result?.state === "running" ? "started" : (result?.state ?? "succeeded");
  if (reason?.type === "FileRefusedError") return "refused";
  if (task.state === "skipped") return report?.verdict === "repeated" ? "repeated" : "skipped";
  const ended = reason?.result?.state;
  return ended && !GOOD.has(ended) ? ended : "failed";
}

function sentenceOf(result, report, reason) {
  if (reason?.message) return reason.message;
  if (report && report.verdict !== "passed") return text(report.sentence);
  const told = (result?.messages ?? []).filter((one) => one.type !== "INFO" && one.text);
  return told.length ? told.map((one) => one.text).join(" | ") : null;
}

/** Return text, null for anything else; an unrendered template is not text that names something. */
function text(value) {
  return typeof value === "string" && value !== "" && value !== "None" && !value.includes("{{") ? value : null;
}

function finite(value) {
  return Number.isFinite(value) ? value : null;
}

/**
 * Return the loads without the waits of sensors for loads that are listed anyway; such a wait lends its result.
 */
export function withoutDoubles(loads) {
  const started = new Map();
  for (const load of loads) {
    if (!load.isSensor && load.aggregationId) started.set(load.aggregationId, load);
  }
  const lent = new Map();
  for (const load of loads) {
    const own = load.isSensor && started.get(load.aggregationId);
    if (own && own.state === "started" && hasEnded(load.task)) lent.set(own.key, load);
  }
  return loads
    .filter((load) => !(load.isSensor && started.has(load.aggregationId)))
    .map((load) => {
      const wait = lent.get(load.key);
      if (!wait) return load;
      const { state, ended, seconds, counts, sentence } = wait;
      return { ...load, state, ended, seconds, counts, sentence };
    });
}

/**
 * Return the loads by source, the sources in the order of their names.
 *
 * A task names its source by ID or by name; a result has both, which brings the two together.
 */
export function bySource(loads) {
  const ids = new Map();
  for (const { connection, sourceId, sourceName } of loads) {
    if (sourceId && sourceName) ids.set(JSON.stringify([connection, sourceName]), sourceId);
  }
  const groups = new Map();
  for (const load of loads) {
    if (load.isCheck) continue;
    const id = load.sourceId ?? ids.get(JSON.stringify([load.connection, load.sourceName]));
    const named = id ?? load.sourceName;
    const key = JSON.stringify([load.connection, named ?? [load.task.dag_id, load.task.task_id]]);
    const group = groups.get(key) ?? { key, connection: load.connection, id, name: null, loads: [] };
    group.name ??= load.sourceName;
    group.loads.push(load);
    groups.set(key, group);
  }
  const sources = [...groups.values()].map((group) => sourceOf(group));
  return sources.sort(
    (one, other) =>
      (one.connection ?? "").localeCompare(other.connection ?? "") || one.title.localeCompare(other.title),
  );
}

function sourceOf(group) {
  const newestFirst = group.loads.sort((one, other) => newer(one, other));
  const [{ task }] = newestFirst;
  return {
    ...group,
    title: group.name ?? group.id ?? `${task.dag_id} \u203a ${task.task_id}`,
    loads: newestFirst.slice(0, MOST_SHOWN),
    last: newestFirst.find((load) => !isActive(load)) ?? newestFirst[0],
    running: newestFirst.filter(isActive),
  };
}

/** Order loads, the newest first; one that has not started is newer than all others. */
export function newer(one, other) {
  const [first, second] = [one, other].map((load) => (load.started ? Date.parse(load.started) : Infinity));
  return first === second ? one.key.localeCompare(other.key) : second > first ? 1 : -1;
}

/** Return the usual seconds of a source's loads: the median of the last good ones; null without any. */
export function usualSeconds(loads, kind) {
  const known = loads
    .filter((load) => load.kind === kind && isGood(load) && Number.isFinite(load.seconds))
    .slice(0, USUAL_OF)
    .map((load) => load.seconds)
    .sort((one, other) => one - other);
  if (!known.length) return null;
  const middle = known.length >> 1;
  return known.length % 2 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
}

/** Return what was refused, the newest first, each with whether the same file was loaded in that run after all. */
export function refusals(loads) {
  const run = ({ task }) => JSON.stringify([task.dag_id, task.dag_run_id]);
  const loaded = new Map();
  for (const load of loads) {
    if (!load.isCheck && isGood(load) && load.sha256) loaded.set(`${run(load)} ${load.sha256}`, load);
  }
  return loads
    .filter((load) => load.state === "refused")
    .map((load) => ({ ...load, approvedBy: loaded.get(`${run(load)} ${load.sha256}`) ?? null }))
    .sort(newer);
}

/** Return the questions to a person that still wait, and that belong to a DAG with one of these tasks. */
export function waitingQuestions(details, dagIds) {
  const waits = new Set(["deferred", "awaiting_input", "running"]);
  return details.filter(
    ({ response_received: answered, task_instance: task }) =>
      !answered && waits.has(task?.state) && dagIds.has(task.dag_id),
  );
}

// Task instances as Airflow's REST API gives them, cut to what the page reads.

let number = 0;

/** Return a task instance of a load; `changed` overrides its fields. */
export function task(changed = {}) {
  number += 1;
  return {
    id: `id-${number}`,
    dag_id: "nightly",
    dag_run_id: "run-1",
    task_id: "load",
    map_index: -1,
    try_number: 1,
    state: "success",
    operator: "SailPointAccountAggregationOperator",
    start_date: "2026-03-01T10:00:00Z",
    end_date: "2026-03-01T10:01:00Z",
    duration: 60,
    rendered_fields: { source_name: "HR", source_id: null, drop: null, sailpoint_conn_id: "sailpoint_default" },
    ...changed,
  };
}

/** Return the result of a load, as the operator returns it. */
export function result(changed = {}) {
  return {
    aggregation_id: "a".repeat(32),
    source_id: "5".repeat(32),
    source_name: "HR",
    state: "succeeded",
    started: "2026-03-01T10:00:05Z",
    completed: "2026-03-01T10:00:19Z",
    duration_seconds: 14,
    accounts: { created: 1000, updated: 2, deleted: 0 },
    messages: [],
    file: { name: "hr.csv", size_bytes: 10, sha256: "f".repeat(64) },
    ...changed,
  };
}

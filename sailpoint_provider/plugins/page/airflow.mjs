// Airflow's REST API, asked with the session of the person who looks at the page.

import { OPERATORS } from "./loads.mjs";

/** The largest page that Airflow's default settings allow. */
export const PAGE = 100;

/** Airflow answered with something else than what was asked for, or not at all. */
export class AirflowError extends Error {
  /** @param status the HTTP status; 0 if there was no answer. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Return a client of the Airflow whose pages begin with `base`, which ends with a slash. */
export function airflowAt(base, fetchUrl = (...given) => fetch(...given)) {
  async function get(path, query = []) {
    const url = new URL(`api/v2/${path}`, base);
    for (const [name, value] of query) url.searchParams.append(name, String(value));
    let response;
    try {
      response = await fetchUrl(url, {
        credentials: "same-origin",
        headers: { Accept: "application/json" },
        redirect: "error",
      });
    } catch {
      throw new AirflowError(0, "Airflow does not answer.");
    }
    if (!response.ok) throw new AirflowError(response.status, sentenceFor(response.status));
    try {
      return { body: await response.json(), date: response.headers.get("Date") };
    } catch {
      throw new AirflowError(response.status, "Airflow answered with something that is not JSON.");
    }
  }

  const path = (task) =>
    [
      ...["dags", encodeURIComponent(task.dag_id), "dagRuns", encodeURIComponent(task.dag_run_id)],
      ...["taskInstances", encodeURIComponent(task.task_id)],
    ].join("/");

  return {
    /** One page of the task instances of our operators, the newest first: `{tasks, total, date}`. */
    async tasks({ offset = 0, limit = PAGE, changedSince = null, states = [] } = {}) {
      const query = OPERATORS.map((operator) => ["operator", operator]);
      query.push(["order_by", "-start_date"], ["limit", limit], ["offset", offset]);
      for (const state of states) query.push(["state", state]);
      if (changedSince) query.push(["updated_at_gte", changedSince]);
      const { body, date } = await get("dags/~/dagRuns/~/taskInstances", query);
      return { tasks: body.task_instances, total: body.total_entries, date };
    },

    /** One task instance, with its rendered fields. */
    async task(task) {
      return (await get(`${path(task)}/${task.map_index}`)).body;
    },

    /** The XComs that a task instance has: `[{key, timestamp}]`. */
    async keys(task) {
      const query = [["map_index", task.map_index], ["limit", PAGE]];
      const { body } = await get(`${path(task)}/xcomEntries`, query);
      return body.xcom_entries.filter((entry) => entry.map_index === task.map_index);
    },

    /** The value of an XCom. */
    async xcom(task, key) {
      const query = [["map_index", task.map_index]];
      const { body } = await get(`${path(task)}/xcomEntries/${encodeURIComponent(key)}`, query);
      return valueOf(body.value);
    },

    /** The links of a task instance that lead somewhere on the web, as `[name, url]`. */
    async links(task) {
      const { body } = await get(`${path(task)}/links`, [["map_index", task.map_index]]);
      return Object.entries(body.extra_links ?? {}).filter(([, url]) => isWebAddress(url));
    },

    /** The questions to a person that have no answer yet. */
    async questions() {
      const query = [["response_received", false], ["limit", PAGE]];
      const { body } = await get("dags/~/dagRuns/~/hitlDetails", query);
      return body.hitl_details;
    },

    /** The address of the log of a task instance. */
    logUrl(task) {
      const tries = task.try_number > 0 ? `?try_number=${task.try_number}` : "";
      return new URL(`${place(task)}${tries}`, base).href;
    },

    /** The address where a person answers the question of a task instance. */
    questionUrl: (task) => new URL(`${place(task)}/required_actions`, base).href,
  };
}

function place(task) {
  const mapped = task.map_index >= 0 ? `/mapped/${task.map_index}` : "";
  const [dag, run, id] = [task.dag_id, task.dag_run_id, task.task_id].map(encodeURIComponent);
  return `dags/${dag}/runs/${run}/tasks/${id}${mapped}`;
}

/** Return an XCom's value as an object, which Airflow 3.1 gives as JSON text. */
export function valueOf(value) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Return whether a link leads to a web page, and not to `javascript:` or the like. */
export function isWebAddress(url) {
  return typeof url === "string" && /^https?:\/\//i.test(url) && URL.canParse(url);
}

/** Return what an HTTP status of Airflow means for the reader. */
export function sentenceFor(status) {
  if (status === 401) return "You are not logged in, or your session has ended. Log in to Airflow again.";
  if (status === 403) return "Airflow does not permit you to see this.";
  if (status === 404) return "Airflow does not know this.";
  if (status >= 500) return `Airflow failed to answer (HTTP ${status}).`;
  return `Airflow rejected the request (HTTP ${status}).`;
}

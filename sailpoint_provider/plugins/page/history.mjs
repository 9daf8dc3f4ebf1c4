// What the page knows, in memory only: task instances, and the results of those that have ended.

import {
  CHECK_OPERATORS,
  TASK_STATES,
  hasEnded,
  isWorthShowing,
  keyOf,
  loadOf,
  mayRun,
  versionOf,
} from "./loads.mjs";

/** How many task instances are read before the reader asks for older ones. */
export const AT_FIRST = 500;
/** Requests at a time, so that a page with many sources does not hold up Airflow's API server. */
const AT_A_TIME = 4;
/** How far back each look for changes reaches: a transaction may be seen later than its time says. */
const OVERLAP_MS = 60_000;
const ACTIVE_STATES = Object.keys(TASK_STATES);

/** Return the memory of one page. */
export function historyOf(airflow) {
  const tasks = new Map();
  const details = new Map();
  const reading = new Set();
  let total = 0;
  let listed = 0;
  let lookedAt = null;
  let listsFields = false;

  function remember(page) {
    for (const task of page) {
      listsFields ||= Object.keys(task.rendered_fields ?? {}).length > 0;
      if (isWorthShowing(task)) tasks.set(keyOf(task), task);
      else tasks.delete(keyOf(task));
    }
  }

  async function readPages(most, query) {
    let read = 0;
    let date = null;
    for (;;) {
      const page = await airflow.tasks({ ...query, offset: (query.offset ?? 0) + read });
      date ??= page.date;
      remember(page.tasks);
      read += page.tasks.length;
      // The server may allow smaller pages than were asked for.
      if (!page.tasks.length || read >= Math.min(most, page.total - (query.offset ?? 0))) {
        return { read, total: page.total, date };
      }
    }
  }

  const known = (task) => details.get(keyOf(task));
  const needsDetails = (task) => {
    const has = known(task);
    if (has?.version !== versionOf(task)) return true;
    return !hasEnded(task) && !has.startedAt;
  };

  async function readDetails(task) {
    const found = { version: versionOf(task), fields: known(task)?.fields };
    try {
      // A task that has not begun has none yet.
      if (!listsFields && !Object.keys(found.fields ?? {}).length) {
        found.fields = (await airflow.task(task)).rendered_fields ?? {};
      }
      if (!mayRun(task, found)) {
        details.set(keyOf(task), found);
        return;
      }
      await (hasEnded(task) ? readEnd(task, found) : readStart(task, found));
    } catch (error) {
      if (error.status === 401 || error.status === 0) throw error;
      Object.assign(found, { result: found.result ?? null, problem: error.message });
    }
    details.set(keyOf(task), found);
  }

  async function readEnd(task, found) {
    const isCheck = task.operator in CHECK_OPERATORS;
    if (task.state === "success" && !isCheck) {
      found.result = await orNull(airflow.xcom(task, "return_value"));
      return;
    }
    const keys = new Set((await airflow.keys(task)).map(({ key }) => key));
    const read = (key) => (keys.has(key) ? orNull(airflow.xcom(task, key)) : null);
    found.report = await read("file_report");
    found.reason = await read("reason");
    found.result = null;
  }

  async function readStart(task, found) {
    const entry = (await airflow.keys(task)).find(({ key }) => key === "aggregation_id");
    found.startedAt = entry?.timestamp ?? null;
  }

  return {
    /** The loads, as far as they are known. */
    loads: () =>
      [...tasks.values()].filter((task) => mayRun(task, known(task))).map((task) => loadOf(task, known(task))),

    /** The skipped tasks of which it is not known yet whether they ran. */
    unclear: () =>
      [...tasks.values()]
        .filter((task) => !listsFields && !mayRun(task, known(task)) && needsDetails(task))
        .map((task) => loadOf(task)),

    /** How many task instances Airflow has, and how many of them were read. */
    extent: () => ({ total, listed }),

    /** Read the newest task instances, or later only those that have changed since. */
    async refresh() {
      const since = lookedAt;
      const read = await readPages(since ? Infinity : AT_FIRST, { changedSince: since });
      if (!since) {
        [listed, total] = [read.read, read.total];
        // One that began long ago, or has not begun, is not among the newest.
        await readPages(AT_FIRST, { states: ACTIVE_STATES });
      }
      const now = read.date ? Date.parse(read.date) : Date.now();
      lookedAt = new Date(now - OVERLAP_MS).toISOString();
    },

    /** Read older task instances. */
    async readOlder() {
      const read = await readPages(AT_FIRST, { offset: listed });
      listed += read.read;
      total = read.total;
    },

    /**
     * Read the results of these loads as far as they are missing, in this order.
     *
     * @param changed is called after each of them.
     */
    async complete(loads, changed) {
      const queue = loads
        .map((load) => load.task)
        .filter((task) => needsDetails(task) && !reading.has(versionOf(task)));
      for (const task of queue) reading.add(versionOf(task));
      const worker = async () => {
        for (let task = queue.shift(); task; task = queue.shift()) {
          try {
            await readDetails(task);
          } catch (error) {
            // The others would fail in the same way.
            for (const other of queue.splice(0)) reading.delete(versionOf(other));
            throw error;
          } finally {
            reading.delete(versionOf(task));
          }
          changed();
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    },
  };
}

/** Return null for an XCom that does not exist, for example with `do_xcom_push=False`. */
async function orNull(reading) {
  try {
    return (await reading) ?? null;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

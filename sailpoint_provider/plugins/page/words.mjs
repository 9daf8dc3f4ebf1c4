// Numbers, times and durations in words. Pure functions, so that they can be tested without a browser.

const DASH = "\u2013";

/** Return a whole number with separators, or a dash where none is known. */
export function numberText(value, locale) {
  return Number.isFinite(value) ? new Intl.NumberFormat(locale).format(value) : DASH;
}

/** Return seconds as a short duration, such as "14 s", "2 min 5 s" or "3 h 20 min". */
export function durationText(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return DASH;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** Return a moment in the viewer's own time zone; the day is left out if it is today. */
export function momentText(moment, now, locale, timeZone) {
  const date = new Date(moment ?? NaN);
  if (Number.isNaN(date.getTime())) return DASH;
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "medium", timeZone });
  const isToday = day.format(date) === day.format(now);
  return isToday ? time.format(date) : `${day.format(date)}, ${time.format(date)}`;
}

/** Return a moment in UTC, for the title of an element that shows it in the viewer's zone. */
export function utcText(moment) {
  const date = new Date(moment ?? NaN);
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

const VERDICTS = {
  waiting: "Waiting for a worker",
  running: "Running",
  retrying: "Waiting for a retry",
  started: "Started, not followed",
  succeeded: "Succeeded",
  succeeded_with_warnings: "Succeeded with warnings",
  failed: "Failed",
  cancelled: "Cancelled",
  terminated: "Terminated",
  refused: "Refused",
  repeated: "Skipped: same file as last time",
  skipped: "Skipped",
};

/** Return the state of a load in words. */
export function verdictText(state) {
  return VERDICTS[state] ?? state;
}

/** Return what a load did to the accounts in words, such as "1,000 created, 3 deleted"; empty if unknown. */
export function countsText(counts, locale) {
  const named = ["created", "updated", "deleted"].filter((name) => Number.isFinite(counts?.[name]));
  return named.map((name) => `${numberText(counts[name], locale)} ${name}`).join(", ");
}

/** Return the singular or the plural with its number. */
export function several(number, singular, plural, locale) {
  return `${numberText(number, locale)} ${number === 1 ? singular : plural}`;
}

/** Return how long a load has been running compared with what is usual, in words. */
export function elapsedText(elapsed, usual) {
  const sofar = durationText(elapsed);
  if (!Number.isFinite(usual)) return `${sofar}; no earlier load to compare with`;
  const over = elapsed > usual ? ", longer than usual" : "";
  return `${sofar}; usually ${durationText(usual)}${over}`;
}

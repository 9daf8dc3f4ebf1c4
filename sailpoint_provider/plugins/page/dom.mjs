// Elements. Every value becomes text or an attribute; nothing here reads HTML.

import { momentText, utcText } from "./words.mjs";

/** Return a new element with attributes and children; null children are left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(attribute, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return a link that leaves this page. */
export function link(href, text, label) {
  return element("a", { href, target: "_top", rel: "noopener noreferrer", "aria-label": label }, text);
}

/** Return a moment in the viewer's zone, with UTC as its title. */
export function moment(value, now) {
  if (!value) return element("span", {}, momentText(NaN, now));
  return element("time", { datetime: value, title: utcText(value) }, momentText(value, now));
}

/** Return the state of a load as a badge; shape and words tell it, not the colour alone. */
export function badge(state, words) {
  return element("span", { class: `badge ${state}` }, words);
}

/**
 * Show items as children of a place, and rebuild only those that changed, so that focus and reading stay.
 *
 * @param place the parent; what else is in it comes before the items.
 * @param items what is shown, in order.
 * @param keyOf returns what names an item.
 * @param signOf returns text that changes with what is shown of an item.
 * @param build returns the new element of an item.
 */
export function showAll(place, items, keyOf, signOf, build) {
  const shown = [...place.children].filter((child) => child.dataset.key !== undefined);
  const old = new Map(shown.map((child) => [child.dataset.key, child]));
  let before = shown[0] ?? null;
  for (const item of items) {
    const [key, sign] = [keyOf(item), signOf(item)];
    let child = old.get(key);
    old.delete(key);
    if (!child || child.dataset.sign !== sign) {
      const made = build(item);
      made.dataset.key = key;
      made.dataset.sign = sign;
      if (child) {
        if (before === child) before = made;
        swap(child, made);
      }
      child = made;
    }
    if (child === before) before = child.nextElementSibling;
    else place.insertBefore(child, before);
  }
  for (const child of old.values()) child.remove();
}

function swap(child, made) {
  const focused = child.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  child.replaceWith(made);
  if (focused) {
    const again = [...made.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused);
    again?.focus({ preventScroll: true });
  }
}

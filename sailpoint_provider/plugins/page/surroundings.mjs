// Airflow shows the page in a frame: take over its theme, and let links leave the frame.

/** Return the theme that Airflow shows, `light` or `dark`; null if it cannot be known. */
export function airflowTheme(outer, stored) {
  const classes = outer?.documentElement?.classList;
  for (const theme of ["dark", "light"]) if (classes?.contains(theme)) return theme;
  return stored === "dark" || stored === "light" ? stored : null;
}

/** Show the page in Airflow's theme, also after the reader has changed it; else in that of the system. */
export function followTheme() {
  const outer = outerDocument();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = airflowTheme(outer, storedTheme()) ?? (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
  };
  apply();
  if (outer) {
    new MutationObserver(apply).observe(outer.documentElement, { attributeFilter: ["class"] });
  }
  addEventListener("storage", apply);
  system.addEventListener("change", apply);
}

/**
 * Let links leave the frame, whose sandbox permits neither a new window nor the way to the outer page.
 *
 * The frame has Airflow's own origin, so a link in the outer page may be followed on behalf of the inner one.
 */
export function letLinksLeave() {
  const outer = outerDocument();
  if (!outer) return;
  const follow = (event) => {
    const link = event.target.closest?.("a[target=_top]");
    if (!link || event.defaultPrevented || event.button > 1) return;
    event.preventDefault();
    const isElsewhere = new URL(link.href).origin !== location.origin;
    const isNewWindow = isElsewhere || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    const stand = outer.createElement("a");
    stand.href = link.href;
    stand.rel = "noopener noreferrer";
    stand.target = isNewWindow ? "_blank" : "_self";
    stand.hidden = true;
    outer.body.append(stand);
    stand.click();
    stand.remove();
  };
  document.addEventListener("click", follow);
  document.addEventListener("auxclick", follow);
}

function outerDocument() {
  if (window.parent === window) return null;
  try {
    return window.parent.document;
  } catch {
    return null;
  }
}

function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

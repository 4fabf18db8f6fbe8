// What the page remembers between visits, where the browser lets it.

/**
 * @param {string} key
 * @param {boolean} [tab] of this tab only
 */
export function recall(key, tab) {
  try {
    return (tab ? sessionStorage : localStorage).getItem(key);
  } catch {
    return null; // storage can be forbidden
  }
}

/**
 * @param {string} key
 * @param {string | null} value null: forget
 * @param {boolean} [tab] of this tab only
 */
export function remember(key, value, tab) {
  try {
    if (value === null) (tab ? sessionStorage : localStorage).removeItem(key);
    else (tab ? sessionStorage : localStorage).setItem(key, value);
  } catch {
    // Then it holds for this visit only.
  }
}

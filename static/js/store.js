// What the page remembers between visits, where the browser lets it.

/** @param {string} key */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage can be forbidden
  }
}

/**
 * @param {string} key
 * @param {string | null} value null: forget
 */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Then it holds for this visit only.
  }
}

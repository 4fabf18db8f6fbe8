// @ts-check
// Runs before the first paint, so that no page flashes in the wrong colours.
// A classic script: modules run too late for this.
(function () {
  'use strict';
  let choice = null;
  try {
    choice = localStorage.getItem('lectern.theme');
  } catch {
    // Storage can be forbidden; the system's choice holds then.
  }
  const light = choice === 'light' || (choice !== 'dark' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
})();

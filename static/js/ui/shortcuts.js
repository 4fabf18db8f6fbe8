// Keys that work whenever nobody types.

/** Commands by key. */
const COMMANDS = /** @type {{[key: string]: string}} */ ({ m: 'mic', v: 'camera', s: 'share', c: 'chat', h: 'hand', l: 'layout', f: 'tile-fullscreen', '?': 'shortcuts', ArrowLeft: 'page-left', ArrowRight: 'page-right' });

/**
 * The command of a key press, or undefined.
 * @param {KeyboardEvent} event
 */
export function commandOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return undefined;
  const target = event.target;
  if (target instanceof Element && target.closest('input:not([type="button"]), textarea, select, dialog[open], [role="menu"], [contenteditable]')) return undefined;
  return COMMANDS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}

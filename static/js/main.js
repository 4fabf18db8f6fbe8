// Wiring only: the address chooses the view, and the views are given what they show.
//
// data-testid of everything a test needs (stable names):
//   landing          landing, room-input, room-other, go, language
//   ready            ready, ready-preview, ready-mic, ready-camera, level-meter, device-audioinput, device-videoinput,
//                    device-audiooutput, ready-problem, name-input, join, join-quiet, join-error
//   room             room, grid, tile (data-id, data-kind=camera|screen, data-self), tile-name, tile-video, tile-avatar,
//                    tile-muted, tile-hand, tile-spinner, tile-quality, tile-pin, tile-fullscreen, room-name, people,
//                    banner, banner-seconds, toast, toast-action, toast-close, share-pill, share-stop
//   controls         bar, mic, camera, share, chat-toggle, unread, hand, more, leave, invite-button, menu,
//                    menu-settings, menu-stats, menu-shortcuts, menu-fullscreen, menu-invite
//   alone            invite, invite-link, invite-copy, invite-qr
//   chat             chat, chat-close, messages, message (data-self, data-kind), message-text, message-name, message-file,
//                    file-state, file-progress, file-cancel, file-download, file-picture, chat-newer, chat-input,
//                    chat-send, chat-attach, chat-file-input, chat-problem, drop
//   dialogs          settings, theme, stats, stats-row, stats-copy, shortcuts, dialog-close
//   end              ended (data-why), ended-rejoin, ended-home

import { start } from './i18n.js';
import { landingView } from './ui/landing.js';

const app = /** @type {HTMLElement} */ (document.getElementById('app'));

/** Ends what the view on show listens to. */
let current = new AbortController();

/**
 * Shows a view, and lets go of the one before.
 * @param {(signal: AbortSignal) => HTMLElement} make
 */
function show(make) {
  current.abort();
  current = new AbortController();
  const view = make(current.signal);
  app.replaceChildren(view);
  /** @type {HTMLElement | null} */ (view.querySelector('[data-focus]'))?.focus();
}

/** @param {string} path */
function visit(path) {
  history.pushState(null, '', path);
  route();
}

function route() {
  const match = /^\/r\/([^/]+)\/?$/.exec(location.pathname);
  const room = match && decode(match[1]);
  if (!room) {
    document.title = 'Lectern';
    show(() => landingView((name) => visit(`/r/${encodeURIComponent(name)}`)));
    return;
  }
  document.title = `${room} · Lectern`;
  // The rest of the page loads while the first view is read.
  void import('./call.js').then(({ Call }) => {
    const call = new Call({ room, show, home: () => visit('/') });
    call.ready();
  });
}

/** @param {string} part of the address */
function decode(part) {
  try {
    return decodeURIComponent(part).trim();
  } catch {
    return '';
  }
}

window.addEventListener('popstate', route);
await start();
route();
// Ready when the person is.
if (location.pathname === '/') requestIdleCallback?.(() => void import('./call.js'));

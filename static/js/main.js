// Wiring only: the address chooses the view, and the views are given what they show.
//
// data-testid of everything a test needs (stable names):
//   landing          landing, room-input, room-other, go, language
//   ready            ready, ready-preview, ready-mic, ready-camera, level-meter, device-audioinput, device-videoinput,
//                    device-audiooutput, ready-problem, ready-listen, name-input, join, join-quiet, join-error
//   room             room, grid, tile (data-id, data-kind=camera|screen, data-self; hidden on another page), tile-name,
//                    tile-video, tile-avatar, tile-muted, tile-hand, tile-spinner, tile-quality, tile-pin,
//                    tile-fullscreen, tile-menu, page-prev, page-next, page-count, stage-empty, room-name, people,
//                    audience-count, locked, mode, listening, banner, banner-seconds, toast, toast-action, toast-close,
//                    share-pill, share-stop
//   controls         bar, mic, camera, share, chat-toggle, unread, hand (a host's opens the list of hands), hands-count,
//                    more, leave, invite-button, menu, menu-settings, menu-stats, menu-shortcuts, menu-fullscreen,
//                    menu-invite, menu-layout, menu-lock, menu-removed, menu-step-down
//   host             member-menu, menu-mute, menu-stop-camera, menu-to-audience, menu-make-host, menu-remove, confirm,
//                    confirm-yes, confirm-no, removed, removed-row, removed-admit, hand-queue, hand-list, hand-row, hand-stage, hand-lower, hands-close
//   on stage         stage-dialog (ready-preview, ready-mic, ready-camera in it), stage-go, stage-off, stage-back
//   alone            invite, invite-link, invite-copy, invite-qr
//   chat             chat, chat-close, messages, message (data-self, data-kind), message-text, message-name, message-file,
//                    file-state, file-progress, file-cancel, file-download, file-picture, chat-newer, chat-input,
//                    chat-send, chat-attach, chat-file-input, chat-problem, drop
//   dialogs          settings, theme, stats, stats-mode, stats-row, stats-copy, shortcuts, dialog-close
//   end              ended (data-why), ended-rejoin, ended-home

import { start } from './i18n.js';
import { landingView } from './ui/landing.js';

const ROLES = /** @type {const} */ (['host', 'presenter', 'audience']);
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
    const asked = new URLSearchParams(location.search);
    const role = ROLES.find((one) => one === asked.get('role'));
    const call = new Call({ room, role, token: asked.get('token') ?? undefined, show, home: () => visit('/') });
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

// The chat: a drawer beside the tiles, a sheet above them on phones. Asks by events: 'chat-text' (detail: text),
// 'chat-files' (detail: File[]), 'chat-cancel' (detail: transfer id), 'chat-read', 'chat-close'.

import { keep, say, sayAttribute, size, t } from '../i18n.js';
import { chatMessage, showTransfer } from './chat-message.js';
import { announce, h, icon, styled } from './dom.js';

/** @import {ChatMessage, RoomState, Transfer} from '../core/types.js' */
/** @import {Params} from '../i18n.js' */

await styled('chat');

const NEAR_END = 80; // pixels: whoever is this near the end follows new messages
const TALLEST = 144; // pixels of the field
const MAX_TEXT = 10_000; // UTF-16 units of one message
/** Messages in the document at a time: each more makes every new one dearer. Others come when one scrolls to them. */
const SHOWN = 200;
const PAGE = 50;

export class ChatDrawer extends HTMLElement {
  /** Of a file, in bytes. */
  #limit = Infinity;
  #attach = h('button', { class: 'round', testid: 'chat-attach', attrs: { type: 'button', 'data-tip-start': '' }, on: { click: () => this.#files.click() } }, icon('attach'));
  /** @type {readonly ChatMessage[]} */
  #messages = [];
  /** @type {readonly Transfer[] | null} */
  #transfers = null;
  /** The messages shown are those from #first to before #last. */
  #first = 0;
  #last = 0;
  /** @type {Map<string, HTMLElement>} messages of files by transfer id, shown or not: what they offer is made once */
  #fileItems = new Map();
  #missed = 0;
  #tooLong = false;
  #list = h('ol', { class: 'messages', testid: 'messages', label: 'chat.messages', attrs: { tabindex: 0 }, on: { scroll: () => this.#scrolled() } });
  #empty = h('div', { class: 'chat-empty' }, h('h3', { t: 'chat.empty' }), h('p', { class: 'soft', t: 'chat.emptyLead' }));
  #newer = h('button', { class: 'button primary newer', testid: 'chat-newer', attrs: { type: 'button', hidden: true }, on: { click: () => this.#follow() } });
  #field = h('textarea', { class: 'chat-field', testid: 'chat-input', label: 'chat.input', attrs: { rows: 1, enterkeyhint: 'send' } });
  #problem = h('p', { class: 'problem bad', testid: 'chat-problem', attrs: { hidden: true } }, icon('warn'), h('span'));
  #files = h('input', { testid: 'chat-file-input', attrs: { type: 'file', multiple: true, hidden: true } });
  #send = h('button', { class: 'round send', testid: 'chat-send', tip: 'chat.send', attrs: { type: 'submit', 'data-tip-end': '' } }, icon('send'));

  setup() {
    this.className = 'chat';
    this.dataset.testid = 'chat';
    this.hidden = true;
    this.setAttribute('role', 'complementary');
    say(this.#newer, 'chat.newer', { n: 0 });
    const title = h('h2', { t: 'chat.title', attrs: { id: 'chat-title' } });
    this.setAttribute('aria-labelledby', 'chat-title');
    this.append(
      h('header', { class: 'chat-head' }, title,
        h('button', { class: 'round', testid: 'chat-close', tip: 'chat.close', attrs: { type: 'button', 'data-tip-below': '', 'data-tip-end': '' }, on: { click: () => this.#ask('chat-close') } }, icon('close'))),
      h('div', { class: 'chat-body' }, this.#empty, this.#list, this.#newer), this.#problem,
      h('form', { class: 'composer', on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); this.#submit(); } } }, this.#attach, this.#files, this.#field, this.#send));
    sayAttribute(this.#field, 'placeholder', 'chat.input');
    this.#field.addEventListener('keydown', (event) => this.#typed(event));
    this.#field.addEventListener('input', () => { this.#grow(); this.#weigh(); });
    this.#field.addEventListener('paste', (event) => this.#pasted(event));
    this.#files.addEventListener('change', () => { this.offer([...this.#files.files ?? []]); this.#files.value = ''; });
    return this;
  }

  /**
   * @param {RoomState} state
   * @param {number} limit of a file, in bytes; 0: none may be sent
   */
  update({ messages, transfers }, limit) {
    if (this.#limit !== limit) {
      this.#limit = limit;
      this.#attach.hidden = limit === 0;
      keep(this.#attach, 'tip', () => { for (const name of ['aria-label', 'data-tip']) this.#attach.setAttribute(name, t('chat.attach', { size: size(limit) })); });
    }
    if (messages === this.#messages && transfers === this.#transfers) return;
    this.#transfers = transfers;
    const following = this.#atEnd();
    const fresh = messages.slice(this.#messages.length);
    this.#messages = messages;
    for (const transfer of transfers) {
      const card = this.#fileItems.get(transfer.id)?.querySelector('.file');
      if (card) showTransfer(card, transfer);
    }
    this.#empty.hidden = messages.length > 0;
    this.#list.hidden = messages.length === 0;
    if (fresh.length === 0) {
      if (following) this.#scroll();
      return;
    }
    if (following || fresh.some((message) => message.self)) this.#follow();
    else {
      this.#showNewer(SHOWN - (this.#last - this.#first));
      this.#miss(fresh.length);
    }
    if (!this.hidden) this.#ask('chat-read');
  }

  /** @param {boolean} open */
  show(open) {
    this.hidden = !open;
    if (!open) return;
    this.#follow();
    this.#ask('chat-read');
    this.#field.focus();
  }

  /**
   * Sends files, but says of those that are too large that they are.
   * @param {File[]} files
   */
  offer(files) {
    if (this.#limit === 0) {
      this.#complain('chat.noFiles', {});
      return;
    }
    const large = files.find((file) => file.size > this.#limit);
    this.#problem.hidden = true;
    if (large) this.#complain('chat.tooLarge', { name: large.name, size: size(large.size), max: size(this.#limit) });
    const fit = files.filter((file) => file.size <= this.#limit);
    if (fit.length > 0) this.#ask('chat-files', fit);
  }

  /**
   * @param {string} key
   * @param {Params} params
   */
  #complain(key, params) {
    announce(this.#tell(key, params), true);
  }

  /**
   * @param {string} key
   * @param {Params} params
   */
  #tell(key, params) {
    const text = /** @type {HTMLElement} */ (this.#problem.lastElementChild);
    this.#problem.hidden = false;
    say(text, key, params);
    return text.textContent ?? '';
  }

  #submit() {
    const text = this.#field.value.trim();
    this.#weigh(true);
    if (!text || this.#tooLong) return;
    this.#problem.hidden = true;
    this.#ask('chat-text', text);
    this.#field.value = '';
    this.#grow();
    this.#field.focus();
  }

  /**
   * Whatever is pasted stays whole: what is too long for one message is said, and not sent.
   * @param {boolean} [again] says so although it was said
   */
  #weigh(again = false) {
    const { length } = this.#field.value.trim();
    const was = this.#tooLong;
    this.#tooLong = length > MAX_TEXT;
    this.#field.setAttribute('aria-invalid', String(this.#tooLong));
    if (this.#tooLong) {
      const text = this.#tell('chat.tooLong', { n: length, max: MAX_TEXT });
      if (!was || again) announce(text, true);
    } else if (was) this.#problem.hidden = true;
  }

  /** @param {KeyboardEvent} event */
  #typed(event) {
    // While a Chinese word is composed, Enter chooses it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length === 0) return;
    event.preventDefault();
    this.offer(files);
  }

  #grow() {
    this.#field.style.setProperty('height', 'auto');
    this.#field.style.setProperty('height', `${Math.min(TALLEST, this.#field.scrollHeight)}px`);
  }

  #nearEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  #atEnd() {
    return this.#last === this.#messages.length && this.#nearEnd();
  }

  #follow() {
    this.#missed = 0;
    this.#newer.hidden = true;
    const { length } = this.#messages;
    if (this.#last < length - SHOWN) { // too far back to go on from there
      this.#list.replaceChildren();
      this.#first = this.#last = length - SHOWN;
    }
    this.#showNewer(length - this.#last);
    this.#scroll();
  }

  /** Whoever comes near an end of what is shown gets more. */
  #scrolled() {
    if (this.#nearEnd() && this.#last < this.#messages.length) this.#showNewer(PAGE);
    else if (this.#atEnd()) this.#follow();
    else if (this.#list.scrollTop < NEAR_END && this.#first > 0) this.#showOlder(PAGE);
  }

  /** @param {number} count */
  #showNewer(count) {
    const end = Math.min(this.#last + count, this.#messages.length);
    if (end <= this.#last) return;
    const mark = this.#list.lastElementChild;
    while (this.#last < end) this.#list.append(this.#item(this.#last++));
    this.#inPlace(mark, () => {
      for (; this.#last - this.#first > SHOWN; this.#first++) this.#drop(this.#list.firstElementChild);
    });
  }

  /** @param {number} count */
  #showOlder(count) {
    const start = Math.max(0, this.#first - count);
    const mark = this.#list.firstElementChild;
    this.#inPlace(mark, () => {
      while (this.#first > start) this.#list.prepend(this.#item(--this.#first));
      for (; this.#last - this.#first > SHOWN; this.#last--) this.#drop(this.#list.lastElementChild);
    });
  }

  /**
   * Takes a message out of the document; a focus in it stays in the list.
   * @param {Element | null} item
   */
  #drop(item) {
    if (item?.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
    item?.remove();
  }

  /**
   * What one reads stays where it is, whatever comes or goes above it.
   * @param {Element | null} mark
   * @param {() => void} change
   */
  #inPlace(mark, change) {
    const top = mark?.getBoundingClientRect().top ?? 0;
    change();
    if (mark?.isConnected) this.#list.scrollTop += mark.getBoundingClientRect().top - top;
  }

  /** @param {number} index */
  #item(index) {
    const message = this.#messages[index];
    const transfer = this.#transfers?.find(({ id }) => id === message.transfer);
    const known = transfer && this.#fileItems.get(transfer.id);
    if (known) return known;
    const item = chatMessage(message, this.#messages[index - 1], transfer, (id) => this.#ask('chat-cancel', id));
    // Those that are not shown count, too.
    item.setAttribute('aria-posinset', String(index + 1));
    item.setAttribute('aria-setsize', '-1');
    if (transfer) this.#fileItems.set(transfer.id, item);
    return item;
  }

  #scroll() {
    const last = this.#list.scrollHeight - this.#list.clientHeight;
    if (Math.abs(this.#list.scrollTop - last) > 1) this.#list.scrollTop = last;
  }

  /** @param {number} count */
  #miss(count) {
    this.#missed += count;
    this.#newer.hidden = false;
    say(this.#newer, 'chat.newer', { n: this.#missed });
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  #ask(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}

customElements.define('chat-drawer', ChatDrawer);

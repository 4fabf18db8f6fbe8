// The page's words: a dictionary per language, and elements that remember what they say, so that a switch of language
// needs no reload. Knows nothing of what the words are about.

import en from './lang/en.js';
import { recall, remember } from './store.js';

/** @typedef {string | {[category: string]: string}} Entry a text, or one for each plural category of Intl.PluralRules */
/** @typedef {{[key: string]: Entry}} Dictionary */
/** @typedef {{[name: string]: string | number}} Params */

/** Languages in their own words, in the order offered. */
export const LANGUAGES = Object.freeze({ en: 'English', 'zh-CN': '简体中文' });

const STORED = 'lectern.language';

/** @type {{code: string, words: Dictionary}} */
let current = { code: 'en', words: en };

/** The language in use, a key of LANGUAGES. */
export function language() {
  return current.code;
}

/**
 * Text of a key. `{name}` in it is replaced by params.name, numbers in the language's way; params.n chooses the plural.
 * A missing key shows itself: a test makes sure that there is none.
 * @param {string} key
 * @param {Params} [params]
 */
export function t(key, params = {}) {
  return fill(current.words[key] ?? en[/** @type {keyof en} */ (key)] ?? key, params, current.code);
}

/**
 * @param {Entry} entry
 * @param {Params} params
 * @param {string} code
 */
export function fill(entry, params, code) {
  const text = typeof entry === 'string'
    ? entry
    : entry[new Intl.PluralRules(code).select(Number(params.n))] ?? entry.other ?? '';
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(code).format(value) : value;
  });
}

/**
 * The language of LANGUAGES that fits best, the stored one first.
 * @param {readonly string[]} wanted as navigator.languages
 * @param {string | null} [stored]
 */
export function choose(wanted, stored) {
  if (stored && Object.hasOwn(LANGUAGES, stored)) return stored;
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    const found = Object.keys(LANGUAGES).find((code) => code.toLowerCase().split('-')[0] === primary);
    if (found) return found;
  }
  return 'en';
}

/** Loads the language that the person or the browser asks for. */
export async function start() {
  await load(choose(navigator.languages, recall(STORED)));
}

/**
 * Switches, and remembers it.
 * @param {string} code a key of LANGUAGES
 */
export async function setLanguage(code) {
  await load(code);
  remember(STORED, code);
}

/** @param {string} code */
async function load(code) {
  const words = code === 'zh-CN' ? (await import('./lang/zh-CN.js')).default : en;
  current = { code, words };
  document.documentElement.lang = code;
  for (const element of document.querySelectorAll('[data-i18n]')) retell(element);
  document.dispatchEvent(new CustomEvent('language', { detail: code }));
}

/** What an element says, by slot. @type {WeakMap<Element, Map<string, () => void>>} */
const sayings = new WeakMap();

/**
 * Keeps a text or attribute of an element in the current language: `apply` runs now and after every switch, until the
 * slot is given another one.
 * @param {Element} element
 * @param {string} slot
 * @param {() => void} apply
 */
export function keep(element, slot, apply) {
  let slots = sayings.get(element);
  if (!slots) sayings.set(element, slots = new Map());
  slots.set(slot, apply);
  element.setAttribute('data-i18n', '');
  apply();
}

/** @param {Element} element */
function retell(element) {
  for (const apply of sayings.get(element)?.values() ?? []) apply();
}

/**
 * The element's text.
 * @param {Element} element
 * @param {string} key
 * @param {Params} [params]
 */
export function say(element, key, params) {
  keep(element, 'text', () => {
    const text = t(key, params);
    if (element.textContent !== text) element.textContent = text;
  });
}

/**
 * An attribute's text.
 * @param {Element} element
 * @param {string} attribute
 * @param {string} key
 * @param {Params} [params]
 */
export function sayAttribute(element, attribute, key, params) {
  keep(element, attribute, () => {
    const text = t(key, params);
    if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
  });
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export function number(value, options) {
  return new Intl.NumberFormat(current.code, options).format(value);
}

/**
 * A time of day.
 * @param {number} at milliseconds since 1970
 */
export function clock(at) {
  return new Intl.DateTimeFormat(current.code, { hour: '2-digit', minute: '2-digit' }).format(at);
}

/**
 * A size such as "1.2 MB" (decimal units, as the systems' file managers show it).
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  return number(bytes / 1000 ** step, {
    style: 'unit', unit: units[step], unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits: step > 1 ? 1 : 0,
  });
}

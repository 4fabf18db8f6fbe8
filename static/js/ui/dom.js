// Making elements. Styles go through classes or the CSSOM only: the content security policy refuses inline ones.

import { say, sayAttribute } from '../i18n.js';

/** @import {Params} from '../i18n.js' */

/**
 * @typedef {object} Props
 * @property {string} [class]
 * @property {string} [testid] data-testid
 * @property {string} [t] key of the text
 * @property {Params} [params] of the text
 * @property {string} [label] key of the aria-label
 * @property {string} [tip] key of the aria-label that is shown on hover as well
 * @property {{[type: string]: (event: any) => void}} [on] listeners
 * @property {{[name: string]: string | number | boolean | null | undefined}} [attrs] false, null, undefined: none
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fit(element, props);
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * Gives an element its properties.
 * @param {HTMLElement} element
 * @param {Props} props
 */
export function fit(element, props) {
  if (props.class) element.className = props.class;
  if (props.testid) element.dataset.testid = props.testid;
  if (props.t) say(element, props.t, props.params);
  if (props.label) sayAttribute(element, 'aria-label', props.label);
  if (props.tip) tip(element, props.tip);
  for (const [name, value] of Object.entries(props.attrs ?? {})) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [type, listener] of Object.entries(props.on ?? {})) element.addEventListener(type, listener);
}

/**
 * Names a control to screen readers and on hover.
 * @param {HTMLElement} element
 * @param {string} key
 * @param {Params} [params]
 */
export function tip(element, key, params) {
  sayAttribute(element, 'aria-label', key, params);
  sayAttribute(element, 'data-tip', key, params);
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads styles that the page began without, once. A module that needs them waits for it before anything else.
 * @param {string} name of a file in css/
 */
export function styled(name) {
  let loaded = styles.get(name);
  if (!loaded) {
    loaded = new Promise((resolve) => {
      // Unstyled is better than not at all.
      document.head.append(h('link', { attrs: { rel: 'stylesheet', href: `/css/${name}.css` }, on: { load: () => resolve(), error: () => resolve() } }));
    });
    styles.set(name, loaded);
  }
  return loaded;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * A symbol of icons.svg.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(SVG, 'use'));
  setIcon(svg, name);
  return svg;
}

/**
 * @param {Element} svg made by icon
 * @param {string} name
 */
export function setIcon(svg, name) {
  const href = `/icons.svg#${name}`;
  const use = svg.firstElementChild;
  if (use && use.getAttribute('href') !== href) use.setAttribute('href', href);
}

/**
 * Tells screen readers. Polite waits for a pause; urgent does not.
 * @param {string} text
 * @param {boolean} [urgent]
 */
export function announce(text, urgent = false) {
  const region = document.getElementById(urgent ? 'alert' : 'live');
  if (!region) return;
  // The same text twice is only read twice when it is a new node.
  region.replaceChildren(document.createTextNode(text));
}

/**
 * Sets a class only when it differs, so that nothing is restyled for nothing.
 * @param {Element} element
 * @param {string} name
 * @param {boolean} on
 */
export function mark(element, name, on) {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

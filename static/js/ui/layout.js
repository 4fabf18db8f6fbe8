// Where tiles stand. Pure arithmetic: sizes in CSS pixels, positions from the start corner.

/** @typedef {{x: number, y: number, w: number, h: number}} Rect */
/** @typedef {{id: string, kind: 'camera' | 'screen', self: boolean}} Item */

export const RATIO = 16 / 9;
/** On a tall, narrow area tiles may be as tall as this: faces stay large there. */
const TALLEST = 4 / 5;
const NARROW = 640;
/** From this many people on, one's own tile floats above the others. */
export const FLOAT_FROM = 4;
/** It does not float where it would hide more than this part of somebody. */
const HIDES = 0.3;

/** As many tiles stand on a page. */
const MOST = 16;
/** Less than this, in square pixels, shows no face: in the grid, and beside a stage. */
const LEAST = { grid: 34_000, strip: 11_000 };

/** Of two arrangements this near in area the wider one is taken: two people sit side by side. */
const NEAR = 1.06;

/**
 * The column count that makes tiles largest: every one is tried.
 * @param {number} count of tiles, at least 1
 * @param {number} width of the area
 * @param {number} height of the area
 * @param {number} gap between tiles
 * @param {number} [least] least ratio of a tile's width to its height
 * @returns {{columns: number, rows: number, w: number, h: number}} w and h of one tile
 */
export function bestGrid(count, width, height, gap, least = RATIO) {
  let best = { columns: 1, rows: count, w: 0, h: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellW = Math.max(0, (width - gap * (columns - 1)) / columns);
    const cellH = Math.max(0, (height - gap * (rows - 1)) / rows);
    const ratio = Math.min(RATIO, Math.max(least, cellH > 0 ? cellW / cellH : RATIO));
    const w = Math.floor(Math.min(cellW, cellH * ratio));
    const h = Math.floor(Math.min(cellH, w / ratio));
    const better = best.w * best.h * (width > height && best.w > 0 ? 1 / NEAR : 1);
    if (w * h > better) best = { columns, rows, w, h };
  }
  return best;
}

/**
 * Positions of a grid whose rows are centred, the last one too.
 * @param {readonly Item[]} items
 * @param {Rect} area
 * @param {number} gap
 * @param {boolean} [phone] whether tiles may be tall
 * @returns {[string, Rect][]}
 */
function gridIn(items, area, gap, phone = area.w < NARROW && area.w < area.h) {
  if (items.length === 0) return [];
  const least = phone ? TALLEST : RATIO;
  const { columns, rows, w, h } = bestGrid(items.length, area.w, area.h, gap, least);
  const top = area.y + (area.h - rows * h - (rows - 1) * gap) / 2;
  return items.map((item, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? items.length - row * columns : columns;
    const left = area.x + (area.w - inRow * w - (inRow - 1) * gap) / 2;
    return [item.id, { x: Math.round(left + (index % columns) * (w + gap)), y: Math.round(top + row * (h + gap)), w, h }];
  });
}

/**
 * @param {object} scene
 * @param {number} scene.width
 * @param {number} scene.height
 * @param {readonly Item[]} scene.items in the order of the eye
 * @param {string | null} scene.focus id of the item that takes the stage
 * @param {string | null} [scene.lead] id of the one that stands large beside a staged screen
 * @param {number} [scene.gap]
 * @returns {{rects: Map<string, Rect>, floating: string | null}}
 */
export function arrange({ width, height, items, focus, lead = null, gap = 8 }) {
  const staged = items.find((item) => item.id === focus);
  const beside = items.find((item) => item.id === lead && item !== staged);
  if (staged && beside && staged.kind === 'screen') return { rects: lecture(width, height, items, staged, beside, gap), floating: null };
  if (staged) return { rects: withStage(width, height, items, staged, gap), floating: null };
  const area = { x: 0, y: 0, w: width, h: height };
  const own = items.find((item) => item.self && item.kind === 'camera');
  if (own && items.length >= FLOAT_FROM) {
    const place = corner(width, height, gap);
    const others = gridIn(items.filter((item) => item !== own), area, gap);
    if (others.every(([, rect]) => overlap(rect, place) <= HIDES * rect.w * rect.h)) {
      return { rects: new Map([...others, [own.id, place]]), floating: own.id };
    }
  }
  return { rects: new Map(gridIn(items, area, gap)), floating: null };
}

/**
 * The items of one page: those who stand out and oneself are on every page, the others share the rest.
 * @param {object} scene as for arrange
 * @param {number} scene.width
 * @param {number} scene.height
 * @param {readonly Item[]} scene.items
 * @param {string | null} scene.focus
 * @param {string | null} [scene.lead]
 * @param {number} scene.page from 0; one that does not exist is the last
 * @returns {{items: Item[], page: number, pages: number}}
 */
export function paginate({ width, height, items, focus, lead = null, page }) {
  const staged = items.some((item) => item.id === focus);
  const stays = (/** @type {Item} */ item) => item.id === focus || item.id === lead || (item.self && item.kind === 'camera');
  const others = items.filter((item) => !stays(item));
  const area = staged ? 0.3 * width * height / LEAST.strip : width * height / LEAST.grid;
  const each = Math.max(3, Math.min(MOST, Math.floor(area)));
  // One more is no reason for a page of its own.
  const pages = Math.max(1, others.length === each + 1 && each < MOST ? 1 : Math.ceil(others.length / each));
  const at = Math.max(0, Math.min(page, pages - 1));
  const shown = new Set(pages === 1 ? others : others.slice(at * each, (at + 1) * each));
  return { items: items.filter((item) => stays(item) || shown.has(item)), page: at, pages };
}

/**
 * @param {Rect} a
 * @param {Rect} b
 */
function overlap(a, b) {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  return Math.max(0, w) * Math.max(0, h);
}

/**
 * The floating tile: small, in the lower end corner.
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @returns {Rect}
 */
function corner(width, height, gap) {
  const tall = width < height;
  const w = Math.round(Math.min(240, Math.max(104, (tall ? 0.3 : 0.16) * width)));
  const h = Math.round(w / (tall ? 3 / 4 : RATIO));
  return { x: width - w - gap, y: height - h - gap, w, h };
}

/**
 * One on the stage, the others in a strip: beside it on a wide area, below it on a tall one.
 * @param {number} width
 * @param {number} height
 * @param {readonly Item[]} items
 * @param {Item} staged
 * @param {number} gap
 */
function withStage(width, height, items, staged, gap) {
  const others = items.filter((item) => item !== staged);
  const wide = width >= height;
  const area = { x: 0, y: 0, w: width, h: height };
  const strip = { ...area };
  if (others.length > 0 && wide) {
    strip.w = Math.round(Math.min(0.34 * width, stripWidth(others.length, width, height)));
    strip.x = width - strip.w;
    area.w = strip.x - gap;
  } else if (others.length > 0) {
    // A screen is wide: on a tall area it needs its own height only, and people get the rest.
    area.h = Math.round(Math.min(width / RATIO, 0.6 * height));
    strip.y = area.h + gap;
    strip.h = Math.min(height - strip.y, Math.ceil(others.length / 2) * (width / 2 / TALLEST));
    const rest = height - strip.y - strip.h;
    area.h += Math.max(0, Math.round(rest / 2));
    strip.y = area.h + gap;
  }
  const rects = new Map(gridIn(others, strip, gap, !wide));
  rects.set(staged.id, staged.kind === 'screen' ? area : fit(area));
  return rects;
}

/**
 * A screen large, who speaks beside it (below it on a tall area), the others small after them.
 * @param {number} width
 * @param {number} height
 * @param {readonly Item[]} items
 * @param {Item} staged
 * @param {Item} lead
 * @param {number} gap
 */
function lecture(width, height, items, staged, lead, gap) {
  const others = items.filter((item) => item !== staged && item !== lead);
  const wide = width >= height;
  const screen = { x: 0, y: 0, w: width, h: Math.round(Math.min(width / RATIO, 0.5 * height)) };
  const face = { x: 0, y: screen.h + gap, w: width, h: 0 };
  if (wide) {
    face.w = Math.round(Math.max(0.2 * width, Math.min(0.26 * width, 400)));
    Object.assign(face, { x: width - face.w, y: 0, h: Math.round(face.w / RATIO) });
    Object.assign(screen, { w: face.x - gap, h: height });
  } else {
    face.h = Math.round(Math.min(width / RATIO, (height - face.y) * (others.length > 0 ? 0.55 : 1)));
    face.w = Math.round(Math.min(width, face.h * RATIO));
    face.x = Math.round((width - face.w) / 2);
  }
  const top = face.y + face.h + gap;
  const rest = { x: wide ? face.x : 0, y: top, w: wide ? face.w : width, h: Math.max(0, height - top) };
  // Two in a row below the one who speaks, and no further apart than they are large.
  const rows = Math.ceil(others.length / 2);
  rest.h = Math.min(rest.h, Math.round(rows * (rest.w / 2 / RATIO + gap)));
  const down = Math.max(0, Math.floor((height - (others.length > 0 ? rest.y + rest.h : face.y + face.h)) / 2));
  face.y += down;
  rest.y += down;
  if (!wide) screen.y += down;
  return new Map([[staged.id, screen], [lead.id, face], ...gridIn(others, rest, gap, false)]);
}

/**
 * One column while its tiles are large enough to see a face, two from then on.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 */
function stripWidth(count, width, height) {
  const column = Math.max(128, Math.min(256, 0.2 * width));
  const rows = Math.floor(height / (column / RATIO + 8));
  return count <= Math.max(rows, 1) ? column : Math.max(column, Math.min(1.6 * column, 2 * 150 + 8));
}

/**
 * The largest 16:9 within an area, centred.
 * @param {Rect} area
 * @returns {Rect}
 */
function fit(area) {
  const w = Math.round(Math.min(area.w, area.h * RATIO));
  const h = Math.round(Math.min(area.h, w / RATIO));
  return { x: area.x + Math.round((area.w - w) / 2), y: area.y + Math.round((area.h - h) / 2), w, h };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrange, bestGrid, paginate, RATIO } from '../js/ui/layout.js';

const people = (count) => Array.from({ length: count }, (_, index) => ({ id: `p${index}`, kind: 'camera', self: index === count - 1 }));
const screen = { id: 'screen', kind: 'screen', self: false };

const SIZES = [[1424, 816], [390, 760], [844, 320], [360, 560], [1920, 1000], [700, 700], [300, 200]];

function inside({ x, y, w, h }, width, height) {
  return x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= width + 1 && y + h <= height + 1;
}

function apart(a, b) {
  return a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
}

test('no column count gives tiles that are much larger', () => {
  for (const [width, height] of SIZES) {
    for (let count = 1; count <= 30; count++) {
      const { w, h, columns, rows } = bestGrid(count, width, height, 8);
      assert.ok(columns * rows >= count);
      assert.ok(Math.abs(w / h - RATIO) < 0.05, `${w} by ${h}`);
      for (let other = 1; other <= count; other++) {
        const lines = Math.ceil(count / other);
        const wide = Math.min((width - 8 * (other - 1)) / other, ((height - 8 * (lines - 1)) / lines) * RATIO);
        assert.ok(w * h * 1.2 >= (wide * wide) / RATIO * 0.95, `${count} in ${width} by ${height}: ${other} columns`);
      }
    }
  }
});

test('known shapes', () => {
  assert.equal(bestGrid(1, 1424, 816, 8).columns, 1);
  assert.equal(bestGrid(2, 1424, 816, 8).columns, 2);
  assert.equal(bestGrid(3, 1424, 816, 8).columns, 2);
  assert.equal(bestGrid(9, 1424, 816, 8).columns, 3);
  assert.equal(bestGrid(16, 1424, 816, 8).columns, 4);
  assert.equal(bestGrid(2, 390, 760, 8).columns, 1);
});

test('tiles stay inside and apart, but for the floating one', () => {
  for (const [width, height] of SIZES) {
    for (let count = 1; count <= 25; count++) {
      const shared = [screen, ...people(count)];
      for (const [items, focus, lead] of [[people(count), null], [shared, 'screen'], [shared, 'screen', 'p0'], [people(count), 'p0']]) {
        const { rects, floating } = arrange({ width, height, items, focus, lead });
        assert.equal(rects.size, items.length);
        const all = [...rects].filter(([id]) => id !== floating);
        for (const [id, rect] of rects) assert.ok(inside(rect, width, height), `${id} of ${count} in ${width} by ${height}: ${JSON.stringify(rect)}`);
        for (const [index, [, a]] of all.entries()) for (const [, b] of all.slice(index + 1)) assert.ok(apart(a, b));
      }
    }
  }
});

test('one floats above the others from four on, unless that hides somebody', () => {
  assert.equal(arrange({ width: 1424, height: 816, items: people(3), focus: null }).floating, null);
  assert.equal(arrange({ width: 1424, height: 816, items: people(4), focus: null }).floating, 'p3');
  assert.equal(arrange({ width: 390, height: 760, items: people(16), focus: null }).floating, null);
  assert.equal(arrange({ width: 1424, height: 816, items: people(6), focus: 'p0' }).floating, null);
});

test('the screen takes the stage: people beside it when wide, below when tall', () => {
  const wide = arrange({ width: 1424, height: 816, items: [screen, ...people(5)], focus: 'screen' }).rects;
  assert.ok(wide.get('screen').w > 0.75 * 1424);
  assert.ok(wide.get('p0').x > wide.get('screen').w);
  const tall = arrange({ width: 390, height: 760, items: [screen, ...people(5)], focus: 'screen' }).rects;
  assert.equal(tall.get('screen').w, 390);
  assert.ok(tall.get('p0').y >= tall.get('screen').h);
});

test('in a lecture who speaks stands beside the screen, larger than the others', () => {
  for (const [width, height] of [[1424, 816], [390, 760], [844, 320]]) {
    const { rects } = arrange({ width, height, items: [screen, ...people(6)], focus: 'screen', lead: 'p2' });
    const area = (id) => rects.get(id).w * rects.get(id).h;
    assert.ok(area('screen') > area('p2') * 0.99, `${width} by ${height}`);
    for (const id of ['p0', 'p1', 'p3', 'p4', 'p5']) assert.ok(area('p2') > 1.9 * area(id), `${id} in ${width} by ${height}`);
  }
});

test('more people than fit stand on pages: each on one, oneself and who stands out on all', () => {
  for (const [width, height] of SIZES) {
    for (const count of [1, 5, 16, 17, 18, 40, 200]) {
      for (const [items, focus, lead] of [[people(count), null, null], [[screen, ...people(count)], 'screen', 'p0'], [people(count), 'p0', null]]) {
        const { pages } = paginate({ width, height, items, focus, lead, page: 0 });
        const seen = new Map();
        for (let page = 0; page < pages; page++) {
          const shown = paginate({ width, height, items, focus, lead, page }).items;
          assert.ok(shown.length <= 20);
          for (const { id } of shown) seen.set(id, (seen.get(id) ?? 0) + 1);
        }
        for (const { id, self } of items) assert.equal(seen.get(id), self || id === focus || id === lead ? pages : 1, `${id} of ${count}`);
      }
    }
  }
});

test('sixteen others are one page on a desk, and a page that is gone is the last', () => {
  const scene = { width: 1424, height: 816, focus: null };
  assert.equal(paginate({ ...scene, items: people(17), page: 0 }).pages, 1);
  assert.equal(paginate({ ...scene, items: people(18), page: 0 }).pages, 2);
  assert.equal(paginate({ ...scene, items: people(18), page: 7 }).page, 1);
  assert.ok(paginate({ width: 390, height: 700, focus: null, items: people(17), page: 0 }).pages > 1);
});

test('an area without size breaks nothing', () => {
  assert.equal(arrange({ width: 0, height: 0, items: people(5), focus: null }).rects.size, 5);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrange, bestGrid, RATIO } from '../js/ui/layout.js';

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
      for (const [items, focus] of [[people(count), null], [[screen, ...people(count)], 'screen'], [people(count), 'p0']]) {
        const { rects, floating } = arrange({ width, height, items, focus });
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

test('an area without size breaks nothing', () => {
  assert.equal(arrange({ width: 0, height: 0, items: people(5), focus: null }).rects.size, 5);
});

// Who has the floor in speaker view.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Floor } from '../js/ui/floor.js';

/** Levels ten times a second, as the room tells them: `speak(1000, 'a')`, `speak(500)` for silence. */
function scene(...members) {
  const floor = new Floor();
  let now = 0;
  return {
    floor,
    speak(milliseconds, ...who) {
      let turns = 0;
      for (const end = now + milliseconds; now < end; now += 100) {
        if (floor.hear(new Map(members.map((id) => [id, who.includes(id) ? 0.5 : 0.01])), now)) turns++;
      }
      return turns;
    },
    without(id) { members.splice(members.indexOf(id), 1); },
  };
}

test('nobody has the floor at first, and a cough does not take it', () => {
  const { floor, speak } = scene('a', 'b');
  speak(3000);
  assert.equal(floor.holder, '');
  speak(600, 'a');
  speak(2000);
  assert.equal(floor.holder, '');
});

test('who speaks takes it, through the pauses of speech', () => {
  const { floor, speak } = scene('a', 'b');
  for (let word = 0; word < 4; word++) {
    speak(300, 'b');
    speak(300);
  }
  speak(200, 'b');
  assert.equal(floor.holder, 'b');
});

test('who interrupts waits until the other is silent', () => {
  const { floor, speak } = scene('a', 'b');
  speak(2000, 'a');
  assert.equal(speak(5000, 'a', 'b'), 0);
  assert.equal(floor.holder, 'a');
  assert.equal(speak(2500, 'b'), 1);
  assert.equal(floor.holder, 'b');
});

test('of two it is the one who began first, and it stays', () => {
  const { floor, speak } = scene('a', 'b', 'c');
  speak(300, 'c');
  assert.equal(speak(4000, 'b', 'c'), 1);
  assert.equal(floor.holder, 'c');
});

test('who leaves loses it at once', () => {
  const { floor, speak, without } = scene('a', 'b');
  speak(2000, 'a', 'b');
  const first = floor.holder;
  without(first);
  speak(200, 'a', 'b');
  assert.notEqual(floor.holder, first);
});

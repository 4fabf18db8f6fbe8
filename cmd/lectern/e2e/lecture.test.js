// A lecture: who is on stage is seen by all, who listens is seen by nobody, and who raises a hand is on stage in a moment.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { PageMember } from './harness/page-member.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { scenario, useStage } from './harness/stage.js';
import { Troupe } from './harness/synthetic.js';
import { until } from './harness/wait.js';

const stage = useStage(['--mode', 'auto', '--rtc-port', '0', '--stage', '3', '--admin-token', ADMIN_TOKEN]);

let troupe;
before(async () => { troupe = await Troupe.start(stage); });
after(() => troupe?.close());

const SMALL = { width: 1000, height: 640, probed: true };

/** A listener, who has no picture to wait for. */
async function listen(cast, name) {
  const page = await PageMember.open(cast, name, `/r/${cast.room}?role=audience`, SMALL);
  await page.see('ready-listen');
  await page.fill('name-input', name);
  await page.click('join');
  await page.see('room');
  return page;
}

/** A host with camera and screen, two pages that listen, and an existing client on stage. */
async function lecture(cast) {
  const ann = await PageMember.join(cast, 'Ann', `/r/${cast.room}`, SMALL);
  const old = await cast.open('old', { probed: true });
  await old.join(cast.room);
  await Promise.all([ann.seesMoving('old'), old.receives(1)]);
  await ann.click('share');
  await old.receives(1, { streamType: 'remoteDisplay', kinds: ['video'] });
  const [lea, lou] = [await listen(cast, 'Lea'), await listen(cast, 'Lou')];
  return { ann, old, lea, lou };
}

const heard = (page, event) => page.page.evaluate((name) => window.probe.heard.filter((frame) => frame.event === name).map(({ data }) => data), event);
const say = (page, event, data) => page.page.evaluate((name, body) => window.probe.say(name, body), event, data);
const memberID = async (cast, name) => (await stage.server.rooms('GET', `/${cast.room}/members`)).members.find(({ username }) => username === name)?.memberId;
const counter = (page, count) => until(`${page.name} reads that ${count} listen`, async () => new RegExp(`${count}$`).test((await page.text('audience-count')) ?? ''));

async function told(talker, listeners, text) {
  await talker.write(text);
  for (const other of listeners) {
    if (other.hasText) await other.hasText(talker.name, text);
    else await other.reads(text);
  }
}

const times = (page, text) => page.page.evaluate((wanted) => [...document.querySelectorAll('[data-testid="message-text"]')].filter((one) => one.textContent === wanted).length, text);

scenario(stage, 'the audience sees the stage, and nobody sees the audience', async (cast) => {
  const { ann, old, lea, lou } = await lecture(cast);
  for (const page of [lea, lou]) {
    await Promise.all([page.seesMoving('Ann'), page.seesMoving('old'), page.seesMoving('Ann', 'screen')]);
    await page.seesTiles(2);
  }
  await counter(ann, 2);
  await Promise.all([ann.seesTiles(2), old.receives(1)]);
  assert.deepEqual((await heard(lou, 'member')).filter(({ username }) => username === 'Lea'), []);
  assert.equal(await ann.text('mode'), 'SFU');

  for (const page of [ann, lea, lou]) await page.click('chat-toggle');
  await told(ann, [old, lea, lou], 'from the stage');
  await told(lea, [old, ann, lou], 'from the audience');
  await old.call('chat', 'from an existing client');
  for (const page of [ann, lea, lou]) await page.reads('from an existing client');
  for (const page of [ann, lea, lou]) {
    for (const text of ['from the stage', 'from the audience', 'from an existing client']) assert.equal(await times(page, text), 1, `${page.name}: ${text}`);
  }
  assert.equal(await lea.page.$eval(lea.selector('chat-attach'), (button) => button.checkVisibility()), false, 'listeners send no files');
  for (const { console: lines } of [ann, lea, lou]) assert.deepEqual(lines.filter((line) => line.startsWith('uncaught')), []);
});

scenario(stage, 'who raises a hand is on stage over the connections that are there, and steps down again', async (cast) => {
  const { ann, old, lea, lou } = await lecture(cast);
  await lou.seesMoving('Ann');
  await lea.click('hand');
  await ann.click('hand');
  await ann.see('hand-row');
  const before = await lea.page.evaluate(() => window.probe.connections.length);

  await ann.click('hand-stage');
  await lea.see('stage-dialog');
  await until('the own picture', () => lea.page.evaluate(() => document.querySelector('[data-testid="stage-dialog"] video')?.videoWidth > 0));
  await lea.click('stage-go');
  await Promise.all([ann.seesMoving('Lea'), lou.seesMoving('Lea'), old.receives(2)]);
  assert.ok(await lea.page.evaluate(() => window.probe.connections.filter(({ closed }) => closed === null).length) <= 3);
  assert.equal(await lea.page.evaluate((count) => window.probe.connections.slice(0, count).every(({ closed }) => closed === null), before), true, 'nothing was connected anew');
  await lea.seesMoving('Ann');

  await lea.click('more');
  await lea.click('menu-step-down');
  await lea.see('listening');
  await Promise.all([ann.seesTiles(2), lou.seesTiles(2), old.seesTiles(1)]);
  await lea.seesMoving('Ann');
});

scenario(stage, 'a full stage, a lock, and who is put out', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', `/r/${cast.room}`, SMALL);
  const old = troupe.member('old', { old: true });
  cast.members.push(old);
  await old.join(cast.room);
  await ann.seesMoving('old');
  const ben = await PageMember.join(cast, 'Ben', `/r/${cast.room}`, SMALL); // the third on a stage of three
  await ann.seesMoving('Ben');
  const cy = await PageMember.join(cast, 'Cy', `/r/${cast.room}`, SMALL); // listens, for the stage is full
  await cy.see('listening');
  await cy.seesMoving('Ann');
  await counter(ann, 1);
  await say(ann, 'role', { memberId: await memberID(cast, 'Cy'), role: 'presenter' });
  await until('the host is refused', async () => (await heard(ann, 'error')).some(({ type }) => type === 'stage-full'));

  await ann.click('more');
  await ann.click('menu-lock');
  await ann.see('locked');
  const late = await PageMember.open(cast, 'Late', `/r/${cast.room}`, SMALL);
  await late.enter();
  await late.see('join-error');

  await say(ann, 'remove', { memberId: await memberID(cast, 'Ben') });
  await ben.see('ended', '[data-why="removed"]');
  await Promise.all([ann.seesTiles(2), cy.seesTiles(2), old.receives([await memberID(cast, 'Ann')])]);
  await cy.seesMoving('Ann');
});

scenario(stage, 'an existing client alone on stage is seen by who listens', async (cast) => {
  const old = await cast.open('old', { probed: true });
  await old.join(cast.room);
  const lea = await listen(cast, 'Lea');
  await Promise.all([lea.seesMoving('old'), lea.hears('old')]);
  await lea.click('chat-toggle');
  await old.call('chat', 'is anybody there').catch(() => {}); // it has nobody to say it to but the room itself
  await told(lea, [old], 'I am');
});

scenario(stage, 'existing clients that only watch leave the stage to the one who sends, and come on it with their camera', async (cast) => {
  const [ann, ben, cat, dan] = await Promise.all(['ann', 'ben', 'cat', 'dan'].map((name) => cast.open(name, { probed: true })));
  for (const member of [ben, cat, dan]) for (const kind of ['video', 'audio']) await member.call('setEnabled', kind, false);
  for (const member of [ann, ben, cat, dan]) await member.join(cast.room);
  for (const member of [ben, cat, dan]) await member.receivesFrom(ann);
  await until('only ann is on stage', async () => {
    const { members } = await stage.server.rooms('GET', `/${cast.room}/members`);
    assert.deepEqual(members.filter(({ role }) => role !== 'audience').map(({ username }) => username), ['ann']);
    return true;
  });
  await Promise.all([ann, ben, cat, dan].map((member) => member.seesConnectors(1)));
  await ben.watchGaps(ann);
  await dan.call('setEnabled', 'video', true);
  await Promise.all([ann, ben, cat].map((member) => member.receivesFrom(dan)));
  await Promise.all([ben, cat].map((member) => member.seesConnectors(2)));
  await Promise.all([ann, dan].map((member) => member.seesConnectors(1)));
  for (const member of [ben, cat, dan]) await member.receivesFrom(ann);
  const gap = await ben.longestGap(ann);
  assert.ok(gap < 60, `ben saw no new picture of ann for ${gap} beats`); // six pictures would be 24
});

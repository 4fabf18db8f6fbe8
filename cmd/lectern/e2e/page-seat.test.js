// Who one is outlives the page: a reload, a copied tab and a crash, a lock, and being removed.

import assert from 'node:assert/strict';
import { PageMember } from './harness/page-member.js';
import { ADMIN_TOKEN } from './harness/server.js';
import { scenario, useStage } from './harness/stage.js';
import { until } from './harness/wait.js';

const stage = useStage(['--mode', process.env.LECTERN_MODE ?? 'auto', '--rtc-port', '0', '--admin-token', ADMIN_TOKEN]);
const SMALL = { width: 900, height: 600, probed: true };

const members = async (cast) => (await stage.server.rooms('GET', `/${cast.room}/members`)).members;
const roles = async (cast) => Object.fromEntries((await members(cast)).map(({ username, role }) => [username, role]));
const heard = (page, event) => page.page.evaluate((name) => window.probe.heard.filter((frame) => frame.event === name).map(({ data }) => data), event);
const menu = async (page, item) => {
  await page.click('more');
  await page.click(`menu-${item}`);
};

/** A tab behind another shows no pictures that begin: a member looks at theirs. */
const looks = (member) => member.page.bringToFront();

/** A tab of the same browser as another's, with what that one remembers of its session: as a copied tab. */
async function copyOf(cast, member, { session = true } = {}) {
  const kept = await member.page.evaluate(() => ({ ...sessionStorage }));
  const page = await member.page.browserContext().newPage();
  if (session) await page.evaluateOnNewDocument((entries) => { for (const [key, value] of Object.entries(entries)) sessionStorage.setItem(key, value); }, kept);
  await page.setViewport({ width: 900, height: 600 });
  await page.goto(member.page.url());
  return new PageMember(member.name, { page, lines: [] });
}

scenario(stage, 'a host who loads the page again is the same member, and host', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, SMALL);
  const ben = await PageMember.join(cast, 'Ben', undefined, SMALL);
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  await ann.click('chat-toggle');
  await ann.write('said before');
  await ann.click('mic');
  const [before] = await members(cast);
  await ann.page.reload();
  await ann.see('room');
  await Promise.all([ann.seesMoving('Ben'), ben.seesMoving('Ann')]);
  const after = (await members(cast)).find(({ username }) => username === 'Ann');
  assert.deepEqual([after.memberId, after.role], [before.memberId, 'host']);
  await until('the microphone is still off', async () => (await members(cast)).find(({ username }) => username === 'Ann').audio === false);
  assert.deepEqual(await heard(ben, 'role'), [], 'no other member was host meanwhile');
  await ann.click('chat-toggle');
  await ann.reads('said before');
  await menu(ann, 'lock');
  await ben.see('locked');
  // A lock does not shut out its own people: not after a reload, not after their place was given up.
  await ben.page.reload();
  await ben.see('room');
  await ben.seesMoving('Ann');
  await ben.click('leave');
  await ben.see('ended');
  await ann.seesTiles(1);
  await ben.click('ended-rejoin');
  await ben.enter();
  await ben.see('room');
  const cy = await PageMember.open(cast, 'Cy', undefined, SMALL);
  await cy.enter();
  await cy.see('join-error');
});

scenario(stage, 'a lecturer who loads the page again is host, and no listener is meanwhile', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, SMALL);
  const lou = await PageMember.open(cast, 'Lou', `/r/${cast.room}?role=audience`, SMALL);
  await lou.fill('name-input', 'Lou');
  await lou.click('join');
  await lou.see('room');
  await lou.seesMoving('Ann');
  await lou.click('hand');
  await until('the hand is up', async () => (await members(cast)).some(({ username, hand }) => username === 'Lou' && hand));
  await ann.page.reload();
  await ann.see('room');
  await lou.seesMoving('Ann');
  await lou.page.reload();
  await lou.see('room');
  await lou.seesMoving('Ann');
  assert.deepEqual(await roles(cast), { Ann: 'host', Lou: 'audience' });
  assert.ok((await members(cast)).find(({ username }) => username === 'Lou').hand, 'a hand stays up');
  assert.deepEqual(await heard(lou, 'role'), []);
});

scenario(stage, 'a copied tab is another member, and a crashed one is not refused its own name', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, SMALL);
  const copy = await copyOf(cast, ann);
  await copy.see('ready');
  await copy.enter();
  await copy.see('join-error');
  await copy.fill('name-input', 'Ann again');
  await copy.click('join');
  await copy.see('room');
  await looks(ann);
  await ann.seesMoving('Ann again');
  assert.deepEqual(await roles(cast), { Ann: 'host', 'Ann again': 'presenter' });
  const { memberId } = (await members(cast)).find(({ username }) => username === 'Ann again');
  const devtools = await copy.page.createCDPSession();
  devtools.send('Page.crash').catch(() => {}); // the page is not there to answer
  const back = await copyOf(cast, ann, { session: false });
  back.name = 'Ann again';
  await back.enter();
  await back.see('room');
  await looks(ann);
  await Promise.all([ann.seesMoving('Ann again'), ann.seesTiles(2)]);
  assert.equal((await members(cast)).find(({ username }) => username === 'Ann again').memberId, memberId);
});

scenario(stage, 'who was removed stays out until the host lets them in', async (cast) => {
  const ann = await PageMember.join(cast, 'Ann', undefined, SMALL);
  const ben = await PageMember.join(cast, 'Ben', undefined, SMALL);
  await ann.seesMoving('Ben');
  await ann.click('tile-menu');
  await ann.click('menu-remove');
  await ann.click('confirm-yes');
  await ben.see('ended', '[data-why="removed"]');
  await ben.click('ended-rejoin');
  await ben.enter();
  await until('Ben reads why', async () => /removed/.test((await ben.text('join-error')) ?? ''));
  // A new tab of the same browser is no way around it.
  const other = await copyOf(cast, ben, { session: false });
  await other.see('ready');
  await other.enter();
  await until('Ben reads why', async () => /removed/.test((await other.text('join-error')) ?? ''));
  await menu(ann, 'removed');
  await ann.see('removed-row');
  await ann.click('removed-admit');
  await ann.gone('removed');
  await other.click('join');
  await other.see('room');
  await ann.seesMoving('Ben');
});

// The chat's list in a real browser, without a room: what thousands of messages cost, and that all of them can be read.

import assert from 'node:assert/strict';
import { scenario, useStage } from './harness/stage.js';

const stage = useStage();
const MOST = 250; // messages in the document at a time, with some to spare

/** Opens a page with a chat in it: `say(count)` has another member say so many lines, one after the other. */
async function chat(cast) {
  const { page } = await cast.openPage('/');
  await page.evaluate(async () => {
    const { ChatDrawer } = await import('/js/ui/chat-drawer.js');
    const drawer = new ChatDrawer().setup();
    drawer.style.blockSize = '500px';
    document.body.replaceChildren(drawer);
    const list = drawer.querySelector('[data-testid="messages"]');
    const state = { messages: [], transfers: [] };
    window.work = { nodes: 0, most: 0 };
    new MutationObserver((changes) => {
      for (const { addedNodes, removedNodes } of changes) window.work.nodes += addedNodes.length + removedNodes.length;
      window.work.most = Math.max(window.work.most, list.children.length);
    }).observe(list, { childList: true });
    const settled = () => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
    const put = (message) => {
      const n = state.messages.length;
      state.messages = [...state.messages, { id: `m${n}`, from: 'ben', name: 'Ben', self: false, at: 1e12 + n * 1000, kind: 'text', text: `line ${n} https://example.org/${n}`, ...message }];
      drawer.update(state, 1e6);
    };
    Object.assign(window, {
      drawer, list, settled,
      say: async (count, message = {}) => { for (let n = 0; n < count; n++) put(message); await settled(); },
      shown: () => [...list.querySelectorAll('[data-testid="message-text"]')].map(({ textContent }) => Number(textContent.split(' ')[1])),
      /** The messages one can see. */
      seen: () => [...list.children].filter((item) => {
        const { top, bottom } = item.getBoundingClientRect();
        const frame = list.getBoundingClientRect();
        return bottom > frame.top && top < frame.bottom;
      }).map((item) => Number(item.textContent.match(/line (\d+)/)[1])),
    });
    drawer.show(true);
  });
  return page;
}

scenario(stage, 'a message costs the same after thousands, and the document keeps some hundreds', async (cast) => {
  const page = await chat(cast);
  const { work, shown } = await page.evaluate(async () => {
    await say(3000);
    return { work, shown: shown() };
  });
  assert.ok(work.most <= MOST, `${work.most} messages in the document`);
  assert.ok(work.nodes <= 2 * 3000, `${work.nodes} nodes came and went for 3000 messages`);
  assert.equal(shown.at(-1), 2999);
  assert.deepEqual(shown, shown.map((_, index) => shown[0] + index), 'none is left out');
});

scenario(stage, 'whoever scrolls up reads all from the first on, and down again to the newest', async (cast) => {
  const page = await chat(cast);
  const read = await page.evaluate(async () => {
    await say(700);
    const all = new Set();
    let most = 0;
    const look = async (towards) => {
      for (let tries = 0; tries < 2000; tries++) {
        for (const n of seen()) all.add(n);
        most = Math.max(most, list.children.length);
        if (all.has(towards)) return;
        list.scrollTop += towards === 0 ? -400 : 400;
        await settled();
      }
      throw new Error(`never came to ${towards}: ${[...all].slice(-5)}`);
    };
    await look(0);
    const up = all.size;
    const places = [list.firstElementChild, list.lastElementChild].map((item) => item.ariaPosInSet);
    all.clear();
    await look(699);
    return { up, down: all.size, most, places };
  });
  assert.equal(read.up, 700);
  assert.equal(read.down, 700);
  assert.ok(read.most <= MOST, `${read.most} messages in the document`);
  assert.equal(read.places[0], '1', 'a screen reader is told which of all messages it is');
});

scenario(stage, 'whoever reads older messages stays there while newer ones come, and is told how many', async (cast) => {
  const page = await chat(cast);
  const { before, after, told, most, end } = await page.evaluate(async () => {
    await say(400);
    list.scrollTop = 1000;
    await settled();
    const [first] = seen();
    await say(500);
    const newer = document.querySelector('[data-testid="chat-newer"]');
    const result = { before: first, after: seen()[0], told: newer.checkVisibility() && newer.textContent, most: work.most };
    newer.click();
    await settled();
    return { ...result, end: seen().at(-1) };
  });
  assert.equal(after, before);
  assert.match(String(told), /500/);
  assert.ok(most <= MOST, `${most} messages in the document`);
  assert.equal(end, 899);
});

scenario(stage, 'the focus stays in the chat when its message leaves the document', async (cast) => {
  const page = await chat(cast);
  const focus = await page.evaluate(async () => {
    await say(100);
    list.querySelector('a').focus();
    await say(400, { self: true });
    return [document.activeElement === list, list.children.length];
  });
  assert.equal(focus[0], true);
  assert.ok(focus[1] <= MOST);
});

scenario(stage, 'a newer sentence about the same thing takes the place of the older', async (cast) => {
  const { page } = await cast.openPage('/');
  const toasts = await page.evaluate(async () => {
    const { ToastList } = await import('/js/ui/toasts.js');
    const list = new ToastList();
    document.body.append(list);
    list.add('Your camera is gone. Now it is A', { urgent: true, about: 'video' });
    list.add('Ben joined');
    list.add('Your camera is gone. Now it is B', { urgent: true, about: 'video' });
    list.add('Ben left');
    return [...list.children].map((toast) => toast.querySelector('span').textContent);
  });
  assert.deepEqual(toasts, ['Ben joined', 'Your camera is gone. Now it is B', 'Ben left']);
});

// Shows one view with made-up people, as the address asks:
//   ?view=room|ready|ended  people=5  screen=other|own  chat=1  lang=zh-CN
//   role=host|presenter|audience  audience=212  hands=3  mode=sfu  locked=1  (room)  listen=1 (ready)
//   trouble=tiles|down|unread (room), denied|missing|in-use|insecure|unsupported|repeat (ready)

import { setLanguage } from '/js/i18n.js';
import { endedView } from '/js/ui/ended.js';
import { readyView } from '/js/ui/ready.js';
import { FakeDevices, FakeRoom } from './fakes.js';

const query = new URLSearchParams(location.search);
const trouble = query.get('trouble') ?? '';
const { signal } = new AbortController();
const devices = new FakeDevices({ trouble, picture: query.get('camera') !== '0' });

const views = {
  room: async () => {
    const { roomView } = await import('/js/ui/room-view.js');
    const room = new FakeRoom(devices, {
      people: Number(query.get('people') ?? 1), screen: query.get('screen') ?? '', chat: query.has('chat'), trouble,
      role: query.get('role') ?? 'presenter', audience: Number(query.get('audience') ?? 0), hands: Number(query.get('hands') ?? 0), mode: query.get('mode') ?? 'p2p', locked: query.has('locked'),
    });
    window.room = room;
    return roomView({ room, devices, check: () => new FakeDevices(), signal, leave: () => location.reload() });
  },
  ready: async () => readyView({
    room: 'calm-river-42', name: 'Maria', devices, signal, listen: query.has('listen'), error: trouble === 'repeat' ? 'repeat' : undefined,
    join: () => Promise.reject(Object.assign(new Error('full'), { type: 'room-full' })),
  }),
  ended: async () => endedView({ why: trouble || 'left', rejoin: () => {}, home: () => {} }),
};

await setLanguage(query.get('lang') ?? 'en');
document.getElementById('app').append(await views[query.get('view') ?? 'room']());
if (query.has('chat')) document.querySelector('[data-testid="chat-toggle"]')?.click();

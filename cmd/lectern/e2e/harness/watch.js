// Watches everything that moves in a page, the mesh client's or the bundled one's, while something happens to its room:
// which pictures are there and when each of them showed something new. A picture is a member's camera or screen, however
// many connectors or elements bring it: while a room changes its mode they are two for a moment.
//
//   const watch = await Watch.start(member);         // a Member or a PageMember, opened with `probed`
//   ...
//   const seen = await watch.report();               // {pictures, drops, stalled}

import { startBeats } from './beats.js';
import { until } from './wait.js';

/** Runs in the page. */
function install() {
  const { now } = window.probe;
  const LOOK_MS = 25;
  const owners = new Map(); // connector id: member id; a tile outlives its connector for a moment
  const pictures = new Map(); // key (member id/camera or /screen): when it showed something new
  const watched = new WeakSet();
  const drops = [];
  let looked = now();
  let stalled = 0;
  const old = Boolean(window.mesh);
  const counters = !('requestVideoFrameCallback' in HTMLVideoElement.prototype) || /Firefox/.test(navigator.userAgent);

  const oldTiles = () => {
    for (const { id, memberId } of window.mesh.client.connectors.values()) owners.set(id, memberId);
    return [...document.querySelectorAll('#grid video')].map((video) => ({
      key: `${owners.get(video.dataset.connectorId)}/${video.dataset.streamType === 'user' ? 'camera' : 'screen'}`,
      video, shown: true,
    }));
  };
  const pageTiles = () => [...document.querySelectorAll('[data-testid="tile"]:not([data-self="true"])')].map((tile) => ({
    key: tile.dataset.id, video: tile.querySelector('video'), shown: !tile.classList.contains('no-picture'),
  }));
  const picture = (key) => {
    let found = pictures.get(key);
    if (!found) {
      found = { first: null, last: null, longest: 0, since: 0, frames: 0, present: false, fresh: true, tiles: 0, most: 0, decoded: new Map() };
      pictures.set(key, found);
    }
    return found;
  };

  const moved = (key, at) => {
    const seen = picture(key);
    seen.first ??= at;
    seen.frames++;
    if (seen.last !== null && at - seen.last > seen.longest) {
      seen.longest = at - seen.last;
      seen.since = seen.last;
    }
    seen.last = Math.max(seen.last ?? at, at);
  };
  const attach = (key, video) => {
    if (watched.has(video) || counters) return;
    watched.add(video);
    const frame = (_, { presentationTime }) => {
      moved(key, performance.timeOrigin + presentationTime);
      if (video.isConnected) video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  };

  /** What is on the page at present, and what is not any more. */
  const look = () => {
    const tiles = (old ? oldTiles() : pageTiles());
    const count = new Map();
    for (const { key, video, shown } of tiles) {
      const seen = picture(key);
      attach(key, video);
      if (shown) count.set(key, (count.get(key) ?? 0) + 1);
    }
    for (const [key, seen] of pictures) {
      seen.tiles = count.get(key) ?? 0;
      seen.most = Math.max(seen.most, seen.tiles);
      const present = seen.tiles > 0;
      if (seen.present && !present) drops.push({ key, at: now(), back: null });
      if (!seen.present && present) {
        const drop = drops.findLast((one) => one.key === key && one.back === null);
        if (drop) drop.back = now();
      }
      seen.present = present;
    }
  };

  /**
   * Where nothing tells of frames: decoded ones, of all the connectors a member has here. Each is asked for itself, for
   * one that is closed meanwhile may never answer.
   */
  const asked = new Set();
  const count = async ({ id, memberId, streamType, pc }) => {
    if (streamType === 'display' || asked.has(id)) return;
    asked.add(id);
    const key = `${memberId}/${streamType === 'user' ? 'camera' : 'screen'}`;
    const reports = await pc.getStats().catch(() => new Map());
    for (const report of reports.values()) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'video') continue;
      const { decoded } = picture(key);
      const one = `${id} ${report.id}`;
      if ((report.framesDecoded ?? 0) > (decoded.get(one) ?? 0)) moved(key, now());
      decoded.set(one, report.framesDecoded ?? 0);
    }
    asked.delete(id);
  };

  look();
  new MutationObserver(look).observe(document.querySelector('#grid, [data-testid="grid"]'), { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
  setInterval(() => {
    stalled = Math.max(stalled, now() - looked - LOOK_MS);
    looked = now();
    look();
    if (counters) for (const connector of window.mesh.client.connectors.values()) void count(connector);
  }, LOOK_MS);

  /** Begins the figures anew, keeping what is there. */
  const forget = () => {
    for (const seen of pictures.values()) Object.assign(seen, { longest: 0, since: 0, frames: 0, most: seen.tiles, fresh: seen.first === null });
    drops.length = 0;
    stalled = 0;
  };
  const report = () => {
    look();
    const end = now();
    return {
      pictures: [...pictures].map(([key, seen]) => {
        // A picture that stands still until now may be so for good; one that is gone is a drop.
        const still = seen.present && seen.last !== null && end - seen.last > seen.longest;
        const [since, gap] = still ? [seen.last, end - seen.last] : [seen.since, seen.longest];
        return { key, fresh: seen.fresh, frames: seen.frames, most: seen.most, present: seen.present, since, gap: Math.round(gap) };
      }),
      drops: drops.map(({ key, at, back }) => ({ key, at, for: back === null ? null : Math.round(back - at) })),
      stalled: Math.round(stalled),
    };
  };
  window.watch = { forget, report };
}

export class Watch {
  constructor(member) {
    this.member = member;
  }

  static async start(member) {
    await startBeats(member.page);
    await member.page.evaluate(install);
    const watch = new Watch(member);
    await until(`${member.name} sees all pictures move`, async () => {
      const { pictures } = await watch.report();
      return pictures.filter(({ present }) => present).every(({ frames }) => frames > 2);
    });
    return watch;
  }

  forget() {
    return this.member.page.evaluate(() => window.watch.forget());
  }

  /**
   * What was seen since the start or `forget`. `gap` is the longest time in ms without a new frame in a picture, `since` when
   * it began, `fresh` whether the picture began meanwhile, `most` the elements that showed it at once; `drops` are pictures that were gone, and for how long
   * (null: for good); `stalled` is how late the page itself was at most, in ms, which tells how busy the machine was.
   */
  report() {
    return this.member.page.evaluate(() => window.watch.report());
  }
}

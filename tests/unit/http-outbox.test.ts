import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Following, MAX_NAMED } from '../../src/http/feed/following.ts';
import { Outbox } from '../../src/http/feed/outbox.ts';
import { RecentIds } from '../../src/http/feed/recent-ids.ts';

/** A network that takes bytes only when told to. */
class SlowSocket {
  bufferedAmount = 0;
  readonly sent: string[] = [];
  readonly #done: (() => void)[] = [];

  send(text: Uint8Array, done: () => void): void {
    this.bufferedAmount += text.byteLength;
    this.sent.push(Buffer.from(text).toString());
    this.#done.push(() => {
      this.bufferedAmount -= text.byteLength;
      done();
    });
  }

  /** Lets the oldest message leave. */
  leave(): void {
    this.#done.shift()?.();
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const limits = { softBytes: 10, hardBytes: 100, alertQueue: 2 };

function outbox(over: Partial<typeof limits> = {}) {
  const socket = new SlowSocket();
  const counts = { droppedFrames: 0, droppedAlerts: 0 };
  let tooSlow = 0;
  const box = new Outbox(socket, { ...limits, ...over }, counts, () => (tooSlow += 1));
  return { socket, counts, box, tooSlow: () => tooSlow };
}

describe('outbox of a viewer', () => {
  it('sends everything at once while the network keeps up', () => {
    const { socket, box, counts } = outbox();
    for (const text of ['a1', 'a2', 'a3']) {
      box.frame('a', Number(text[1]), bytes(text));
      socket.leave();
    }
    assert.deepEqual(socket.sent, ['a1', 'a2', 'a3']);
    assert.equal(counts.droppedFrames, 0);
  });

  it('keeps only the newest frame of each camera for a slow viewer, and counts the others', () => {
    const { socket, box, counts } = outbox();
    box.frame('a', 1, bytes('a1 fills the buffer'));
    for (const [camera, order] of [['a', 2], ['b', 1], ['a', 4], ['a', 3]] as const) box.frame(camera, order, bytes(`${camera}${order}`));
    assert.deepEqual(socket.sent, ['a1 fills the buffer']);
    socket.leave();
    assert.deepEqual(socket.sent, ['a1 fills the buffer', 'a4', 'b1']);
    assert.equal(counts.droppedFrames, 2);
  });

  it('sends statuses before alerts before frames, and only the newest status', () => {
    const { socket, box } = outbox();
    box.reply(bytes('a reply fills the buffer'));
    box.frame('a', 1, bytes('frame'));
    box.alert(bytes('alert'));
    box.status('a', bytes('old'));
    box.status('a', bytes('new'));
    socket.leave();
    assert.deepEqual(socket.sent.slice(1), ['new', 'alert', 'frame']);
  });

  it('drops the oldest alert over the bound, and counts it', () => {
    const { socket, box, counts } = outbox();
    box.reply(bytes('a reply fills the buffer'));
    for (const text of ['al1', 'al2', 'al3']) box.alert(bytes(text));
    socket.leave();
    assert.deepEqual(socket.sent.slice(1), ['al2', 'al3']);
    assert.equal(counts.droppedAlerts, 1);
  });

  it('gives up a viewer for whom more waits than the hard bound, once', () => {
    const { box, socket, tooSlow } = outbox({ hardBytes: 40 });
    box.reply(bytes('a reply fills the buffer'));
    box.alert(bytes('0123456789'));
    assert.equal(tooSlow(), 0);
    box.alert(bytes('0123456789'));
    assert.equal(tooSlow(), 1);
    box.alert(bytes('more'.repeat(20)));
    box.reply(bytes('more'));
    assert.equal(tooSlow(), 1);
    assert.equal(socket.sent.length, 1);
  });

  it('forgets what waits of a camera that is gone', () => {
    const { socket, box } = outbox();
    box.reply(bytes('a reply fills the buffer'));
    box.frame('a', 1, bytes('frame'));
    box.status('a', bytes('status'));
    box.forget('a');
    socket.leave();
    assert.equal(socket.sent.length, 1);
  });
});

describe('what a viewer follows', () => {
  it('is some cameras by name', () => {
    const following = new Following();
    assert.ok(!following.has('a'));
    following.add(['a', 'b']);
    following.remove(['b', 'c']);
    assert.ok(following.has('a') && !following.has('b'));
  });

  it('is all cameras but some', () => {
    const following = new Following();
    following.everything();
    following.remove(['b']);
    assert.ok(following.has('later') && !following.has('b'));
    following.add(['b']);
    assert.ok(following.has('b'));
    following.nothing();
    assert.ok(!following.has('later'));
  });

  it('is bounded', () => {
    const many = Array.from({ length: MAX_NAMED }, (_, index) => `c${index}`);
    const following = new Following();
    assert.ok(following.add(many));
    assert.ok(following.add(many), 'the same names again cost nothing');
    assert.ok(!following.add(['one-more']));
    const all = new Following();
    all.everything();
    assert.ok(all.remove(many));
    assert.ok(!all.remove(['one-more']));
  });
});

describe('recent ids', () => {
  it('knows an id again until enough others came', () => {
    const recent = new RecentIds(2);
    assert.ok(recent.add('a'));
    assert.ok(!recent.add('a'));
    recent.add('b');
    recent.add('c');
    assert.ok(recent.add('a'), 'forgotten');
    assert.ok(!recent.add('c'));
  });
});

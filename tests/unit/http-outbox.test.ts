import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Subscription, MAX_NAMED } from '../../src/http/feed/subscription.ts';
import { Outbox, type Outgoing } from '../../src/http/feed/viewer-outbox.ts';
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

  sendFrame(frame: Uint8Array, done: () => void): void {
    this.send(frame, done);
  }

  /** Lets the oldest message leave. */
  leave(): void {
    this.#done.shift()?.();
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const message = (text: string, seq: number | null = null): Outgoing => ({
  frame: bytes(text),
  place: seq === null ? null : { epoch: 'e', seq },
});
const limits = { softBytes: 10, hardBytes: 150, alertQueue: 2, lagEveryMs: 1_000 };

function outbox(over: Partial<typeof limits> = {}) {
  const socket = new SlowSocket();
  const counts = { droppedFrames: 0 };
  const world = { now: 0, tooSlow: 0 };
  const box = new Outbox(socket, { ...limits, ...over }, counts, {
    now: () => world.now,
    lag: ({ framesSkipped, since }) => bytes(`lag ${framesSkipped} since ${since}`),
    tooSlow: () => (world.tooSlow += 1),
  });
  return { socket, counts, box, world };
}

describe('outbox of a viewer', () => {
  it('sends everything at once while the network keeps up', () => {
    const { socket, box, counts } = outbox();
    for (const text of ['a1', 'a2', 'a3']) {
      box.frame('a', Number(text[1]), message(text));
      socket.leave();
    }
    assert.deepEqual(socket.sent, ['a1', 'a2', 'a3']);
    assert.equal(counts.droppedFrames, 0);
  });

  it('keeps only the newest frame of each camera for a slow viewer, counts the others and tells the viewer', () => {
    const { socket, box, counts } = outbox();
    box.frame('a', 1, message('a1 fills the buffer', 7));
    for (const [camera, order] of [
      ['a', 2],
      ['b', 1],
      ['a', 4],
      ['a', 3],
    ] as const)
      box.frame(camera, order, message(`${camera}${order}`));
    assert.deepEqual(socket.sent, ['a1 fills the buffer']);
    assert.ok(box.lagging);
    assert.equal(box.pendingBytes, 'a1 fills the buffer'.length + 4);
    socket.leave();
    assert.equal(counts.droppedFrames, 2);
    assert.deepEqual(socket.sent, ['a1 fills the buffer', 'lag 2 since e-7', 'a4']);
    socket.leave();
    assert.deepEqual(socket.sent.slice(3), ['b1']);
    assert.ok(!box.lagging);
  });

  it('tells the lag at most once per interval, and adds up what was skipped meanwhile', () => {
    const { socket, box, world } = outbox({ softBytes: 30 });
    const skip = (order: number): void => {
      box.reply(bytes('this alone is over what is soft'));
      for (const each of [order, order + 1]) box.frame('a', each, message(`a${each}`));
      for (let left = 0; left < 4; left += 1) socket.leave();
    };
    skip(1);
    skip(3);
    skip(5);
    const lags = () => socket.sent.filter((text) => text.startsWith('lag'));
    assert.deepEqual(lags(), ['lag 1 since null']);
    world.now = 1_000;
    skip(7);
    assert.deepEqual(lags(), ['lag 1 since null', 'lag 3 since null']);
  });

  it('sends statuses before alerts before frames, and only the newest status', () => {
    const { socket, box } = outbox();
    box.reply(bytes('a reply fills the buffer'));
    box.frame('a', 1, message('frame'));
    box.alert(message('alert'));
    box.status('a', bytes('old'));
    box.status('a', bytes('new'));
    socket.leave();
    assert.deepEqual(socket.sent.slice(1), ['new', 'alert', 'frame']);
  });

  it('leaves no alert out: over the bound the viewer is given up, and its last place is known', () => {
    const { socket, box, world } = outbox();
    box.alert(message('an alert fills the buffer', 3));
    for (const text of ['al1', 'al2']) box.alert(message(text, 4));
    assert.equal(world.tooSlow, 0);
    box.alert(message('al3', 5));
    assert.equal(world.tooSlow, 1);
    assert.deepEqual(box.sent, { epoch: 'e', seq: 3 }, 'what waited was not sent');
    box.alert(message('al4', 6));
    socket.leave();
    assert.deepEqual(socket.sent, ['an alert fills the buffer']);
    assert.equal(box.pendingBytes, 0);
  });

  it('gives up a viewer for whom more waits than the hard bound, once', () => {
    const { box, socket, world } = outbox({ hardBytes: 40 });
    box.reply(bytes('a reply fills the buffer'));
    box.alert(message('0123456789'));
    assert.equal(world.tooSlow, 0);
    box.alert(message('0123456789'));
    assert.equal(world.tooSlow, 1);
    box.alert(message('more'.repeat(20)));
    box.reply(bytes('more'));
    assert.equal(world.tooSlow, 1);
    assert.equal(socket.sent.length, 1);
  });

  it('says when nothing waits any more', async () => {
    const { socket, box } = outbox();
    await box.drained();
    box.reply(bytes('a reply fills the buffer'));
    box.alert(message('alert'));
    let drained = false;
    const wait = box.drained().then(() => (drained = true));
    await Promise.resolve();
    assert.ok(!drained);
    socket.leave();
    await wait;
    box.alert(message('an alert fills the buffer'));
    box.alert(message('alert'));
    const closed = box.drained();
    box.close();
    await closed;
  });

  it('forgets what waits of a camera that is gone', () => {
    const { socket, box } = outbox();
    box.reply(bytes('a reply fills the buffer'));
    box.frame('a', 1, message('frame'));
    box.status('a', bytes('status'));
    box.forget('a');
    socket.leave();
    assert.equal(socket.sent.length, 1);
  });
});

describe('what a viewer follows', () => {
  it('is some cameras by name', () => {
    const subscription = new Subscription();
    assert.ok(!subscription.has('a'));
    subscription.add(['a', 'b']);
    subscription.remove(['b', 'c']);
    assert.ok(subscription.has('a') && !subscription.has('b'));
  });

  it('is all cameras but some', () => {
    const subscription = new Subscription();
    subscription.addAll();
    subscription.remove(['b']);
    assert.ok(subscription.has('later') && !subscription.has('b'));
    subscription.add(['b']);
    assert.ok(subscription.has('b'));
    subscription.clear();
    assert.ok(!subscription.has('later'));
  });

  it('is bounded', () => {
    const many = Array.from({ length: MAX_NAMED }, (_, index) => `c${index}`);
    const subscription = new Subscription();
    assert.ok(subscription.add(many));
    assert.ok(subscription.add(many), 'the same names again cost nothing');
    assert.ok(!subscription.add(['one-more']));
    const all = new Subscription();
    all.addAll();
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

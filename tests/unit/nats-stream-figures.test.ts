import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossesOf, type StreamFigures } from '../../src/infra/nats/stream-figures.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-04T12:00:00Z');
const stream = (over: Partial<StreamFigures> = {}): StreamFigures => ({
  name: 'ALERTS',
  firstSeq: 1,
  lastSeq: 40,
  messages: 40,
  bytes: 40_000,
  firstAt: NOW - DAY,
  lastAt: NOW - 60_000,
  kind: 'log',
  maxAgeMs: 30 * DAY,
  maxBytes: 256 * 1024 * 1024,
  ...over,
});
const lost = (was: StreamFigures, is: StreamFigures | null, untouched = true): number =>
  lossesOf({ before: [was], now: is === null ? [] : [is], at: NOW, untouched })[0]?.messages ?? 0;

test('nothing is said of a stream that grew, stood still, or never held a message', () => {
  assert.equal(lost(stream(), stream()), 0);
  assert.equal(lost(stream(), stream({ lastSeq: 90, messages: 90 })), 0);
  assert.equal(lost(stream({ firstSeq: 0, lastSeq: 0, messages: 0 }), null), 0);
});

test('what was cut is counted, whatever nats-server makes of the sequence', () => {
  assert.equal(lost(stream(), stream({ messages: 20 })), 20, 'the index still knew the last sequence');
  assert.equal(lost(stream(), stream({ messages: 20, lastSeq: 20 })), 20, 'it did not');
  assert.equal(lost(stream(), stream({ messages: 0, firstSeq: 41 })), 40, 'all of it');
  assert.equal(lost(stream(), stream({ messages: 0, firstSeq: 0, lastSeq: 0 })), 40, 'the stream was made anew');
  assert.equal(lost(stream(), null), 40, 'it is gone');
  assert.equal(lost(stream(), stream({ messages: 25, lastSeq: 45 })), 20, 'five came since');
});

test('what age or size may have removed is no loss', () => {
  const old = stream({ firstAt: NOW - 31 * DAY });
  assert.equal(lost(old, stream({ firstSeq: 11, messages: 30 })), 0);
  assert.equal(lost(old, stream({ firstSeq: 11, messages: 25 })), 5, 'but not what is missing behind it');
  assert.equal(
    lost(stream({ firstAt: NOW - 32 * DAY, lastAt: NOW - 31 * DAY }), stream({ messages: 0, firstSeq: 41 })),
    0,
  );
  assert.equal(lost(stream({ bytes: 250 * 1024 * 1024 }), stream({ firstSeq: 11, messages: 30 })), 0);
});

test('of streams whose messages are deleted or acknowledged, only what cannot be that is said', () => {
  const kept = stream({ kind: 'kept' });
  assert.equal(lost(kept, { ...kept, messages: 30 }, true), 10);
  assert.equal(lost(kept, { ...kept, messages: 30 }, false), 0);
  const queue = stream({ kind: 'queue' });
  assert.equal(lost(queue, { ...queue, messages: 0, firstSeq: 41 }, true), 0);
  assert.equal(lost(queue, { ...queue, messages: 15, lastSeq: 15 }, false), 25, 'a sequence never goes back');
});

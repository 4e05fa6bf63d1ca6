import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionDeadlines } from '../../src/rtsp/session-deadlines.ts';

const messageOf = (due: ReturnType<SessionDeadlines['due']>): string | null => ('code' in due ? due.message : null);

test('an answer is awaited for 10 s, that to DESCRIBE for 30', () => {
  const deadlines = new SessionDeadlines();
  deadlines.awaiting('OPTIONS', 1_000);
  deadlines.awaiting('OPTIONS', 9_000);
  assert.deepEqual(deadlines.due(10_999), []);
  assert.match(messageOf(deadlines.due(11_000)) ?? '', /OPTIONS within 10 s/u);
  deadlines.awaiting('DESCRIBE', 11_000);
  assert.deepEqual(deadlines.due(40_999), []);
  assert.match(messageOf(deadlines.due(41_000)) ?? '', /DESCRIBE within 30 s/u);
  deadlines.awaiting(null, 41_000);
  assert.deepEqual(deadlines.due(999_000), []);
});

test('a camera may be slow, but its first packet comes within half a minute', () => {
  const deadlines = new SessionDeadlines();
  deadlines.played('tcp', 30_000, 0);
  assert.match(messageOf(deadlines.due(30_000)) ?? '', /no packet within 30 s of PLAY/u);
  for (let at = 29_000; at < 400_000; at += 60_000) {
    deadlines.packetCame(at);
    assert.equal(messageOf(deadlines.due(at + 59_999)), null);
  }
  assert.match(messageOf(deadlines.due(389_000 + 120_000)) ?? '', /sent no packet for 120 s/u);
});

test('by UDP the first packet comes within 5 s, or never', () => {
  const deadlines = new SessionDeadlines();
  deadlines.played('udp', 30_000, 0);
  assert.match(messageOf(deadlines.due(5_000)) ?? '', /no packet came by UDP within 5 s/u);
  deadlines.packetCame(4_000);
  assert.equal(messageOf(deadlines.due(18_000)), null);
});

test('keep-alives and reports are due once per interval', () => {
  const deadlines = new SessionDeadlines();
  deadlines.played('tcp', 12_000, 0);
  const seen: string[] = [];
  for (let at = 0; at <= 24_000; at += 250) {
    deadlines.packetCame(at);
    const due = deadlines.due(at);
    if (!('code' in due)) seen.push(...due.map((each) => `${each} ${at / 1000}`));
  }
  assert.deepEqual(seen, ['report 5', 'report 10', 'keep-alive 12', 'report 15', 'report 20', 'keep-alive 24']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clipStep } from '../../src/actors/alert-clips.ts';
import type { ClipAnswer } from '../../src/messages/wanted.ts';

const answered = (body: ClipAnswer) => ({ outcome: 'answered', body }) as const;
const stored = answered({
  outcome: 'stored',
  bytes: 1,
  from: '2026-01-02T03:04:05.000Z',
  to: '2026-01-02T03:04:15.000Z',
});
const none = answered({ outcome: 'none', reason: 'the camera sends MJPEG' });
const later = answered({ outcome: 'later', reason: 'too many' });

test('a clip is asked for again as long as its answer may change', () => {
  const ends = (answer: Parameters<typeof clipStep>[0], ageMs: number): string => {
    const step = clipStep(answer, ageMs);
    return step.kind === 'end' ? step.end : step.kind;
  };
  assert.equal(ends(stored, 6_000), 'stored');
  assert.equal(ends(stored, 60_000), 'stored');
  assert.deepEqual(clipStep(none, 6_000), { kind: 'end', end: 'refused', reason: 'the camera sends MJPEG' });
  assert.deepEqual(clipStep(later, 6_000), { kind: 'again', reason: 'too many' });
  assert.equal(ends(later, 20_000), 'failed');
  for (const outcome of ['nobody', 'silent'] as const) {
    assert.equal(ends({ outcome }, 6_000), 'again');
    assert.equal(ends({ outcome }, 20_000), outcome);
  }
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { alertKinds, isShelved } from '../../src/alert-desk/shelved.ts';
import type { Shelf } from '../../src/messages/alert-handling.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';

const AT = Date.parse('2026-05-01T10:00:00.000Z');
const shelf = (over: Partial<Shelf>): Shelf => ({
  shelfId: randomUUID(),
  cameraId: null,
  kind: null,
  until: '2026-05-01T10:00:01.000Z',
  reason: '',
  by: 'kim',
  at: '2026-05-01T09:00:00.000Z',
  ...over,
});

test('a shelf of a camera, of a kind or of both holds until its time', () => {
  const queue = { cameraId: 'north', kinds: ['queue' as const] };
  const cases: readonly (readonly [Partial<Shelf>, boolean])[] = [
    [{ cameraId: 'north' }, true],
    [{ cameraId: 'south' }, false],
    [{ kind: 'queue' }, true],
    [{ kind: 'collision' }, false],
    [{ cameraId: 'north', kind: 'queue' }, true],
    [{ cameraId: 'south', kind: 'queue' }, false],
    [{ cameraId: 'north', kind: 'collision' }, false],
  ];
  for (const [over, expected] of cases) {
    assert.equal(isShelved([shelf(over)], queue, AT), expected, JSON.stringify(over));
    assert.equal(isShelved([shelf(over)], queue, AT + 1_000), false, 'its time is over');
  }
  assert.equal(isShelved([], queue, AT), false);
});

test('an alert of several kinds is shelved only when each of them is', () => {
  const both = { cameraId: 'north', kinds: ['queue' as const, 'collision' as const] };
  assert.equal(isShelved([shelf({ kind: 'queue' })], both, AT), false);
  assert.equal(isShelved([shelf({ kind: 'queue' }), shelf({ kind: 'collision', cameraId: 'north' })], both, AT), true);
  assert.equal(isShelved([shelf({ cameraId: 'north' })], both, AT), true);
});

test('an alert about a group is shelved by its camera, never by a kind', () => {
  const group = { cameraId: 'north', kinds: [] };
  assert.equal(isShelved([shelf({ kind: 'queue' })], group, AT), false);
  assert.equal(isShelved([shelf({ cameraId: 'north' })], group, AT), true);
});

test('the kinds of an alert are those of its own incidents, each once', () => {
  const frame = aggregate('north', { risk: 'high' });
  const own = incidentOf(frame.requestId, 'a');
  const again = incidentOf(frame.requestId, 'b');
  const other = { ...incidentOf(randomUUID(), 'c'), kind: 'queue' as const };
  const { requestId } = frame;
  assert.deepEqual(alertKinds({ requestId, incidents: [own, again, other] }), ['near-miss']);
});

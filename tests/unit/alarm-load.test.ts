import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alarmLoad, type LoadIncident, LOAD_BARS } from '../../src/alarms/alarm-load.ts';

const FROM = Date.parse('2026-05-01T00:00:00.000Z');
const HOUR = 3_600_000;
const MINUTE = 60_000;
const DAY = 24 * HOUR;

const load = (calls: readonly number[], incidents: readonly LoadIncident[] = []) =>
  alarmLoad({ from: FROM, to: FROM + DAY, calls, incidents, stale: [] });

test('a quiet day has no load, and its series has every ten minutes', () => {
  const { alarms, perDay, per10Minutes, floodShare, floods, bars } = load([]);
  assert.deepEqual({ alarms, perDay, floodShare, floods }, { alarms: 0, perDay: 0, floodShare: 0, floods: [] });
  assert.equal(per10Minutes.series.length, 144);
  assert.equal(per10Minutes.worst, 0);
  assert.deepEqual(bars, LOAD_BARS);
});

test('calls are counted a day, in ten minutes of the clock, and in the worst ten minutes', () => {
  const calls = [0, 9, 11, 12, 100].map((minute) => FROM + minute * MINUTE);
  const { alarms, perDay, per10Minutes } = load([FROM - 1, ...calls, FROM + DAY]);
  assert.equal(alarms, 5);
  assert.equal(perDay, 5);
  assert.deepEqual(per10Minutes.series.slice(0, 2), [
    ['2026-05-01T00:00:00.000Z', 2],
    ['2026-05-01T00:10:00.000Z', 2],
  ]);
  assert.equal(per10Minutes.worst, 3);
  assert.ok(Math.abs(per10Minutes.mean - 5 / 144) < 1e-9);
});

test('a flood begins with the eleventh in ten minutes, and ends when fewer than five are left of them', () => {
  const calls = Array.from({ length: 12 }, (_, index) => FROM + HOUR + index * 10_000);
  const { floods, floodShare } = load(calls);
  // From the eleventh; the eighth leaves the ten minutes 70 s after the first did, and four are left.
  assert.deepEqual(floods, [{ from: '2026-05-01T01:01:40.000Z', to: '2026-05-01T01:11:10.000Z', alarms: 12 }]);
  assert.ok(Math.abs(floodShare - 570_000 / DAY) < 1e-9);
});

test('two floods with a calm between them are two, however the second begins', () => {
  const burst = (at: number): number[] => Array.from({ length: 11 }, (_, index) => at + index * 1_000);
  const { floods } = load([...burst(FROM), ...burst(FROM + HOUR)]);
  assert.deepEqual(
    floods.map(({ from, to, alarms }) => [from.slice(11, 19), to.slice(11, 19), alarms]),
    [
      ['00:00:10', '00:10:06', 11],
      ['01:00:10', '01:10:06', 11],
    ],
  );
});

test('sources are ranked by their incidents, with the share of all; those that chatter are named', () => {
  const incidents: LoadIncident[] = [
    ...Array.from({ length: 6 }, (_, index) => ({
      at: FROM + index * 15_000,
      cameraId: 'shaky',
      kind: 'queue' as const,
    })),
    { at: FROM + HOUR, cameraId: 'calm', kind: 'collision' },
    { at: FROM + 2 * HOUR, cameraId: 'calm', kind: null },
  ];
  const { worst, chattering, incidents: raw } = load([], incidents);
  assert.deepEqual(worst[0], { cameraId: 'shaky', kind: 'queue', alarms: 6, share: 0.75 });
  assert.equal(worst.length, 3);
  assert.deepEqual(chattering, [{ cameraId: 'shaky', kind: 'queue', incidents: 6, worstPerMinute: 4 }]);
  assert.equal(raw.count, 8);
});

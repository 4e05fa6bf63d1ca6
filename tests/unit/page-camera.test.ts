import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChoice, DEFAULT_CHOICE } from '../../web/src/views/camera/camera-choice.ts';
import { patchOf, settingsOf } from '../../web/src/views/camera/camera-patch.ts';
import { countPlot } from '../../web/src/views/camera/count-series.ts';
import { spotAfter, timelineRows, timelineTicks } from '../../web/src/views/camera/timeline-rows.ts';
import { Trails } from '../../web/src/views/camera/trails.ts';
import { config, countedBin, record } from '../support/http-samples.ts';

const T = Date.parse('2026-11-28T08:00:00.000Z');
const iso = (ms: number): string => new Date(T + ms).toISOString();

test('only changed settings are sent; an emptied one takes its default', () => {
  const camera = { ...record(config('north')), config: config('north', { prompt: 'a bridge', groups: ['a'] }) };
  const before = settingsOf({ ...camera.config, status: camera.status, figures: camera.figures });
  assert.deepEqual(patchOf(before, before), {});
  const after = { ...before, name: ' South ', intervalSeconds: '2.5', prompt: '', groups: [], transport: 'tcp' };
  assert.deepEqual(patchOf(before, after), {
    name: 'South',
    intervalSeconds: 2.5,
    prompt: null,
    groups: null,
    transport: 'tcp',
  });
  assert.deepEqual(patchOf(before, { ...before, intervalSeconds: 'soon', enabled: false }), {
    intervalSeconds: 'soon',
    enabled: false,
  });
});

test('a stored choice with odd parts takes the defaults for them', () => {
  assert.deepEqual(readChoice(null), DEFAULT_CHOICE);
  const read = readChoice({ layers: { tracks: false, other: 1 }, hours: 7, live: false });
  assert.deepEqual(read, { layers: { ...DEFAULT_CHOICE.layers, tracks: false }, hours: 6, live: false });
});

test('trails keep the feet of the last minute, and no revision twice', () => {
  const trails = new Trails();
  const object = { objectId: 0, trackId: 7, class: 'car', confidence: 1, velocity: null } as const;
  const seen = (ms: number, x: number): void =>
    trails.add({ timestamp: iso(ms), detectedObjects: [{ ...object, bbox: [x, 0, x + 10, 20] }] });
  seen(0, 0);
  seen(0, 500);
  seen(1_000, 10);
  assert.deepEqual(
    trails.all.get(7)?.map(({ x, y }) => [x, y]),
    [
      [5, 20],
      [15, 20],
    ],
  );
  for (let i = 2; i < 100; i += 1) seen(i * 1_000, i);
  assert.equal(trails.all.get(7)?.length, 40);
  trails.add({ timestamp: iso(200_000), detectedObjects: [] });
  assert.equal(trails.all.size, 0);
});

const alert = (alertId: string, ms: number, ...kinds: ('speeding' | 'queue')[]) => ({
  alertId,
  timestamp: iso(ms),
  level: 'high' as const,
  kinds,
});

test('alerts are on rows by kind, and those outside the span on none', () => {
  const span = { from: T, to: T + 100_000 };
  const rows = timelineRows(
    [alert('b', 50_000, 'queue', 'speeding'), alert('a', 10_000, 'queue'), alert('c', 60_000), alert('d', -5)],
    span,
  );
  assert.deepEqual(
    rows.map(({ kind, marks }) => [kind, ...marks.map(({ alertId, at }) => `${alertId} ${at}`)]),
    [
      ['speeding', 'b 0.5'],
      ['queue', 'a 0.1', 'b 0.5'],
      [null, 'c 0.6'],
    ],
  );
  assert.deepEqual(spotAfter(rows, { row: 1, index: 1 }, 'ArrowLeft'), { row: 1, index: 0 });
  assert.deepEqual(spotAfter(rows, { row: 1, index: 1 }, 'ArrowRight'), { row: 1, index: 1 });
  assert.deepEqual(spotAfter(rows, { row: 0, index: 0 }, 'ArrowDown'), { row: 1, index: 1 }, 'nearest in time');
  assert.deepEqual(spotAfter(rows, { row: 0, index: 0 }, 'ArrowUp'), { row: 0, index: 0 });
  assert.equal(spotAfter(rows, { row: 0, index: 0 }, 'Enter'), null);
});

test('ticks are at whole steps of time, at most 12', () => {
  for (const hours of [1, 6, 24]) {
    const ticks = timelineTicks({ from: T - hours * 3_600_000, to: T });
    assert.ok(ticks.length >= 6 && ticks.length <= 13, `${hours} h: ${ticks.length}`);
  }
});

test('counts are series of both directions, with a gap where there were no pictures', () => {
  const { times, series } = countPlot([countedBin(iso(0)), countedBin(iso(300_000))], 'lines');
  assert.deepEqual(
    times,
    [0, 60, 300].map((s) => T / 1000 + s),
  );
  assert.deepEqual(
    series.map(({ id, direction, values }) => [id, direction, ...values]),
    [
      ['gate', 'left-to-right', 2, null, 2],
      ['gate', 'right-to-left', 0, null, 0],
    ],
  );
  assert.deepEqual(countPlot([countedBin(iso(0))], 'speed').series, []);
});

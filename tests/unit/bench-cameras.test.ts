import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutFilm } from '../../bench/cameras/film.ts';
import { CamerasLedger } from '../../bench/cameras/ledger.ts';
import {
  cameraName,
  cameraOf,
  dueMs,
  FILM_FRAMES,
  frameAt,
  GOP,
  keyframeAt,
  startOf,
} from '../../bench/cameras/loop.ts';
import { readCamerasOptions } from '../../bench/cameras/options.ts';
import type { SeenFrame } from '../../bench/cameras/orders.ts';
import { coresBetween, kindOf, slopePerMinute } from '../../bench/cameras/processes.ts';
import { readStat } from '../../bench/proc-stat.ts';
import { compare } from '../../bench/cameras/reference.ts';
import { largest } from '../../bench/cameras/search.ts';

const seen = (over: Partial<SeenFrame>): SeenFrame => ({
  camera: 0,
  requestId: 'a',
  timestamp: 1_000,
  at: 1_100,
  revision: 0,
  groups: 1,
  judged: [],
  unknown: 0,
  counts: {},
  ...over,
});

test('a camera shows each picture of the film at its time, from a place of its own', () => {
  for (const camera of [0, 1, 7, 99]) {
    const start = startOf(camera);
    assert.ok(start < FILM_FRAMES / 2);
    for (const frame of [start, start + 1, start + FILM_FRAMES]) {
      assert.equal(frameAt(camera, dueMs(camera, frame) + 0.01), frame);
      assert.equal(frameAt(camera, dueMs(camera, frame) - 0.01), frame - 1);
    }
  }
  assert.equal(keyframeAt(0, 0.01), 0);
  assert.equal(keyframeAt(0, GOP * 40 * 3 + 999), 3);
  assert.equal(keyframeAt(0, FILM_FRAMES * 40 + 1), 0, 'the next loop');
  assert.equal(cameraOf(cameraName(41)), 41);
  assert.equal(cameraOf('demo'), null);
});

test('a film is cut into pictures, whose packets go on from loop to loop', () => {
  const nal = (type: number, size: number): Buffer => {
    const body = Buffer.alloc(size, 0x55);
    body[0] = 0x60 | type;
    body[1] = 0x88;
    return Buffer.concat([Buffer.of(0, 0, 0, 1), body]);
  };
  const film = cutFilm(Buffer.concat([nal(7, 12), nal(8, 5), nal(5, 3_000), nal(1, 200), nal(1, 200)]));
  assert.deepEqual(
    film.frames.map(({ isKeyframe, count }) => [isKeyframe, count]),
    [
      [true, 5],
      [false, 1],
      [false, 1],
    ],
  );
  assert.equal(film.packets, 7);
  assert.match(film.sdp, /sprop-parameter-sets=Z4hV/u);

  const headers = (loop: number): { sequence: number; time: number; marker: boolean; payload: Buffer }[] =>
    film.frames.flatMap((frame) => {
      const packets = frame.prepare(loop, film.packets);
      const found = [];
      for (let at = 0; at < packets.length;) {
        assert.equal(packets.readUInt8(at), 0x24);
        const end = at + 4 + packets.readUInt16BE(at + 2);
        found.push({
          sequence: packets.readUInt16BE(at + 6),
          time: packets.readUInt32BE(at + 8),
          marker: (packets.readUInt8(at + 5) & 0x80) !== 0,
          payload: Buffer.from(packets.subarray(at + 16, end)),
        });
        at = end;
      }
      return found;
    });
  const [first, second] = [headers(0), headers(1)];
  assert.deepEqual(
    [...first, ...second].map(({ sequence }) => sequence),
    Array.from({ length: 14 }, (_, index) => index),
  );
  assert.deepEqual(
    first.map(({ marker }) => marker),
    [false, false, false, false, true, true, true],
  );
  assert.equal(first[5]!.time - first[0]!.time, 3_600);
  assert.equal(second[0]!.time, FILM_FRAMES * 3_600);
  const fragments = first.slice(2, 5).map(({ payload }) => payload);
  assert.deepEqual(
    fragments.map((payload) => payload.readUInt8(1) & 0xc0),
    [0x80, 0, 0x40],
    'start and end of the fragmented slice',
  );
  assert.equal(1 + fragments.reduce((sum, payload) => sum + payload.length - 2, 0), 3_000);
});

test('a frame counts once, at its first revision, and each verdict once', () => {
  const ledger = new CamerasLedger();
  ledger.note({
    alerts: 1,
    skipped: 2,
    frames: [
      seen({}),
      seen({ revision: 1, at: 2_500, judged: [1] }),
      seen({ revision: 2, at: 2_900, judged: [1] }),
      seen({ requestId: 'b', camera: 1, timestamp: 2_000, at: 2_300 }),
      seen({ requestId: 'c', camera: 1, timestamp: 4_000, at: 4_300 }),
      seen({ requestId: 'late', camera: 0, timestamp: 5_000, at: 5_100 }),
    ],
  });
  const figures = ledger.figures({ from: 1_000, to: 5_000 }, [0, 1], 2_000);
  assert.deepEqual(
    [figures.frames, figures.mean, figures.worst, figures.worstCamera, figures.first?.max, figures.verdict?.p50],
    [3, 0.75, 0.5, 0, 300, 1_500],
  );
  assert.deepEqual([ledger.alerts, ledger.skipped], [1, 2]);
});

test('objects are compared with those of the same keyframes', () => {
  const frames = Array.from({ length: 100 }, (_, index) => ({
    camera: 0,
    timestamp: 10_000 + index * 1_000,
    counts: { person: 3 },
  }));
  const reference = Array.from({ length: FILM_FRAMES / GOP }, () => ({ person: 4, car: 1 }));
  assert.deepEqual(compare(frames, reference, 10_000), [
    { name: 'person', found: 3, expected: 4, off: -0.25 },
    { name: 'car', found: 0, expected: 1, off: null },
  ]);
});

test('CPU is counted by kinds of threads, and memory by its slope', () => {
  const line = `12 (a (b) c) S 7 ${'0 '.repeat(9)}150 50 0 0`;
  assert.deepEqual(readStat(line), { name: 'a (b) c', parent: 7, seconds: 2 });
  assert.equal(kindOf('/cameras/bench-'), 'cameras');
  assert.equal(kindOf('/ingest'), '/ingest');
  const reading = (seconds: number): Map<string, { name: string; seconds: number }> =>
    new Map([
      ['1/1', { name: 'Gantry main', seconds }],
      ['1/2', { name: 'Gantry cameras', seconds: seconds * 2 }],
      ['1/3', { name: 'Gantry cameras', seconds: seconds * 2 }],
    ]);
  assert.deepEqual(
    [...coresBetween(reading(1), reading(2), 10)],
    [
      ['Gantry main', 0.1],
      ['Gantry cameras', 0.4],
    ],
  );
  const samples = [0, 30_000, 60_000].map((at) => ({ at, value: 100 + at / 10_000 }));
  assert.ok(Math.abs(slopePerMinute(samples) - 6) < 1e-9);
});

test('the search ends at the largest number that holds, to within a twentieth', async () => {
  for (const limit of [7, 118, 390]) {
    const tried: number[] = [];
    const found = await largest(20, 400, (count) => {
      tried.push(count);
      return Promise.resolve(count <= limit);
    });
    assert.ok(found <= limit && found >= limit * 0.95 - 1, `${found} of ${limit}: ${tried.join(' ')}`);
    assert.ok(tried.length < 12, tried.join(' '));
  }
  assert.equal(await largest(20, 400, () => Promise.resolve(true)), 400);
  assert.equal(await largest(20, 400, () => Promise.resolve(false)), 0);
});

test('a hundred cameras are measured for five minutes unless told otherwise', () => {
  const usual = { cameras: 100, seconds: 300, intervalSeconds: 2, provider: { leastMs: 800, mostMs: 1_500 } };
  const flags = { quick: false, json: false, burst: false, search: false, model: null };
  assert.deepEqual(readCamerasOptions([]), { ...usual, ...flags });
  assert.deepEqual(readCamerasOptions(['--soak', '30', '--burst', '--provider-ms', '10-20']), {
    ...usual,
    ...flags,
    seconds: 1_800,
    burst: true,
    provider: { leastMs: 10, mostMs: 20 },
  });
});

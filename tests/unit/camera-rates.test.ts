import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CameraHealth } from '../../src/actors/camera-health.ts';
import { CameraRates, type RatedCamera, slowNotice } from '../../src/app/camera-rates.ts';
import { busyShare, processorTime } from '../../src/app/processor-share.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const camera = (cameraId: string, frames: number, over: { interval?: number; online?: boolean } = {}): RatedCamera => ({
  frames,
  config: { cameraId, intervalSeconds: over.interval ?? 0.5, enabled: true },
  status: { state: over.online === false ? 'offline' : 'online' },
});

test('cameras that are slow over a minute are counted, with their rates', () => {
  const rates = new CameraRates();
  // A look every 5 s: two pictures a second are wanted of each.
  for (let look = 0; look <= 20; look += 1) {
    rates.note(
      [
        camera('fast', look * 10),
        camera('slow', look * 8),
        camera('rare', look, { interval: 10 }),
        camera('back', look * 2, { online: look !== 15 }),
      ],
      look * 5_000,
    );
    if (look === 11) assert.equal(rates.report().all.cameras, 0, 'not known before a minute');
  }
  assert.deepEqual(rates.report(), {
    all: { cameras: 2, wanted: 4, reached: 3.6 },
    slow: { cameras: 1, wanted: 2, reached: 1.6 },
  });
  assert.equal(
    slowNotice(rates.report(), 0.97),
    '1 of 2 cameras get 1.60 of 2.00 pictures a second: the processors are full (97 % busy); ' +
      'choose a longer interval, fewer cameras or more cores',
  );
  assert.equal(slowNotice(rates.report(), 0.5), null, 'a slow camera is no overload');
});

test('a removed camera is forgotten, and full processors alone are no trouble', () => {
  const rates = new CameraRates();
  for (let look = 0; look <= 13; look += 1) rates.note([camera('a', look * 10)], look * 5_000);
  assert.equal(slowNotice(rates.report(), 1), null);
  rates.note([], 70_000);
  assert.equal(rates.report().all.cameras, 0);
});

test('the busy share is that of a container with a quota, else that of the machine', async () => {
  const cgroup = temporaryFolder();
  mkdirSync(cgroup, { recursive: true });
  const read = async (now: number, usedMs: number) => {
    writeFileSync(join(cgroup, 'cpu.max'), '200000 100000\n');
    writeFileSync(join(cgroup, 'cpu.stat'), `usage_usec ${usedMs * 1_000}\nuser_usec 1\n`);
    return processorTime(now, cgroup);
  };
  assert.equal(busyShare(await read(1_000, 500), await read(2_000, 2_000)), 0.75);
  const machine = await processorTime(0, join(cgroup, 'none'));
  assert.ok(machine.all > machine.used && machine.used > 0);
  assert.equal(busyShare(machine, machine), 0);
});

test('a camera shows the state of its stream, and a failure of its actor until it works again', () => {
  const health = new CameraHealth();
  const [online, offline] = [
    { state: 'online', message: 'frames arrive' } as const,
    { state: 'offline', message: 'gone' } as const,
  ];
  assert.equal(health.onStarted(), null, 'nothing is known yet');
  assert.deepEqual(health.onStream(online), online);
  const fault = { state: 'fault', message: 'it failed' } as const;
  assert.deepEqual(health.onFault('it failed'), fault);
  assert.deepEqual(health.onStarted(), fault, 'until a frame proves it');
  assert.deepEqual(health.onFrame(), online);
  health.onFault('it failed');
  assert.deepEqual(health.onStream(offline), fault);
  assert.deepEqual(health.onStarted(), offline, 'no frame can come');
  assert.equal(health.streamState, 'offline');
});

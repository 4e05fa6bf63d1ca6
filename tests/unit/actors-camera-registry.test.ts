import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAMERA_REGISTRY, cameraRegistryActor } from '../../src/actors/camera-registry.ts';
import { type CameraStore, MAX_CAMERAS } from '../../src/infra/camera-store.ts';
import type { CameraConfig } from '../../src/messages/camera.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';

const PATIENCE = { timeoutMs: 5_000 };
const camera = (cameraId: string): CameraConfig => ({ cameraId, name: cameraId, url: 'rtsp://10.0.0.8/x', enabled: false, intervalSeconds: 1 });

test('a list that is full says so, takes nothing more, and has room again when a camera is removed', async () => {
  const clock = new ManualClock();
  let saved: readonly CameraConfig[] = Array.from({ length: MAX_CAMERAS - 1 }, (_, index) => camera(`cam-${index}`));
  const store: CameraStore = {
    path: 'cameras.json',
    load: async () => ({ cameras: saved, movedAside: null, problems: [] }),
    save: async (cameras) => void (saved = cameras),
  };
  const crew = { start: async () => ({ previewSocket: null }), stop: async () => undefined };
  const init = { store, crew, bus: new FakeTaskBus(clock), fixed: [camera('demo')], onStatus: () => undefined };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), { log: memoryLog(), clock, onEscalation: (error) => assert.fail(error.message) });
  const registry = system.ref(CAMERA_REGISTRY);
  const add = (cameraId: string) => registry.ask({ type: 'add', config: camera(cameraId) }, PATIENCE);

  assert.equal(await add('last'), 'added', 'the demo camera is not in the list');
  assert.equal(await add('one-more'), 'full');
  assert.equal(await add('last'), 'exists');
  assert.equal(saved.length, MAX_CAMERAS);
  assert.equal(await registry.ask({ type: 'get', cameraId: 'one-more' }, PATIENCE), null);
  assert.equal(await registry.ask({ type: 'remove', cameraId: 'cam-7' }, PATIENCE), true);
  assert.equal(await add('one-more'), 'added');
  assert.equal(saved.at(-1)?.cameraId, 'one-more');
  await system.stop();
});

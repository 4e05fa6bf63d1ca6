import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CAMERA_REGISTRY,
  type CameraEntry,
  type CameraNow,
  type CameraPatch,
  cameraRegistryActor,
  NotSaved,
} from '../../src/actors/camera-registry.ts';
import { type CameraStore, MAX_CAMERAS } from '../../src/infra/camera-store.ts';
import { type CameraConfig, CameraRemoved } from '../../src/messages/camera.ts';
import type { SceneConfig } from '../../src/messages/scene.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { type SceneCondition, sceneVersion } from '../../src/scene/scene-version.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { StorageError } from '../../src/storage/storage-error.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

const PATIENCE = { timeoutMs: 5_000 };
const camera = (cameraId: string): CameraConfig => ({
  cameraId,
  name: cameraId,
  url: 'rtsp://10.0.0.8/x',
  enabled: false,
  intervalSeconds: 1,
});

test('a list that is full says so, takes nothing more, and has room again when a camera is removed', async (t) => {
  const clock = new ManualClock();
  let saved: readonly CameraConfig[] = Array.from({ length: MAX_CAMERAS - 1 }, (_, index) => camera(`cam-${index}`));
  const store: CameraStore = {
    path: 'cameras.json',
    load: async () => ({ cameras: saved, movedAside: null, problems: [] }),
    save: async (cameras) => void (saved = cameras),
  };
  const spawner = {
    start: async () => ({ previewSocket: null }),
    setScene: () => undefined,
    stop: async () => undefined,
  };
  const init = { store, spawner, bus: new FakeTaskBus(clock), fixed: [camera('demo')], onStatus: () => undefined };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const registry = system.ref(CAMERA_REGISTRY);
  const add = (cameraId: string) => registry.ask({ type: 'add', config: camera(cameraId) }, PATIENCE);

  assert.equal(await add('last'), 'added', 'the demo camera is not in the list');
  assert.equal(await add('one-more'), 'full');
  assert.equal(await add('last'), 'exists');
  assert.equal(saved.length, MAX_CAMERAS);
  assert.equal(await registry.ask({ type: 'get', cameraId: 'one-more' }, PATIENCE), null);
  const removed: string[] = [];
  init.bus.subscribe(subjects.cameraRemoved, CameraRemoved, ({ cameraId }) => removed.push(cameraId));
  assert.equal(await registry.ask({ type: 'remove', cameraId: 'cam-7' }, PATIENCE), true);
  assert.deepEqual(removed, ['cam-7'], 'every node is told');
  assert.equal(await add('one-more'), 'added');
  assert.equal(saved.at(-1)?.cameraId, 'one-more');
});

test("a camera's own settings are kept, reach its thread, and go with a null", async (t) => {
  const clock = new ManualClock();
  let saved: readonly CameraConfig[] = [{ ...camera('a'), enabled: true }];
  const started: CameraConfig[] = [];
  const init = {
    store: {
      path: 'cameras.json',
      load: async () => ({ cameras: saved, movedAside: null, problems: [] }),
      save: async (cameras: readonly CameraConfig[]) => void (saved = cameras),
    },
    spawner: {
      start: async (config: CameraConfig) => {
        started.push(config);
        return { previewSocket: null };
      },
      setScene: () => undefined,
      stop: async () => undefined,
    },
    bus: new FakeTaskBus(clock),
    fixed: [],
    onStatus: () => undefined,
  };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const change = (patch: CameraPatch) =>
    system.ref(CAMERA_REGISTRY).ask({ type: 'change', cameraId: 'a', patch }, PATIENCE);
  const own = { freshnessSeconds: 1.5, prompt: 'a school crossing' };
  const stream = { transport: 'udp', certificateSha256: 'ab'.repeat(32) } as const;
  const plain = { ...camera('a'), enabled: true };

  await change(own);
  assert.deepEqual(saved, [{ ...plain, ...own }]);
  assert.deepEqual(started.at(-1), { ...plain, ...own });
  await change({ name: 'after' });
  assert.equal(started.length, 2, 'a name needs no restart');
  assert.deepEqual(saved, [{ ...plain, ...own, name: 'after' }]);
  await change({ freshnessSeconds: null });
  assert.deepEqual(saved, [{ ...plain, name: 'after', prompt: own.prompt }]);
  await change({ prompt: null });
  assert.deepEqual(saved, [{ ...plain, name: 'after' }]);
  assert.deepEqual(started.at(-1), saved[0]);
  await change(stream);
  assert.deepEqual(started.at(-1), { ...plain, name: 'after', ...stream });
  await change({ transport: null });
  assert.deepEqual(saved, [{ ...plain, name: 'after', certificateSha256: stream.certificateSha256 }]);
  await change({ certificateSha256: null });
  assert.deepEqual(started.at(-1), { ...plain, name: 'after' });
});

test('a changed scene is given to the running camera without a restart, and to each later start', async (t) => {
  const clock = new ManualClock();
  let saved: readonly CameraConfig[] = [{ ...camera('a'), enabled: true }];
  const given: (SceneConfig | null)[] = [];
  const starts: (() => CameraNow)[] = [];
  const init = {
    store: {
      path: 'cameras.json',
      load: async () => ({ cameras: saved, movedAside: null, problems: [] }),
      save: async (cameras: readonly CameraConfig[]) => void (saved = cameras),
    },
    spawner: {
      start: async (_: CameraConfig, now: () => CameraNow) => {
        starts.push(now);
        return { previewSocket: null };
      },
      setScene: (_: string, scene: SceneConfig | null) => void given.push(scene),
      stop: async () => undefined,
    },
    bus: new FakeTaskBus(clock),
    fixed: [camera('demo')],
    onStatus: () => undefined,
  };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const change = (patch: CameraPatch, cameraId = 'a') =>
    system.ref(CAMERA_REGISTRY).ask({ type: 'change', cameraId, patch }, PATIENCE);
  const scene: SceneConfig = { width: 1_280, height: 720, zones: [], lines: [], speedLimitKmh: 50 };

  await until('it was started', () => starts.length === 1);
  await change({ scene });
  assert.deepEqual([saved[0]?.scene, given, starts.length], [scene, [scene], 1]);
  assert.deepEqual(starts[0]?.(), { framesBefore: 0, scene }, 'an actor that is restarted has it');
  await change({ name: 'after' });
  assert.equal(given.length, 1, 'only a change is told');
  await change({ scene: null });
  assert.deepEqual([saved[0] !== undefined && 'scene' in saved[0], given.at(-1)], [false, null]);
  await change({ scene, url: 'rtsp://10.0.0.9/x' });
  await until('another address needs a restart', () => starts.length === 2);
  assert.deepEqual([given.length, starts[1]?.().scene], [2, scene]);
  await change({ scene }, 'demo');
  assert.equal(given.length, 2, 'a camera that is off gets it when it starts');
  assert.deepEqual(
    (await system.ref(CAMERA_REGISTRY).ask({ type: 'get', cameraId: 'demo' }, PATIENCE))?.config.scene,
    scene,
  );
});

test('of two people who change the same scene, the one who is later is told', async (t) => {
  const clock = new ManualClock();
  let saves = 0;
  const init = {
    store: {
      path: 'cameras.json',
      load: async () => ({ cameras: [camera('a')], movedAside: null, problems: [] }),
      save: async () => {
        // The other change is in the mailbox by the time this one is on the disk.
        await new Promise(setImmediate);
        saves += 1;
      },
    },
    spawner: {
      start: async () => ({ previewSocket: null }),
      setScene: () => undefined,
      stop: async () => undefined,
    },
    bus: new FakeTaskBus(clock),
    fixed: [],
    onStatus: () => undefined,
  };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const registry = system.ref(CAMERA_REGISTRY);
  const sceneOf = (speedLimitKmh: number): SceneConfig => ({
    width: 1_280,
    height: 720,
    zones: [],
    lines: [],
    speedLimitKmh,
  });
  const at = new Date(clock.now()).toISOString();
  const change = (by: string, patch: CameraPatch, expects: SceneCondition | null) =>
    registry.ask({ type: 'change', cameraId: 'a', patch, changer: { change: { by, at }, expects } }, PATIENCE);

  const both = [change('kim', { scene: sceneOf(30) }, 'none'), change('lee', { scene: sceneOf(50) }, 'none')];
  const [first, second] = await Promise.all(both);
  assert.ok(typeof first === 'object' && first !== null && 'sceneChange' in first);
  assert.deepEqual([first.config.scene, first.sceneChange], [sceneOf(30), { by: 'kim', at }]);
  assert.deepEqual([second, saves], ['scene-changed', 1]);

  const kims = { versions: [sceneVersion(sceneOf(30))] };
  assert.equal(await change('lee', { scene: null }, { versions: [sceneVersion(sceneOf(50))] }), 'scene-changed');
  assert.notEqual(await change('lee', { scene: sceneOf(50) }, kims), 'scene-changed');
  assert.equal(await change('kim', { name: 'never', scene: sceneOf(70) }, kims), 'scene-changed');
  assert.notEqual(await change('kim', { name: 'after' }, null), 'scene-changed');
  const now = await registry.ask({ type: 'get', cameraId: 'a' }, PATIENCE);
  assert.deepEqual([now?.config.name, now?.config.scene, now?.sceneChange?.by], ['after', sceneOf(50), 'lee']);
});

test('a save that fails changes nothing, however often, and saving works again later', async (t) => {
  const clock = new ManualClock();
  let full = false;
  let saved: readonly CameraConfig[] = [{ ...camera('a'), enabled: true }, camera('b')];
  const store: CameraStore = {
    path: 'cameras.json',
    load: async () => ({ cameras: saved, movedAside: null, problems: [] }),
    save: async (cameras) => {
      if (full) throw new StorageError('DISK_FULL', 'the disk of /data is full');
      saved = cameras;
    },
  };
  const spawner = { started: [] as string[], stopped: [] as string[] };
  const init = {
    store,
    spawner: {
      start: async ({ cameraId }: CameraConfig) => {
        spawner.started.push(cameraId);
        return { previewSocket: null };
      },
      setScene: () => undefined,
      stop: async (cameraId: string) => void spawner.stopped.push(cameraId),
    },
    bus: new FakeTaskBus(clock),
    fixed: [camera('demo')],
    onStatus: () => undefined,
  };
  let restarts = 0;
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  system.subscribe((event) => void (restarts += event.type === 'failed' ? 1 : 0));
  const registry = system.ref(CAMERA_REGISTRY);
  const before = await registry.ask({ type: 'list' }, PATIENCE);
  const changed = { name: 'after', enabled: false };

  full = true;
  for (let attempt = 0; attempt < 40; attempt++) {
    const outcomes = [
      await registry.ask({ type: 'add', config: camera('new') }, PATIENCE),
      await registry.ask({ type: 'change', cameraId: 'a', patch: changed }, PATIENCE),
      await registry.ask({ type: 'remove', cameraId: 'a' }, PATIENCE),
    ];
    for (const outcome of outcomes) assert.ok(outcome instanceof NotSaved && outcome.error instanceof StorageError);
  }
  assert.deepEqual(await registry.ask({ type: 'list' }, PATIENCE), before);
  assert.deepEqual(spawner, { started: ['a'], stopped: [] });
  assert.equal(restarts, 0);
  assert.equal(
    (
      (await registry.ask(
        { type: 'change', cameraId: 'demo', patch: { name: 'not stored anyway' } },
        PATIENCE,
      )) as CameraEntry
    ).config.name,
    'not stored anyway',
  );

  full = false;
  assert.equal(
    ((await registry.ask({ type: 'change', cameraId: 'a', patch: changed }, PATIENCE)) as CameraEntry).config.name,
    'after',
  );
  assert.equal(await registry.ask({ type: 'remove', cameraId: 'a' }, PATIENCE), true);
  assert.equal(await registry.ask({ type: 'add', config: camera('new') }, PATIENCE), 'added');
  assert.deepEqual(
    saved.map(({ cameraId }) => cameraId),
    ['b', 'new'],
  );
});

test('cameras start a few at a time, in the background; one removed before its turn is not started', async (t) => {
  const clock = new ManualClock();
  const begun: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const spawner = {
    start: async ({ cameraId }: CameraConfig) => {
      begun.push(cameraId);
      const gate = Promise.withResolvers<void>();
      gates.set(cameraId, gate);
      await gate.promise;
      return { previewSocket: null };
    },
    setScene: () => undefined,
    stop: async () => undefined,
  };
  const ids = Array.from({ length: 40 }, (_, index) => `cam-${index}`);
  const enabled = (cameraId: string): CameraConfig => ({ ...camera(cameraId), enabled: true });
  const store: CameraStore = {
    path: 'cameras.json',
    load: async () => ({ cameras: ids.map(enabled), movedAside: null, problems: [] }),
    save: async () => undefined,
  };
  const init = { store, spawner, bus: new FakeTaskBus(clock), fixed: [], onStatus: () => undefined };
  const system = await startSystem(supervisor('root', [child('camera-registry', cameraRegistryActor, () => init)]), {
    log: memoryLog(),
    clock,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const registry = system.ref(CAMERA_REGISTRY);
  const atOnce = begun.length;
  assert.ok(atOnce >= 2 && atOnce < ids.length, `${atOnce} at once`);
  assert.equal(await registry.ask({ type: 'add', config: enabled('new') }, PATIENCE), 'added', 'nobody waits');
  assert.equal(await registry.ask({ type: 'remove', cameraId: 'cam-39' }, PATIENCE), true);
  await until('all starts', () => {
    for (const gate of gates.values()) gate.resolve();
    return begun.includes('new');
  });
  assert.deepEqual(begun.toSorted(), [...ids.slice(0, -1), 'new'].toSorted());
});

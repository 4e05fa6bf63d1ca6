import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sharedDetector } from '../../src/actors/camera/shared-detector.ts';
import { inferenceActor } from '../../src/actors/inference.ts';
import { InferencePool } from '../../src/inference/inference-pool.ts';
import { LocatedModel } from '../../src/messages/model.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { createDetector, type NativeGuard } from '../../src/vision/detector.ts';
import type { Frame } from '../../src/vision/frame.ts';
import { brightnessAsCar } from '../support/brightness-model.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const native: NativeGuard = (work) => work();
const path = join(temporaryFolder(), 'brightness.onnx');
writeFileSync(path, brightnessAsCar());
const model = LocatedModel.parse({ name: 'brightness', family: 'yolov8', path });
const settings = { model, confidence: 0.35, iou: 0.5, threads: 1 };

const grey = (value: number): Frame & { readonly data: Uint8Array<ArrayBuffer> } => ({
  data: new Uint8Array(64 * 32 * 3).fill(value),
  width: 64,
  height: 32,
  display: { width: 1280, height: 640 },
});

/** A system with the inference actor alone. */
async function world(t: TestContext, pool: () => InferencePool) {
  const system = await startSystem(supervisor('root', [child('inference', inferenceActor, () => ({ pool: pool() }))]), {
    log: memoryLog(),
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  return system;
}

describe('detectors that cameras share', () => {
  it('find what a detector of a camera finds, and leave the picture readable', async (t) => {
    const system = await world(t, () => new InferencePool(settings));
    const own = await createDetector(model);
    t.after(() => own.release());
    const shared = await sharedDetector(system);
    assert.deepEqual([shared.modelType, shared.inputSize], [own.modelType, own.inputSize]);
    const frame = grey(250);
    const found = await shared.detect(frame, native);
    assert.equal(found.length, 1);
    assert.deepEqual(found, await own.detect(frame, native));
    await assert.rejects(shared.detect({ ...frame, width: 65 }, native), { code: 'BAD_FRAME', message: /65x32/ });
    assert.deepEqual(await shared.detect(frame, native), found, 'the next picture is not affected');
    const report = JSON.stringify(system.snapshot());
    assert.match(report, /"pictures":3,"failed":1/u);
  });

  it('are of the model that a release names, beside the model of the pool, in one thread', async (t) => {
    const system = await world(t, () => new InferencePool(settings));
    const named = { ...model, name: 'candidate', path: `${path}.candidate` };
    writeFileSync(named.path, brightnessAsCar());
    const [own, other] = [await sharedDetector(system), await sharedDetector(system, named)];
    assert.deepEqual([own.modelType, other.modelType], ['brightness', 'candidate']);
    assert.deepEqual(await other.detect(grey(250), native), await own.detect(grey(250), native));
    const absent = { ...named, path: `${path}.absent` };
    await assert.rejects(sharedDetector(system, absent), { code: 'MODEL_UNREADABLE' });
    assert.equal((await own.detect(grey(250), native)).length, 1, 'the others go on');
  });

  it('serve cameras in turn, however often each asks', async (t) => {
    const system = await world(t, () => new InferencePool(settings));
    const cameras = await Promise.all([0, 1, 2].map(() => sharedDetector(system)));
    const served = [0, 0, 0];
    let isOver = false;
    const loops = cameras.map(async (camera, i) => {
      while (!isOver) {
        await camera.detect(grey(200), native);
        served[i] = (served[i] ?? 0) + 1;
      }
    });
    await until('pictures of every camera', () => Math.max(...served) >= 20);
    const counts = [...served];
    isOver = true;
    await Promise.all(loops);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, String(counts));
  });

  it('are loaded again after a failure of the actor', async (t) => {
    let pools = 0;
    const system = await world(t, () => {
      pools += 1;
      return new InferencePool(settings);
    });
    const camera = await sharedDetector(system);
    assert.equal(await system.restart('/inference'), true);
    await until('the second pool', () => pools === 2);
    assert.equal((await camera.detect(grey(250), native)).length, 1);
  });

  it('refuse a model that cannot be loaded, and pictures beyond the bound', async (t) => {
    const broken = new InferencePool({ ...settings, model: { ...model, path: `${path}.absent` } });
    t.after(() => broken.close());
    await assert.rejects(broken.describe(), { code: 'MODEL_UNREADABLE', message: /brightness.*absent/ });
    const pool = new InferencePool({ ...settings, maxQueue: 2 });
    t.after(() => pool.close());
    await pool.describe();
    const asked = await Promise.allSettled([1, 2, 3, 4].map(() => pool.detect(grey(200))));
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    );
    assert.match(JSON.stringify(asked[3]), /BUSY/);
  });

  it('end with the picture that they have; those that wait are rejected', async () => {
    const pool = new InferencePool(settings);
    await pool.describe();
    const asked = Promise.allSettled([1, 2, 3].map(() => pool.detect(grey(200))));
    await pool.close();
    const [first, ...waiting] = await asked;
    assert.equal(first?.status, 'fulfilled');
    for (const each of waiting) {
      assert.equal(each.status, 'rejected');
      assert.match(JSON.stringify(each), /RELEASED/);
    }
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { LocatedModel } from '../../src/messages/model.ts';
import { createDetector } from '../../src/vision/detector.ts';
import { DetectorError } from '../../src/vision/vision-error.ts';
import type { NativeGuard } from '../../src/vision/vision.types.ts';
import { brightnessAsCar } from '../support/brightness-model.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const grey = (value: number, width = 128, height = 64) => ({
  data: new Uint8Array(width * height * 3).fill(value),
  width,
  height,
});
const native: NativeGuard = (work) => work();

const spec = (path: string, more: Partial<LocatedModel> = {}): LocatedModel => ({
  name: 'brightness',
  family: 'yolov8',
  path,
  input: {},
  outputs: {},
  classes: 'coco80',
  labelOffset: 0,
  ...more,
});
const refusal = async (model: LocatedModel): Promise<DetectorError> => {
  let refused: unknown;
  await assert.rejects(createDetector(model), (error) => {
    refused = error;
    return error instanceof DetectorError;
  });
  return refused as DetectorError;
};

describe('a detector', () => {
  let folder = '';
  const save = async (name: string, bytes: Uint8Array): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  };
  let good = '';
  before(async () => {
    folder = temporaryFolder();
    good = await save('good.onnx', brightnessAsCar());
  });

  it('runs a model of the YOLOv8 layout from frame to boxes of the frame', async (t) => {
    const detector = await createDetector(spec(good));
    t.after(() => detector.release());
    // 128x64 in 64x64: the frame is 64x32 in the middle, so the box 24..40 x 28..36 is 48..80 x 24..40 of the frame.
    // Red's mean: half the picture is the frame at 250/255, half the padding at 114/255.
    const [car, ...more] = await detector.detect(grey(250), native);
    assert.equal(more.length, 0);
    assert.equal(car!.class, 'car');
    assert.deepEqual(car!.bbox.map(Math.round), [48, 24, 80, 40]);
    assert.ok(Math.abs(car!.confidence - (250 + 114) / 2 / 255) < 1e-4);
    assert.equal(detector.modelType, 'brightness');
  });

  it('boxes are in px of the size that a scaled-down frame is shown at', async (t) => {
    const detector = await createDetector(spec(good));
    t.after(() => detector.release());
    assert.deepEqual(detector.inputSize, { width: 64, height: 64 });
    const small = { ...grey(250, 64, 32), display: { width: 1280, height: 640 } };
    const [car] = await detector.detect(small, native);
    assert.deepEqual(car!.bbox.map(Math.round), [480, 240, 800, 400]);
    await assert.rejects(detector.detect({ ...small, display: { width: 0, height: 640 } }, native), {
      code: 'BAD_FRAME',
      message: /64x32 frame, shown at 0x640/,
    });
  });

  it('leaves out what is below the confidence asked for', async (t) => {
    const detector = await createDetector(spec(good, { input: { fit: 'stretch' } }), { confidence: 0.5 });
    t.after(() => detector.release());
    assert.equal((await detector.detect(grey(130), native)).length, 1);
    assert.equal((await detector.detect(grey(120), native)).length, 0);
  });

  it('enters native code only through the guard: to load, to run, to release', async () => {
    let depth = 0;
    let calls = 0;
    const guard: NativeGuard = async (work) => {
      calls++;
      depth++;
      try {
        return await work();
      } finally {
        depth--;
      }
    };
    const detector = await createDetector(spec(good), { native: guard });
    assert.equal(calls, 2, 'load and first run');
    await detector.detect(grey(200), guard);
    assert.equal(calls, 3);
    await detector.release(guard);
    assert.equal(calls, 4);
    assert.equal(depth, 0);
  });

  it('frees a model it refuses, under the guard as well', async () => {
    let calls = 0;
    const guard: NativeGuard = (work) => {
      calls++;
      return work();
    };
    await assert.rejects(createDetector(spec(good, { classes: ['car'] }), { native: guard }));
    assert.equal(calls, 3, 'load, first run, release');
  });

  it('works on one frame at a time', async (t) => {
    const detector = await createDetector(spec(good));
    t.after(() => detector.release());
    const first = detector.detect(grey(200), native);
    await assert.rejects(detector.detect(grey(200), native), { code: 'BUSY' });
    assert.equal((await first).length, 1);
  });

  it('is released only after the frame it works on', async () => {
    const order: string[] = [];
    const guard =
      (name: string): NativeGuard =>
      async (work) => {
        order.push(`${name} begins`);
        const result = await work();
        order.push(`${name} ends`);
        return result;
      };
    const detector = await createDetector(spec(good));
    const running = detector.detect(grey(200), guard('run'));
    await detector.release(guard('release'));
    assert.deepEqual(order, ['run begins', 'run ends', 'release begins', 'release ends']);
    assert.equal((await running).length, 1);
  });

  it('once released it refuses to work, and may be released again', async () => {
    const detector = await createDetector(spec(good));
    await detector.release();
    await detector.release();
    await assert.rejects(detector.detect(grey(200), native), { code: 'RELEASED', message: /brightness/ });
  });

  it('a frame with too few bytes is refused, the next good one is not', async (t) => {
    const detector = await createDetector(spec(good));
    t.after(() => detector.release());
    await assert.rejects(detector.detect({ ...grey(200), width: 129 }, native), {
      code: 'BAD_FRAME',
      message: /129x64.*24768.*24576/,
    });
    assert.equal((await detector.detect(grey(200), native)).length, 1);
  });

  it('a missing file and a damaged one are unreadable', async () => {
    assert.equal((await refusal(spec(join(folder, 'absent.onnx')))).code, 'MODEL_UNREADABLE');
    const damaged = await refusal(spec(await save('damaged.onnx', brightnessAsCar().subarray(0, 400))));
    assert.equal(damaged.code, 'MODEL_UNREADABLE');
    assert.match(damaged.message, /brightness.*damaged\.onnx/);
  });

  it('a model of another family is refused with what was expected and what was found', async () => {
    const error = await refusal(spec(good, { family: 'yolox' }));
    assert.equal(error.code, 'MODEL_MISMATCH');
    assert.match(error.message, /"brightness".*"yolox".*\[1,84,85\].*\[1,84,1\]/);
    assert.deepEqual(
      { model: error.fields['model'], family: error.fields['family'] },
      { model: 'brightness', family: 'yolox' },
    );
    assert.match((await refusal(spec(good, { family: 'detr' }))).message, /output "labels".*output0/);
    assert.match((await refusal(spec(good, { family: 'ssd' }))).message, /output "box_codes".*output0/);
  });

  it('a model with other classes, another size or another input name than its spec says is refused', async () => {
    assert.match((await refusal(spec(good, { classes: ['car', 'van'] }))).message, /\[1,6,N\].*\[1,84,1\]/);
    assert.match((await refusal(spec(good, { input: { width: 640 } }))).message, /input\.width 640.*\[1,3,64,64\]/);
    assert.match((await refusal(spec(good, { input: { name: 'image' } }))).message, /input "image".*images float32/);
    assert.match((await refusal(spec(good, { outputs: { predictions: 'out' } }))).message, /output "out".*output0/);
    assert.match((await refusal(spec(good, { input: { layout: 'nhwc' } }))).message, /3 channels at axis 3 \(nhwc\)/);
  });

  it('a model that leaves its size open takes it from the spec, and is refused without', async (t) => {
    const open = await save('open.onnx', brightnessAsCar([1, 3, 'h', 'w']));
    assert.match((await refusal(spec(open))).message, /input\.width in the spec/);
    const detector = await createDetector(spec(open, { input: { width: 96, height: 64, fit: 'stretch' } }));
    t.after(() => detector.release());
    assert.deepEqual((await detector.detect(grey(255, 96, 64), native))[0]!.bbox, [24, 28, 40, 36]);
  });
});

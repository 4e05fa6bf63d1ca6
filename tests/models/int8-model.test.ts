import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agreementByClass, foundShare } from '../../src/int8/agreement.ts';
import { int8Variant, objection } from '../../src/int8/int8-record.ts';
import { makeInt8 } from '../../src/int8/make-int8.ts';
import { readManifest } from '../../src/model-store/manifest.ts';
import { pullModel } from '../../src/model-store/pull.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { createDetector } from '../../src/vision/detector.ts';
import type { Frame } from '../../src/vision/frame.ts';
import type { NativeGuard, RawDetection } from '../../src/vision/vision.types.ts';
import { TEST_DATA, VTEST, absent, frames } from '../support/vision-frames.ts';

const STREET = join(TEST_DATA, 'footage', 'street-640x352.mp4');
const native: NativeGuard = (work) => work();

describe('the default detector in 8 bits', { skip: absent(VTEST), timeout: 120_000 }, () => {
  it('finds what the float one finds, also on a street that it was not calibrated on', async (t) => {
    const { spec } = await pullModel((await readManifest()).default);
    const { path: ffmpeg } = await findFfmpeg();
    const footage = (): Promise<string> => Promise.resolve(VTEST);
    const record = await makeInt8({ model: spec, ffmpeg, footage, onProgress: (line) => t.diagnostic(line) });
    assert.ok(!/finds/.test(objection(record) ?? ''), objection(record) ?? '');
    assert.deepEqual([record.calibratedOn, record.comparedOn], [40, 40]);
    assert.ok(foundShare(record.classes) < 1, 'another network');

    const [float, int8] = await Promise.all([createDetector(spec), createDetector(int8Variant(spec))]);
    t.after(() => Promise.all([float.release(), int8.release()]));
    assert.equal(int8.modelType, 'ssd-mobilenet-v2-int8');
    const seen = async (detector: typeof float, pictures: readonly Frame[]): Promise<RawDetection[][]> => {
      const found: RawDetection[][] = [];
      for (const picture of pictures) found.push(await detector.detect(picture, native));
      return found;
    };
    const clips = absent(STREET) === false ? [frames(STREET, 640, 352, 2)] : [];
    for (const pictures of [frames(VTEST, 768, 576, 3.7), ...clips]) {
      const classes = agreementByClass(await seen(float, pictures), await seen(int8, pictures));
      t.diagnostic(JSON.stringify(classes));
      const detections = classes.reduce((sum, each) => sum + each.float, 0);
      assert.ok(detections > 60 && foundShare(classes) >= 0.94, JSON.stringify(classes));
    }
  });
});

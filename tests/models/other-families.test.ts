import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { LocatedModel } from '../../src/messages/model.ts';
import { findEntry, locate, readManifest } from '../../src/model-store/manifest.ts';
import { createDetector } from '../../src/vision/detector.ts';
import { iou } from '../../src/vision/geometry.ts';
import type { Box } from '../../src/messages/detection.ts';
import { TEST_DATA, absent, frames, picture } from '../support/vision-frames.ts';

const MODELS = join(TEST_DATA, 'models');
const BUS_PICTURE = join(TEST_DATA, 'footage', 'pexels_double_decker_bus.jpg');
const STREET = join(TEST_DATA, 'footage', 'street-640x352.mp4');
const BUS: Box = [65, 110, 475, 393];
const CARS: Box[] = [
  [6, 288, 66, 330],
  [459, 281, 546, 389],
];
const native = <T>(work: () => Promise<T>): Promise<T> => work();

const cases = [
  { name: 'yolox-nano', file: 'yolox_nano.onnx', bus: 0.954, cars: [160, 200] },
  { name: 'deimv2-femto', file: 'deimv2_hgnetv2_femto_coco.onnx', bus: 0.92, cars: [175, 215] },
] as const;

for (const { name, file, bus, cars } of cases) {
  describe(`${name}, as the manifest describes it`, () => {
    const skip = absent(join(MODELS, file));
    const located = async (): Promise<LocatedModel> => locate(findEntry(await readManifest(), name), MODELS);

    it('finds the bus and both cars where they are', { skip: skip || absent(BUS_PICTURE) }, async () => {
      const detector = await createDetector(await located());
      const found = await detector.detect(await picture(BUS_PICTURE), native);
      await detector.release();
      assert.equal(found[0]!.class, 'bus');
      assert.ok(Math.abs(found[0]!.confidence - bus) < 0.01, String(found[0]!.confidence));
      assert.ok(iou(found[0]!.bbox, BUS) > 0.9);
      for (const box of CARS)
        assert.ok(
          found.some((one) => one.class === 'car' && iou(one.bbox, box) > 0.8),
          JSON.stringify(found),
        );
    });

    it('counts the cars of a street as it did before', { skip: skip || absent(STREET), timeout: 120_000 }, async () => {
      const detector = await createDetector(await located());
      let count = 0;
      for (const frame of frames(STREET, 640, 352, 1))
        count += (await detector.detect(frame, native)).filter((one) => one.class === 'car').length;
      await detector.release();
      assert.ok(count >= cars[0] && count <= cars[1], `${count} cars`);
    });
  });
}

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LocatedModel } from '../../src/messages/model.ts';
import { encodeOnnx } from '../../src/model-store/convert/onnx.ts';
import { findEntry, locate, readManifest } from '../../src/model-store/manifest.ts';
import { classTable } from '../../src/vision/classes.ts';
import type { DecodeContext } from '../../src/vision/decoders/decoder.ts';
import { decoders } from '../../src/vision/decoders/index.ts';
import { createDetector } from '../../src/vision/detector.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CAR = 2;
const COW = 19;
const QUERIES = 2;
const CLASSES = 80;
const SIDE = 64;

/**
 * The inputs and outputs of D-FINE, without its network: query 0 is a car in the middle, the surer the brighter the
 * picture's red (logit 4 at full, -2 at none), query 1 is nothing.
 */
function redAsCar(): Uint8Array {
  const logitWeights = new Float32Array(QUERIES * CLASSES * 3);
  logitWeights[CAR * 3] = 6;
  const logitBias = new Float32Array(QUERIES * CLASSES).fill(-9);
  logitBias[CAR] = -2;
  return encodeOnnx({
    name: 'red',
    doc: 'made by a test',
    nodes: [
      { op: 'GlobalAveragePool', inputs: ['pixel_values'], output: 'mean' },
      { op: 'Conv', inputs: ['mean', 'lw', 'lb'], output: 'l' },
      { op: 'Reshape', inputs: ['l', 'ls'], output: 'logits' },
      { op: 'Conv', inputs: ['mean', 'bw', 'bb'], output: 'b' },
      { op: 'Reshape', inputs: ['b', 'bs'], output: 'pred_boxes' },
    ],
    weights: [
      { name: 'lw', dims: [QUERIES * CLASSES, 3, 1, 1], data: logitWeights },
      { name: 'lb', dims: [QUERIES * CLASSES], data: logitBias },
      { name: 'ls', dims: [3], data: BigInt64Array.of(1n, BigInt(QUERIES), BigInt(CLASSES)) },
      { name: 'bw', dims: [QUERIES * 4, 3, 1, 1], data: new Float32Array(QUERIES * 4 * 3) },
      { name: 'bb', dims: [QUERIES * 4], data: Float32Array.of(0.5, 0.5, 0.25, 0.5, 0, 0, 1, 1) },
      { name: 'bs', dims: [3], data: BigInt64Array.of(1n, BigInt(QUERIES), 4n) },
    ],
    inputs: [{ name: 'pixel_values', dims: ['batch', 3, 'height', 'width'] }],
    outputs: [
      { name: 'logits', dims: [1, QUERIES, CLASSES] },
      { name: 'pred_boxes', dims: [1, QUERIES, 4] },
    ],
  });
}

async function located(): Promise<LocatedModel> {
  const path = join(temporaryFolder(), 'red.onnx');
  await writeFile(path, redAsCar());
  const spec = locate(findEntry(await readManifest(), 'dfine-n'));
  return { ...spec, path, input: { ...spec.input, width: SIDE, height: SIDE } };
}

test('D-FINE, as the manifest describes it, is fed 0 to 1 and stretched, and read in px of the frame', async () => {
  const detector = await createDetector(await located());
  const frame = (value: number) => ({ data: new Uint8Array(256 * 128 * 3).fill(value), width: 256, height: 128 });
  const [car, ...others] = await detector.detect(frame(255), (work) => work());
  assert.deepEqual([car?.class, others], ['car', []]);
  assert.ok(Math.abs((car?.confidence ?? 0) - 1 / (1 + Math.exp(-4))) < 1e-4, String(car?.confidence));
  assert.deepEqual(
    car?.bbox.map((edge) => Math.round(edge)),
    [96, 32, 160, 96],
  );
  assert.deepEqual(await detector.detect(frame(0), (work) => work()), []);
  await detector.release();
});

test('D-FINE: the surest class of a query counts, above the threshold only', () => {
  const context: DecodeContext = {
    inputWidth: 100,
    inputHeight: 50,
    confidence: 0.5,
    classes: classTable('coco80'),
    labelOffset: 0,
  };
  const scores = new Float32Array(3 * CLASSES).fill(-5);
  scores[CAR] = 0.1;
  scores[CLASSES + CAR] = 2;
  scores[CLASSES + COW] = 3;
  scores[2 * CLASSES + CAR] = -0.1;
  const boxes = Float32Array.of(0.5, 0.5, 0.2, 0.4, 0.5, 0.5, 1, 1, 0.5, 0.5, 1, 1);
  const outputs = { scores: { dims: [1, 3, CLASSES], data: scores }, boxes: { dims: [1, 3, 4], data: boxes } };
  assert.equal(decoders.dfine.fits(outputs, context), true);
  const found = decoders.dfine.decode(outputs, context);
  assert.deepEqual(
    found.map(({ class: name, bbox }) => [name, bbox.map((edge) => Math.round(edge))]),
    [['car', [40, 15, 60, 35]]],
  );
  for (const wrong of [
    { ...outputs, boxes: { dims: [1, 2, 4], data: boxes } },
    { ...outputs, scores: { dims: [1, 3, 81], data: scores } },
    { boxes: outputs.boxes },
  ])
    assert.equal(decoders.dfine.fits(wrong, context), false);
});

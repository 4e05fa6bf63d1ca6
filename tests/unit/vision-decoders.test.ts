import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classNames, classTable } from '../../src/vision/classes.ts';
import type { DecodeContext, RawOutputs } from '../../src/vision/decoders/decoder.ts';
import { decoders } from '../../src/vision/decoders/index.ts';
import { ssdAnchors } from '../../src/vision/decoders/ssd.ts';

const COCO80 = { person: 0, bicycle: 1, car: 2, motorcycle: 3, bus: 5, truck: 7, 'traffic light': 9, 'stop sign': 11 };
const COCO_IDS = {
  person: 1,
  bicycle: 2,
  car: 3,
  motorcycle: 4,
  bus: 6,
  truck: 8,
  'traffic light': 10,
  'stop sign': 13,
};
const CAR80 = COCO80.car;
const COW80 = 19;

const context = (more: Partial<DecodeContext> = {}): DecodeContext => ({
  inputWidth: 64,
  inputHeight: 32,
  confidence: 0.35,
  classes: classTable('coco80'),
  labelOffset: 0,
  ...more,
});
const tensor = (dims: number[], fill = 0) => ({
  dims,
  data: new Float32Array(dims.reduce((a, b) => a * b)).fill(fill),
});
const near = (actual: readonly number[], expected: readonly number[]): void => {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - expected[i]!) < 1e-3, `${actual.join()} is not ${expected.join()}`);
};

const outputs = (labels: BigInt64Array | Int32Array, scores: number[]): RawOutputs => ({
  labels: { dims: [1, 2], data: labels },
  scores: { dims: [1, 2], data: Float32Array.from(scores) },
  boxes: { dims: [1, 2, 4], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
});

describe('class tables', () => {
  it('have the classes of the protocol where COCO has them, with a space in their names', () => {
    const eighty = classTable('coco80');
    const ninety = classTable('coco90');
    assert.deepEqual({ eighty: eighty.length, ninety: ninety.length }, { eighty: 80, ninety: 90 });
    for (const [name, index] of Object.entries(COCO80)) assert.equal(eighty[index], name);
    for (const [name, id] of Object.entries(COCO_IDS)) assert.equal(ninety[id - 1], name);
    assert.equal(eighty.filter((name) => name !== null).length, 8);
    assert.equal(ninety.filter((name) => name !== null).length, 8);
  });

  it("have COCO's last names at their places", () => {
    assert.deepEqual(
      [classNames('coco80')[79], classNames('coco90')[89], classNames('coco80')[COW80]],
      ['toothbrush', 'toothbrush', 'cow'],
    );
  });

  it("take a model's own names, in any case, and drop those nobody asked for", () => {
    assert.deepEqual(classTable(['Car', 'dog', ' Stop Sign ']), ['car', null, 'stop sign']);
  });
});

describe('yolox', () => {
  const { yolox } = decoders;
  // 64x32: 8x4 cells of stride 8, 4x2 of 16, 2x1 of 32.
  const ROWS = 32 + 8 + 2;

  it('decodes cell, stride and exponent', () => {
    const predictions = tensor([1, ROWS, 85]);
    const row = 32 + 4 + 3; // stride 16, second row of cells, fourth column
    predictions.data.set([0.5, 0.25, Math.log(2), Math.log(1), 0.9], row * 85);
    predictions.data[row * 85 + 5 + CAR80] = 0.8;
    assert.ok(yolox.fits({ predictions }, context()));
    const [found, ...more] = yolox.decode({ predictions }, context());
    assert.equal(more.length, 0);
    assert.equal(found!.class, 'car');
    near([found!.confidence], [0.72]);
    near(found!.bbox, [3.5 * 16 - 16, 1.25 * 16 - 8, 3.5 * 16 + 16, 1.25 * 16 + 8]);
  });

  it('a cell that is more of a cow is no car', () => {
    const predictions = tensor([1, ROWS, 85]);
    predictions.data[4] = 1;
    predictions.data[5 + CAR80] = 0.6;
    predictions.data[5 + COW80] = 0.7;
    assert.deepEqual(yolox.decode({ predictions }, context()), []);
    predictions.data[5 + COW80] = 0.5;
    assert.equal(yolox.decode({ predictions }, context()).length, 1);
  });

  it('objectness and class count together against the threshold', () => {
    const predictions = tensor([1, ROWS, 85]);
    predictions.data[4] = 0.5;
    predictions.data[5 + CAR80] = 0.69;
    assert.equal(yolox.decode({ predictions }, context()).length, 0);
    predictions.data[5 + CAR80] = 0.71;
    assert.equal(yolox.decode({ predictions }, context()).length, 1);
  });

  it('refuses another number of rows or classes', () => {
    for (const dims of [
      [1, ROWS - 1, 85],
      [1, ROWS, 84],
      [1, 85, ROWS],
      [ROWS, 85],
      [2, ROWS, 85],
    ])
      assert.ok(!yolox.fits({ predictions: tensor(dims) }, context()));
    assert.ok(!yolox.fits({}, context()));
  });
});

describe('yolov8', () => {
  const { yolov8 } = decoders;

  it('reads columns: centre, size, class scores', () => {
    const predictions = tensor([1, 84, 21]);
    const at = (row: number, value: number): void => void (predictions.data[row * 21 + 5] = value);
    at(0, 30);
    at(1, 20);
    at(2, 10);
    at(3, 6);
    at(4 + COCO80['traffic light'], 0.6);
    assert.ok(yolov8.fits({ predictions }, context()));
    const found = yolov8.decode({ predictions }, context());
    assert.equal(found.length, 1);
    assert.equal(found[0]!.class, 'traffic light');
    near(found[0]!.bbox, [25, 17, 35, 23]);
  });

  it('has as many rows as the model has classes, and four', () => {
    const two = context({ classes: classTable(['car', 'van']) });
    assert.ok(yolov8.fits({ predictions: tensor([1, 6, 100]) }, two));
    assert.ok(!yolov8.fits({ predictions: tensor([1, 84, 100]) }, two));
    assert.ok(!yolov8.fits({ predictions: tensor([1, 100, 6]) }, two));
  });
});

describe('detr', () => {
  const { detr } = decoders;

  it('takes labels of 64 and of 32 bits', () => {
    for (const labels of [BigInt64Array.of(5n, 2n), Int32Array.of(5, 2)]) {
      const raw = outputs(labels, [0.2, 0.8]);
      assert.ok(detr.fits(raw, context()));
      const [found, ...more] = detr.decode(raw, context());
      assert.equal(more.length, 0);
      assert.equal(found!.class, 'car');
      near(found!.bbox, [5, 6, 7, 8]);
    }
  });

  it('shifts category ids to the table', () => {
    const raw = outputs(BigInt64Array.of(13n, 1n), [0.9, 0.9]);
    const found = detr.decode(raw, context({ classes: classTable('coco90'), labelOffset: -1 }));
    assert.deepEqual(
      found.map((one) => one.class),
      ['stop sign', 'person'],
    );
  });

  it('a label outside the table and a score that is no number are nothing', () => {
    assert.deepEqual(detr.decode(outputs(BigInt64Array.of(500n, 2n), [0.9, Number.NaN]), context()), []);
  });

  it('refuses outputs that do not belong together', () => {
    const raw = outputs(BigInt64Array.of(0n, 0n), [0.9, 0.9]);
    assert.ok(!detr.fits({ ...raw, boxes: tensor([1, 3, 4]) }, context()));
    assert.ok(!detr.fits({ ...raw, labels: { dims: [1, 3], data: new BigInt64Array(3) } }, context()));
    assert.ok(!detr.fits({ scores: raw.scores!, boxes: raw.boxes! }, context()));
  });
});

describe('ssd', () => {
  const { ssd } = decoders;
  const at300 = context({ inputWidth: 300, inputHeight: 300, classes: classTable('coco90') });

  it('has 1917 anchors at the size it was trained at', () => {
    assert.equal(ssdAnchors(300, 300).length / 4, 1917);
  });

  it('has three shapes in the finest layer and six in the others, in pixels of the 300-pixel scale', () => {
    const anchors = ssdAnchors(512, 320);
    const [x, y, w, h] = anchors;
    near([x!, y!, w!, h!], [8, 8, 30, 30]);
    near([...anchors.subarray(4, 8)], [8, 8, 60 * Math.SQRT2, 60 / Math.SQRT2]);
    const second = 32 * 20 * 3 * 4;
    near([...anchors.subarray(second, second + 4)], [16, 16, 105, 105]);
    near(
      [...anchors.subarray(second + 5 * 4 + 2, second + 6 * 4)],
      [300 * Math.sqrt(0.35 * 0.5), 300 * Math.sqrt(0.35 * 0.5)],
    );
    const last = [...anchors.subarray(-4)];
    near(last, [256, 160, 300 * Math.sqrt(0.95), 300 * Math.sqrt(0.95)]);
  });

  it('decodes box codes against the anchor and logits past the background', () => {
    const boxes = tensor([1, 1917, 4]);
    const scores = tensor([1, 1917, 91], -10);
    scores.data[0] = 20; // background of the first anchor: no business of ours
    scores.data[COCO_IDS.bus] = 2;
    boxes.data.set([10, -10, 5 * Math.log(2), 0], 0);
    assert.ok(ssd.fits({ boxes, scores }, at300));
    const [found, ...more] = ssd.decode({ boxes, scores }, at300);
    assert.equal(more.length, 0);
    assert.equal(found!.class, 'bus');
    near([found!.confidence], [1 / (1 + Math.exp(-2))]);
    const centre = (0.5 / 19) * 300;
    near(found!.bbox, [centre - 30 - 15, centre + 30 - 30, centre - 30 + 15, centre + 30 + 30]);
  });

  it('an anchor that is more of a cow is no car', () => {
    const boxes = tensor([1, 1917, 4]);
    const scores = tensor([1, 1917, 91], -10);
    scores.data[COCO_IDS.car] = 1;
    scores.data[21] = 1.1;
    assert.deepEqual(ssd.decode({ boxes, scores }, at300), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { calibrate } from '../../src/int8/calibrate.ts';
import { decodeOnnx, encodeOnnx, type OnnxGraph } from '../../src/model-store/convert/onnx.ts';
import { observedTensors, quantize } from '../../src/model-store/convert/quantize.ts';
import { convertSsd } from '../../src/model-store/convert/ssd-to-onnx.ts';
import { readTfGraph } from '../../src/model-store/convert/tfjs-graph.ts';
import { ModelStoreError } from '../../src/model-store/model-error.ts';
import type { Frame } from '../../src/vision/frame.ts';
import type { InputFormat } from '../../src/vision/letterbox.ts';
import { Random } from '../support/random.ts';
import { TINY_COLUMNS, tinySsd } from '../support/tiny-ssd.ts';

const SIDE = 32;
const format: InputFormat = {
  width: SIDE,
  height: SIDE,
  layout: 'nchw',
  channelOrder: 'rgb',
  mean: [127.5, 127.5, 127.5],
  std: [127.5, 127.5, 127.5],
  fit: 'stretch',
  padValue: 127.5,
};

const tiny = tinySsd();
const floatBytes = convertSsd(
  readTfGraph(tiny.modelJson, () => tiny.shard),
  'tiny',
  'made by a test',
);
const float = decodeOnnx(floatBytes);

function noise(seed: number): Frame {
  const random = new Random(seed);
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => Math.floor(256 * random.next()));
  return { data, width: SIDE, height: SIDE };
}

async function outputsOf(bytes: Uint8Array, { data }: Frame): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const planes = Float32Array.from({ length: data.length }, (_, i) => {
    const [channel, at] = [Math.floor(i / SIDE ** 2), i % SIDE ** 2];
    return (data[at * 3 + channel] ?? 0) / 127.5 - 1;
  });
  try {
    const results = await session.run({ image: new Tensor('float32', planes, [1, 3, SIDE, SIDE]) });
    return Object.fromEntries(
      Object.entries(results).map(([name, { data: values }]) => [name, values as Float32Array]),
    );
  } finally {
    await session.release();
  }
}

const refusal = (of: () => unknown): ModelStoreError => {
  try {
    of();
  } catch (error) {
    if (error instanceof ModelStoreError) return error;
    throw error;
  }
  throw new Error('was not refused');
};

describe('a detector in 8 bits', () => {
  it('gives nearly what the float network gives, on pictures that it was not calibrated on', async () => {
    const ranges = await calibrate(float, format, [noise(1), noise(2), noise(3)]);
    assert.deepEqual([...ranges.keys()], observedTensors(float));
    const graph = quantize(float, ranges);
    const [wanted, found] = [await outputsOf(floatBytes, noise(9)), await outputsOf(encodeOnnx(graph), noise(9))];
    assert.deepEqual(Object.keys(found), ['box_codes', 'class_logits']);
    for (const [name, values] of Object.entries(wanted)) {
      const other = found[name]!;
      assert.equal(other.length, values.length);
      const size = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
      const error = Math.sqrt(values.reduce((sum, value, i) => sum + (value - other[i]!) ** 2, 0));
      assert.ok(size > 1 && error > 0 && error < 0.03 * size, `${name}: off by ${error} of ${size}`);
    }
  });

  it('keeps the first block in floats and the last products of the heads; the rest has weights of 63 at most', () => {
    const ranges = new Map(observedTensors(float).map((name) => [name, { min: -4, max: 5 }]));
    const graph = quantize(float, ranges);
    const count = (op: string): number => graph.nodes.filter((node) => node.op === op).length;
    assert.equal(count('Conv'), 3);
    assert.equal(count('QLinearConv'), 2, 'the depthwise ones of the heads');
    assert.equal(count('MatMulIntegerToFloat'), 2);
    assert.equal(count('QLinearAdd'), 1);
    const weights = graph.weights.flatMap(({ data }) => (data instanceof Int8Array ? [...data] : []));
    assert.equal(Math.max(...weights.map(Math.abs)), 63);
    assert.deepEqual([graph.inputs, graph.outputs], [float.inputs, float.outputs]);
    assert.equal(TINY_COLUMNS, graph.outputs[1]!.dims[2]);
  });

  it('refuses networks that it does not know, and tensors without a range', () => {
    const missing = refusal(() => quantize(float, new Map()));
    assert.equal(missing.code, 'CONVERSION');
    assert.match(missing.message, /has no calibrated range/);
    const odd: OnnxGraph = { ...float, nodes: [{ op: 'Sigmoid', inputs: ['image'], output: 'x' }, ...float.nodes] };
    assert.match(refusal(() => quantize(odd, new Map())).message, /"x": operation "Sigmoid" cannot be quantized/);
    const cutTwice: OnnxGraph = {
      ...float,
      nodes: float.nodes.filter(({ output }) => output !== 'deep'),
    };
    assert.match(refusal(() => quantize(cutTwice, new Map())).message, /which is not there/);
  });
});

describe('reading an .onnx', () => {
  it('gives the network that was written, whose bytes are the same again', () => {
    assert.deepEqual(Buffer.from(encodeOnnx(float)), Buffer.from(floatBytes));
    const ranges = new Map(observedTensors(float).map((name) => [name, { min: -4, max: 5 }]));
    const bytes = encodeOnnx(quantize(float, ranges));
    assert.deepEqual(Buffer.from(encodeOnnx(decodeOnnx(bytes))), Buffer.from(bytes));
  });

  it('refuses what is damaged or was written by something else', () => {
    for (const bytes of [floatBytes.subarray(0, 500), Buffer.from('no network'), new Uint8Array(0)])
      assert.equal(refusal(() => decodeOnnx(bytes)).code, 'CONVERSION');
  });
});

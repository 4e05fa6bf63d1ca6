import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { convertSsd } from '../../src/model-store/convert/ssd-to-onnx.ts';
import { readTfGraph } from '../../src/model-store/convert/tfjs-graph.ts';
import { ModelStoreError } from '../../src/model-store/model-error.ts';
import { TINY_COLUMNS, tinySsd } from '../support/tiny-ssd.ts';

/** A picture or feature map, `[height][width][channel]`. */
type Map3 = number[][][];

const tiny = tinySsd();
const weight = (name: string): Float32Array => tiny.weights.get(name)!.data;

/** TensorFlow's SAME: the odd pixel of padding comes after; the output is ceil(size / stride). */
function convolve(input: Map3, name: string, stride: number, depthwise: boolean): Map3 {
  const [kh = 0, kw = 0, channelsIn = 0, last = 0] = tiny.weights.get(name)!.dims;
  const kernel = weight(name);
  const [height, width] = [input.length, input[0]!.length];
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const top = Math.floor(Math.max(0, (rows - 1) * stride + kh - height) / 2);
  const left = Math.floor(Math.max(0, (columns - 1) * stride + kw - width) / 2);
  const channelsOut = depthwise ? channelsIn : last;
  return Array.from({ length: rows }, (_, y) =>
    Array.from({ length: columns }, (__, x) =>
      Array.from({ length: channelsOut }, (___, out) => {
        let sum = 0;
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const pixel = input[y * stride + i - top]?.[x * stride + j - left];
            if (pixel === undefined) continue;
            if (depthwise) sum += pixel[out]! * kernel[(i * kw + j) * channelsIn + out]!;
            else
              for (let c = 0; c < channelsIn; c++)
                sum += pixel[c]! * kernel[((i * kw + j) * channelsIn + c) * channelsOut + out]!;
          }
        }
        return sum;
      }),
    ),
  );
}
const each = (map: Map3, change: (value: number, channel: number, y: number, x: number) => number): Map3 =>
  map.map((row, y) => row.map((pixel, x) => pixel.map((value, channel) => change(value, channel, y, x))));
const relu6 = (map: Map3): Map3 => each(map, (value) => Math.min(6, Math.max(0, value)));

/** The tiny network as TensorFlow would run it, step by step, nothing folded. */
function reference(picture: Map3): { boxes: number[]; classes: number[] } {
  const stem = relu6(each(convolve(picture, 'stem/w', 2, false), (value, c) => value + weight('stem/shift')[c]!));
  const deep = each(
    convolve(stem, 'deep/w', 1, true),
    (value, c) => value * weight('deep/scale')[c]! + weight('deep/shift')[c]!,
  );
  const sum = each(
    convolve(deep, 'project/w', 1, false),
    (value, c, y, x) => value + deep[y]![x]![c]! + weight('sum/shift')[c]!,
  );
  const head = (name: string): number[] => {
    const normed = each(convolve(sum, `${name}/dw/w`, 1, true), (value, c) => {
      const scale = weight(`${name}/gamma`)[c]! / Math.sqrt(weight(`${name}/variance`)[c]! + 0.001);
      return (value - weight(`${name}/mean`)[c]!) * scale + weight(`${name}/beta`)[c]!;
    });
    return each(convolve(relu6(normed), `${name}/w`, 1, false), (value, c) => value + weight(`${name}/b`)[c]!).flat(2);
  };
  return { boxes: head('boxes'), classes: head('classes') };
}

describe('converting an SSD from TensorFlow.js to ONNX', () => {
  const onnx = convertSsd(
    readTfGraph(tiny.modelJson, () => tiny.shard),
    'tiny',
    'a test',
  );

  for (const [width, height] of [
    [8, 8],
    [9, 7],
    [13, 10],
  ] as const) {
    it(`gives the raw heads of the original for a picture of ${width}x${height}`, async (t) => {
      const picture: Map3 = Array.from({ length: height }, (_, y) =>
        Array.from({ length: width }, (__, x) => [0, 1, 2].map((c) => Math.sin(1 + x * 3 + y * 5 + c * 7))),
      );
      const planes = [0, 1, 2].flatMap((c) => picture.flatMap((row) => row.map((pixel) => pixel[c]!)));
      const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1, logSeverityLevel: 3 });
      t.after(() => session.release());
      const outputs = await session.run({
        image: new Tensor('float32', Float32Array.from(planes), [1, 3, height, width]),
      });
      const expected = reference(picture);
      const anchors = Math.ceil(width / 2) * Math.ceil(height / 2) * 6;
      for (const [name, columns, values] of [
        ['box_codes', 4, expected.boxes],
        ['class_logits', TINY_COLUMNS, expected.classes],
      ] as const) {
        const output = outputs[name]!;
        assert.deepEqual(output.dims, [1, anchors, columns]);
        for (const [i, value] of (output.data as Float32Array).entries())
          assert.ok(Math.abs(value - values[i]!) < 1e-4, `${name}[${i}]: ${value}, not ${values[i]}`);
      }
    });
  }

  it('gives the same bytes each time', () => {
    assert.deepEqual(
      convertSsd(
        readTfGraph(tiny.modelJson, () => tiny.shard),
        'tiny',
        'a test',
      ),
      onnx,
    );
  });

  const refuses = (change: (json: string) => string, message: RegExp): void => {
    const json = tiny.modelJson.toString();
    const changed = change(json);
    assert.notEqual(changed, json);
    assert.throws(
      () =>
        convertSsd(
          readTfGraph(Buffer.from(changed), () => tiny.shard),
          'tiny',
          '',
        ),
      (error) => error instanceof ModelStoreError && error.code === 'CONVERSION' && message.test(error.message),
    );
  };

  it('names the node when it meets what it does not know', () => {
    refuses((json) => json.replace('"op":"Relu6"', '"op":"Elu"'), /stem\/relu.*"Elu"/);
    refuses(
      (json) => json.replace('"deep/scale"],', '"stem/w"],').replace('["deep","deep/scale"]', '["deep","stem/w"]'),
      /deep\/mul.*expected 4 values, found 108/,
    );
    refuses((json) => json.replaceAll('[83,65,77,69]', '[70,85,76,76]'), /"FULL"/);
    refuses((json) => json.replace('"name":"concat"', '"name":"other"'), /"concat".*missing/);
    refuses((json) => json.replace('"dtype":"float32"', '"dtype":"uint8"'), /uint8/);
    refuses((json) => json.replace('"modelTopology"', '"topology"'), /not a TensorFlow\.js graph model/);
  });

  it('says so when shards are too short', () => {
    assert.throws(() => readTfGraph(tiny.modelJson, () => tiny.shard.subarray(0, 100)), /beyond the end/);
  });
});

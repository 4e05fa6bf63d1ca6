import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeOnnx, type OnnxGraph } from '../model-store/convert/onnx.ts';
import { observedTensors, type ValueRange } from '../model-store/convert/quantize.ts';
import type { Frame } from '../vision/frame.ts';
import type { InputFormat } from '../vision/letterbox.ts';
import { Preprocessor } from '../vision/preprocessor.ts';

/** Runs the float network on pictures and returns the least and the largest value of every tensor that matters. */
export async function calibrate(
  graph: OnnxGraph,
  format: InputFormat,
  pictures: readonly Frame[],
): Promise<ReadonlyMap<string, ValueRange>> {
  const names = observedTensors(graph);
  const observed = encodeOnnx({
    ...graph,
    outputs: names.map((name) => ({ name, dims: [1, `${name}/c`, `${name}/h`, `${name}/w`] })),
  });
  const session = await InferenceSession.create(observed, { logSeverityLevel: 3 });
  try {
    const prepare = new Preprocessor(format);
    const input = graph.inputs[0]?.name ?? '';
    const ranges = new Map<string, ValueRange>();
    for (const picture of pictures) {
      prepare.run(picture);
      const feeds = { [input]: new Tensor('float32', prepare.data, [1, 3, format.height, format.width]) };
      const results = await session.run(feeds, names);
      for (const name of names) {
        const values = results[name]?.data;
        if (values instanceof Float32Array) ranges.set(name, widened(ranges.get(name), values));
      }
    }
    return ranges;
  } finally {
    await session.release();
  }
}

function widened(before: ValueRange | undefined, values: Float32Array): ValueRange {
  let { min, max } = before ?? { min: Infinity, max: -Infinity };
  // An indexed loop: this is run over 200 million values.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

import { encodeOnnx } from '../../src/model-store/convert/onnx.ts';

/**
 * A YOLOv8 head drawn by hand, for a 64x64 picture: its one box is fixed, its confidence as a car is the brightness
 * of the picture's red channel. `dims` may be given wrong on purpose.
 */
export function brightnessAsCar(input: readonly (number | string)[] = [1, 3, 64, 64]): Uint8Array {
  const columns = 84;
  const weights = new Float32Array(columns * 3);
  weights[(4 + 2) * 3] = 1; // class 2, car, from red
  const bias = new Float32Array(columns);
  bias.set([32, 32, 16, 8]); // centre and size of the box
  return encodeOnnx({
    name: 'brightness',
    doc: 'made by a test',
    nodes: [
      { op: 'GlobalAveragePool', inputs: ['images'], output: 'mean' },
      { op: 'Conv', inputs: ['mean', 'w', 'b'], output: 'head' },
      { op: 'Reshape', inputs: ['head', 'shape'], output: 'output0' },
    ],
    weights: [
      { name: 'w', dims: [columns, 3, 1, 1], data: weights },
      { name: 'b', dims: [columns], data: bias },
      { name: 'shape', dims: [3], data: BigInt64Array.of(1n, BigInt(columns), 1n) },
    ],
    inputs: [{ name: 'images', dims: input }],
    outputs: [{ name: 'output0', dims: [1, columns, 1] }],
  });
}

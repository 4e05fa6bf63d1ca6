import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** Weights of the tiny network, by node name: dimensions and values. */
export type TinyWeights = Map<string, { readonly dims: number[]; readonly data: Float32Array }>;

export interface TinySsd {
  readonly modelJson: Buffer;
  /** One shard, `weights.bin`. */
  readonly shard: Buffer;
  readonly weights: TinyWeights;
}

/** Classes of the tiny network, background included. */
export const TINY_COLUMNS = 3;

const code = (text: string): { s: number[] } => ({ s: [...Buffer.from(text)] });
const ints = (...values: number[]): object => ({ list: { i: values.map(String) } });
const conv = (op: string, name: string, input: string, kernel: string, stride: number): object => ({
  name,
  op,
  input: [input, kernel],
  attr: { strides: ints(1, stride, stride, 1), dilations: ints(1, 1, 1, 1), padding: code('SAME') },
});

/**
 * A network with every operation of the real one, small enough to be followed by hand: stem with batch norm written
 * as Add, a depthwise block with Mul and Add, a residual sum whose bias comes after it, and two heads of six anchors
 * with FusedBatchNorm. Values are fixed, not random.
 */
export function tinySsd(): TinySsd {
  const weights: TinyWeights = new Map();
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647 - 0.5;
  };
  const constant = (name: string, dims: number[], positive = false): object => {
    const count = dims.reduce((a, b) => a * b, 1);
    weights.set(name, { dims, data: Float32Array.from({ length: count }, () => (positive ? next() + 1 : next())) });
    return { name, op: 'Const' };
  };
  const head = (name: string, columns: number): object[] => [
    constant(`${name}/dw/w`, [3, 3, 4, 1]),
    conv('DepthwiseConv2dNative', `${name}/dw`, 'sum/bias', `${name}/dw/w`, 1),
    ...['gamma', 'beta', 'mean', 'variance'].map((part) => constant(`${name}/${part}`, [4], part === 'variance')),
    {
      name: `${name}/bn`,
      op: 'FusedBatchNorm',
      input: [`${name}/dw`, `${name}/gamma`, `${name}/beta`, `${name}/mean`, `${name}/variance`],
      attr: { epsilon: { f: 0.001 } },
    },
    { name: `${name}/relu`, op: 'Relu6', input: [`${name}/bn`] },
    constant(`${name}/w`, [1, 1, 4, 6 * columns]),
    conv('Conv2D', `${name}/conv`, `${name}/relu`, `${name}/w`, 1),
    constant(`${name}/b`, [6 * columns]),
    { name: `${name}/bias`, op: 'BiasAdd', input: [`${name}/conv`, `${name}/b`] },
    { name: `${name}/reshape`, op: 'Reshape', input: [`${name}/bias`, 'ignored'] },
  ];
  const node = [
    constant('stem/w', [3, 3, 3, 4]),
    conv('Conv2D', 'stem', 'Preprocessor/sub', 'stem/w', 2),
    constant('stem/shift', [4]),
    { name: 'stem/add', op: 'Add', input: ['stem', 'stem/shift'] },
    { name: 'stem/relu', op: 'Relu6', input: ['stem/add'] },
    constant('deep/w', [3, 3, 4, 1]),
    conv('DepthwiseConv2dNative', 'deep', 'stem/relu', 'deep/w', 1),
    constant('deep/scale', [4]),
    { name: 'deep/mul', op: 'Mul', input: ['deep', 'deep/scale'] },
    constant('deep/shift', [4]),
    { name: 'deep/add', op: 'Add', input: ['deep/mul', 'deep/shift'] },
    constant('project/w', [1, 1, 4, 4]),
    conv('Conv2D', 'project', 'deep/add', 'project/w', 1),
    { name: 'sum', op: 'AddN', input: ['project', 'deep/add'] },
    constant('sum/shift', [4]),
    { name: 'sum/bias', op: 'Add', input: ['sum/shift', 'sum'] },
    ...head('boxes', 4),
    ...head('classes', TINY_COLUMNS),
    { name: 'concat', op: 'ConcatV2', input: ['boxes/reshape', 'axis'] },
    { name: 'concat_1', op: 'ConcatV2', input: ['classes/reshape', 'axis'] },
  ];
  const list = [...weights].map(([name, { dims }]) => ({ name, shape: dims, dtype: 'float32' }));
  return {
    modelJson: Buffer.from(
      JSON.stringify({ modelTopology: { node }, weightsManifest: [{ paths: ['weights.bin'], weights: list }] }),
    ),
    shard: Buffer.concat([...weights.values()].map(({ data }) => Buffer.from(data.buffer))),
    weights,
  };
}

/** A `.tgz` as npm makes it. */
export function tarball(files: Readonly<Record<string, Buffer>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\0', 257);
    header.write('00', 263);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash('sha512').update(bytes).digest('base64')}`;

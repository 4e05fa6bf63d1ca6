import { z } from 'zod';
import { ModelStoreError } from '../model-error.ts';

/** The part of a TensorFlow.js graph model (`model.json`) that a converter needs. */
const Attributes = z.record(z.string(), z.looseObject({}));
const Topology = z.object({
  modelTopology: z.object({
    node: z.array(
      z.object({
        name: z.string(),
        op: z.string(),
        input: z.array(z.string()).default([]),
        attr: Attributes.default({}),
      }),
    ),
  }),
  weightsManifest: z.array(
    z.object({
      paths: z.array(z.string()),
      weights: z.array(
        z.object({
          name: z.string(),
          shape: z.array(z.int().min(0)),
          dtype: z.string(),
          quantization: z.unknown().optional(),
        }),
      ),
    }),
  ),
});

export interface TfNode {
  readonly name: string;
  readonly op: string;
  /** Names of nodes, without control inputs and without `:0`. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface TfWeight {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface TfGraph {
  readonly nodes: ReadonlyMap<string, TfNode>;
  /** The float32 weights by node name. Others (shapes, axes) are left out. */
  readonly weights: ReadonlyMap<string, TfWeight>;
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4 };

/**
 * Reads a graph model. `file` returns the bytes of a shard of `model.json`. Throws `ModelStoreError` (`CONVERSION`).
 */
export function readTfGraph(modelJson: Uint8Array, file: (name: string) => Uint8Array): TfGraph {
  const parsed = Topology.safeParse(JSON.parse(Buffer.from(modelJson).toString('utf8')));
  if (!parsed.success)
    throw new ModelStoreError(
      'CONVERSION',
      `model.json is not a TensorFlow.js graph model: ${z.prettifyError(parsed.error)}`,
    );
  const nodes = parsed.data.modelTopology.node.map((node): [string, TfNode] => [
    node.name,
    {
      name: node.name,
      op: node.op,
      inputs: node.input.filter((input) => !input.startsWith('^')).map((input) => input.replace(/:0$/, '')),
      attributes: node.attr,
    },
  ]);
  const weights = new Map<string, TfWeight>();
  for (const group of parsed.data.weightsManifest) {
    const bytes = Buffer.concat(group.paths.map(file));
    let offset = 0;
    for (const { name, shape, dtype, quantization } of group.weights) {
      const count = shape.reduce((product, dim) => product * dim, 1);
      const size = BYTES[dtype];
      if (size === undefined || quantization !== undefined)
        throw new ModelStoreError(
          'CONVERSION',
          `weight "${name}": ${quantization === undefined ? dtype : 'quantized'} weights are not supported`,
        );
      const end = offset + count * size;
      if (end > bytes.length)
        throw new ModelStoreError('CONVERSION', `weight "${name}" lies beyond the end of the shards`);
      // A copy, because a Float32Array must start at a multiple of four.
      if (dtype === 'float32')
        weights.set(name, { dims: shape, data: new Float32Array(Uint8Array.from(bytes.subarray(offset, end)).buffer) });
      offset = end;
    }
  }
  return { nodes: new Map(nodes), weights };
}

/** A list attribute of whole numbers, such as `strides`. */
export function intList(node: TfNode, name: string): number[] {
  const parsed = z.object({ list: z.object({ i: z.array(z.coerce.number().int()) }) }).safeParse(node.attributes[name]);
  if (!parsed.success) throw new ModelStoreError('CONVERSION', `node "${node.name}" has no list "${name}"`);
  return parsed.data.list.i;
}

/** A text attribute, such as `padding`: written as a list of character codes or in base64. */
export function text(node: TfNode, name: string): string {
  const parsed = z.object({ s: z.union([z.array(z.int()), z.base64()]) }).safeParse(node.attributes[name]);
  if (!parsed.success) throw new ModelStoreError('CONVERSION', `node "${node.name}" has no text "${name}"`);
  const { s } = parsed.data;
  return typeof s === 'string' ? Buffer.from(s, 'base64').toString('utf8') : String.fromCharCode(...s);
}

/** A number attribute, such as `epsilon`. */
export function float(node: TfNode, name: string): number {
  const parsed = z.object({ f: z.number() }).safeParse(node.attributes[name]);
  if (!parsed.success) throw new ModelStoreError('CONVERSION', `node "${node.name}" has no number "${name}"`);
  return parsed.data.f;
}

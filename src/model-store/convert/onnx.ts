import protobuf from 'protobufjs';
import { z } from 'zod';
import { ModelStoreError } from '../model-error.ts';

/** The part of ONNX that a feed-forward graph needs (field numbers of onnx.proto, IR version 8). */
const field = (type: string, id: number): protobuf.IField => ({ type, id });
const repeated = (type: string, id: number): protobuf.IField => ({ type, id, rule: 'repeated' });

const root = protobuf.Root.fromJSON({
  nested: {
    OperatorSetId: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    Attribute: {
      fields: {
        name: field('string', 1),
        f: field('float', 2),
        i: field('int64', 3),
        s: field('bytes', 4),
        ints: repeated('int64', 8),
        type: field('int32', 20),
      },
    },
    Node: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        name: field('string', 3),
        opType: field('string', 4),
        attribute: repeated('Attribute', 5),
        domain: field('string', 7),
      },
    },
    Tensor: {
      fields: {
        dims: repeated('int64', 1),
        dataType: field('int32', 2),
        name: field('string', 8),
        rawData: field('bytes', 9),
      },
    },
    Dimension: { fields: { dimValue: field('int64', 1), dimParam: field('string', 2) } },
    Shape: { fields: { dim: repeated('Dimension', 1) } },
    TensorType: { fields: { elemType: field('int32', 1), shape: field('Shape', 2) } },
    TypeProto: { fields: { tensorType: field('TensorType', 1) } },
    ValueInfo: { fields: { name: field('string', 1), type: field('TypeProto', 2) } },
    Graph: {
      fields: {
        node: repeated('Node', 1),
        name: field('string', 2),
        initializer: repeated('Tensor', 5),
        input: repeated('ValueInfo', 11),
        output: repeated('ValueInfo', 12),
      },
    },
    Model: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        docString: field('string', 6),
        graph: field('Graph', 7),
        opsetImport: repeated('OperatorSetId', 8),
      },
    },
  },
});

const FLOAT = 1;
const [ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS] = [2, 3, 7];
/** ONNX's numbers of element types, and their arrays. */
const ELEMENTS = [
  [FLOAT, Float32Array],
  [2, Uint8Array],
  [3, Int8Array],
  [6, Int32Array],
  [7, BigInt64Array],
] as const;
/** onnxruntime's own operations, such as the sum of quantized tensors. */
const MICROSOFT = 'com.microsoft';

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Of onnxruntime's own operations rather than ONNX's. */
  readonly microsoft?: boolean;
  /** A whole number, a list of them, or text. */
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;
}

/** A float32 input or output; a dimension that is a name is open. */
export interface OnnxPort {
  readonly name: string;
  readonly dims: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  /** Free text in the file: origin and licence of the weights. */
  readonly doc: string;
  readonly nodes: readonly OnnxNode[];
  readonly weights: readonly OnnxTensor[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

function attribute(name: string, value: number | readonly number[] | string): object {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE_INT };
  if (typeof value === 'string') return { name, s: Buffer.from(value), type: ATTRIBUTE_STRING };
  return { name, ints: value, type: ATTRIBUTE_INTS };
}

const port = ({ name, dims }: OnnxPort): object => ({
  name,
  type: {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
    },
  },
});

/** The bytes of an `.onnx` file (opset 13), the same for the same graph. Nodes must be in the order they run. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  return root
    .lookupType('Model')
    .encode({
      irVersion: 8,
      producerName: 'gantry',
      docString: graph.doc,
      opsetImport: [
        { domain: '', version: 13 },
        ...(graph.nodes.some(({ microsoft }) => microsoft === true) ? [{ domain: MICROSOFT, version: 1 }] : []),
      ],
      graph: {
        name: graph.name,
        node: graph.nodes.map((node) => ({
          input: node.inputs,
          output: [node.output],
          name: node.output,
          opType: node.op,
          ...(node.microsoft === true ? { domain: MICROSOFT } : {}),
          attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
        })),
        initializer: graph.weights.map(({ name, dims, data }) => ({
          name,
          dims,
          dataType: elementType(data),
          rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        })),
        input: graph.inputs.map(port),
        output: graph.outputs.map(port),
      },
    })
    .finish();
}

function elementType(data: OnnxTensor['data']): number {
  const found = ELEMENTS.find(([, type]) => data instanceof type);
  if (found === undefined) throw new TypeError('a tensor of this type cannot be written');
  return found[0];
}

/** The fields of a decoded message that are read here; protobufjs fills in defaults. */
const Decoded = z.object({
  docString: z.string(),
  graph: z.object({
    name: z.string(),
    node: z.array(
      z.object({
        input: z.array(z.string()),
        output: z.array(z.string()).length(1),
        opType: z.string(),
        domain: z.enum(['', MICROSOFT]),
        attribute: z.array(
          z.object({
            name: z.string(),
            i: z.number(),
            s: z.instanceof(Uint8Array),
            ints: z.array(z.number()),
            type: z.literal([ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS]),
          }),
        ),
      }),
    ),
    initializer: z.array(
      z.object({
        dims: z.array(z.number()),
        dataType: z.int(),
        name: z.string(),
        rawData: z.instanceof(Uint8Array),
      }),
    ),
    input: z.array(z.unknown()).transform((ports) => ports.map(decodedPort)),
    output: z.array(z.unknown()).transform((ports) => ports.map(decodedPort)),
  }),
});
const DecodedPort = z.object({
  name: z.string(),
  type: z.object({
    tensorType: z.object({
      elemType: z.literal(FLOAT),
      shape: z.object({ dim: z.array(z.object({ dimValue: z.number(), dimParam: z.string() })) }),
    }),
  }),
});

function decodedPort(value: unknown): OnnxPort {
  const { name, type } = DecodedPort.parse(value);
  return {
    name,
    dims: type.tensorType.shape.dim.map(({ dimValue, dimParam }) => (dimParam === '' ? dimValue : dimParam)),
  };
}

/** Reads a file of {@link encodeOnnx}. Throws `ModelStoreError` (`CONVERSION`) for graphs that it does not write. */
export function decodeOnnx(bytes: Uint8Array): OnnxGraph {
  try {
    const type = root.lookupType('Model');
    const options = { longs: Number, defaults: true, arrays: true, objects: true };
    const { graph, docString: doc } = Decoded.parse(type.toObject(type.decode(bytes), options));
    return {
      name: graph.name,
      doc,
      nodes: graph.node.map(({ opType, input, output, domain, attribute: attributes }) => ({
        op: opType,
        inputs: input,
        output: output[0] ?? '',
        microsoft: domain === MICROSOFT,
        attributes: Object.fromEntries(
          attributes.map(({ name, i, s, ints, type: kind }) => [
            name,
            kind === ATTRIBUTE_INT ? i : kind === ATTRIBUTE_INTS ? ints : Buffer.from(s).toString('utf8'),
          ]),
        ),
      })),
      weights: graph.initializer.map(({ name, dims, dataType, rawData }) => ({
        name,
        dims,
        data: elements(dataType, rawData),
      })),
      inputs: graph.input,
      outputs: graph.output,
    };
  } catch (thrown) {
    throw new ModelStoreError(
      'CONVERSION',
      'the .onnx is damaged, or has parts that the converter does not write itself',
      {},
      thrown,
    );
  }
}

function elements(type: number, raw: Uint8Array): OnnxTensor['data'] {
  const found = ELEMENTS.find(([number]) => number === type);
  if (found === undefined) throw new TypeError(`element type ${type}`);
  // A copy, because the array must start at a multiple of its element's size.
  return new found[1](Uint8Array.from(raw).buffer);
}

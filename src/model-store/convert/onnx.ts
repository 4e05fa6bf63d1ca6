import protobuf from 'protobufjs';

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

const [FLOAT, INT64] = [1, 7];
const [ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS] = [2, 3, 7];

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** A whole number, a list of them, or text. */
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array;
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
      opsetImport: [{ domain: '', version: 13 }],
      graph: {
        name: graph.name,
        node: graph.nodes.map((node) => ({
          input: node.inputs,
          output: [node.output],
          name: node.output,
          opType: node.op,
          attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
        })),
        initializer: graph.weights.map(({ name, dims, data }) => ({
          name,
          dims,
          dataType: data instanceof Float32Array ? FLOAT : INT64,
          rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        })),
        input: graph.inputs.map(port),
        output: graph.outputs.map(port),
      },
    })
    .finish();
}

import { ModelStoreError } from '../model-error.ts';
import { encodeOnnx } from './onnx.ts';
import type { OnnxNode, OnnxTensor } from './onnx.ts';
import { float, intList, text } from './tfjs-graph.ts';
import type { TfGraph, TfNode, TfWeight } from './tfjs-graph.ts';

/** The node whose value is the picture, scaled to -1..1. */
const START = 'Preprocessor/sub';
const HEADS = [
  { concat: 'concat', output: 'box_codes', columns: 4 },
  { concat: 'concat_1', output: 'class_logits', columns: null },
] as const;
/** Anchors at each position of the last layer. */
const LAST_LAYER_ANCHORS = 6;

/** A convolution. Its weights may still change: scales and shifts that follow it are folded in. */
interface Convolution {
  readonly input: string;
  readonly output: string;
  readonly dims: readonly number[];
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly attributes: NonNullable<OnnxNode['attributes']>;
}

const broken = (node: string, what: string): ModelStoreError =>
  new ModelStoreError('CONVERSION', `node "${node}": ${what}`, { node });

/**
 * Turns an SSD of TensorFlow's Object Detection API, frozen for TensorFlow.js, into ONNX: backbone and heads only.
 * Input: `image` `[1,3,height,width]`, RGB scaled to -1..1, any size. Outputs: `box_codes` `[1,N,4]` and `class_logits`
 * `[1,N,1+classes]`; anchors, sigmoid and NMS are the decoder's.
 *
 * Batch norms and biases are folded into their convolutions. The shift to -1..1 must not be: padding is 0 after it, and
 * no constant bias reproduces that at the border.
 *
 * @throws {ModelStoreError} `CONVERSION`, for a graph with operations that this does not know
 */
export function convertSsd(graph: TfGraph, name: string, doc: string): Uint8Array {
  const converter = new SsdConverter(graph);
  const [, classColumns = 0] = HEADS.map((head) => converter.addHead(head));
  return encodeOnnx({
    name,
    doc,
    ...converter.result(),
    inputs: [{ name: 'image', dims: [1, 3, 'height', 'width'] }],
    outputs: [
      { name: 'box_codes', dims: [1, 'anchors', 4] },
      { name: 'class_logits', dims: [1, 'anchors', classColumns] },
    ],
  });
}

/** Walks the graph from the heads back to the picture, and collects ONNX nodes in the order they run. */
class SsdConverter {
  readonly #graph: TfGraph;
  readonly #steps: (Convolution | OnnxNode)[] = [];
  /** For each visited TensorFlow node the name of its value in ONNX. */
  readonly #values = new Map<string, string>([[START, 'image']]);
  readonly #producers = new Map<string, Convolution | { readonly sumOf: readonly string[] }>();
  readonly #constants: OnnxTensor[] = [
    { name: 'zero', dims: [], data: Float32Array.of(0) },
    { name: 'six', dims: [], data: Float32Array.of(6) },
  ];

  constructor(graph: TfGraph) {
    this.#graph = graph;
  }

  /** Adds one output with all that leads to it. Returns its columns. */
  addHead({ concat, output, columns }: (typeof HEADS)[number]): number {
    const layers = this.#node(concat)
      .inputs.slice(0, -1)
      .map((id) => this.#visit(this.#node(id).inputs[0] ?? ''));
    // The graph does not state the number of classes; it follows from the size of the last layer.
    const last = this.#producers.get(layers.at(-1) ?? '');
    const width = columns ?? (isConvolution(last) ? last.bias.length / LAST_LAYER_ANCHORS : 0);
    this.#constants.push({ name: `${output}/shape`, dims: [3], data: BigInt64Array.of(0n, -1n, BigInt(width)) });
    const rows = layers.map((layer) => {
      const channelsLast = this.#emit('Transpose', [layer], `${layer}/nhwc`, { perm: [0, 2, 3, 1] });
      return this.#emit('Reshape', [channelsLast, `${output}/shape`], `${layer}/rows`);
    });
    this.#emit('Concat', rows, output, { axis: 1 });
    return width;
  }

  result(): { readonly nodes: OnnxNode[]; readonly weights: OnnxTensor[] } {
    const nodes = this.#steps.map((step) =>
      'op' in step
        ? step
        : {
            op: 'Conv',
            inputs: [step.input, `${step.output}/w`, `${step.output}/b`],
            output: step.output,
            attributes: step.attributes,
          },
    );
    const weights = this.#steps.flatMap((step): OnnxTensor[] =>
      'op' in step
        ? []
        : [
            { name: `${step.output}/w`, dims: step.dims, data: step.weights },
            { name: `${step.output}/b`, dims: [step.bias.length], data: step.bias },
          ],
    );
    return { nodes, weights: [...this.#constants, ...weights] };
  }

  /** The value of a node, converted on the first visit. */
  #visit(id: string): string {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const value = this.#convert(this.#node(id));
    this.#values.set(id, value);
    return value;
  }

  #convert(node: TfNode): string {
    const [first = '', second = ''] = node.inputs;
    switch (node.op) {
      case 'Conv2D':
      case 'DepthwiseConv2dNative':
        return this.#convolution(node, this.#visit(first));
      case 'Relu6':
        return this.#emit('Clip', [this.#visit(first), 'zero', 'six'], node.name);
      case 'AddN': {
        const parts = node.inputs.map((id) => this.#visit(id));
        if (parts.length !== 2) throw broken(node.name, `a sum of ${parts.length} is not supported`);
        this.#producers.set(node.name, { sumOf: parts });
        return this.#emit('Add', parts, node.name);
      }
      case 'Mul':
      case 'Add':
      case 'BiasAdd': {
        const [value, constant] = this.#graph.weights.has(first) ? [second, first] : [first, second];
        const weight = this.#weight(constant, node);
        const [scale, shift] = node.op === 'Mul' ? [weight, null] : [null, weight];
        return this.#fold(this.#visit(value), node, scale, shift);
      }
      case 'FusedBatchNorm':
        return this.#batchNorm(node, this.#visit(first));
      default:
        throw broken(node.name, `operation "${node.op}" is not supported`);
    }
  }

  #convolution(node: TfNode, input: string): string {
    const kernel = this.#weight(node.inputs[1], node);
    const depthwise = node.op === 'DepthwiseConv2dNative';
    const { dims, data } = depthwise ? depthwiseKernel(kernel) : plainKernel(kernel);
    const padding = text(node, 'padding');
    if (padding !== 'SAME' && padding !== 'VALID') throw broken(node.name, `padding "${padding}" is not supported`);
    const conv: Convolution = {
      input,
      output: node.name,
      dims,
      weights: data,
      bias: new Float32Array(dims[0] ?? 0),
      attributes: {
        // TensorFlow puts the odd pixel of padding after the picture, which ONNX calls SAME_UPPER.
        auto_pad: padding === 'SAME' ? 'SAME_UPPER' : 'VALID',
        strides: intList(node, 'strides').slice(1, 3),
        dilations: intList(node, 'dilations').slice(1, 3),
        group: depthwise ? (dims[0] ?? 1) : 1,
      },
    };
    this.#steps.push(conv);
    this.#producers.set(node.name, conv);
    return node.name;
  }

  /** `gamma * (value - mean) / sqrt(variance + epsilon) + beta`, as one scale and one shift. */
  #batchNorm(node: TfNode, value: string): string {
    const [gamma, beta, mean, variance] = node.inputs.slice(1).map((id) => this.#weight(id, node));
    if (gamma === undefined || beta === undefined || mean === undefined || variance === undefined)
      throw broken(node.name, 'needs four constants');
    const epsilon = float(node, 'epsilon');
    const scale = gamma.data.map((g, i) => g / Math.sqrt((variance.data[i] ?? 0) + epsilon));
    const shift = beta.data.map((b, i) => b - (mean.data[i] ?? 0) * (scale[i] ?? 0));
    return this.#fold(value, node, { dims: gamma.dims, data: scale }, { dims: beta.dims, data: shift });
  }

  /** `value * scale + shift`, folded into the convolution that made the value. Through a sum only a shift can pass. */
  #fold(value: string, user: TfNode, scale: TfWeight | null, shift: TfWeight | null): string {
    const producer = this.#producers.get(value);
    if (producer !== undefined && 'sumOf' in producer) {
      const conv = producer.sumOf.find((part) => isConvolution(this.#producers.get(part)));
      if (scale !== null || conv === undefined) throw broken(user.name, 'cannot be folded into a sum');
      this.#fold(conv, user, null, shift);
      return value;
    }
    if (!isConvolution(producer)) throw broken(user.name, 'does not follow a convolution');
    const channels = producer.bias.length;
    const factor = scale === null ? () => 1 : perChannel(scale, channels, user);
    const addend = shift === null ? () => 0 : perChannel(shift, channels, user);
    const each = producer.weights.length / channels;
    for (let channel = 0; channel < channels; channel++) {
      for (let i = channel * each; i < (channel + 1) * each; i++)
        producer.weights[i] = (producer.weights[i] ?? 0) * factor(channel);
      producer.bias[channel] = (producer.bias[channel] ?? 0) * factor(channel) + addend(channel);
    }
    return value;
  }

  #emit(op: string, inputs: readonly string[], output: string, attributes: OnnxNode['attributes'] = {}): string {
    this.#steps.push({ op, inputs, output, attributes });
    return output;
  }

  #node(id: string): TfNode {
    const node = this.#graph.nodes.get(id);
    if (node === undefined) throw broken(id, 'missing from the graph');
    return node;
  }

  #weight(id: string | undefined, user: TfNode): TfWeight {
    const weight = id === undefined ? undefined : this.#graph.weights.get(id);
    if (weight === undefined) throw broken(user.name, `expected a float32 constant, found "${id ?? 'nothing'}"`);
    return weight;
  }
}

function perChannel(weight: TfWeight, channels: number, user: TfNode): (channel: number) => number {
  if (weight.data.length !== channels)
    throw broken(user.name, `expected ${channels} values, found ${weight.data.length}`);
  return (channel) => weight.data[channel] ?? 0;
}

const isConvolution = (
  producer: Convolution | { readonly sumOf: readonly string[] } | undefined,
): producer is Convolution => producer !== undefined && 'weights' in producer;

/** `[height, width, in, out]` to `[out, in, height, width]`. */
function plainKernel({ dims, data }: TfWeight): { dims: number[]; data: Float32Array } {
  const [height = 0, width = 0, inputs = 0, outputs = 0] = dims;
  const spatial = height * width;
  const turned = new Float32Array(data.length);
  for (let at = 0; at < spatial; at++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++)
        turned[(o * inputs + i) * spatial + at] = data[(at * inputs + i) * outputs + o] ?? 0;
    }
  }
  return { dims: [outputs, inputs, height, width], data: turned };
}

/** `[height, width, channels, multiplier]` to `[channels * multiplier, 1, height, width]`. */
function depthwiseKernel({ dims, data }: TfWeight): { dims: number[]; data: Float32Array } {
  const [height = 0, width = 0, channels = 0, multiplier = 0] = dims;
  if (multiplier !== 1) throw new ModelStoreError('CONVERSION', `depth multiplier ${multiplier} is not supported`);
  return { dims: [channels, 1, height, width], data: plainKernel({ dims: [height, width, 1, channels], data }).data };
}

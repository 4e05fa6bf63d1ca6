import { ModelStoreError } from '../model-error.ts';
import { encodeOnnx } from './onnx.ts';
import type { OnnxNode, OnnxTensor } from './onnx.ts';
import { float, intList, text } from './tfjs-graph.ts';
import type { TfGraph, TfNode, TfWeight } from './tfjs-graph.ts';

/**
 * Turns an SSD of TensorFlow's Object Detection API, frozen for TensorFlow.js, into ONNX: backbone and heads only.
 * The picture goes in as `image` `[1,3,height,width]`, RGB scaled to -1..1, any size; out come `box_codes` `[1,N,4]`
 * and `class_logits` `[1,N,1+classes]` before anchors, sigmoid and NMS, which the decoder does.
 *
 * Batch norms and biases are folded into their convolutions. What must not be folded is the shift to -1..1: padding
 * is 0 after it, which no constant bias reproduces at the border.
 */
const START = 'Preprocessor/sub';
const HEADS = [
  { concat: 'concat', output: 'box_codes', columns: 4 },
  { concat: 'concat_1', output: 'class_logits', columns: null },
] as const;

/** A convolution whose weights may still change while what follows it is folded in. */
interface Convolution {
  readonly input: string;
  readonly output: string;
  readonly dims: readonly number[];
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly attributes: Readonly<Record<string, number | readonly number[] | string>>;
}

const broken = (node: string, what: string): ModelStoreError =>
  new ModelStoreError('CONVERSION', `node "${node}": ${what}`, { node });

function perChannel(weight: TfWeight, channels: number, user: TfNode): (channel: number) => number {
  if (weight.data.length !== channels)
    throw broken(user.name, `expected ${channels} values, found ${weight.data.length}`);
  return (channel) => weight.data[channel] ?? 0;
}

export function convertSsd(graph: TfGraph, name: string, doc: string): Uint8Array {
  const steps: (Convolution | OnnxNode)[] = [];
  /** For each visited TensorFlow node the name of its value in ONNX. */
  const values = new Map<string, string>([[START, 'image']]);
  const producers = new Map<string, Convolution | { readonly sumOf: readonly string[] }>();

  const nodeOf = (id: string): TfNode => {
    const node = graph.nodes.get(id);
    if (node === undefined) throw broken(id, 'missing from the graph');
    return node;
  };
  const weightOf = (id: string | undefined, user: TfNode): TfWeight => {
    const weight = id === undefined ? undefined : graph.weights.get(id);
    if (weight === undefined) throw broken(user.name, `expected a float32 constant, found "${id ?? 'nothing'}"`);
    return weight;
  };

  /** value * scale + shift, folded into the convolution that made the value; through a sum only a shift can pass. */
  function fold(value: string, user: TfNode, scale: TfWeight | null, shift: TfWeight | null): string {
    const producer = producers.get(value);
    if (producer !== undefined && 'sumOf' in producer) {
      const conv = producer.sumOf.find((part) => isConvolution(producers.get(part)));
      if (scale !== null || conv === undefined) throw broken(user.name, 'cannot be folded into a sum');
      fold(conv, user, null, shift);
      return value;
    }
    if (!isConvolution(producer)) throw broken(user.name, 'does not follow a convolution');
    const channels = producer.bias.length;
    const factor = scale === null ? () => 1 : perChannel(scale, channels, user);
    const addend = shift === null ? () => 0 : perChannel(shift, channels, user);
    const each = producer.weights.length / channels;
    for (let channel = 0; channel < channels; channel++) {
      for (let i = 0; i < each; i++)
        producer.weights[channel * each + i] = (producer.weights[channel * each + i] ?? 0) * factor(channel);
      producer.bias[channel] = (producer.bias[channel] ?? 0) * factor(channel) + addend(channel);
    }
    return value;
  }

  function convolution(node: TfNode, input: string): string {
    const kernel = weightOf(node.inputs[1], node);
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
        // TensorFlow puts the odd pixel of padding after the picture, which is what ONNX calls SAME_UPPER.
        auto_pad: padding === 'SAME' ? 'SAME_UPPER' : 'VALID',
        strides: intList(node, 'strides').slice(1, 3),
        dilations: intList(node, 'dilations').slice(1, 3),
        group: depthwise ? (dims[0] ?? 1) : 1,
      },
    };
    steps.push(conv);
    producers.set(node.name, conv);
    return node.name;
  }

  function emit(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): string {
    steps.push({ op, inputs, output, attributes });
    return output;
  }

  function convert(node: TfNode): string {
    const [first = '', second = ''] = node.inputs;
    switch (node.op) {
      case 'Conv2D':
      case 'DepthwiseConv2dNative':
        return convolution(node, visit(first));
      case 'Relu6':
        return emit('Clip', [visit(first), 'zero', 'six'], node.name);
      case 'AddN': {
        const parts = node.inputs.map(visit);
        if (parts.length !== 2) throw broken(node.name, `a sum of ${parts.length} is not supported`);
        producers.set(node.name, { sumOf: parts });
        return emit('Add', parts, node.name);
      }
      case 'Mul':
      case 'Add':
      case 'BiasAdd': {
        const [value, constant] = graph.weights.has(first) ? [second, first] : [first, second];
        const weight = weightOf(constant, node);
        return node.op === 'Mul' ? fold(visit(value), node, weight, null) : fold(visit(value), node, null, weight);
      }
      case 'FusedBatchNorm': {
        const [gamma, beta, mean, variance] = node.inputs.slice(1).map((id) => weightOf(id, node));
        if (gamma === undefined || beta === undefined || mean === undefined || variance === undefined)
          throw broken(node.name, 'needs four constants');
        const epsilon = float(node, 'epsilon');
        const scale = gamma.data.map((g, i) => g / Math.sqrt((variance.data[i] ?? 0) + epsilon));
        const shift = beta.data.map((b, i) => b - (mean.data[i] ?? 0) * (scale[i] ?? 0));
        return fold(visit(first), node, { dims: gamma.dims, data: scale }, { dims: beta.dims, data: shift });
      }
      default:
        throw broken(node.name, `operation "${node.op}" is not supported`);
    }
  }

  function visit(id: string): string {
    const known = values.get(id);
    if (known !== undefined) return known;
    const value = convert(nodeOf(id));
    values.set(id, value);
    return value;
  }

  const constants: OnnxTensor[] = [
    { name: 'zero', dims: [], data: Float32Array.of(0) },
    { name: 'six', dims: [], data: Float32Array.of(6) },
  ];
  let classColumns = 0;
  for (const { concat, output, columns } of HEADS) {
    const layers = nodeOf(concat)
      .inputs.slice(0, -1)
      .map((id) => visit(nodeOf(id).inputs[0] ?? ''));
    // Box heads hold 4 values an anchor; six anchors on the last layer tell how many classes there are.
    const last = producers.get(layers.at(-1) ?? '');
    const width = columns ?? (isConvolution(last) ? last.bias.length / 6 : 0);
    if (columns === null) classColumns = width;
    constants.push({ name: `${output}/shape`, dims: [3], data: BigInt64Array.of(0n, -1n, BigInt(width)) });
    const rows = layers.map((layer) => {
      const channelsLast = emit('Transpose', [layer], `${layer}/nhwc`, { perm: [0, 2, 3, 1] });
      return emit('Reshape', [channelsLast, `${output}/shape`], `${layer}/rows`);
    });
    emit('Concat', rows, output, { axis: 1 });
  }

  return encodeOnnx({
    name,
    doc,
    nodes: steps.map((step) =>
      'op' in step
        ? step
        : {
            op: 'Conv',
            inputs: [step.input, `${step.output}/w`, `${step.output}/b`],
            output: step.output,
            attributes: step.attributes,
          },
    ),
    weights: [
      ...constants,
      ...steps.flatMap((step): OnnxTensor[] =>
        'op' in step
          ? []
          : [
              { name: `${step.output}/w`, dims: step.dims, data: step.weights },
              { name: `${step.output}/b`, dims: [step.bias.length], data: step.bias },
            ],
      ),
    ],
    inputs: [{ name: 'image', dims: [1, 3, 'height', 'width'] }],
    outputs: [
      { name: 'box_codes', dims: [1, 'anchors', 4] },
      { name: 'class_logits', dims: [1, 'anchors', classColumns] },
    ],
  });
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

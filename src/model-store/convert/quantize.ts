import { ModelStoreError } from '../model-error.ts';
import type { OnnxGraph, OnnxNode, OnnxTensor } from './onnx.ts';

/** The values of a tensor, over the pictures of the calibration. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Largest weight. Processors with AVX2 but without VNNI add pairs of products in 16 bits, which overflow above 63 or
 * 64: with 127 scores were off by .09 there, with 63 by .02, and nobody is faster with more.
 */
const MOST_WEIGHT = 63;
/**
 * The first convolutions that stay in floats: those of the first block, where 8 bits cost most. Measured on two street
 * clips with 310 and 234 objects: .971 and .944 are found again with none in floats, .984 and .966 with three.
 */
const FLOAT_CONVOLUTIONS = 3;

/** A tensor of the new graph, in 8 bits: value = (stored - zero) * scale. */
interface Quantized {
  readonly name: string;
  readonly scale: number;
  readonly zero: number;
}

const broken = (node: string, what: string): ModelStoreError =>
  new ModelStoreError('CONVERSION', `node "${node}": ${what}`, { node });

/**
 * The tensors whose ranges {@link quantize} needs: sums, and convolutions that are neither cut nor a head. The range of
 * a cut is known: measuring it would take ten times as long, and fits one scene.
 */
export function observedTensors(graph: OnnxGraph): string[] {
  const apart = new Set(
    graph.nodes.filter(({ op }) => op === 'Clip' || op === 'Transpose').flatMap(({ inputs }) => inputs.slice(0, 1)),
  );
  return graph.nodes
    .filter(({ op, output }) => op === 'Add' || (op === 'Conv' && !apart.has(output)))
    .map(({ output }) => output);
}

/**
 * The same network in 8-bit arithmetic with fixed scales (Jacob et al., CVPR 2018, arXiv 1712.05877): weights signed
 * and symmetric, with a scale for each output channel; activations unsigned, with a scale and a zero point for each
 * tensor. A cut to 0..6 after a convolution becomes the range of its result. The last convolutions of the heads are
 * written as products of matrices that return floats, so that scores are not rounded.
 *
 * @param ranges of the tensors that {@link observedTensors} names
 * @throws {ModelStoreError} `CONVERSION`, for operations other than those of `convertSsd`
 */
export function quantize(graph: OnnxGraph, ranges: ReadonlyMap<string, ValueRange>): OnnxGraph {
  const quantizer = new Quantizer(graph, ranges);
  for (const node of graph.nodes) quantizer.add(node);
  return { ...graph, ...quantizer.result() };
}

class Quantizer {
  readonly #graph: OnnxGraph;
  readonly #ranges: ReadonlyMap<string, ValueRange>;
  readonly #weights: ReadonlyMap<string, OnnxTensor>;
  readonly #users = new Map<string, OnnxNode[]>();
  readonly #nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, OnnxTensor>();
  readonly #quantized = new Map<string, Quantized>();
  /** Tensors that are there as floats. */
  readonly #floats: Set<string>;
  #floatsLeft = FLOAT_CONVOLUTIONS;

  constructor(graph: OnnxGraph, ranges: ReadonlyMap<string, ValueRange>) {
    this.#graph = graph;
    this.#ranges = ranges;
    this.#floats = new Set(graph.inputs.map(({ name }) => name));
    this.#weights = new Map(graph.weights.map((weight) => [weight.name, weight]));
    for (const node of graph.nodes)
      for (const input of node.inputs) this.#users.set(input, [...(this.#users.get(input) ?? []), node]);
  }

  result(): { readonly nodes: OnnxNode[]; readonly weights: OnnxTensor[] } {
    return { nodes: this.#nodes, weights: [...this.#constants.values()] };
  }

  add(node: OnnxNode): void {
    switch (node.op) {
      case 'Conv':
        if (this.#staysFloat(node)) this.#keep(node);
        else this.#convolution(node);
        break;
      case 'Clip':
        // Otherwise its range is that of the convolution's result.
        if (this.#floats.has(node.inputs[0] ?? '')) this.#keep(node);
        break;
      case 'Add':
        this.#sum(node);
        break;
      case 'Transpose':
      case 'Reshape':
      case 'Concat':
        this.#copy(node);
        break;
      default:
        throw broken(node.output, `operation "${node.op}" cannot be quantized`);
    }
  }

  #staysFloat(node: OnnxNode): boolean {
    if (this.#floatsLeft === 0 || !this.#floats.has(node.inputs[0] ?? '') || this.#isHead(node)) return false;
    this.#floatsLeft -= 1;
    return true;
  }

  #isHead({ output }: OnnxNode): boolean {
    const users = this.#users.get(output) ?? [];
    return users.length === 1 && users[0]?.op === 'Transpose';
  }

  #keep(node: OnnxNode): void {
    for (const name of node.inputs) {
      const weight = this.#weights.get(name);
      if (weight !== undefined) this.#constant(name, weight.dims, weight.data);
    }
    this.#nodes.push(node);
    this.#floats.add(node.output);
  }

  /** The tensor in 8 bits, made of floats where needed. */
  #read(name: string, user: OnnxNode): Quantized {
    const known = this.#quantized.get(name);
    if (known !== undefined) return known;
    if (!this.#floats.has(name)) throw broken(user.output, `reads "${name}", which is not there`);
    const made = this.#target(name, this.#range(name));
    this.#nodes.push({
      op: 'QuantizeLinear',
      inputs: [name, this.#scale(made), this.#zero(made)],
      output: made.name,
    });
    return made;
  }

  #convolution(node: OnnxNode): void {
    const [from = '', kernel = '', biases = ''] = node.inputs;
    const users = this.#users.get(node.output) ?? [];
    const input = this.#read(from, node);
    const kernelDims = this.#weights.get(kernel)?.dims ?? [];
    const weights = quantizeWeights(this.#floatWeights(kernel, node), kernelDims);
    const bias = this.#floatWeights(biases, node);
    if (this.#isHead(node)) {
      this.#head(node, input, weights, bias);
      return;
    }
    const cut = users.find(({ op }) => op === 'Clip');
    if (cut !== undefined && users.length > 1) throw broken(node.output, 'is read both cut and uncut');
    const output = this.#target(cut?.output ?? node.output, this.#range(cut?.output ?? node.output));
    this.#constant(
      `${node.output}/b`,
      [bias.length],
      Int32Array.from(bias, (value, channel) => Math.round(value / (input.scale * (weights.scales[channel] ?? 1)))),
    );
    this.#constant(`${node.output}/w`, weights.dims, weights.data);
    this.#constant(`${node.output}/ws`, [weights.scales.length], weights.scales);
    this.#constant(`${node.output}/wz`, [weights.scales.length], new Int8Array(weights.scales.length));
    this.#nodes.push({
      op: 'QLinearConv',
      inputs: [
        ...this.#triple(input),
        `${node.output}/w`,
        `${node.output}/ws`,
        `${node.output}/wz`,
        this.#scale(output),
        this.#zero(output),
        `${node.output}/b`,
      ],
      output: output.name,
      ...(node.attributes === undefined ? {} : { attributes: node.attributes }),
    });
  }

  /** A 1x1 convolution whose result is read row by row: `[positions, channels] x [channels, values]`. */
  #head(node: OnnxNode, input: Quantized, weights: QuantizedWeights, bias: Float32Array): void {
    const [outputs = 0, channels = 0, height, width] = weights.dims;
    if (height !== 1 || width !== 1) throw broken(node.output, 'is a head with a kernel larger than 1x1');
    const turned = new Int8Array(weights.data.length);
    for (let o = 0; o < outputs; o++)
      for (let c = 0; c < channels; c++) turned[c * outputs + o] = weights.data[o * channels + c] ?? 0;
    const name = node.output;
    this.#constant(`${name}/w`, [channels, outputs], turned);
    this.#constant(`${name}/ws`, [outputs], weights.scales);
    this.#constant(`${name}/wz`, [outputs], new Int8Array(outputs));
    this.#constant(`${name}/b`, [outputs], bias);
    this.#nodes.push(
      { op: 'Transpose', inputs: [input.name], output: `${name}/in`, attributes: { perm: [0, 2, 3, 1] } },
      {
        op: 'MatMulIntegerToFloat',
        microsoft: true,
        inputs: [
          `${name}/in`,
          `${name}/w`,
          this.#scale(input),
          `${name}/ws`,
          this.#zero(input),
          `${name}/wz`,
          `${name}/b`,
        ],
        output: name,
      },
    );
  }

  #sum(node: OnnxNode): void {
    const terms = node.inputs.map((name) => this.#read(name, node));
    const output = this.#target(node.output, this.#range(node.output));
    this.#nodes.push({
      op: 'QLinearAdd',
      microsoft: true,
      inputs: [...terms.flatMap(this.#triple), this.#scale(output), this.#zero(output)],
      output: output.name,
    });
  }

  #copy(node: OnnxNode): void {
    const [first = ''] = node.inputs;
    const producer = this.#graph.nodes.find(({ output }) => output === first);
    if (node.op === 'Transpose') {
      if (producer?.op !== 'Conv') throw broken(node.output, 'does not follow the convolution of a head');
      // The head's product has this order already.
      return;
    }
    const inputs = node.inputs.map((name) => {
      const source = this.#graph.nodes.find(({ output }) => output === name);
      return source?.op === 'Transpose' ? (source.inputs[0] ?? '') : name;
    });
    this.#keep({ ...node, inputs });
  }

  #target(tensor: string, { min, max }: ValueRange): Quantized {
    // Zero must have a value of its own, as padding.
    const [low, high] = [Math.min(0, min), Math.max(0, max)];
    const scale = Math.max(high - low, 1e-6) / 255;
    const made = { name: `${tensor}/q`, scale, zero: Math.round(-low / scale) };
    this.#quantized.set(tensor, made);
    return made;
  }

  #range(tensor: string): ValueRange {
    const producer = this.#graph.nodes.find(({ output }) => output === tensor);
    if (producer?.op === 'Clip') {
      const [min = 0, max = 0] = producer.inputs.slice(1).map((name) => this.#floatWeights(name, producer)[0]);
      return { min, max };
    }
    const range = this.#ranges.get(tensor);
    if (range === undefined) throw broken(tensor, 'has no calibrated range');
    return range;
  }

  #floatWeights(name: string, user: OnnxNode): Float32Array {
    const data = this.#weights.get(name)?.data;
    if (!(data instanceof Float32Array)) throw broken(user.output, `expected float weights in "${name}"`);
    return data;
  }

  #triple = (tensor: Quantized): [string, string, string] => [tensor.name, this.#scale(tensor), this.#zero(tensor)];
  #scale = ({ name, scale }: Quantized): string => this.#constant(`${name}/s`, [], Float32Array.of(scale));
  #zero = ({ name, zero }: Quantized): string => this.#constant(`${name}/z`, [], Uint8Array.of(zero));

  #constant(name: string, dims: readonly number[], data: OnnxTensor['data']): string {
    this.#constants.set(name, { name, dims, data });
    return name;
  }
}

interface QuantizedWeights {
  readonly dims: readonly number[];
  readonly data: Int8Array;
  /** By output channel. */
  readonly scales: Float32Array;
}

/** Each output channel `[out, ...]` scaled so that its largest weight is {@link MOST_WEIGHT}. */
function quantizeWeights(data: Float32Array, dims: readonly number[]): QuantizedWeights {
  const channels = dims[0] ?? 1;
  const each = data.length / channels;
  const scales = new Float32Array(channels);
  const quantized = new Int8Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    const part = data.subarray(channel * each, (channel + 1) * each);
    const largest = part.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
    const scale = Math.max(largest, 1e-9) / MOST_WEIGHT;
    scales[channel] = scale;
    for (const [i, value] of part.entries()) quantized[channel * each + i] = Math.round(value / scale);
  }
  return { dims, data: quantized, scales };
}

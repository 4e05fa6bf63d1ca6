import type { Box, ObjectClass } from '../../messages/detection.ts';
import type { ModelFamily } from '../../messages/model.ts';

/** One raw output of a model: values in row-major order with their dimensions. */
export interface RawTensor {
  readonly data: Float32Array | BigInt64Array | Int32Array;
  readonly dims: readonly number[];
}

/** The meaning of an output. */
export type OutputRole = 'boxes' | 'scores' | 'labels' | 'predictions';
export type RawOutputs = Readonly<Partial<Record<OutputRole, RawTensor>>>;

/** The parts of model and settings that a decoder needs. */
export interface DecodeContext {
  /** Size in px of the model's picture. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** Least confidence that counts, 0..1. */
  readonly confidence: number;
  /** By class index; null for classes that Gantry ignores. */
  readonly classes: readonly (ObjectClass | null)[];
  /** Added to a label of the model, to get a class index. */
  readonly labelOffset: number;
}

/** An object in px of the model's picture; not clipped. */
export interface Candidate {
  readonly class: ObjectClass;
  readonly confidence: number;
  readonly bbox: Box;
}

export interface FamilyDecoder {
  readonly family: ModelFamily;
  /** The outputs it reads, with their usual names. */
  readonly outputs: readonly (readonly [role: OutputRole, usualName: string])[];
  /** The shapes of these outputs, for an error message. */
  expected(context: DecodeContext): string;
  /** Whether the outputs of a run have these shapes. */
  fits(outputs: RawOutputs, context: DecodeContext): boolean;
  /** Candidates from outputs that fit, unordered, before NMS. */
  decode(outputs: RawOutputs, context: DecodeContext): Candidate[];
}

/** The output as floats; empty when it is missing or of another type, which `fits` refuses. */
export const floats = (tensor: RawTensor | undefined): Float32Array =>
  tensor?.data instanceof Float32Array ? tensor.data : new Float32Array(0);

/** Whether `tensor` holds 32-bit floats of these dimensions; -1 stands for any. */
export function hasShape(tensor: RawTensor | undefined, dims: readonly number[]): boolean {
  return (
    tensor !== undefined &&
    tensor.data instanceof Float32Array &&
    tensor.dims.length === dims.length &&
    dims.every((dim, axis) => dim === -1 || dim === tensor.dims[axis])
  );
}

/** The classes that Gantry looks for, with their indices. */
export function wantedClasses(
  classes: readonly (ObjectClass | null)[],
): { readonly index: number; readonly class: ObjectClass }[] {
  return classes.flatMap((name, index) => (name === null ? [] : [{ index, class: name }]));
}

/**
 * The best of a row of `count` class values (`first`, `first + step`, ...); null when it is below `least` or not one of
 * `wanted`. A row whose best class is not wanted counts as nothing: a cow is not a weak car.
 */
export function bestClass(
  values: Float32Array,
  first: number,
  step: number,
  wanted: readonly { readonly index: number; readonly class: ObjectClass }[],
  count: number,
  least: number,
): { readonly class: ObjectClass; readonly value: number } | null {
  let best: ObjectClass | null = null;
  let value = least;
  for (const candidate of wanted) {
    const own = values[first + candidate.index * step] ?? -Infinity;
    if (own >= value) {
      value = own;
      best = candidate.class;
    }
  }
  if (best === null) return null;
  for (let index = 0; index < count; index++) if ((values[first + index * step] ?? -Infinity) > value) return null;
  return { class: best, value };
}

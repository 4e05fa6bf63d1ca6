import type { Box, ObjectClass } from '../../messages/detection.ts';
import type { ModelFamily } from '../../messages/model.ts';

/** One raw output of a model: values in row-major order with their dimensions. */
export interface RawTensor {
  readonly data: Float32Array | BigInt64Array | Int32Array;
  readonly dims: readonly number[];
}

/** What an output is for. */
export type OutputRole = 'boxes' | 'scores' | 'labels' | 'predictions';
export type RawOutputs = Readonly<Partial<Record<OutputRole, RawTensor>>>;

/** What a decoder has to know of the model and the run. */
export interface DecodeContext {
  /** Size in px of the model's picture. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** Least confidence that counts, 0..1. */
  readonly confidence: number;
  /** By class index; null for a class nobody asked for. */
  readonly classes: readonly (ObjectClass | null)[];
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
  /** The outputs it reads, with the names they usually have. */
  readonly outputs: readonly (readonly [role: OutputRole, usualName: string])[];
  /** What the outputs must look like, for people. */
  expected(context: DecodeContext): string;
  /** Whether outputs of a run have the shape this family has. */
  fits(outputs: RawOutputs, context: DecodeContext): boolean;
  /** Candidates from outputs that fit. */
  decode(outputs: RawOutputs, context: DecodeContext): Candidate[];
}

/** The output as floats; an empty one where it is missing or holds something else (`fits` has refused that before). */
export const floats = (tensor: RawTensor | undefined): Float32Array =>
  tensor?.data instanceof Float32Array ? tensor.data : new Float32Array(0);

/** Whether `tensor` holds 32-bit floats of exactly these dimensions; -1 stands for any. */
export function hasShape(tensor: RawTensor | undefined, dims: readonly number[]): boolean {
  return (
    tensor !== undefined &&
    tensor.data instanceof Float32Array &&
    tensor.dims.length === dims.length &&
    dims.every((dim, axis) => dim === -1 || dim === tensor.dims[axis])
  );
}

/** Indices of the classes somebody asked for. */
export function wantedClasses(
  classes: readonly (ObjectClass | null)[],
): { readonly index: number; readonly class: ObjectClass }[] {
  return classes.flatMap((name, index) => (name === null ? [] : [{ index, class: name }]));
}

/**
 * The best of a row of class values (`first`, `first + step`, ...), when it is at least `least` and a class somebody
 * asked for. A row whose best class is an unwanted one is nothing: a cow is not a weak car.
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

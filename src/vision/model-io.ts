import type { ModelFamily, ModelSpec } from '../messages/model.ts';
import type { FamilyDecoder, OutputRole } from './decoders/decoder.ts';
import { DetectorError } from './vision-error.ts';
import type { InputFormat } from './letterbox.ts';

/** An input or output as the model file declares it; an open dimension is a name or a number below 1. */
export interface Port {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** How to feed a model and read it: its spec applied to its file. */
export interface ModelPlan {
  readonly inputName: string;
  readonly format: InputFormat;
  /** Second input of some `detr` models: the size `[width, height]` in whose px boxes are returned. */
  readonly sizeInput: string | null;
  readonly outputNames: ReadonlyMap<OutputRole, string>;
}

type Usual = Pick<InputFormat, 'channelOrder' | 'mean' | 'std' | 'fit' | 'padValue'>;

/** How each family is trained: value range, channel order, and how pictures are fitted. */
const USUAL: Readonly<Record<ModelFamily, Usual>> = {
  // Padding is 0 after normalisation: the network is used to that from its own padding.
  ssd: {
    channelOrder: 'rgb',
    mean: [127.5, 127.5, 127.5],
    std: [127.5, 127.5, 127.5],
    fit: 'letterbox-centre',
    padValue: 127.5,
  },
  yolox: { channelOrder: 'bgr', mean: [0, 0, 0], std: [1, 1, 1], fit: 'letterbox-top-left', padValue: 114 },
  detr: { channelOrder: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], fit: 'stretch', padValue: 114 },
  // Its processor scales to 0..1 and does not normalise.
  dfine: { channelOrder: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], fit: 'stretch', padValue: 114 },
  yolov8: { channelOrder: 'rgb', mean: [0, 0, 0], std: [255, 255, 255], fit: 'letterbox-centre', padValue: 114 },
};

const show = (ports: readonly Port[]): string =>
  ports.map((port) => `${port.name} ${port.type}[${port.shape.join(',')}]`).join(', ') || 'none';

/** The refusal of a model that is not what its spec says. */
export function mismatch(model: ModelSpec, expected: string, found: string): DetectorError {
  return new DetectorError(
    'MODEL_MISMATCH',
    `model "${model.name}" does not fit the family "${model.family}": expected ${expected}; found ${found}. ` +
      "Correct family, input or classes in the model's spec.",
    { model: model.name, family: model.family, expected, found },
  );
}

/** Applies a spec to the inputs and outputs of the model file. Throws `DetectorError` (`MODEL_MISMATCH`). */
export function planModel(
  model: ModelSpec,
  inputs: readonly Port[],
  outputs: readonly Port[],
  decoder: FamilyDecoder,
): ModelPlan {
  const picture = pictureInput(model, inputs);
  const rest = inputs.filter((port) => port !== picture);
  const [sizeInput] = rest;
  const takesSize = model.family === 'detr' && rest.length === 1 && sizeInput?.type === 'int64';
  if (rest.length > 0 && !takesSize) {
    const allowed = model.family === 'detr' ? 'a picture and at most one int64 input for its size' : 'one input';
    throw mismatch(model, allowed, show(inputs));
  }
  return {
    inputName: picture.name,
    format: inputFormat(model, picture),
    sizeInput: takesSize ? sizeInput.name : null,
    outputNames: outputNames(model, outputs, decoder),
  };
}

function pictureInput(model: ModelSpec, inputs: readonly Port[]): Port {
  const wanted = model.input.name;
  const pictures = inputs.filter((port) => (wanted === undefined ? port.shape.length === 4 : port.name === wanted));
  const [picture] = pictures;
  if (picture === undefined || pictures.length > 1 || picture.shape.length !== 4) {
    throw mismatch(
      model,
      wanted === undefined ? 'one input of rank 4' : `an input "${wanted}" of rank 4`,
      show(inputs),
    );
  }
  if (picture.type !== 'float32')
    throw mismatch(model, `float32 input "${picture.name}" (export the model with float32 inputs)`, show([picture]));
  return picture;
}

function inputFormat(model: ModelSpec, picture: Port): InputFormat {
  const { input } = model;
  const layout = input.layout ?? (picture.shape[3] === 3 && picture.shape[1] !== 3 ? 'nhwc' : 'nchw');
  const [channelAxis, heightAxis, widthAxis] = layout === 'nchw' ? [1, 2, 3] : [3, 1, 2];
  const fixed = (axis: number): number | null => {
    const dim = picture.shape[axis];
    return typeof dim === 'number' && dim > 0 ? dim : null;
  };
  if ((fixed(channelAxis) ?? 3) !== 3)
    throw mismatch(model, `3 channels at axis ${channelAxis} (${layout})`, show([picture]));
  if ((fixed(0) ?? 1) !== 1) throw mismatch(model, 'a batch of 1', show([picture]));
  const size = (axis: number, asked: number | undefined, name: 'width' | 'height'): number => {
    const own = fixed(axis);
    if (own !== null && asked !== undefined && own !== asked)
      throw mismatch(model, `input.${name} ${asked} as the spec says`, show([picture]));
    const value = own ?? asked;
    if (value === undefined)
      throw mismatch(model, `input.${name} in the spec, as the model file leaves it open`, show([picture]));
    return value;
  };
  const usual = USUAL[model.family];
  return {
    layout,
    width: size(widthAxis, input.width, 'width'),
    height: size(heightAxis, input.height, 'height'),
    channelOrder: input.channelOrder ?? usual.channelOrder,
    mean: input.mean ?? usual.mean,
    std: input.std ?? usual.std,
    fit: input.fit ?? usual.fit,
    padValue: input.padValue ?? usual.padValue,
  };
}

/** By the name the spec gives, else by the family's usual name, else, for families with one output, the only one. */
function outputNames(
  model: ModelSpec,
  outputs: readonly Port[],
  decoder: FamilyDecoder,
): ReadonlyMap<OutputRole, string> {
  const names = new Map<OutputRole, string>();
  const only = decoder.outputs.length === 1 && outputs.length === 1 ? outputs[0] : undefined;
  for (const [role, usual] of decoder.outputs) {
    const asked = model.outputs[role];
    const port = outputs.find((output) => output.name === (asked ?? usual)) ?? (asked === undefined ? only : undefined);
    if (port === undefined) {
      throw mismatch(
        model,
        `an output "${asked ?? usual}" (${role}; name it in the spec's outputs if the model calls it otherwise)`,
        show(outputs),
      );
    }
    names.set(role, port.name);
  }
  return names;
}

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MOST } from '../messages/bounds.ts';
import type { LocatedModel } from '../messages/model.ts';
import { classTable } from './classes.ts';
import type { DecodeContext, RawOutputs, RawTensor } from './decoders/decoder.ts';
import { decoders } from './decoders/index.ts';
import { DetectorError } from './vision-error.ts';
import { displayOf, type Frame, type FrameSize } from './frame.ts';
import { sizeToFit, toDisplay } from './letterbox.ts';
import { Preprocessor } from './preprocessor.ts';
import { mismatch, planModel } from './model-io.ts';
import type { ModelPlan, Port } from './model-io.ts';
import { suppress } from './nms.ts';
import type { Detector, DetectorOptions, NativeGuard, RawDetection } from './vision.types.ts';

export type { Detector, DetectorOptions, NativeGuard, RawDetection } from './vision.types.ts';

const unguarded: NativeGuard = (work) => work();

/**
 * Loads a model and runs it once on an empty picture, so that a model that does not fit its family is refused here, not
 * at a camera's first frame. Rejects with `DetectorError` (`MODEL_UNREADABLE`, `MODEL_MISMATCH`).
 */
export async function createDetector(model: LocatedModel, options: DetectorOptions = {}): Promise<Detector> {
  const { confidence = 0.35, iou = 0.5, maxDetections = MOST.objects, native = unguarded } = options;
  const session = await load(model, options.intraOpThreads ?? 1, native);
  try {
    const decoder = decoders[model.family];
    const plan = planModel(model, ports(session.inputMetadata), ports(session.outputMetadata), decoder);
    const { format } = plan;
    const context: DecodeContext = {
      inputWidth: format.width,
      inputHeight: format.height,
      confidence,
      classes: classTable(model.classes),
      labelOffset: model.labelOffset,
    };
    const prepare = new Preprocessor(format);
    const dims = format.layout === 'nchw' ? [1, 3, format.height, format.width] : [1, format.height, format.width, 3];
    const feeds: Record<string, Tensor> = { [plan.inputName]: new Tensor('float32', prepare.data, dims) };
    if (plan.sizeInput !== null) {
      feeds[plan.sizeInput] = new Tensor(
        'int64',
        BigInt64Array.of(BigInt(format.width), BigInt(format.height)),
        [1, 2],
      );
    }
    const infer = (guard: NativeGuard): Promise<RawOutputs> => run(session, feeds, plan, model, guard);

    const first = await infer(native);
    if (!decoder.fits(first, context)) throw mismatch(model, decoder.expected(context), showOutputs(first, plan));

    let released = false;
    let current: Promise<unknown> | null = null;

    async function find(frame: Frame, guard: NativeGuard): Promise<RawDetection[]> {
      const placement = prepare.run(frame);
      const display = displayOf(frame);
      const kept = suppress(decoder.decode(await infer(guard), context), { iou, maxDetections });
      return kept.flatMap((candidate) => {
        const bbox = toDisplay(candidate.bbox, placement, display);
        return bbox === null ? [] : [{ class: candidate.class, confidence: Math.min(1, candidate.confidence), bbox }];
      });
    }

    return {
      modelType: model.name,
      inputSize: sizeToFit(format),

      async detect(frame: Frame, guard: NativeGuard): Promise<RawDetection[]> {
        if (released)
          throw new DetectorError('RELEASED', `detector "${model.name}" was released`, { model: model.name });
        if (current !== null)
          throw new DetectorError('BUSY', `detector "${model.name}" is still busy with the frame before`, {
            model: model.name,
          });
        checkFrame(frame, model);
        const work = find(frame, guard);
        current = work;
        try {
          return await work;
        } finally {
          current = null;
        }
      },

      async release(guard: NativeGuard = unguarded): Promise<void> {
        if (released) return;
        released = true;
        // A running `detect` ends first. Its failure is reported to its own caller.
        await current?.catch(() => null);
        await guard(() => session.release());
      },
    };
  } catch (error) {
    await native(() => session.release());
    throw error;
  }
}

async function load(model: LocatedModel, intraOpThreads: number, native: NativeGuard): Promise<InferenceSession> {
  try {
    return await native(() =>
      InferenceSession.create(model.path, {
        executionProviders: ['cpu'],
        intraOpNumThreads: intraOpThreads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      }),
    );
  } catch (error) {
    throw new DetectorError(
      'MODEL_UNREADABLE',
      `model "${model.name}" cannot be loaded from ${model.path}: ${messageOf(error)}`,
      { model: model.name, path: model.path },
      error,
    );
  }
}

async function run(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  plan: ModelPlan,
  model: LocatedModel,
  native: NativeGuard,
): Promise<RawOutputs> {
  const names = [...plan.outputNames.values()];
  try {
    const results = await native(() => session.run(feeds, names));
    return Object.fromEntries([...plan.outputNames].map(([role, name]) => [role, rawTensor(results[name])]));
  } catch (error) {
    throw new DetectorError(
      'INFERENCE_FAILED',
      `model "${model.name}" failed: ${messageOf(error)}`,
      { model: model.name },
      error,
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A tensor of a type that no decoder reads becomes an empty one, which fits no family. */
function rawTensor(value: InferenceSession.ReturnType[string] | undefined): RawTensor {
  if (value instanceof Tensor) {
    const { data, dims } = value;
    if (data instanceof Float32Array || data instanceof BigInt64Array || data instanceof Int32Array)
      return { data, dims };
  }
  return { data: new Int32Array(0), dims: [] };
}

const ports = (metadata: readonly InferenceSession.ValueMetadata[]): Port[] =>
  metadata.map((port) =>
    port.isTensor
      ? { name: port.name, type: port.type, shape: port.shape }
      : { name: port.name, type: 'no tensor', shape: [] },
  );

function showOutputs(outputs: RawOutputs, plan: ModelPlan): string {
  return [...plan.outputNames]
    .map(
      ([role, name]) => `${name} ${outputs[role]?.data.constructor.name ?? ''}[${outputs[role]?.dims.join(',') ?? ''}]`,
    )
    .join(', ');
}

function checkFrame(frame: Frame, model: LocatedModel): void {
  const expected = frame.width * frame.height * 3;
  const display = displayOf(frame);
  if (isSize(display) && isSize(frame) && frame.data.length === expected) return;
  throw new DetectorError(
    'BAD_FRAME',
    `a ${frame.width}x${frame.height} frame, shown at ${display.width}x${display.height}, needs ${expected} bytes of ` +
      `rgb24, this one has ${frame.data.length}`,
    {
      model: model.name,
      width: frame.width,
      height: frame.height,
      bytes: frame.data.length,
    },
  );
}

const isSize = ({ width, height }: FrameSize): boolean =>
  Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;

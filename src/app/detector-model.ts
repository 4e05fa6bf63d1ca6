import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../infra/log.ts';
import { InfraError } from '../infra/infra-error.ts';
import { describeRecord, int8Variant, objection, readRecord } from '../int8/int8-record.ts';
import type { LocatedModel } from '../messages/model.ts';
import { findEntry, isSpecFile, loadModelSpec, readManifest } from '../model-store/manifest.ts';
import { canQuantize, pullModel } from '../model-store/pull.ts';
import { lastLines, runProgram } from '../provision/command.ts';
import { PROJECT_ROOT } from '../provision/folders.ts';
import { hasDemoFootage } from '../provision/footage.ts';
import { asError } from '../runtime/errors.ts';
import type { ModelPrecision } from './config.ts';

export interface WantedModel {
  /** A name in the manifest, or an operator's spec file. */
  readonly model: string;
  readonly precision: ModelPrecision;
}

/**
 * The detector of a name in the manifest, which is fetched when it is missing, or of an operator's spec file; in 8 bits
 * where that is wanted. Rejects with `ModelStoreError`, or `CONFIG_INVALID`.
 */
export async function useModel({ model, precision }: WantedModel, log: Log): Promise<LocatedModel> {
  if (isSpecFile(model)) {
    if (precision === 'int8') throw noInt8(model, 'only models that Gantry converts itself have an 8-bit variant');
    return ownModel(model);
  }
  const { spec } = await pullModel(model, {
    onProgress: ({ stage, message }) => stage !== 'present' && log.info({ step: 'model', stage }, message),
  });
  if (precision === 'float') return spec;
  const why = await reasonForFloat(spec, precision, log);
  if (why === null) return int8Variant(spec);
  if (precision === 'int8') throw noInt8(model, why);
  log.info({ step: 'model' }, `the detector computes in floats: ${why}`);
  return spec;
}

/**
 * As {@link useModel}, for a release, which names a detector of the manifest only: a file would be one of whichever
 * machine. In 8 bits where that is wanted and the model has such a variant.
 */
export function useReleasedModel({ model, precision }: WantedModel, log: Log): Promise<LocatedModel> {
  if (isSpecFile(model))
    return Promise.reject(
      new InfraError('CONFIG_INVALID', `a release names a detector of the manifest, not a file: ${model}`, {
        field: 'changes.detector',
        value: model,
      }),
    );
  return useModel({ model, precision: precision === 'float' ? 'float' : 'auto' }, log);
}

async function ownModel(file: string): Promise<LocatedModel> {
  const spec = await loadModelSpec(file);
  try {
    await access(spec.path);
  } catch (thrown) {
    throw new InfraError(
      'CONFIG_INVALID',
      `model ${spec.name}: there is no file ${spec.path}; the path in ${file} is relative to that file`,
      { model: spec.name, path: spec.path },
      thrown,
    );
  }
  return spec;
}

const noInt8 = (model: string, why: string): InfraError =>
  new InfraError('CONFIG_INVALID', `GANTRY_MODEL_PRECISION is int8, which ${model} cannot have: ${why}`, {
    field: 'GANTRY_MODEL_PRECISION',
    value: 'int8',
  });

/** Null when the 8-bit variant is there, made now if need be, and good enough. Never rejects. */
async function reasonForFloat(spec: LocatedModel, precision: ModelPrecision, log: Log): Promise<string | null> {
  try {
    if (!canQuantize(findEntry(await readManifest(), spec.name))) return 'this model has no 8-bit variant';
    let record = await readRecord(spec);
    if (record === null) {
      if (!hasDemoFootage()) return 'an 8-bit detector needs the demo footage ("npm run gantry -- prepare" gets both)';
      await quantizeApart(spec.name, log);
      record = await readRecord(spec);
    }
    if (record === null) return 'its 8-bit variant is not there';
    log.info({ step: 'model' }, describeRecord(record));
    return precision === 'int8' ? null : objection(record);
  } catch (thrown) {
    return `its 8-bit variant could not be made: ${asError(thrown).message}`;
  }
}

const QUANTIZE_TIMEOUT_MS = 180_000;

/** In a process of its own, which takes onnxruntime and its memory along when it ends. */
async function quantizeApart(name: string, log: Log): Promise<void> {
  const command = [join(PROJECT_ROOT, 'src', 'cli', 'cli.ts'), 'quantize', name];
  const { code, stderr } = await runProgram(process.execPath, command, {
    timeoutMs: QUANTIZE_TIMEOUT_MS,
    onLine: (line) => log.info({ step: 'model' }, line),
  });
  if (code !== 0) throw new Error(lastLines(stderr));
}

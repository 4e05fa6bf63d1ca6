import { describeRecord, type Int8Record, objection } from '../int8/int8-record.ts';
import { makeInt8 } from '../int8/make-int8.ts';
import { findEntry, readManifest } from '../model-store/manifest.ts';
import { ModelStoreError } from '../model-store/model-error.ts';
import { canQuantize, pullModel } from '../model-store/pull.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import type { Output } from './output.ts';

/** A variant that was made. */
export interface Quantized {
  readonly name: string;
  readonly record: Int8Record;
  /** Why a start does not use it; null: it does. */
  readonly objection: string | null;
  /** Its figures as a line. */
  readonly text: string;
}

/** `gantry quantize`. Exit code 0: it is there, and may be too bad to be used. Rejects as {@link quantizeModel}. */
export async function run({ name }: { readonly name: string | undefined }, output: Output): Promise<number> {
  const progress = await output.progress(name ?? 'default model', 'lines');
  const { text, ...made } = await quantizeModel(name ?? null, (line) => progress.at(null, line)).finally(() =>
    progress.end(),
  );
  output.result(made, text);
  return 0;
}

/**
 * Pulls the model of this name (null: the default one) and makes its 8-bit variant. Rejects as `pullModel` and
 * `makeInt8`.
 */
export async function quantizeModel(name: string | null, onProgress: (line: string) => void): Promise<Quantized> {
  const manifest = await readManifest();
  const entry = findEntry(manifest, name ?? manifest.default);
  if (!canQuantize(entry))
    throw new ModelStoreError(
      'CONVERSION',
      `${entry.name} has no 8-bit variant: only models that Gantry converts itself can have one`,
      { name: entry.name },
    );
  const { spec } = await pullModel(entry.name);
  const { path: ffmpeg } = await findFfmpeg();
  const footage = (): Promise<string> => ensureDemoFootage({ ffmpeg, onProgress });
  const record = await makeInt8({ model: spec, ffmpeg, footage, onProgress });
  const reason = objection(record);
  const text = `${describeRecord(record)}${reason === null ? '' : `; not used: ${reason}`}`;
  return { name: entry.name, record, objection: reason, text };
}

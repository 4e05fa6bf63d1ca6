import { basename } from 'node:path';
import { stringify } from 'yaml';
import { ModelFamily } from '../messages/model.ts';
import type { LocatedModel } from '../messages/model.ts';
import { MODELS_DIR, loadModelSpec, readManifest } from '../model-store/manifest.ts';
import type { ManifestEntry } from '../model-store/manifest.ts';
import { isPulled, pullModel } from '../model-store/pull.ts';
import { createDetector } from '../vision/detector.ts';
import { DetectorError } from '../vision/vision-error.ts';
import { CommandError } from './command-errors.ts';
import type { Output } from './output.ts';

interface ModelsDir {
  readonly 'models-dir': string | undefined;
}

// `gantry models ...`. Exit code 0: done. They reject with a ModelStoreError, and `check` with a DetectorError.

export async function list(args: ModelsDir, output: Output): Promise<number> {
  const modelsDir = args['models-dir'] ?? MODELS_DIR;
  const manifest = await readManifest(modelsDir);
  const models = await Promise.all(
    manifest.models.map(async (model) => ({ ...model, ready: await isPulled(model, modelsDir) })),
  );
  const rows = models.map((model) => [
    `${model.name}${model.name === manifest.default ? ' *' : ''}`,
    model.family,
    inputOf(model),
    model.bytes === undefined ? '-' : `${(model.bytes / 1e6).toFixed(1)} MB`,
    model.ap?.toFixed(1) ?? '-',
    costOf(model),
    model.licence,
    model.ready
      ? 'ready'
      : model.source.kind === 'file'
        ? `put ${model.file} into ${modelsDir}`
        : `npm run gantry -- models pull ${model.name}`,
  ]);
  output.result(
    {
      default: manifest.default,
      models: models.map(({ name, family, input, bytes = null, ap = null, cost = null, licence, ready }) => ({
        name,
        family,
        input,
        bytes,
        ap,
        cost,
        licence,
        ready,
      })),
    },
    [
      ...tableOf([['NAME (* default)', 'FAMILY', 'INPUT', 'SIZE', 'AP', 'COST', 'LICENCE', 'STATE'], ...rows]),
      'AP: published, on COCO. COST of a picture: ms of a core as measured, else operations as published.',
    ].join('\n'),
  );
  return 0;
}

const inputOf = ({ input: { width, height } }: ManifestEntry): string =>
  width === undefined || height === undefined ? 'any' : `${width}x${height}`;

const costOf = ({ cost }: ManifestEntry): string => {
  if (cost?.ms !== undefined) return `${cost.ms} ms`;
  return cost?.gflops === undefined ? '-' : `${cost.gflops} GFLOPs`;
};

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, column) => Math.max(all[column] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export async function pull(args: ModelsDir & { readonly name: string | undefined }, output: Output): Promise<number> {
  const modelsDir = args['models-dir'] ?? MODELS_DIR;
  const wanted = args.name ?? (await readManifest(modelsDir)).default;
  const progress = await output.progress(wanted, 'lines');
  const { path, spec } = await pullModel(wanted, {
    modelsDir,
    onProgress: ({ stage, message, fraction }) => progress.at(fraction, message, stage),
  }).finally(() => progress.end());
  output.result({ name: spec.name, family: spec.family, path }, `${spec.name}: ready in ${path}`);
  return 0;
}

/** Rejects `CHECK_FAILED` for a file that fits no family. */
export async function check(args: ModelsDir & { readonly file: string }, output: Output): Promise<number> {
  const { file } = args;
  if (!file.toLowerCase().endsWith('.onnx')) {
    const spec = await loadModelSpec(file, args['models-dir'] ?? MODELS_DIR);
    await tryModel(spec);
    output.result({ name: spec.name, family: spec.family, spec }, `${spec.name}: fits the family "${spec.family}"`);
    return 0;
  }
  const refusals: string[] = [];
  for (const candidate of candidates(file)) {
    try {
      await tryModel(candidate);
    } catch (error) {
      if (!(error instanceof DetectorError) || error.code === 'MODEL_UNREADABLE') throw error;
      refusals.push(error.message);
      continue;
    }
    const { name, family, classes, input } = candidate;
    const spec = { name, family, path: file, classes, input };
    output.say(`${file} fits the family "${family}". A spec for it:\n`);
    output.result({ name, family, spec }, stringify(spec).trimEnd());
    return 0;
  }
  throw new CommandError(
    'CHECK_FAILED',
    `${file} fits no family as it is; a spec file may say more about it.\n- ${refusals.join('\n- ')}`,
  );
}

/** Every family at the size that the file fixes, then at a usual size, for files that leave it open. */
function candidates(path: string): LocatedModel[] {
  const name = basename(path)
    .replace(/\.onnx$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 64);
  return [{}, { width: 640, height: 640 }].flatMap((input) =>
    ModelFamily.options.map((family): LocatedModel => ({
      name,
      family,
      path,
      input,
      outputs: {},
      classes: family === 'ssd' ? 'coco90' : 'coco80',
      labelOffset: 0,
    })),
  );
}

async function tryModel(spec: LocatedModel): Promise<void> {
  const detector = await createDetector(spec);
  await detector.release();
}

import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { ModelFamily } from '../messages/model.ts';
import type { LocatedModel } from '../messages/model.ts';
import { ModelStoreError } from '../model-store/model-error.ts';
import { MODELS_DIR, loadModelSpec, readManifest } from '../model-store/manifest.ts';
import type { ManifestEntry } from '../model-store/manifest.ts';
import { isPulled, pullModel } from '../model-store/pull.ts';
import type { PullProgress } from '../model-store/pull.ts';
import { createDetector } from '../vision/detector.ts';
import { DetectorError } from '../vision/vision-error.ts';

const USAGE = `usage: npm run gantry -- models list
       npm run gantry -- models pull [NAME]   fetch and convert a model of the manifest (default: its default)
       npm run gantry -- models check FILE    try a .onnx, a spec file (.yaml, .json) or a model by name: does it fit?
options: --models-dir DIR                     default: models/ of the project`;

/** `npm run gantry -- models …`. Exit code 0: done; 1: failed (the reason is on stderr); 2: wrong arguments. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const parsed = readArguments(args);
  if (parsed === null) {
    console.error(USAGE);
    return 2;
  }
  const { verb, name, modelsDir } = parsed;
  try {
    switch (verb) {
      case 'list':
        return await list(modelsDir);
      case 'pull':
        return await pull(name, modelsDir);
      case 'check':
        return await check(name, modelsDir);
    }
  } catch (error) {
    if (!(error instanceof ModelStoreError || error instanceof DetectorError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    return 1;
  }
}

interface Request {
  readonly verb: 'list' | 'pull' | 'check';
  readonly name: string;
  readonly modelsDir: string;
}

function readArguments(args: string[]): Request | null {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { 'models-dir': { type: 'string' } },
    });
    const [verb, name = ''] = positionals;
    if (positionals.length > 2 || (verb !== 'list' && verb !== 'pull' && verb !== 'check')) return null;
    if ((verb === 'check' && name === '') || (verb === 'list' && name !== '')) return null;
    return { verb, name, modelsDir: values['models-dir'] ?? MODELS_DIR };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return null;
  }
}

async function list(modelsDir: string): Promise<number> {
  const manifest = await readManifest(modelsDir);
  const rows = await Promise.all(
    manifest.models.map(async (model) => {
      const ready = await isPulled(model, modelsDir);
      const state = ready
        ? 'ready'
        : model.source.kind === 'file'
          ? `put ${model.file} into ${modelsDir}`
          : `npm run gantry -- models pull ${model.name}`;
      return [
        `${model.name}${model.name === manifest.default ? ' *' : ''}`,
        model.family,
        inputOf(model),
        model.bytes === undefined ? '-' : `${(model.bytes / 1e6).toFixed(1)} MB`,
        model.ap?.toFixed(1) ?? '-',
        costOf(model),
        model.licence,
        state,
      ];
    }),
  );
  printTable([['NAME (* default)', 'FAMILY', 'INPUT', 'SIZE', 'AP', 'COST', 'LICENCE', 'STATE'], ...rows]);
  console.log('AP: published, on COCO. COST of a picture: ms of a core as measured, else operations as published.');
  return 0;
}

const inputOf = ({ input: { width, height } }: ManifestEntry): string =>
  width === undefined || height === undefined ? 'any' : `${width}x${height}`;

const costOf = ({ cost }: ManifestEntry): string => {
  if (cost?.ms !== undefined) return `${cost.ms} ms`;
  return cost?.gflops === undefined ? '-' : `${cost.gflops} GFLOPs`;
};

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, column) => Math.max(all[column] ?? 0, cell.length)),
    [],
  );
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

async function pull(name: string, modelsDir: string): Promise<number> {
  const wanted = name === '' ? (await readManifest(modelsDir)).default : name;
  await pullModel(wanted, { modelsDir, onProgress: createProgressPrinter() });
  return 0;
}

/** Prints a line for each stage, and one for each tenth of a download of known size. */
function createProgressPrinter(): (progress: PullProgress) => void {
  let last = '';
  return ({ stage, message, fraction }) => {
    const step = `${stage} ${fraction === null ? '' : Math.floor(fraction * 10)}`;
    if (step === last) return;
    last = step;
    console.log(message);
  };
}

async function check(nameOrFile: string, modelsDir: string): Promise<number> {
  if (!nameOrFile.toLowerCase().endsWith('.onnx')) {
    const spec = await loadModelSpec(nameOrFile, modelsDir);
    await tryModel(spec);
    console.log(`${spec.name}: fits the family "${spec.family}"`);
    return 0;
  }
  const refusals: string[] = [];
  for (const spec of candidates(nameOrFile)) {
    try {
      await tryModel(spec);
    } catch (error) {
      if (!(error instanceof DetectorError) || error.code === 'MODEL_UNREADABLE') throw error;
      refusals.push(error.message);
      continue;
    }
    console.log(`${nameOrFile} fits the family "${spec.family}". A spec for it:\n`);
    console.log(
      stringify({
        name: spec.name,
        family: spec.family,
        path: nameOrFile,
        classes: spec.classes,
        input: spec.input,
      }).trimEnd(),
    );
    return 0;
  }
  console.error(
    `${nameOrFile} fits no family as it is; a spec file may say more about it.\n- ${refusals.join('\n- ')}`,
  );
  return 1;
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

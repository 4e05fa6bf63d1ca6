import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Gantry's own folder, where package.json is. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');

/** For files that can be downloaded again. */
export const CACHE_DIR = join(PROJECT_ROOT, '.cache');

/**
 * Makes `target` (a file or a folder) complete or not at all: `build` writes to a path beside it, which is then
 * renamed. A failed build leaves nothing; the leftovers of a killed one are removed by the next. Call it under the
 * target's lock.
 */
export async function buildAtomically(target: string, build: (path: string) => Promise<void>): Promise<void> {
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  // The extension stays last, because ffmpeg chooses the format by it.
  const prefix = '.partial-';
  const suffix = `-${basename(target)}`;
  const removePartials = async (): Promise<void> => {
    for (const name of await readdir(folder)) {
      if (name.startsWith(prefix) && (name.endsWith(suffix) || name.endsWith(`${suffix}.debs`)))
        await rm(join(folder, name), { recursive: true, force: true });
    }
  };
  await removePartials();
  const partial = join(folder, `${prefix}${process.pid}${suffix}`);
  try {
    await build(partial);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
  } finally {
    await removePartials();
  }
}

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Where a running Gantry can be reached: written at the start, removed at the stop, read by the command line. */
export const RuntimeFile = z.object({
  pid: z.int(),
  httpUrl: z.url(),
  natsUrl: z.string(),
  redisUrl: z.string().nullable(),
});
export type RuntimeFile = z.infer<typeof RuntimeFile>;

const fileOf = (dataDir: string): string => join(dataDir, 'gantry.json');

/** Mode 0600: the URLs may hold passwords. */
export async function writeRuntimeFile(dataDir: string, content: RuntimeFile): Promise<void> {
  const file = fileOf(dataDir);
  await writeFile(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export const removeRuntimeFile = (dataDir: string): Promise<void> => rm(fileOf(dataDir), { force: true });

/** Null when no Gantry runs on this data folder, as far as the file tells. */
export async function readRuntimeFile(dataDir: string): Promise<RuntimeFile | null> {
  try {
    return RuntimeFile.parse(JSON.parse(await readFile(fileOf(dataDir), 'utf8')));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw thrown;
  }
}

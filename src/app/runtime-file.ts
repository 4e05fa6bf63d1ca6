import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { StorageError } from '../storage/errors.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';

/** Where a running Gantry can be reached: written at the start, removed at the stop, read by the command line. */
export const RuntimeFile = z.object({
  pid: z.int(),
  httpUrl: z.url(),
  natsUrl: z.string(),
  redisUrl: z.string().nullable(),
});
export type RuntimeFile = z.infer<typeof RuntimeFile>;

const fileOf = (dataDir: string): string => join(dataDir, 'gantry.json');
const BOUNDS = { maxLength: 65_536, maxParts: 100 };

/** Mode 0600: the URLs may hold passwords. Rejects `DISK_FULL` or `NOT_WRITABLE`. */
export const writeRuntimeFile = (dataDir: string, content: RuntimeFile): Promise<void> =>
  writeWhole(fileOf(dataDir), `${JSON.stringify(content, null, 2)}\n`);

export const removeRuntimeFile = (dataDir: string): Promise<void> => rm(fileOf(dataDir), { force: true });

/** Null when no Gantry runs on this data folder, as far as the file tells. Rejects `MALFORMED`, `NOT_READABLE`. */
export async function readRuntimeFile(dataDir: string): Promise<RuntimeFile | null> {
  const file = fileOf(dataDir);
  const text = await readWhole(file, BOUNDS.maxLength);
  if (text === null) return null;
  const parsed = RuntimeFile.safeParse(parseJson(text, file, BOUNDS));
  if (parsed.success) return parsed.data;
  throw new StorageError('MALFORMED', `${file} does not say where Gantry runs: restart Gantry, which writes it anew`, { file });
}

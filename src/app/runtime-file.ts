import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { natsContext } from '../servers/nats-url.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';

/** Addresses of a running Gantry: written at the start, removed at the stop, read by the commands. */
export const RuntimeFile = z.object({
  pid: z.int(),
  httpUrl: z.url(),
  /** With user and password; as `src/servers/nats-url.ts` reads it. */
  natsUrl: z.string(),
  /** With user and password; as `src/servers/redis-url.ts` reads it. */
  redisUrl: z.string().nullable(),
  /** For the NATS CLI: `nats --context FILE`. */
  natsContext: z.string(),
});
export type RuntimeFile = z.infer<typeof RuntimeFile>;

const fileOf = (dataDir: string): string => join(dataDir, 'gantry.json');
const BOUNDS = { maxLength: 65_536, maxParts: 100 };
/** The name ends in `.json`, so that the NATS CLI reads the file as a context. */
const contextOf = (dataDir: string): string => resolve(dataDir, 'nats-context.json');

/**
 * Writes the runtime file, and a context for the NATS CLI beside it; both mode 0600, because they hold passwords.
 * Resolves to the file's content. Rejects `DISK_FULL` or `NOT_WRITABLE`.
 */
export async function writeRuntimeFile(
  dataDir: string,
  content: Omit<RuntimeFile, 'natsContext'>,
): Promise<RuntimeFile> {
  const file = { ...content, natsContext: contextOf(dataDir) };
  await writeWhole(file.natsContext, jsonOf(natsContext(content.natsUrl)));
  await writeWhole(fileOf(dataDir), jsonOf(file));
  return file;
}

const jsonOf = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

export async function removeRuntimeFile(dataDir: string): Promise<void> {
  for (const file of [fileOf(dataDir), contextOf(dataDir)]) await rm(file, { force: true });
}

/** Null when there is no file, so that no Gantry runs on this data folder. Rejects `MALFORMED` or `NOT_READABLE`. */
export async function readRuntimeFile(dataDir: string): Promise<RuntimeFile | null> {
  const file = fileOf(dataDir);
  const text = await readWhole(file, BOUNDS.maxLength);
  if (text === null) return null;
  const parsed = RuntimeFile.safeParse(parseJson(text, file, BOUNDS));
  if (parsed.success) return parsed.data;
  throw new StorageError('MALFORMED', `${file} does not say where Gantry runs: restart Gantry, which writes it anew`, {
    file,
  });
}

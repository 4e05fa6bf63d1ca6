import { readRuntimeFile } from '../app/runtime-file.ts';
import { secretFromEnv } from '../keys/env-secret.ts';
import { readManifest } from '../model-store/manifest.ts';
import { dataFolderOf } from './chosen-data-folder.ts';

/** Longest wait for the running Gantry while somebody presses TAB. */
const ANSWER_MS = 500;
const MOST_CAMERAS = 200;

/**
 * Values that complete `words`, the command line after `gantry` with the word being written last: names of models, ids
 * of the running Gantry's cameras. Null where only commands and options fit. Does not reject: without an answer there
 * are no values.
 */
export async function knownValues(words: readonly string[]): Promise<readonly string[] | null> {
  const before = words.at(-2) ?? '';
  const commands = words
    .slice(0, -1)
    .filter((word) => !word.startsWith('-'))
    .join(' ');
  try {
    if (before === '--camera' || before === '--camera-id') return await cameraIds();
    if (/^(?:models pull|models check|quantize)$/u.test(commands) && !(words.at(-1) ?? '').startsWith('-'))
      return (await readManifest()).models.map(({ name }) => name);
  } catch {
    return [];
  }
  return null;
}

async function cameraIds(): Promise<readonly string[]> {
  const running = await readRuntimeFile(dataFolderOf(undefined));
  const token = secretFromEnv(process.env, 'GANTRY_TOKEN');
  if (running === null || 'problem' in token) return [];
  const answer = await fetch(new URL('/api/cameras', running.httpUrl), {
    headers: token.secret === null ? {} : { authorization: `Bearer ${token.secret}` },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const { cameras = [] } = (await answer.json()) as { readonly cameras?: readonly { readonly cameraId: string }[] };
  return cameras.slice(0, MOST_CAMERAS).map(({ cameraId }) => cameraId);
}

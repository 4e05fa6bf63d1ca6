import { rename, writeFile } from 'node:fs/promises';
import { type Changes, parseChanges, sameChanges, withoutSecrets } from './changes.ts';
import { KeyAdminError } from './errors.ts';
import { readIfThere } from './key-text.ts';
import { isSealed, type Sealer } from './seal.ts';

/** Changes as a text to be stored: all of them, encrypted, or without a sealer those that hold no key. */
export async function encodeChanges(changes: Changes, sealer: Sealer | null): Promise<string> {
  return sealer === null ? JSON.stringify(withoutSecrets(changes)) : sealer.seal(JSON.stringify(changes));
}

/** Throws `SEAL_KEY_MISSING`, `SEAL_BROKEN`, `SEAL_FORMAT` or `CHANGES_BROKEN`. */
export async function decodeChanges(text: string, sealer: Sealer | null, what: string): Promise<Changes> {
  if (!isSealed(text)) return parseChanges(text, what);
  if (sealer === null) throw new KeyAdminError('SEAL_KEY_MISSING', `${what} is encrypted: set GANTRY_KEYS_SECRET or GANTRY_KEYS_SECRET_FILE`, { what });
  return parseChanges(await sealer.open(text, what), what);
}

/** What of `changes` can be stored with this sealer. */
export const storable = (changes: Changes, sealer: Sealer | null): Changes => (sealer === null ? withoutSecrets(changes) : changes);

/** True when nothing is left out. */
export const storableWhole = (changes: Changes, sealer: Sealer | null): boolean => sameChanges(storable(changes, sealer), changes);

/** Empty when there is no such file. */
export async function readChanges(path: string, sealer: Sealer | null): Promise<Changes> {
  const text = await readIfThere(path);
  return text === null ? {} : decodeChanges(text, sealer, path);
}

/** Whole or not at all; mode 0600. */
export async function writeChanges(path: string, changes: Changes, sealer: Sealer | null): Promise<void> {
  await writeFile(`${path}.new`, `${await encodeChanges(changes, sealer)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

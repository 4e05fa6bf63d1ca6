import { chmod, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError, systemCode } from './storage-error.ts';

/** Notices kept for health; the log has all. */
const MOST = 50;

interface DataLog {
  error(fields: object, message: string): void;
}

/**
 * Notices about damaged files found at this start, one sentence each: which file, where it is now, what was lost and
 * what to do. Logged at once, and shown in health until the next start.
 */
export class DataNotices {
  readonly #log: DataLog;
  readonly #said: string[] = [];
  #more = 0;

  constructor(log: DataLog) {
    this.#log = log;
  }

  say(fields: object, sentence: string): void {
    this.#log.error(fields, sentence);
    if (this.#said.length < MOST) this.#said.push(sentence);
    else this.#more += 1;
  }

  list(): readonly string[] {
    return this.#more === 0 ? this.#said : [...this.#said, `and ${this.#more} more of this kind: see the log`];
  }
}

/** The path to which {@link setAside} would move it now. */
export const asideNameOf = (path: string): string => `${path}.broken-${new Date().toISOString().replaceAll(':', '-')}`;

/**
 * Renames a whole file or folder to `NAME.broken-2026-01-31T09-00-00.000Z` in the same folder. Works for another user's
 * too, as long as the folder around it is ours. Resolves to the new path. Rejects `NOT_WRITABLE`, and changes nothing
 * then.
 */
export async function setAside(path: string): Promise<string> {
  const aside = asideNameOf(path);
  try {
    await rename(path, aside);
  } catch (error) {
    const why = systemCode(error) ?? String(error);
    const message =
      `${path} cannot be used, and could not be set aside (${why}): ` +
      `move it away, or give it and ${dirname(path)} to the user that Gantry runs as`;
    throw new StorageError('NOT_WRITABLE', message, { path, system: why }, error);
  }
  // It may hold passwords, and may be another user's, whose mode we cannot change.
  await chmod(aside, 0o700).catch(() => undefined);
  return aside;
}

import { chmod } from 'node:fs/promises';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { type DataNotices, setAside } from '../storage/set-aside.ts';
import {
  type Change,
  type Changes,
  changesToObject,
  isReference,
  parseChanges,
  type ParsedChanges,
  parseRecord,
} from './changes.ts';
import { KeyAdminError } from './key-admin-error.ts';
import { isSealed, type Sealer } from './seal.ts';
import { ofNode, withoutPuts, withoutPutsOfOthers } from './trust.ts';

/** Records of version 1 were the changes by name and nothing else. */
const VERSION = 2;
/** A sealed record is a third longer than its content. */
const MAX_BYTES = 2_200_000;

/** The changes that the other nodes get: without a secret none that holds a key, or names its variable. */
export const shareable = (changes: Changes, sealer: Sealer | null): Changes =>
  sealer === null ? withoutPuts(changes) : changes;

/** Changes as the other nodes get them, encrypted where there is a secret. */
export async function encodeShared(changes: Changes, sealer: Sealer | null): Promise<string> {
  const body = JSON.stringify({ version: VERSION, changes: changesToObject(shareable(changes, sealer)) });
  return sealer === null ? body : sealer.seal(body);
}

/**
 * The other end of {@link encodeShared}. With a secret it accepts only records encrypted with it; without one, no added
 * keys. Throws `NOT_SEALED`, `SEAL_KEY_MISSING`, `SEAL_BROKEN`, `SEAL_FORMAT` or `CHANGES_BROKEN`.
 */
export async function decodeShared(text: string, sealer: Sealer | null, what: string): Promise<ParsedChanges> {
  if (sealer !== null && !isSealed(text))
    throw new KeyAdminError('NOT_SEALED', `${what} is not encrypted: it is not from a node with GANTRY_KEYS_SECRET`, {
      what,
    });
  const { changes, refused } = parseChanges(changesIn(parseRecord(await opened(text, sealer, what), what)));
  return { changes: shareable(changes, sealer), refused };
}

async function opened(text: string, sealer: Sealer | null, what: string): Promise<string> {
  if (!isSealed(text)) return text;
  if (sealer === null)
    throw new KeyAdminError(
      'SEAL_KEY_MISSING',
      `${what} is encrypted: set GANTRY_KEYS_SECRET or GANTRY_KEYS_SECRET_FILE`,
      { what },
    );
  return sealer.open(text, what);
}

function changesIn(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (body['version'] !== VERSION) return body;
  const { changes } = body;
  return typeof changes === 'object' && changes !== null ? { ...changes } : {};
}

export interface ReadOptions {
  readonly path: string;
  readonly sealer: Sealer | null;
  readonly nodeId: string;
  readonly notices: DataNotices;
}

/**
 * The stored changes, as far as they can be trusted: an unencrypted file counts no more than an unencrypted record in
 * Redis. A file that cannot be read is set aside with a notice; its valid entries are kept. Throws `SEAL_KEY_MISSING`:
 * a start without the secret would lose all of them.
 */
export async function readStored({ path, sealer, nodeId, notices }: ReadOptions): Promise<Changes> {
  try {
    const text = await readWhole(path, MAX_BYTES);
    if (text === null) return new Map();
    const body = parseRecord(await opened(text.trim(), sealer, path), path);
    const { changes, refused } = parseChanges(changesIn(body));
    const trusted = isSealed(text)
      ? changes
      : sealer === null
        ? withoutPutsOfOthers(changes, nodeId)
        : ofNode(changes, nodeId);
    const dropped = [...changes.keys()].filter((name) => !trusted.has(name));
    if (dropped.length > 0)
      notices.say(
        { path, dropped: dropped.slice(0, 10) },
        `${path} is not encrypted and holds changes of other nodes, which are not taken from it ` +
          `(${dropped.slice(0, 10).join(', ')}${dropped.length > 10 ? ', ...' : ''}): nodes share them encrypted ` +
          'when all have the same GANTRY_KEYS_SECRET',
      );
    if (refused.length > 0)
      await replaceBroken(
        path,
        trusted,
        sealer,
        notices,
        `${path} holds entries that cannot be read (${refused.join(', ')})`,
      );
    return trusted;
  } catch (thrown) {
    const isBroken =
      thrown instanceof StorageError || (thrown instanceof KeyAdminError && thrown.code !== 'SEAL_KEY_MISSING');
    if (!isBroken) throw thrown;
    await replaceBroken(path, new Map(), sealer, notices, thrown.message);
    return new Map();
  }
}

async function replaceBroken(
  path: string,
  whole: Changes,
  sealer: Sealer | null,
  notices: DataNotices,
  problem: string,
): Promise<void> {
  const aside = await setAside(path);
  await chmod(aside, 0o600).catch(() => undefined);
  if (whole.size > 0) await writeStored(path, whole, sealer);
  notices.say(
    { path, aside, kept: whole.size },
    `${problem}. It is now ${aside}: ${whole.size} change(s) of API keys kept, the others are lost unless another ` +
      'node shares them; look at GET /api/keys, or put the file back with its secret and restart',
  );
}

/** True when the change can be kept on this disk. */
export const isStorable = (change: Change, sealer: Sealer | null): boolean =>
  sealer !== null || change.kind !== 'put' || isReference(change.entry.key);

/** Whole or not at all; mode 0600. Rejects `DISK_FULL` or `NOT_WRITABLE`. */
export async function writeStored(path: string, changes: Changes, sealer: Sealer | null): Promise<void> {
  const kept = new Map([...changes].filter(([, change]) => isStorable(change, sealer)));
  const body = JSON.stringify({ version: VERSION, changes: changesToObject(kept) });
  await writeWhole(path, `${sealer === null ? body : await sealer.seal(body)}\n`);
}

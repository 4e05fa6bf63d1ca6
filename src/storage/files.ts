import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StorageError, systemCode, writeFailure } from './storage-error.ts';

/** The part of `node:fs/promises` that writing needs; tests replace it by a full disk. */
export type FileSystem = Pick<typeof fs, 'mkdir' | 'open' | 'rename' | 'rm'>;

export interface WriteOptions {
  /** Default 0600: only the owner reads Gantry's files. */
  readonly mode?: number;
  readonly fileSystem?: FileSystem;
}

/**
 * Replaces the content of a file, all or nothing, also when the power fails: a temporary file in the same folder is on
 * the disk before it gets the name. Creates the folder (0700). Two writers of one file must take turns themselves.
 * Rejects `DISK_FULL` or `NOT_WRITABLE`, and leaves the file unchanged then.
 */
export async function writeWhole(path: string, body: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const { mode = 0o600, fileSystem = fs } = options;
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await fileSystem.mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await fileSystem.open(temporary, 'wx', mode);
    try {
      await file.writeFile(body);
      await file.sync();
    } finally {
      await file.close();
    }
    await fileSystem.rename(temporary, path);
  } catch (error) {
    await fileSystem.rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(path, folder, error);
  }
  await syncFolder(folder, fileSystem);
}

/**
 * A rename outlives a power cut once its folder is on the disk. Not an error where that cannot be asked for: the file
 * has its new content, and a caller told otherwise would undo what is in force.
 */
async function syncFolder(folder: string, fileSystem: FileSystem): Promise<void> {
  try {
    const handle = await fileSystem.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Some file systems have no such call, and a folder may be writable but not readable.
  }
}

/** Creates the folder with mode 0700 unless it exists. Rejects `DISK_FULL` or `NOT_WRITABLE`. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw writeFailure(folder, folder, error);
  }
}

/** The text of a file; null when there is none. Rejects `TOO_LARGE` before it reads, or `NOT_READABLE`. */
export async function readWhole(path: string, maxBytes: number): Promise<string | null> {
  try {
    const found = await fs.stat(path);
    if (!found.isFile())
      throw new StorageError('NOT_READABLE', `${path} is ${found.isDirectory() ? 'a folder' : 'no plain file'}`, {
        path,
      });
    if (found.size > maxBytes)
      throw new StorageError('TOO_LARGE', `${path} has ${found.size} bytes, more than the ${maxBytes} it may have`, {
        path,
        size: found.size,
      });
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof StorageError) throw error;
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw new StorageError(
      'NOT_READABLE',
      `${path} cannot be read (${systemCode(error) ?? String(error)}): check that this user may read it`,
      { path },
      error,
    );
  }
}

/** Temporary files of {@link writeWhole} and of earlier versions of it. */
const LEFTOVER = /^\..+\.[0-9a-f]{12}\.tmp$|^\.partial-[0-9a-f]{12}-|\.(?:json|changes)\.new$/u;

/** Removes temporary files of interrupted writes that are older than `olderThanMs`. Never rejects. */
export async function removeLeftovers(folder: string, olderThanMs = 0): Promise<void> {
  const names = await fs.readdir(folder).catch(() => []);
  for (const name of names) {
    if (!LEFTOVER.test(name)) continue;
    const path = join(folder, name);
    const made = await fs.stat(path).catch(() => null);
    if (made?.isFile() === true && made.mtimeMs <= Date.now() - olderThanMs)
      await fs.rm(path, { force: true }).catch(() => undefined);
  }
}

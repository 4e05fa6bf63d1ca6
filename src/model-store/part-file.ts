import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemCode, writeFailure } from '../storage/storage-error.ts';

/** Parts that this process writes now. */
const inUse = new Set<string>();

/**
 * The part of a file that has been fetched so far, beside its target and under another name. It outlives a download
 * that was cut off and the process that began it, so that the next one goes on there. Only one at a time has it.
 */
export class PartFile {
  readonly path: string;
  readonly #target: string;
  readonly #handle: FileHandle;
  #size: number;

  private constructor(target: string, path: string, handle: FileHandle, size: number) {
    this.#target = target;
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** Takes over the largest part that a dead process left, or begins one. Rejects `DISK_FULL`, `NOT_WRITABLE`. */
  static async claim(target: string): Promise<PartFile> {
    const folder = dirname(target);
    const own = join(folder, `.${basename(target)}.${process.pid}-${randomBytes(4).toString('hex')}.part`);
    inUse.add(own);
    try {
      await mkdir(folder, { recursive: true });
      for (const { path } of await leftParts(target)) if (await renamed(path, own)) break;
      const handle = await open(own, 'a', 0o644);
      return new PartFile(target, own, handle, (await handle.stat()).size);
    } catch (error) {
      inUse.delete(own);
      throw writeFailure(target, folder, error);
    }
  }

  /** Bytes on the disk. */
  get size(): number {
    return this.#size;
  }

  /** Rejects `DISK_FULL`, `NOT_WRITABLE`. */
  async append(chunk: Uint8Array): Promise<void> {
    await this.#write(() => this.#handle.appendFile(chunk));
    this.#size += chunk.length;
  }

  async clear(): Promise<void> {
    await this.#write(() => this.#handle.truncate(0));
    this.#size = 0;
  }

  /** SHA-256 in hex. */
  async digest(): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(this.path), hash);
    return hash.digest('hex');
  }

  /** Gives the part the name of its target once it is on the disk, and removes other left parts of that target. */
  async keep(): Promise<void> {
    await this.#write(async () => {
      await this.#handle.sync();
      await rename(this.path, this.#target);
    });
    for (const { path } of await leftParts(this.#target)) await rm(path, { force: true });
  }

  /** Lets the part go; a later {@link claim} may take it over. An empty one is removed. */
  async release(): Promise<void> {
    await this.#handle.close();
    if (this.#size === 0) await rm(this.path, { force: true });
    inUse.delete(this.path);
  }

  async #write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw writeFailure(this.#target, dirname(this.#target), error);
    }
  }
}

/** Parts of a target that nobody writes any more, the largest first. */
async function leftParts(target: string): Promise<readonly { readonly path: string; readonly size: number }[]> {
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]{8}\.part$/u.exec(name.slice(prefix.length))?.[1] : undefined;
    const path = join(folder, name);
    if (pid === undefined || inUse.has(path) || isRunning(Number(pid))) continue;
    const size = (await stat(path).catch(() => null))?.size;
    if (size !== undefined) found.push({ path, size });
  }
  return found.toSorted((a, b) => b.size - a.size);
}

/** Whether another process has that id: its parts are its own. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** False when another process was faster. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

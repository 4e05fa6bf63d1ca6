import { cp, lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setAside, asideNameOf, type DataNotices } from '../storage/set-aside.ts';
import { EmbeddedError } from './service.ts';

export interface StoreOptions<T> {
  /** For messages: `Redis`. */
  readonly service: string;
  /** What the server keeps: a folder. */
  readonly store: string;
  readonly start: () => Promise<T>;
  /** Makes of the store what can be made of it, in place. Resolves to what was done, one clause, or null: nothing can be. */
  readonly repair?: () => Promise<string | null>;
  /** Why the store must be repaired before anything may start on it; null when nothing is wrong with it. */
  readonly broken?: () => Promise<string | null>;
  /** What is lost without it, one clause. */
  readonly lost: string;
  readonly notices: DataNotices;
}

/**
 * Starts a server on what it kept. When it ends at once, its store may be the reason: a copy is repaired where that can be
 * done, else the server begins anew; the store as it was stays beside it, and a notice says so. A server that does not
 * start without its store either has it back, and the first error is thrown.
 */
export async function startWithStore<T>(options: StoreOptions<T>): Promise<T> {
  const { store, start } = options;
  const broken = (await options.broken?.()) ?? null;
  if (broken === null) {
    try {
      return await start();
    } catch (thrown) {
      if (!isStoresFault(thrown) || !(await isThere(store))) throw thrown;
      return recover(options, thrown, thrown.message);
    }
  }
  return recover(options, new EmbeddedError('EXITED_EARLY', broken), broken);
}

async function recover<T>(options: StoreOptions<T>, first: Error, why: string): Promise<T> {
  const { service, store, start, notices, lost } = options;
  const repaired = await repairedCopy(options);
  if (repaired !== null) {
    try {
      const running = await start();
      notices.say(
        { service, store, aside: repaired.aside },
        `${service} could not use ${store} as it was (${cut(why)}): ${repaired.done}. What is whole is in use, the rest is lost; the folder as it was is now ${repaired.aside}`,
      );
      return running;
    } catch {
      await rm(store, { recursive: true, force: true });
      await rename(repaired.aside, store);
    }
  }
  const aside = await setAside(store);
  try {
    const running = await start();
    notices.say(
      { service, store, aside },
      `${service} could not use ${store} (${cut(why)}) and began anew: ${lost}. It is now ${aside}; put a backup in its place and restart, or remove it`,
    );
    return running;
  } catch {
    await rm(store, { recursive: true, force: true });
    await rename(aside, store);
    throw first;
  }
}

/** Null when there is no room for a copy, or nothing can be done: then the store is as it was. */
async function repairedCopy<T>({
  store,
  repair,
}: StoreOptions<T>): Promise<{ readonly aside: string; readonly done: string } | null> {
  if (repair === undefined) return null;
  const aside = asideNameOf(store);
  try {
    await cp(store, aside, { recursive: true });
    const done = await repair();
    if (done !== null) return { aside, done };
  } catch {
    // As nothing could be done.
  }
  if (await isThere(aside)) {
    await rm(store, { recursive: true, force: true });
    await rename(aside, store);
  }
  return null;
}

/** A port that is taken, or a program that is not there, is no fault of the store. */
const isStoresFault = (thrown: unknown): thrown is EmbeddedError =>
  thrown instanceof EmbeddedError && thrown.code === 'EXITED_EARLY' && !/address already in use/iu.test(thrown.message);

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
const cut = (text: string): string => (text.length <= 400 ? text : `${text.slice(0, 400)}…`);

/** Sets aside what stands in the place of a folder of a stream, which nats-server would neither use nor replace. */
export async function clearStreamFolders(jetstream: string, notices: DataNotices): Promise<void> {
  const folder = join(jetstream, 'jetstream', '$G', 'streams');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() || /\.broken-/u.test(entry.name)) continue;
    const aside = await setAside(path);
    notices.say(
      { path, aside },
      `${path} is no folder, so the messages of the stream ${entry.name} are lost. It is now ${aside}; restore the folder from a backup, or remove it`,
    );
  }
}

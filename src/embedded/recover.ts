import { cp, lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setAside, asideNameOf, type DataNotices } from '../storage/set-aside.ts';
import { EmbeddedError } from './service.ts';

export interface StoreOptions<T> {
  /** For messages: `Redis`. */
  readonly service: string;
  /** The folder of the server's data. */
  readonly store: string;
  readonly start: () => Promise<T>;
  /** Repairs the store in place. Resolves to a clause that describes the repair; null when none is possible. */
  readonly repair?: () => Promise<string | null>;
  /** Why the store must be repaired before anything may start on it; null when nothing is wrong with it. */
  readonly broken?: () => Promise<string | null>;
  /** The loss without the store, one clause. */
  readonly lost: string;
  readonly notices: DataNotices;
}

/**
 * Starts a server on its stored data. When it ends at once, the store may be the reason: it is repaired if possible,
 * else the server starts with an empty one. The store as it was is kept beside it, and a notice says so. When the
 * server does not start then either, the store is put back and the first error is thrown.
 */
export async function startWithStore<T>(options: StoreOptions<T>): Promise<T> {
  const { store, start } = options;
  const broken = (await options.broken?.()) ?? null;
  if (broken === null) {
    try {
      return await start();
    } catch (thrown) {
      if (!mayBeStore(thrown) || !(await exists(store))) throw thrown;
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
        `${service} could not use ${store} as it was (${cut(why)}): ${repaired.done}. ` +
          `The intact part is in use, the rest is lost; the original folder is now ${repaired.aside}`,
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
      `${service} could not use ${store} (${cut(why)}) and started empty: ${lost}. ` +
        `It is now ${aside}; put a backup in its place and restart, or remove it`,
    );
    return running;
  } catch {
    await rm(store, { recursive: true, force: true });
    await rename(aside, store);
    throw first;
  }
}

/** Copies the store and repairs the original. Null, with the store as it was, when there is no room or no repair. */
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
    // The same as a repair that can do nothing.
  }
  if (await exists(aside)) {
    await rm(store, { recursive: true, force: true });
    await rename(aside, store);
  }
  return null;
}

/** Whether the server exited early, and not because its port is taken. */
const mayBeStore = (thrown: unknown): thrown is EmbeddedError =>
  thrown instanceof EmbeddedError && thrown.code === 'EXITED_EARLY' && !/address already in use/iu.test(thrown.message);

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
const cut = (text: string): string => (text.length <= 400 ? text : `${text.slice(0, 400)}…`);

/** Sets aside files in the place of a stream's folder: nats-server would neither use nor replace them. */
export async function clearStreamFolders(jetstream: string, notices: DataNotices): Promise<void> {
  const folder = join(jetstream, 'jetstream', '$G', 'streams');
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() || /\.broken-/u.test(entry.name)) continue;
    const aside = await setAside(path);
    notices.say(
      { path, aside },
      `${path} is not a folder, so the messages of the stream ${entry.name} are lost. It is now ${aside}; ` +
        'restore the folder from a backup, or remove it',
    );
  }
}

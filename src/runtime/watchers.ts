import type { Terminated } from './exit.ts';

/** Gets a signal into its mailbox. */
export interface Watcher {
  signal(signal: Terminated): void;
}

/** All watches of a system. Each ends with one signal, or without one when it is taken back. */
export class Watchers {
  readonly #byTarget = new Map<string, Set<Watcher>>();

  add(path: string, watcher: Watcher): void {
    const known = this.#byTarget.get(path);
    if (known === undefined) this.#byTarget.set(path, new Set([watcher]));
    else known.add(watcher);
  }

  remove(path: string, watcher: Watcher): void {
    const known = this.#byTarget.get(path);
    if (known?.delete(watcher) === true && known.size === 0) this.#byTarget.delete(path);
  }

  /** The actor at `path` ended for good. */
  ended(path: string, how: Terminated['how']): void {
    const watchers = this.#byTarget.get(path);
    if (watchers === undefined) return;
    this.#byTarget.delete(path);
    for (const watcher of watchers) watcher.signal({ type: 'terminated', path, how });
  }
}

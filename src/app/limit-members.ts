import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

const MOST = 1_000;

/** The nodes that share the keys' limits as this one last knew them, kept in the data folder for a start without Redis. */
export class LimitMembers {
  readonly known: readonly string[];
  readonly #file: string;
  readonly #log: ActorLog;
  #work: Promise<void> = Promise.resolve();

  private constructor(file: string, known: readonly string[], log: ActorLog) {
    this.#file = file;
    this.known = known;
    this.#log = log;
  }

  /** What cannot be read is as if nothing had been known, and said. */
  static async open(dataDir: string, log: ActorLog): Promise<LimitMembers> {
    const file = join(dataDir, 'limit-members.json');
    try {
      const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
      const known = Array.isArray(kept) ? kept.filter((each) => typeof each === 'string').slice(0, MOST) : [];
      return new LimitMembers(file, known, log);
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) log.warn({ file, err: asError(thrown).message }, `${file} cannot be read: this node takes itself for alone until Redis tells of the others`);
      return new LimitMembers(file, [], log);
    }
  }

  /** Whole or not at all; one write after the other. Never rejects. */
  keep(members: readonly string[]): Promise<void> {
    this.#work = this.#work.then(async () => {
      try {
        await writeFile(`${this.#file}.new`, JSON.stringify(members.slice(0, MOST)));
        await rename(`${this.#file}.new`, this.#file);
      } catch (thrown) {
        this.#log.warn({ file: this.#file, err: asError(thrown).message }, `${this.#file} cannot be written: a start without Redis will not know of the other nodes`);
      }
    });
    return this.#work;
  }

  /** Resolves when everything is written. */
  done(): Promise<void> {
    return this.#work;
  }
}

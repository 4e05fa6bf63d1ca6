import { join } from 'node:path';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { type DataNotices, setAside } from '../storage/set-aside.ts';

const MOST = 1_000;
const LONGEST_NAME = 100;
const BOUNDS = { maxLength: 256 * 1024, maxParts: 2 * MOST };

/** The nodes that share the limits of keys, as last known here. Kept in the data folder for a start without Redis. */
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

  /** A file that cannot be read is set aside with a notice, as if no node were known. */
  static async open(dataDir: string, log: ActorLog, notices: DataNotices): Promise<LimitMembers> {
    const file = join(dataDir, 'limit-members.json');
    try {
      const text = await readWhole(file, BOUNDS.maxLength);
      const kept: unknown = text === null ? [] : parseJson(text, file, BOUNDS);
      if (!Array.isArray(kept)) throw new StorageError('MALFORMED', `${file} is not a list of nodes`);
      const known = kept.filter((each) => typeof each === 'string' && each.length <= LONGEST_NAME);
      return new LimitMembers(file, known.slice(0, MOST), log);
    } catch (thrown) {
      if (!(thrown instanceof StorageError)) throw thrown;
      const aside = await setAside(file);
      notices.say(
        { file, aside },
        `${thrown.message}; it is now ${aside}: this node assumes that it is alone until Redis names the others ` +
          '(or set GANTRY_EXPECTED_NODES)',
      );
      return new LimitMembers(file, [], log);
    }
  }

  /** Whole or not at all; one write after the other. Never rejects. */
  keep(members: readonly string[]): Promise<void> {
    this.#work = this.#work.then(async () => {
      try {
        await writeWhole(this.#file, JSON.stringify(members.slice(0, MOST)));
      } catch (thrown) {
        this.#log.warn(
          { file: this.#file, err: asError(thrown).message },
          `${this.#file} cannot be written: a start without Redis will not know of the other nodes`,
        );
      }
    });
    return this.#work;
  }

  /** Resolves when everything is written. */
  done(): Promise<void> {
    return this.#work;
  }
}

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { connectRedis } from '../servers/redis-url.ts';
import { StorageError } from '../storage/storage-error.ts';
import { makeFolder, readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { type DataNotices, setAside } from '../storage/set-aside.ts';
import { sumRows, type UsageLedger, type UsageRow, UsageRows } from './usage-ledger.ts';

export interface BooksOptions {
  readonly ledger: UsageLedger;
  /** One file for each day. */
  readonly folder: string;
  /** Redis through which nodes share their usage; null for a node alone. */
  readonly redisUrl: string | null;
  readonly nodeId: string;
  readonly log: ActorLog;
  /** Told of files that had to be set aside. */
  readonly notices: DataNotices;
  /** Time between two writes, default 5 s: so much is lost at most when the process is killed. */
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;
const DAYS_KEPT = 40;
/** 20,000 rows of the longest names; seven figures and names in each. */
const BOUNDS = { maxLength: 8 * 1024 * 1024, maxParts: 400_000 };
/** Most nodes whose usage is added up. */
const MOST_NODES = 1_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/u;
const redisKey = (day: string): string => `gantry:usage:${day}`;

/**
 * Keeps the ledger over restarts in files, and shares it between nodes. Each node writes its whole day into a field of
 * its own in Redis, so repeated writes count nothing twice.
 */
export class UsageBooks {
  readonly #options: BooksOptions;
  readonly #redis: Redis | null;
  readonly #timer: NodeJS.Timeout;
  #written = -1;
  #writtenDay = '';
  /** Present problems; each is logged once. */
  readonly #problems = new Map<'file' | 'shared', string>();
  #work: Promise<void> = Promise.resolve();

  private constructor(options: BooksOptions) {
    this.#options = options;
    const { redisUrl } = options;
    this.#redis =
      redisUrl === null
        ? null
        : connectRedis(redisUrl, {
            enableOfflineQueue: false,
            maxRetriesPerRequest: 0,
            connectTimeout: 2_000,
            commandTimeout: 1_000,
            retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
          });
    // Said once by `#problem`; the store of live results says that Redis is down.
    this.#redis?.on('error', () => undefined);
    this.#timer = setInterval(() => void this.flush(), options.everyMs ?? EVERY_MS).unref();
  }

  static async open(options: BooksOptions): Promise<UsageBooks> {
    await makeFolder(options.folder);
    const { ledger } = options;
    const { day } = ledger;
    ledger.restore(day, await readDay(options.folder, day, options.notices));
    await forgetOld(options.folder);
    return new UsageBooks(options);
  }

  /** Rows of a day, all nodes together as far as they can be asked. */
  async rows(day: string): Promise<{ readonly rows: readonly UsageRow[]; readonly complete: boolean }> {
    const { ledger, folder, log, notices } = this.#options;
    const own = day === ledger.day ? ledger.rows() : await readDay(folder, day, notices);
    if (this.#redis === null) return { rows: own, complete: true };
    try {
      return { rows: sumRows([own, ...(await this.#others(day))]), complete: true };
    } catch (thrown) {
      log.debug({ err: asError(thrown).message }, 'usage of other nodes cannot be read now');
      return { rows: own, complete: false };
    }
  }

  /** One sentence for each present problem. */
  notices(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** Writes new usage and reads that of the other nodes. Never rejects. */
  flush(): Promise<void> {
    this.#work = this.#work.then(async () => {
      await this.#attempt(
        'file',
        'usage of API keys cannot be kept: what is counted from now on is lost with a restart',
        () => this.#write(),
      );
      await this.#attempt('shared', 'usage of API keys cannot be shared with other nodes', () => this.#share());
    });
    return this.#work;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    this.#redis?.disconnect();
  }

  async #write(): Promise<void> {
    const { ledger, folder } = this.#options;
    const { day, revision } = ledger;
    if (revision === this.#written && day === this.#writtenDay) return;
    await writeWhole(join(folder, `${day}.json`), JSON.stringify(ledger.rows()));
    this.#written = revision;
    this.#writtenDay = day;
  }

  async #share(): Promise<void> {
    if (this.#redis === null) return;
    const { ledger, nodeId } = this.#options;
    const { day } = ledger;
    await this.#redis
      .multi()
      .hset(redisKey(day), nodeId, JSON.stringify(ledger.rows()))
      .expire(redisKey(day), DAYS_KEPT * 86_400)
      .exec();
    const others = await this.#others(day);
    ledger.others(
      day,
      others.flat().reduce((sum, row) => sum + row.cost, 0),
    );
  }

  /** Rows of every other node. A node whose rows cannot be read counts nothing and is reported. */
  async #others(day: string): Promise<readonly (readonly UsageRow[])[]> {
    const redis = this.#redis;
    if (redis === null) return [];
    const key = redisKey(day);
    if ((await redis.hlen(key)) > MOST_NODES)
      throw new StorageError('TOO_LARGE', `${key} in Redis has more than ${MOST_NODES} nodes`);
    const all: (readonly UsageRow[])[] = [];
    const unreadable: string[] = [];
    for (const node of await redis.hkeys(key)) {
      if (node === this.#options.nodeId) continue;
      const rows = (await redis.hstrlen(key, node)) > BOUNDS.maxLength ? null : rowsOf(await redis.hget(key, node));
      if (rows === null) unreadable.push(node.slice(0, 64));
      else all.push(rows);
    }
    if (unreadable.length > 0)
      this.#say(
        'shared',
        `usage that other nodes put into Redis (${key}) cannot be read and is not counted: ` +
          unreadable.slice(0, 5).join(', '),
      );
    return all;
  }

  async #attempt(where: 'file' | 'shared', what: string, work: () => Promise<void>): Promise<void> {
    try {
      const before = this.#problems.get(where);
      await work();
      if (this.#problems.get(where) === before) this.#problems.delete(where);
    } catch (thrown) {
      this.#say(where, `${what}: ${asError(thrown).message}`);
    }
  }

  #say(where: 'file' | 'shared', problem: string): void {
    if (this.#problems.get(where) !== problem) this.#options.log.warn({}, problem);
    this.#problems.set(where, problem);
  }
}

/** Null when it is not a list of rows. */
function rowsOf(body: string | null): readonly UsageRow[] | null {
  try {
    const parsed = UsageRows.safeParse(parseJson(body ?? '', 'usage of a node', BOUNDS));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The stored rows of a day, empty without a file. A file that cannot be read is set aside. */
async function readDay(folder: string, day: string, notices: DataNotices): Promise<readonly UsageRow[]> {
  const file = join(folder, `${day}.json`);
  try {
    const text = await readWhole(file, BOUNDS.maxLength);
    if (text === null) return [];
    const rows = rowsOf(text);
    if (rows === null) throw new StorageError('MALFORMED', `${file} does not hold the usage of a day, or is cut off`);
    return rows;
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    const aside = await setAside(file);
    notices.say(
      { file, aside },
      `${thrown.message}; it is now ${aside}: the usage of ${day} begins at zero, and daily_budget with it`,
    );
    return [];
  }
}

async function forgetOld(folder: string): Promise<void> {
  const days = (await readdir(folder))
    .filter((name) => DAY.test(name.slice(0, 10)) && name.endsWith('.json'))
    .toSorted();
  for (const name of days.slice(0, Math.max(0, days.length - DAYS_KEPT))) await rm(join(folder, name), { force: true });
}

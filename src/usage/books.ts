import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { connectRedis } from '../servers/redis.ts';
import { sumRows, type UsageLedger, type UsageRow, UsageRows } from './ledger.ts';

export interface BooksOptions {
  readonly ledger: UsageLedger;
  /** One file for each day. */
  readonly folder: string;
  /** Where nodes tell each other; null for a node alone. */
  readonly redisUrl: string | null;
  readonly nodeId: string;
  readonly log: ActorLog;
  /** Default 5 s: at most so much is lost when the process is killed. */
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;
const DAYS_KEPT = 40;
const DAY = /^\d{4}-\d{2}-\d{2}$/u;
const redisKey = (day: string): string => `gantry:usage:${day}`;

/**
 * Keeps the ledger over restarts in files, and lets nodes know of each other: each writes its own day whole into a
 * field of its own in Redis, so nothing is counted twice, whatever is repeated.
 */
export class UsageBooks {
  readonly #options: BooksOptions;
  readonly #redis: Redis | null;
  readonly #timer: NodeJS.Timeout;
  #written = -1;
  #writtenDay = '';
  #failing = false;
  #work: Promise<void> = Promise.resolve();

  private constructor(options: BooksOptions) {
    this.#options = options;
    const { redisUrl } = options;
    this.#redis = redisUrl === null ? null : connectRedis(redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 2_000, commandTimeout: 1_000, retryStrategy: (attempt) => Math.min(100 * attempt, 1_000) });
    // Said once by `#problem`; the store of live results says that Redis is away.
    this.#redis?.on('error', () => undefined);
    this.#timer = setInterval(() => void this.flush(), options.everyMs ?? EVERY_MS).unref();
  }

  static async open(options: BooksOptions): Promise<UsageBooks> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const { ledger } = options;
    const { day } = ledger;
    ledger.restore(day, await readDay(options.folder, day, options.log));
    await forgetOld(options.folder);
    return new UsageBooks(options);
  }

  /** Rows of a day, all nodes together as far as they can be asked. */
  async rows(day: string): Promise<{ readonly rows: readonly UsageRow[]; readonly complete: boolean }> {
    const { ledger, folder, log } = this.#options;
    const own = day === ledger.day ? ledger.rows() : await readDay(folder, day, log);
    if (this.#redis === null) return { rows: own, complete: true };
    try {
      return { rows: sumRows([own, ...(await this.#others(day))]), complete: true };
    } catch (thrown) {
      log.debug({ err: asError(thrown).message }, 'usage of other nodes cannot be read now');
      return { rows: own, complete: false };
    }
  }

  /** Writes what is new and reads what the others spent. Never rejects. */
  flush(): Promise<void> {
    this.#work = this.#work.then(() => this.#flush()).catch((thrown: unknown) => this.#problem(thrown));
    return this.#work;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    this.#redis?.disconnect();
  }

  async #flush(): Promise<void> {
    const { ledger, folder, nodeId } = this.#options;
    const { day, revision } = ledger;
    const rows = ledger.rows();
    if (revision !== this.#written || day !== this.#writtenDay) {
      const file = join(folder, `${day}.json`);
      await writeFile(`${file}.new`, JSON.stringify(rows), { mode: 0o600 });
      await rename(`${file}.new`, file);
    }
    if (this.#redis !== null) {
      await this.#redis.multi().hset(redisKey(day), nodeId, JSON.stringify(rows)).expire(redisKey(day), DAYS_KEPT * 86_400).exec();
      const others = await this.#others(day);
      ledger.others(day, others.flat().reduce((sum, row) => sum + row.cost, 0));
    }
    this.#written = revision;
    this.#writtenDay = day;
    this.#failing = false;
  }

  /** Rows of every other node. */
  async #others(day: string): Promise<readonly (readonly UsageRow[])[]> {
    const all = (await this.#redis?.hgetall(redisKey(day))) ?? {};
    return Object.entries(all).flatMap(([node, body]) => (node === this.#options.nodeId ? [] : [UsageRows.parse(JSON.parse(body))]));
  }

  #problem(thrown: unknown): void {
    if (!this.#failing) this.#options.log.warn({ err: asError(thrown).message }, `usage of API keys cannot be kept or shared now: ${asError(thrown).message}`);
    this.#failing = true;
  }
}

/** Empty when nothing was kept. A file that cannot be read is set aside, not trusted and not overwritten. */
async function readDay(folder: string, day: string, log: ActorLog): Promise<readonly UsageRow[]> {
  const file = join(folder, `${day}.json`);
  try {
    return UsageRows.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    log.error({ file, err: asError(thrown).message }, `${file} cannot be used and is kept as ${file}.broken: the usage of that day begins at zero`);
    await rename(file, `${file}.broken`);
    return [];
  }
}

async function forgetOld(folder: string): Promise<void> {
  const days = (await readdir(folder)).filter((name) => DAY.test(name.slice(0, 10)) && name.endsWith('.json')).toSorted();
  for (const name of days.slice(0, Math.max(0, days.length - DAYS_KEPT))) await rm(join(folder, name), { force: true });
}

import type { Redis } from 'ioredis';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { shownRedis } from '../../servers/redis-url.ts';
import { type RedisTrouble, redisTrouble } from './trouble.ts';

/** Redis is probed this often, so that its refusal of writes is noticed while Gantry writes nothing. */
const PROBE_EVERY_MS = 2_000;
const LOG_EVERY_MS = 10_000;
const PROBE_KEY = 'gantry:probe';
const PROBE_LIFE_S = 60;

/**
 * Knows why a Redis that answers is of no use: it refuses writes or the password, or is still loading its data. Learns
 * it from the errors that others report, and from a key of its own that it writes every two seconds.
 */
export class RedisWatch {
  readonly #redis: Redis;
  readonly #url: string;
  readonly #log: ActorLog;
  readonly #timer: NodeJS.Timeout;
  #trouble: RedisTrouble | null = null;
  #looking: Promise<void> | null = null;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #loggedMessage = '';
  #folded = 0;

  constructor(redis: Redis, url: string, log: ActorLog) {
    this.#redis = redis;
    this.#url = url;
    this.#log = log;
    this.#timer = setInterval(() => void this.look(), PROBE_EVERY_MS).unref();
    redis.on('ready', () => void this.look());
  }

  get trouble(): RedisTrouble | null {
    return this.#trouble;
  }

  /** The connection failed; this error replaces the earlier state. */
  connectionFailed(thrown: unknown): void {
    this.#trouble = redisTrouble(asError(thrown), this.#url);
    this.#say(thrown);
  }

  /** A write failed. */
  writeFailed(thrown: unknown): void {
    const trouble = redisTrouble(asError(thrown), this.#url);
    if (trouble === null) return;
    this.#trouble = trouble;
    this.#say(thrown);
  }

  /** A write succeeded. */
  wrote(): void {
    if (this.#trouble === null) return;
    this.#trouble = null;
    this.#loggedAt = Number.NEGATIVE_INFINITY;
    this.#log.info({ url: shownRedis(this.#url) }, 'Redis takes writes again');
  }

  /** Tries a write now. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      if (this.#redis.status === 'ready') {
        await this.#redis.set(PROBE_KEY, '1', 'EX', PROBE_LIFE_S);
        this.wrote();
      } else if (this.#redis.status === 'connect') {
        // Connected but not ready: it may be loading its data, and then it answers little else.
        const info = await this.#redis.info('persistence');
        if (info.includes('loading:1')) this.writeFailed(new Error('LOADING'));
      }
    } catch (thrown) {
      this.writeFailed(thrown);
    }
  }

  /** Every attempt to reconnect fails with an error. The same message is logged once per interval, with a count. */
  #say(thrown: unknown): void {
    const now = performance.now();
    const message = this.#trouble?.message ?? `Redis at ${shownRedis(this.#url)} is down: ${asError(thrown).message}`;
    if (now - this.#loggedAt < LOG_EVERY_MS && message === this.#loggedMessage) {
      this.#folded += 1;
      return;
    }
    const fields = { err: asError(thrown).message, alsoFailed: this.#folded };
    this.#log.warn(fields, `${message}; live push goes over NATS, nothing is cached meanwhile`);
    this.#loggedAt = now;
    this.#loggedMessage = message;
    this.#folded = 0;
  }
}

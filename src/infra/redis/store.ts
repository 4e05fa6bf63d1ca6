import type { Redis } from 'ioredis';
import { Aggregate, PushedAggregate } from '../../messages/aggregate.ts';
import { clipped, MESSAGE, MOST } from '../../messages/bounds.ts';
import type { Detection } from '../../messages/detection.ts';
import type { CameraId } from '../../messages/ids.ts';
import { readBody } from '../../messages/read-body.ts';
import { redisKeys } from '../../messages/subjects.ts';
import { corkBriefly } from '../../runtime/cork.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { InfraError } from '../infra-error.ts';
import { connectRedis, shownRedis } from '../../servers/redis-url.ts';
import { LineLimit } from '../line-limit.ts';
import type { RedisHealth, RedisState } from './redis-health.ts';
import { KEEP_ALERT, PUSH_AGGREGATE, READ_ALERTS } from './store-scripts.ts';
import { RedisWatch } from './redis-watch.ts';

/** Bodies that cannot be used are logged once in this time. */
const LOG_EVERY_MS = 10_000;

/** How long detections and newest aggregates are kept. */
export const LIFE_SECONDS = 300;
export const ALERTS_KEPT = 100;
const COMMAND_TIMEOUT_MS = 1_000;
/** A server that hangs does not close its side of the connection. */
const DISCONNECT_TIMEOUT_MS = 100;
const FIRST_CONNECTION_MS = 1_000;
const CONNECTION = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  retryStrategy: (attempt: number) => Math.min(100 * attempt, 1_000),
};
/** Where `withOffset` writes it. A body with another order of fields is parsed whole. */
const OFFSET_AT_END = /"offset":(\d{1,16})\}$/u;
const OFFSET_CHARS = 32;
/** Of one list of alerts; a hundred real ones have a tenth of it. */
const MOST_READ_BYTES = 8 * 1024 * 1024;

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

export interface RedisOptions {
  readonly url: string;
  readonly log: ActorLog;
  /** False for the embedded stand-in. */
  readonly durable: boolean;
  /** A warning for the operator about this Redis; null when all is well. */
  readonly notice: string | null;
}

/**
 * Aggregates, alerts and detections in Redis. While Redis is down commands fail at once, so nothing queues up in
 * memory. Reconnects for ever. Failed writes are counted.
 */
export class RedisStore {
  readonly #options: RedisOptions;
  readonly #commands: Redis;
  readonly #watch: RedisWatch;
  /** Null until `follow` is called. */
  #subscriber: Redis | null = null;
  #failedWrites = 0;
  #badBodies = 0;
  readonly #badBodyLines = new LineLimit(LOG_EVERY_MS);
  #givingUp = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    this.#commands = connectRedis(options.url, CONNECTION);
    this.#watch = new RedisWatch(this.#commands, options.url, options.log);
    this.#commands.on('error', (thrown) => this.#watch.connectionFailed(thrown));
    this.#commands.on('close', () => (this.#givingUp = false));
    this.#commands.on('ready', () => options.log.info({ url: shownRedis(options.url) }, 'Redis is connected'));
  }

  /** Waits at most a second for the first connection and write: a Redis that is down does not hold up the start. */
  static async open(options: RedisOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    const deadline = Date.now() + FIRST_CONNECTION_MS;
    while (store.#state() === 'reconnecting' && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    if (store.#state() === 'connected') await store.#watch.look();
    return store;
  }

  health(): RedisHealth {
    const notice = this.#watch.trouble?.message ?? this.#options.notice;
    return { state: this.#state(), durable: this.#options.durable, notice, failedWrites: this.#failedWrites };
  }

  /** Resolves to true when it is connected, to false when it is not within `ms`. */
  async ready(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.#state() !== 'connected') {
      if (Date.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  /** Calls `listener` at every connection from now on, until the returned function is called. */
  onConnected(listener: () => void): () => void {
    this.#commands.on('ready', listener);
    return () => this.#commands.off('ready', listener);
  }

  /** Stores `detection:{requestId}` for so many seconds. Rejects `REDIS_DOWN`, `REDIS_REFUSED`. */
  async saveDetection(detection: Detection, seconds: number): Promise<void> {
    await this.#write('the detection', () =>
      this.#commands.setex(redisKeys.detection(detection.requestId), seconds, JSON.stringify(detection)),
    );
  }

  /**
   * Pushes the JSON of a {@link PushedAggregate}, and keeps it as the newest for so many seconds unless a newer one is
   * there. Rejects `REDIS_DOWN`, `REDIS_REFUSED`.
   */
  async pushAggregate(cameraId: CameraId, json: string, seconds: number): Promise<void> {
    await this.#write('the aggregate', () =>
      this.#commands.eval(PUSH_AGGREGATE, 1, redisKeys.latest(cameraId), json, seconds, redisKeys.channel(cameraId)),
    );
  }

  /**
   * Adds it to its camera's list of alerts. One that is in the list already, or older than all of a full list, changes
   * nothing. Rejects `REDIS_DOWN`, `REDIS_REFUSED`.
   */
  async keepAlert(alert: Aggregate): Promise<void> {
    await this.#write('the alert', () =>
      this.#commands.eval(KEEP_ALERT, 1, redisKeys.alerts(alert.cameraId), JSON.stringify(alert), ALERTS_KEPT),
    );
  }

  /** The newest aggregate; null when there is none, it expired or cannot be used. Rejects `REDIS_DOWN`. */
  async latest(cameraId: CameraId): Promise<Aggregate | null> {
    // At most one byte more than a reader accepts, as another program may have stored a value of any size here.
    const json = await this.#read(() => this.#commands.getrange(redisKeys.latest(cameraId), 0, MESSAGE.bytes));
    return json === '' ? null : this.#readable(json, redisKeys.latest(cameraId));
  }

  /** Newest first; those that cannot be used are left out. Rejects `REDIS_DOWN`. */
  async alerts(cameraId: CameraId, limit: number): Promise<readonly Aggregate[]> {
    const list = await this.#read(() =>
      this.#commands.eval(READ_ALERTS, 1, redisKeys.alerts(cameraId), limit, MESSAGE.bytes, MOST_READ_BYTES),
    );
    if (!isTexts(list))
      throw new InfraError('REDIS_REFUSED', `Redis holds something else under ${redisKeys.alerts(cameraId)}`);
    return list.flatMap((json) => this.#readable(json, redisKeys.alerts(cameraId)) ?? []);
  }

  /**
   * Calls `listener` with every aggregate pushed on any `camera:{id}` channel. Those whose offset `isKnown` are skipped
   * before they are parsed, which costs more than the rest of a push. Bodies that do not parse are logged and skipped.
   */
  async follow(
    listener: (aggregate: PushedAggregate) => void,
    isKnown: (offset: number) => boolean = () => false,
  ): Promise<void> {
    // This one subscribes again after a reconnect, and may wait for its first connection.
    const subscriber = connectRedis(this.#options.url, {
      ...CONNECTION,
      enableOfflineQueue: true,
      autoResubscribe: true,
      maxRetriesPerRequest: null,
    });
    this.#subscriber = subscriber;
    // The connection for commands reports what is wrong.
    subscriber.on('error', () => undefined);
    subscriber.on('pmessage', (_pattern: string, channel: string, body: string) => {
      const offset = OFFSET_AT_END.exec(body.slice(-OFFSET_CHARS))?.[1];
      if (offset !== undefined && isKnown(Number(offset))) return;
      try {
        listener(readBody(body, PushedAggregate));
      } catch (thrown) {
        this.#onBadBody(`a message on the Redis channel ${clipped(channel, MOST.name)}`, thrown);
      }
    });
    await subscriber.psubscribe(redisKeys.channel('*'));
  }

  close(): void {
    this.#watch.close();
    this.#commands.disconnect();
    this.#subscriber?.disconnect();
  }

  /** Null for a body that cannot be used; it is counted and logged. */
  #readable(json: string, key: string): Aggregate | null {
    try {
      return readBody(json, Aggregate);
    } catch (thrown) {
      this.#onBadBody(`the value of ${key} in Redis`, thrown);
      return null;
    }
  }

  #onBadBody(what: string, thrown: unknown): void {
    this.#badBodies += 1;
    if (this.#badBodyLines.mayLog())
      this.#options.log.error(
        { err: asError(thrown).message, soFar: this.#badBodies },
        `${what} could not be used: ${asError(thrown).message}`,
      );
  }

  #state(): RedisState {
    if (this.#commands.status === 'end') return 'off';
    if (this.#watch.trouble !== null) return 'degraded';
    return this.#commands.status === 'ready' && !this.#givingUp ? 'connected' : 'reconnecting';
  }

  async #write(what: string, work: () => Promise<unknown>): Promise<void> {
    corkBriefly(this.#commands.stream);
    try {
      await work();
      this.#watch.wrote();
    } catch (thrown) {
      this.#failedWrites += 1;
      this.#watch.writeFailed(thrown);
      this.#giveUpHung(thrown);
      const { message } = asError(thrown);
      // The one error that time does not heal: somebody stored another type under our key.
      throw new InfraError(
        message.includes('WRONGTYPE') ? 'REDIS_REFUSED' : 'REDIS_DOWN',
        `Redis did not take ${what}: ${message}`,
        {},
        thrown,
      );
    }
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      this.#giveUpHung(thrown);
      throw new InfraError('REDIS_DOWN', `Redis cannot be read: ${asError(thrown).message}`, {}, thrown);
    }
  }

  /**
   * A server that hangs (paused, swapping) keeps its connection open. We drop it after the first command that times
   * out, so that later commands fail at once instead of waiting too. The new connection is used once the server
   * answers.
   */
  #giveUpHung(thrown: unknown): void {
    if (asError(thrown).message !== 'Command timed out' || this.#givingUp || this.#commands.status !== 'ready') return;
    this.#givingUp = true;
    this.#watch.connectionFailed(new Error(`no answer within ${COMMAND_TIMEOUT_MS} ms`));
    this.#commands.disconnect(true);
  }
}

import type { Redis } from 'ioredis';
import { Aggregate, PushedAggregate } from '../../messages/aggregate.ts';
import type { Detection } from '../../messages/detection.ts';
import type { CameraId } from '../../messages/ids.ts';
import { redisKeys } from '../../messages/subjects.ts';
import { corkBriefly } from '../../runtime/cork.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { InfraError } from '../errors.ts';
import { connectRedis, shownRedis } from '../../servers/redis.ts';
import type { RedisHealth, RedisState } from './health.ts';
import { KEEP_ALERT, PUSH_AGGREGATE } from './scripts.ts';
import { RedisWatch } from './watch.ts';

/** How long detections and newest aggregates are kept. */
export const LIFE_SECONDS = 300;
export const ALERTS_KEPT = 100;
const COMMAND_TIMEOUT_MS = 1_000;
/** A server that hangs does not close its side of the connection either. */
const DISCONNECT_TIMEOUT_MS = 100;
const FIRST_CONNECTION_MS = 1_000;
const CONNECTION = { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 2_000, disconnectTimeout: DISCONNECT_TIMEOUT_MS, commandTimeout: COMMAND_TIMEOUT_MS, retryStrategy: (attempt: number) => Math.min(100 * attempt, 1_000) };
/** As `pushAggregate` writes it, last. Where somebody else writes another order, everything is read. */
const OFFSET_AT_END = /"offset":(\d{1,16})\}$/u;
const OFFSET_CHARS = 32;

export interface RedisOptions {
  readonly url: string;
  readonly log: ActorLog;
  /** False for the embedded stand-in. */
  readonly durable: boolean;
  /** What an operator should know about this Redis; null when all is well. */
  readonly notice: string | null;
}

/**
 * Redis as the system uses it. Commands fail at once while it is away (nothing queues up in memory); it reconnects for
 * ever, and everything goes on without a restart. What could not be written is counted.
 */
export class RedisStore {
  readonly #options: RedisOptions;
  readonly #commands: Redis;
  readonly #watch: RedisWatch;
  /** Once somebody follows. */
  #subscriber: Redis | null = null;
  #failedWrites = 0;
  #givingUp = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    this.#commands = connectRedis(options.url, CONNECTION);
    this.#watch = new RedisWatch(this.#commands, options.url, options.log);
    this.#commands.on('error', (thrown) => this.#watch.connectionFailed(thrown));
    this.#commands.on('close', () => (this.#givingUp = false));
    this.#commands.on('ready', () => options.log.info({ url: shownRedis(options.url) }, 'Redis is connected'));
  }

  /** Waits a moment for the first connection and write; a Redis that is away holds up no start. */
  static async open(options: RedisOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    const deadline = Date.now() + FIRST_CONNECTION_MS;
    while (store.#state() === 'reconnecting' && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    if (store.#state() === 'connected') await store.#watch.look();
    return store;
  }

  health(): RedisHealth {
    const notice = this.#watch.trouble?.message ?? this.#options.notice;
    return { state: this.#state(), durable: this.#options.durable, notice, failedWrites: this.#failedWrites };
  }

  /** Resolves true when it is ready, false when it is not within `ms`. */
  async ready(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.#state() !== 'connected') {
      if (Date.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  /** Calls `listener` at every connection from now on. Returns what ends it. */
  onConnected(listener: () => void): () => void {
    this.#commands.on('ready', listener);
    return () => this.#commands.off('ready', listener);
  }

  /** `detection:{requestId}`, for so many seconds. Rejects `REDIS_DOWN`, `REDIS_REFUSED`. */
  async saveDetection(detection: Detection, seconds: number): Promise<void> {
    await this.#write('the detection', () => this.#commands.setex(redisKeys.detection(detection.requestId), seconds, JSON.stringify(detection)));
  }

  /** Push and, unless a newer one is there, the newest, for so many seconds. Rejects `REDIS_DOWN`, `REDIS_REFUSED`. */
  async pushAggregate(aggregate: PushedAggregate, seconds: number): Promise<void> {
    const { cameraId } = aggregate;
    await this.#write('the aggregate', () => this.#commands.eval(PUSH_AGGREGATE, 1, redisKeys.latest(cameraId), JSON.stringify(aggregate), seconds, redisKeys.channel(cameraId)));
  }

  /**
   * The list of alerts; one that is there already, or is older than all of a full list, changes nothing. Rejects
   * `REDIS_DOWN`, `REDIS_REFUSED`.
   */
  async keepAlert(alert: Aggregate): Promise<void> {
    await this.#write('the alert', () => this.#commands.eval(KEEP_ALERT, 1, redisKeys.alerts(alert.cameraId), JSON.stringify(alert), ALERTS_KEPT));
  }

  /** The newest aggregate; null when there is none or it expired. Rejects `REDIS_DOWN`. */
  async latest(cameraId: CameraId): Promise<Aggregate | null> {
    const json = await this.#read(() => this.#commands.get(redisKeys.latest(cameraId)));
    return json === null ? null : Aggregate.parse(JSON.parse(json));
  }

  /** Newest first. Rejects `REDIS_DOWN`. */
  async alerts(cameraId: CameraId, limit: number): Promise<readonly Aggregate[]> {
    const list = await this.#read(() => this.#commands.lrange(redisKeys.alerts(cameraId), 0, limit - 1));
    return list.map((json) => Aggregate.parse(JSON.parse(json)));
  }

  /**
   * Every aggregate pushed on any `camera:{id}` channel, but for those whose offset `isKnown`: reading them would cost
   * more than all else of a push. Bodies that do not parse are logged and skipped.
   */
  async follow(listener: (aggregate: PushedAggregate) => void, isKnown: (offset: number) => boolean = () => false): Promise<void> {
    // It must remember its subscription over reconnects, and may wait for the first connection.
    const subscriber = connectRedis(this.#options.url, { ...CONNECTION, enableOfflineQueue: true, autoResubscribe: true, maxRetriesPerRequest: null });
    this.#subscriber = subscriber;
    // The other connection tells what is wrong.
    subscriber.on('error', () => undefined);
    subscriber.on('pmessage', (_pattern: string, channel: string, body: string) => {
      const offset = OFFSET_AT_END.exec(body.slice(-OFFSET_CHARS))?.[1];
      if (offset !== undefined && isKnown(Number(offset))) return;
      try {
        listener(PushedAggregate.parse(JSON.parse(body)));
      } catch (thrown) {
        this.#options.log.error({ channel, err: asError(thrown).message }, `a message on the Redis channel ${channel} could not be used`);
      }
    });
    await subscriber.psubscribe(redisKeys.channel('*'));
  }

  close(): void {
    this.#watch.close();
    this.#commands.disconnect();
    this.#subscriber?.disconnect();
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
      // Trying again helps against all but this: somebody keeps something else under our name.
      throw new InfraError(message.includes('WRONGTYPE') ? 'REDIS_REFUSED' : 'REDIS_DOWN', `Redis did not take ${what}: ${message}`, {}, thrown);
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
   * A server that hangs (paused, swapping) keeps its connection. It is dropped after the first command that times out,
   * so that those after it fail at once instead of each waiting; the new connection is used when the server answers.
   */
  #giveUpHung(thrown: unknown): void {
    if (asError(thrown).message !== 'Command timed out' || this.#givingUp || this.#commands.status !== 'ready') return;
    this.#givingUp = true;
    this.#watch.connectionFailed(new Error(`no answer within ${COMMAND_TIMEOUT_MS} ms`));
    this.#commands.disconnect(true);
  }
}

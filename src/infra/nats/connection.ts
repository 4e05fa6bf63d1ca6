import { connect, Events, type JetStreamClient, type JetStreamManager, type NatsConnection, type Status } from 'nats';
import { type IsSampled, NONE_SAMPLED } from '../../messages/trace-context.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { systemClock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { settlesWithin } from '../../runtime/time-limit.ts';
import type { BusState } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import { natsOptions, natsUser, shownNats } from '../../servers/nats-url.ts';
import { asInfraError } from './nats-errors.ts';
import { TopicCounts } from './topic-counts.ts';
import { hintAfter, natsRefusal } from './nats-refusals.ts';

export interface NatsOptions {
  /** As `src/servers/nats-url.ts` reads it. */
  readonly url: string;
  /** Milliseconds to wait for the first connection before giving up. */
  readonly startTimeoutMs: number;
  readonly log: ActorLog;
  /** Called after every reconnect: the server may have lost its streams and consumers. */
  readonly onReconnect: () => Promise<void>;
  /** For the headers of messages. Default: no trace is. */
  readonly isSampled?: IsSampled | undefined;
}

/** Most time for an answer of JetStream. */
const ANSWER_MS = 3_000;
const SET_UP_AGAIN_MS = 500;
/** NATS's own default. */
const USUAL_MAX_PAYLOAD = 1024 * 1024;
/** At a close the server gets this long to confirm that it has received everything. */
const LAST_MS = 500;
/** The same trouble is logged once in this time. */
const SAY_AGAIN_MS = 30_000;
/** The first version with direct gets and gets by subject. */
const OLDEST_SERVER = [2, 9] as const;

/** One connection and its state. Reconnects for ever. */
export class NatsLink {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly isSampled: IsSampled;
  readonly topics = new TopicCounts();
  readonly #listeners = new Set<(state: BusState) => void>();
  readonly #calls = new Set<(reason: Error) => void>();
  readonly #refused = new Set<(reason: Error) => void>();
  readonly #url: string;
  #state: BusState = 'connected';
  #trouble: string | null = null;
  #saidAt = Number.NEGATIVE_INFINITY;

  private constructor(nc: NatsConnection, jsm: JetStreamManager, options: NatsOptions) {
    this.nc = nc;
    this.js = nc.jetstream({ timeout: ANSWER_MS });
    this.jsm = jsm;
    this.#url = options.url;
    this.isSampled = options.isSampled ?? NONE_SAMPLED;
    void this.#follow(options);
  }

  /**
   * Rejects `BUS_DOWN` when no server answered within `startTimeoutMs`; logs every few seconds that it waits. When that
   * time is finite, rejects `BUS_REFUSED` at once for a server that is too old or does not let this client in.
   */
  static async open(options: NatsOptions): Promise<NatsLink> {
    const deadline = Date.now() + options.startTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const nc = await connect({
          ...natsOptions(options.url),
          name: 'gantry',
          maxReconnectAttempts: -1,
          // By default the client gives up for good when it is refused twice; the right password may be restored.
          ignoreAuthErrorAbort: true,
          // A server that was killed is back within a second, and every frame waits for it.
          reconnectTimeWait: 100,
          reconnectJitter: 50,
          // A server that hangs is noticed after 6 s.
          pingInterval: 2_000,
          maxPingOut: 2,
          timeout: 3_000,
          noEcho: false,
          // A stack trace for each request costs more than the request.
          noAsyncTraces: true,
        });
        await refuseTooOld(nc, options.url);
        return new NatsLink(nc, await nc.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS }), options);
      } catch (thrown) {
        if (thrown instanceof InfraError) throw thrown;
        const url = shownNats(options.url);
        const refusal = natsRefusal(thrown, options.url);
        const message = refusal?.message ?? `${asError(thrown).message}${hintAfter(thrown, options.url)}`;
        if (refusal !== null && Number.isFinite(options.startTimeoutMs)) {
          throw new InfraError('BUS_REFUSED', message, { url }, thrown);
        }
        if (Date.now() >= deadline) {
          throw new InfraError(
            'BUS_DOWN',
            `NATS at ${url} did not answer within ${options.startTimeoutMs} ms (${message}); ` +
              'is it running, is NATS_URL right?',
            { url },
            thrown,
          );
        }
        if (attempt % 10 === 1) options.log.warn({ url, err: message }, `waiting for NATS at ${url}: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  }

  get state(): BusState {
    return this.#state;
  }

  /** Why the server does not let this client in, or refuses it a permission; null while neither is known. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Largest message that the server accepts, in bytes with headers. */
  get maxPayload(): number {
    return this.nc.info?.max_payload ?? USUAL_MAX_PAYLOAD;
  }

  /**
   * Throws `BUS_DOWN` while there is no connection. Nothing is buffered here: callers wait or drop by their own policy.
   */
  require(): NatsConnection {
    if (this.#state !== 'connected') throw new InfraError('BUS_DOWN', `NATS is ${this.#state}`, { state: this.#state });
    return this.nc;
  }

  /**
   * The answer to `ask`. Rejects `BUS_DOWN` while there is no connection and as soon as it is lost, or `BUS_REFUSED`.
   */
  async call<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#calls.add(reject);
    try {
      this.require();
      return await Promise.race([ask(), lost]);
    } catch (thrown) {
      throw asInfraError(thrown, doing);
    } finally {
      this.#calls.delete(reject);
    }
  }

  /** Calls `listener` at every change of state, until the returned function is called. */
  onChange(listener: (state: BusState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * As `work`, but rejects `BUS_REFUSED` as soon as the server refuses this client a permission: it does not answer
   * such a request.
   */
  async whileAllowed<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#refused.add(reject);
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#refused.delete(reject);
    }
  }

  async close(): Promise<void> {
    // At its close the client drops all data that it has not written yet.
    if (this.#state === 'connected') await settlesWithin(systemClock, this.nc.flush(), LAST_MS);
    this.#become('closed');
    await this.nc.close();
  }

  #become(state: BusState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    if (state !== 'connected') {
      const reason = new InfraError(
        'BUS_DOWN',
        state === 'closed' ? 'the connection to NATS was closed' : 'the connection to NATS was lost',
        { state },
      );
      for (const reject of this.#calls) reject(reason);
    }
    for (const listener of this.#listeners) listener(state);
  }

  async #follow(options: NatsOptions): Promise<void> {
    let lives = 0;
    for await (const status of this.nc.status()) {
      if (this.#state === 'closed') return;
      if (status.type === Events.Disconnect) {
        // The client repeats it at every failed attempt to reconnect.
        if (this.#state === 'connected') options.log.warn({}, 'NATS connection lost; reconnecting');
        lives += 1;
        this.#become('reconnecting');
      } else if (status.type === Events.Reconnect) {
        const life = lives;
        this.#trouble = null;
        this.#become('connected');
        options.log.info({}, 'NATS connection is back');
        void this.#setUp(options, () => this.#state === 'connected' && lives === life);
      } else if (status.type === Events.Error) {
        this.#onError(typeof status.data === 'string' ? status.data : 'ERROR', status.permissionContext, options.log);
      }
    }
    this.#become('closed');
  }

  /** An error that the server reported, during the connection or an attempt to reconnect; `code` is the client's. */
  #onError(code: string, permission: Status['permissionContext'], log: ActorLog): void {
    const error = Object.assign(new Error(code.toLowerCase().replaceAll('_', ' ')), { code });
    const refused = natsRefusal(error, this.#url)?.message;
    const who = `NATS at ${shownNats(this.#url)} does not let ${natsUser(this.#url)}`;
    const what = permission === undefined ? null : `${permission.operation} on "${permission.subject.slice(0, 200)}"`;
    const trouble = refused ?? (what === null ? null : `${who} ${what}: give it that permission`);
    if (trouble === null) return;
    const now = performance.now();
    if (trouble !== this.#trouble || now - this.#saidAt > SAY_AGAIN_MS) log.error({ code }, trouble);
    if (trouble !== this.#trouble) this.#saidAt = now;
    this.#trouble = trouble;
    for (const refuse of this.#refused) refuse(new InfraError('BUS_REFUSED', trouble, { code }));
  }

  /** Tries until it works or the connection has changed: right after its start a server may not be ready for it yet. */
  async #setUp({ onReconnect, log }: NatsOptions, isCurrent: () => boolean): Promise<void> {
    for (let attempt = 1; isCurrent(); attempt += 1) {
      try {
        await onReconnect();
        if (attempt > 1) log.info({ attempt }, 'the streams are in order again');
        return;
      } catch (thrown) {
        if (attempt % 10 === 1)
          log.error(
            { err: asError(thrown) },
            `could not check the streams after the reconnect, trying again: ${asError(thrown).message}`,
          );
        await new Promise((resolve) => setTimeout(resolve, SET_UP_AGAIN_MS));
      }
    }
  }
}

/** Rejects `BUS_REFUSED`, with the connection closed. */
async function refuseTooOld(nc: NatsConnection, url: string): Promise<void> {
  const version = nc.info?.version ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor >= OLDEST_SERVER[1])) return;
  await nc.close();
  const needs = `Gantry needs ${OLDEST_SERVER.join('.')} or newer, and is tried with 2.11`;
  const message = `NATS at ${shownNats(url)} is version ${version.slice(0, 40)}: ${needs}`;
  throw new InfraError('BUS_REFUSED', message, { url: shownNats(url), version });
}

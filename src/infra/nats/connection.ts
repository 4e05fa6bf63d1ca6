import { connect, Events, type NatsConnection } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { BusState } from '../bus.ts';
import { InfraError } from '../errors.ts';
import { redactUrl } from '../redact.ts';

export interface NatsOptions {
  readonly url: string;
  /** Milliseconds to wait for the first connection before giving up. */
  readonly startTimeoutMs: number;
  readonly log: ActorLog;
  /** Called after every reconnect: the server may have lost what was set up on it. */
  readonly onReconnect: () => Promise<void>;
}

/** One connection with its state; reconnects for ever. */
export class NatsLink {
  readonly nc: NatsConnection;
  #state: BusState = 'connected';

  private constructor(nc: NatsConnection, options: NatsOptions) {
    this.nc = nc;
    void this.#follow(options);
  }

  /** Rejects `BUS_DOWN` when no server answered within `startTimeoutMs`; says every few seconds that it waits. */
  static async open(options: NatsOptions): Promise<NatsLink> {
    const deadline = Date.now() + options.startTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const nc = await connect({
          servers: options.url,
          name: 'gantry',
          maxReconnectAttempts: -1,
          reconnectTimeWait: 250,
          reconnectJitter: 100,
          pingInterval: 5_000,
          maxPingOut: 2,
          timeout: 3_000,
          noEcho: false,
        });
        return new NatsLink(nc, options);
      } catch (thrown) {
        const { message } = asError(thrown);
        const url = redactUrl(options.url);
        if (Date.now() >= deadline) {
          throw new InfraError('BUS_DOWN', `NATS at ${url} did not answer within ${options.startTimeoutMs} ms (${message}); is it running, is NATS_URL right?`, { url }, thrown);
        }
        if (attempt % 10 === 1) options.log.warn({ url, err: message }, `waiting for NATS at ${url}: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  }

  get state(): BusState {
    return this.#state;
  }

  /** Throws `BUS_DOWN` while there is no connection: callers shed or wait by their own policy, nothing is buffered here. */
  require(): NatsConnection {
    if (this.#state !== 'connected') throw new InfraError('BUS_DOWN', `NATS is ${this.#state}`, { state: this.#state });
    return this.nc;
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.nc.close();
  }

  async #follow(options: NatsOptions): Promise<void> {
    for await (const status of this.nc.status()) {
      if (this.#state === 'closed') return;
      if (status.type === Events.Disconnect) {
        this.#state = 'reconnecting';
        options.log.warn({}, 'NATS connection lost; reconnecting');
      } else if (status.type === Events.Reconnect) {
        this.#state = 'connected';
        options.log.info({}, 'NATS connection is back');
        await options.onReconnect().catch((thrown: unknown) => options.log.error({ err: asError(thrown) }, 'could not check the streams after the reconnect'));
      }
    }
    this.#state = 'closed';
  }
}

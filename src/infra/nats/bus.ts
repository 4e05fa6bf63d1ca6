import { headers as newHeaders, type JetStreamClient, type MsgHdrs, NatsError } from 'nats';
import { headers } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Bus, BusState, Parser, PullConsumer, Trace } from '../bus.ts';
import { InfraError } from '../errors.ts';
import { type NatsOptions, NatsLink } from './connection.ts';
import { JetStreamPull } from './pull.ts';
import { ensureTopology } from './topology.ts';

const PUBLISH_TIMEOUT_MS = 3_000;

export interface BusCounters {
  /** Bodies that did not parse. */
  badBodies: number;
  /** Plain messages that could not be sent. */
  failedBroadcasts: number;
  published: number;
}

/** {@link Bus} over one NATS connection with JetStream. */
export class NatsBus implements Bus {
  readonly link: NatsLink;
  readonly counters: BusCounters = { badBodies: 0, failedBroadcasts: 0, published: 0 };
  readonly #js: JetStreamClient;
  readonly #log: ActorLog;

  private constructor(link: NatsLink, log: ActorLog) {
    this.link = link;
    this.#js = link.nc.jetstream({ timeout: PUBLISH_TIMEOUT_MS });
    this.#log = log;
  }

  /** Connects and sets up streams and consumers. Rejects `BUS_DOWN` after the start time-out. */
  static async open(options: Omit<NatsOptions, 'onReconnect'>): Promise<NatsBus> {
    const setUp = async (): Promise<void> => ensureTopology(await link.nc.jetstreamManager());
    const link = await NatsLink.open({ ...options, onReconnect: setUp });
    try {
      await setUp();
    } catch (thrown) {
      await link.close();
      throw new InfraError('BUS_REFUSED', `NATS refused to set up the streams: ${asError(thrown).message}; is JetStream enabled?`, {}, thrown);
    }
    return new NatsBus(link, options.log);
  }

  state(): BusState {
    return this.link.state;
  }

  async publish(subject: string, body: object, trace: Trace, id: string): Promise<void> {
    this.link.require();
    try {
      await this.#js.publish(subject, JSON.stringify(body), { headers: traceHeaders(trace), msgID: id });
      this.counters.published += 1;
    } catch (thrown) {
      throw asInfraError(thrown, `publishing on ${subject}`);
    }
  }

  broadcast(subject: string, body: object, trace?: Trace): void {
    try {
      this.link.require().publish(subject, JSON.stringify(body), trace === undefined ? {} : { headers: traceHeaders(trace) });
    } catch (thrown) {
      this.counters.failedBroadcasts += 1;
      this.#log.debug({ subject, err: asError(thrown).message }, 'broadcast not sent');
    }
  }

  subscribe<T>(subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void): () => void {
    const subscription = this.link.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        try {
          listener(parser.parse(message.json()), message.subject);
        } catch (thrown) {
          this.counters.badBodies += 1;
          this.#log.error({ subject: message.subject, err: asError(thrown).message }, `a message on ${message.subject} could not be used`);
        }
      },
    });
    return () => subscription.unsubscribe();
  }

  pull<T>(options: { readonly stream: string; readonly durable: string; readonly parser: Parser<T> }): Promise<PullConsumer<T>> {
    const onBadBody = (): void => {
      this.counters.badBodies += 1;
    };
    return Promise.resolve(new JetStreamPull({ ...options, link: this.link, log: this.#log, onBadBody }));
  }

  close(): Promise<void> {
    return this.link.close();
  }
}

function traceHeaders(trace: Trace): MsgHdrs {
  const made = newHeaders();
  made.set(headers.traceId, trace.traceId);
  made.set(headers.cameraId, trace.cameraId);
  made.set(headers.requestId, trace.requestId);
  return made;
}

/** NATS's own errors in our words; `BUS_DOWN` when trying again later may help. */
export function asInfraError(thrown: unknown, doing: string): InfraError {
  if (thrown instanceof InfraError) return thrown;
  const error = asError(thrown);
  const down = error instanceof NatsError && ['503', 'TIMEOUT', 'CONNECTION_CLOSED', 'CONNECTION_DRAINING', 'DISCONNECT'].includes(error.code);
  return new InfraError(down ? 'BUS_DOWN' : 'BUS_REFUSED', `${doing}: ${error.message}`, {}, thrown);
}

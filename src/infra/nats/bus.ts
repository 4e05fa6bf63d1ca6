import type { JetStreamManager, Msg } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Bus, BusState, FollowOptions, Parser, PullConsumer, PullOptions, ReadOptions, Stored, StoredMessage, Trace } from '../bus.ts';
import { InfraError } from '../errors.ts';
import { type NatsOptions, NatsLink } from './connection.ts';
import type { DeadLetterCount } from './dead-letter-counts.ts';
import { Gravedigger } from './dead-letters.ts';
import type { DeliveryInfo } from './delivery-info.ts';
import { asInfraError } from './errors.ts';
import { epochOf, StreamFollower } from './follow.ts';
import { JetStreamPull } from './pull.ts';
import { type RawMessage, readLast, readStream } from './read.ts';
import { hasNoJetStream, jetStreamAdvice, jetStreamPermissions } from './refusals.ts';
import { sendJson, traceHeaders } from './send.ts';
import { StandingPull } from './standing-pull.ts';
import { STREAMS_MB } from './stream-sizes.ts';
import { ensureTopology, mostDeliveries } from './topology.ts';

const ANSWER_MS = 3_000;
const START_AGAIN_MS = 250;
/** Frames and pictures as they usually are fit. */
const LEAST_PAYLOAD = 256 * 1024;

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
  readonly #log: ActorLog;
  readonly #gravedigger: Gravedigger;
  #jsm: Promise<JetStreamManager> | null = null;
  /** MB of streams as they were set up last; null before. */
  #streamsMb: number | null = null;
  #notice: string | null = null;

  private constructor(link: NatsLink, log: ActorLog) {
    this.link = link;
    this.#log = log;
    this.#gravedigger = new Gravedigger({ link, log });
  }

  /**
   * Connects and sets up streams and consumers, waiting for both; `streamsMb` as in {@link ensureTopology}. Rejects
   * `BUS_DOWN` or `BUS_REFUSED` after the start time-out, and at once when no waiting helps.
   */
  static async open(options: Omit<NatsOptions, 'onReconnect'> & { readonly streamsMb?: number }): Promise<NatsBus> {
    const { startTimeoutMs, log, streamsMb = STREAMS_MB } = options;
    const setUp = async (): Promise<void> => bus.#setUp(streamsMb);
    const link = await NatsLink.open({ ...options, onReconnect: setUp });
    const bus = new NatsBus(link, log);
    const deadline = performance.now() + startTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await link.whileAllowed(setUp());
        return bus;
      } catch (thrown) {
        const isFinal = asInfraError(thrown, 'JetStream').code === 'BUS_REFUSED' || hasNoJetStream(thrown);
        const message = setUpFailure(thrown, isFinal ? link.trouble : null, options.url);
        // A server that has just started, or whose disk is full, may be able to in a moment.
        if (isFinal || performance.now() >= deadline) {
          await link.close();
          throw new InfraError('BUS_REFUSED', message, {}, thrown);
        }
        if (attempt % 10 === 1) log.warn({ err: asError(thrown).message }, `waiting for JetStream: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS));
      }
    }
  }

  /** As `open`, where another one has set up streams and consumers, and keeps them so. */
  static async join(options: Omit<NatsOptions, 'onReconnect'>): Promise<NatsBus> {
    return new NatsBus(await NatsLink.open({ ...options, onReconnect: () => Promise.resolve() }), options.log);
  }

  state(): BusState {
    return this.link.state;
  }

  /** What an operator should know of NATS; null when all is well. */
  notice(): string | null {
    return this.link.trouble ?? this.#notice;
  }

  async publish(subject: string, body: object, trace: Trace, id: string): Promise<Stored> {
    const stored = await sendJson(this.link, subject, body, trace, id);
    this.counters.published += 1;
    return stored;
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

  pull<T>({ ahead = 0, ...options }: PullOptions<T>): Promise<PullConsumer<T>> {
    const onBadBody = (): void => {
      this.counters.badBodies += 1;
    };
    const whole = { ...options, link: this.link, log: this.#log, mostDeliveries: mostDeliveries(options.durable), bury: (message: Msg, info: DeliveryInfo, reason: string) => this.#gravedigger.bury(message, info, reason), onBadBody };
    return Promise.resolve(ahead > 0 ? new StandingPull(whole, ahead) : new JetStreamPull(whole));
  }

  async read<T>({ parser, ...options }: ReadOptions<T>): Promise<readonly StoredMessage<T>[]> {
    const raw = await readStream(this.link, await this.#manager(), options);
    return raw.flatMap((message) => this.#parse(message, parser) ?? []);
  }

  async last<T>({ stream, subject, parser }: { readonly stream: string; readonly subject: string; readonly parser: Parser<T> }): Promise<StoredMessage<T> | null> {
    const raw = await readLast(this.link, await this.#manager(), stream, subject);
    return raw === null ? null : this.#parse(raw, parser);
  }

  follow<T>({ parser, onMessage, ...options }: FollowOptions<T>): void {
    const take = (raw: RawMessage): void => {
      const message = this.#parse(raw, parser);
      if (message === null) return;
      try {
        onMessage(message);
      } catch (thrown) {
        this.#log.error({ subject: raw.subject, seq: raw.seq, err: asError(thrown) }, `a message on ${raw.subject} could not be used: ${asError(thrown).message}`);
      }
    };
    void new StreamFollower({ ...options, link: this.link, log: this.#log, take }).run();
  }

  async streamEpoch(stream: string): Promise<string> {
    this.link.require();
    const jsm = await this.#manager();
    try {
      return epochOf((await this.link.whileConnected(jsm.streams.info(stream))).created);
    } catch (thrown) {
      throw asInfraError(thrown, `asking for the stream ${stream}`);
    }
  }

  /** Messages given up since the start, by consumer. */
  deadLetters(): readonly DeadLetterCount[] {
    return this.#gravedigger.counts();
  }

  close(): Promise<void> {
    return this.link.close();
  }

  /** Null for a body that does not parse: counted and logged. */
  #parse<T>({ message, ...stored }: RawMessage, parser: Parser<T>): StoredMessage<T> | null {
    try {
      return { ...stored, body: parser.parse(JSON.parse(Buffer.from(message.data).toString('utf8'))) };
    } catch (thrown) {
      this.counters.badBodies += 1;
      this.#log.error({ subject: stored.subject, seq: stored.seq, err: asError(thrown).message }, `a message on ${stored.subject} could not be used`);
      return null;
    }
  }

  /** With what fitted last, so that a reconnect does not try all sizes again. */
  async #setUp(wantedMb: number): Promise<void> {
    const mb = await ensureTopology(this.link.nc, this.#streamsMb ?? wantedMb);
    if (mb === this.#streamsMb) return;
    this.#streamsMb = mb;
    const { maxPayload } = this.link;
    const small = maxPayload < LEAST_PAYLOAD ? smallMessages(maxPayload) : null;
    if (small !== null) this.#log.warn({ maxPayload }, small);
    this.#notice = small;
    if (mb >= wantedMb) return;
    const room = smallStreams(mb, wantedMb);
    this.#notice = small === null ? room : `${room}. ${small}`;
    this.#log.warn({ streamsMb: mb, wantedMb }, room);
  }

  #manager(): Promise<JetStreamManager> {
    this.#jsm ??= this.link.nc.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
    return this.#jsm;
  }
}

function setUpFailure(thrown: unknown, trouble: string | null, url: string): string {
  if (trouble !== null) return jetStreamPermissions(trouble);
  return thrown instanceof InfraError ? thrown.message : jetStreamAdvice(thrown, url);
}

const smallMessages = (bytes: number): string =>
  `NATS takes messages of ${bytes} bytes at most: pictures are made smaller to fit, and frames with very many objects ` +
  'do not; set its max_payload to 1MB';

const smallStreams = (mb: number, wantedMb: number): string =>
  `NATS has room for ${mb} MB of streams instead of ${wantedMb}: pictures, results and alerts are kept for a shorter ` +
  `time when there are many; give it more (max_file_store, the account's limits), or set GANTRY_STREAMS_MB=${mb}`;

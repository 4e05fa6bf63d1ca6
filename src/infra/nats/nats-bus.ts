import type { JsMsg, StoredMsg } from 'nats';
import { clipped } from '../../messages/bounds.ts';
import { readBody } from '../../messages/read-body.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type {
  Bus,
  BusState,
  FollowOptions,
  Parser,
  PullConsumer,
  PullOptions,
  ReadOptions,
  Stored,
  StoredMessage,
  Trace,
} from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import { LineLimit } from '../line-limit.ts';
import { type NatsOptions, NatsLink } from './connection.ts';
import type { DeadLetterCount } from './dead-letter-counts.ts';
import { DeadLetterWriter } from './dead-letter-writer.ts';
import { asInfraError } from './nats-errors.ts';
import { epochOf, StreamFollower } from './follow.ts';
import { InHand } from './in-hand.ts';
import { JetStreamPull } from './pull-consumer.ts';
import { readOne, readStream, storedAtOf } from './read.ts';
import { hasNoJetStream, jetStreamAdvice, jetStreamPermissions } from './nats-refusals.ts';
import { checkSize, sendJson, traceHeaders } from './send.ts';
import { STREAMS_MB } from './stream-sizes.ts';
import { ensureTopology, mostDeliveries } from './topology.ts';

const START_AGAIN_MS = 250;
/** Usual frames and pictures fit into it. */
const LEAST_PAYLOAD = 256 * 1024;
const LOG_EVERY_MS = 1_000;

export interface BusOptions extends Omit<NatsOptions, 'onReconnect'> {
  /** Path of the notes of {@link InHand}, without its two endings. Default: no notes. */
  readonly inHandFile?: string | undefined;
}

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
  readonly #deadLetters: DeadLetterWriter;
  readonly #inHand: InHand | null;
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  /** MB of all streams at the last set-up; null before the first. */
  #streamsMb: number | null = null;
  #notice: string | null = null;

  private constructor(link: NatsLink, { log, inHandFile }: Pick<BusOptions, 'log' | 'inHandFile'>) {
    this.link = link;
    this.#inHand = inHandFile === undefined ? null : new InHand(inHandFile, log);
    this.#log = log;
    this.#deadLetters = new DeadLetterWriter({ link, log });
  }

  /**
   * Connects, and sets up streams and consumers; `streamsMb` as in {@link ensureTopology}. Rejects `BUS_DOWN` or
   * `BUS_REFUSED` after the start time-out, and at once when waiting cannot help.
   */
  static async open(options: BusOptions & { readonly streamsMb?: number }): Promise<NatsBus> {
    const { startTimeoutMs, log, streamsMb = STREAMS_MB } = options;
    const setUp = async (): Promise<void> => bus.#setUp(streamsMb);
    const link = await NatsLink.open({ ...options, onReconnect: setUp });
    const bus = new NatsBus(link, options);
    const deadline = performance.now() + startTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await link.whileAllowed(setUp());
        return bus;
      } catch (thrown) {
        const isFinal = asInfraError(thrown, 'JetStream').code === 'BUS_REFUSED' || hasNoJetStream(thrown);
        const message = setUpFailure(thrown, isFinal ? link.trouble : null, options.url);
        // A server that has just started, or whose disk is full, may succeed in a moment.
        if (isFinal || performance.now() >= deadline) {
          await link.close();
          throw new InfraError('BUS_REFUSED', message, {}, thrown);
        }
        if (attempt % 10 === 1) log.warn({ err: asError(thrown).message }, `waiting for JetStream: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS));
      }
    }
  }

  /** As `open`, where another bus sets up streams and consumers. */
  static async join(options: BusOptions): Promise<NatsBus> {
    return new NatsBus(await NatsLink.open({ ...options, onReconnect: () => Promise.resolve() }), options);
  }

  state(): BusState {
    return this.link.state;
  }

  /** A warning for the operator; null when all is well. */
  notice(): string | null {
    return this.link.trouble ?? this.#notice;
  }

  async publish(subject: string, body: object | string, trace: Trace, id: string): Promise<Stored> {
    const stored = await sendJson(this.link, subject, body, trace, id);
    this.counters.published += 1;
    return stored;
  }

  broadcast(subject: string, body: object, trace?: Trace): void {
    try {
      const nc = this.link.require();
      const payload = JSON.stringify(body);
      checkSize(this.link, subject, payload);
      nc.publish(subject, payload, trace === undefined ? {} : { headers: traceHeaders(trace, this.link.isSampled) });
      this.link.topics.sent(subject);
    } catch (thrown) {
      this.counters.failedBroadcasts += 1;
      this.link.topics.failed(subject);
      // The link reports that NATS is down; any other error is the message's own.
      const { code, message } = asInfraError(thrown, `sending on ${subject}`);
      if (code === 'BUS_DOWN') this.#log.debug({ subject, err: message }, 'broadcast not sent');
      else if (this.#lines.mayLog())
        this.#log.warn(
          { subject, err: message, soFar: this.counters.failedBroadcasts },
          `a message could not be sent: ${message}`,
        );
    }
  }

  subscribe<T>(subject: string, parser: Parser<T>, listener: (body: T, subject: string) => void): () => void {
    const subscription = this.link.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        this.link.topics.received(message.subject);
        try {
          listener(readBody(message.data, parser), message.subject);
        } catch (thrown) {
          this.badBody(message.subject, thrown);
        }
      },
    });
    return () => subscription.unsubscribe();
  }

  pull<T>(options: PullOptions<T>): Promise<PullConsumer<T>> {
    const consumer = new JetStreamPull({
      ...options,
      link: this.link,
      mostDeliveries: mostDeliveries(options.durable),
      deadLetters: this.#deadLetters,
      onBadBody: () => void (this.counters.badBodies += 1),
      inHand: this.#inHand,
    });
    return Promise.resolve(consumer);
  }

  read<T>({ parser, ...options }: ReadOptions<T>): Promise<readonly StoredMessage<T>[]> {
    return readStream(this.link, options, (message) =>
      this.#parse(options.stream, message, storedAtOf(message), parser),
    );
  }

  async last<T>({
    stream,
    subject,
    parser,
  }: {
    readonly stream: string;
    readonly subject: string;
    readonly parser: Parser<T>;
  }): Promise<StoredMessage<T> | null> {
    const message = await readOne(this.link, stream, { last_by_subj: subject });
    return message === null ? null : this.#parse(stream, message, message.time.getTime(), parser);
  }

  follow<T>({ parser, onMessage, ...options }: FollowOptions<T>): void {
    const take = (message: JsMsg): void => {
      const parsed = this.#parse(options.stream, message, storedAtOf(message), parser);
      if (parsed === null) return;
      try {
        onMessage(parsed);
      } catch (thrown) {
        const { subject, seq } = parsed;
        const err = asError(thrown);
        this.#log.error({ subject, seq, err }, `a message on ${subject} could not be used: ${err.message}`);
      }
    };
    void new StreamFollower({ ...options, link: this.link, log: this.#log, onMessage: take }).run();
  }

  streamEpoch(stream: string): Promise<string> {
    return this.link.call(`asking for the stream ${stream}`, async () =>
      epochOf((await this.link.jsm.streams.info(stream)).created),
    );
  }

  /** Counts a body that cannot be used and does not become a dead letter. Logs it at most once a second. */
  badBody(where: string, thrown: unknown, more: { readonly seq?: number } = {}): void {
    this.counters.badBodies += 1;
    if (!this.#lines.mayLog()) return;
    const err = clipped(asError(thrown).message);
    this.#log.error(
      { ...more, subject: where, err, soFar: this.counters.badBodies },
      `a message on ${where} could not be used: ${err}`,
    );
  }

  /** Dead letters since the start, by consumer. */
  deadLetters(): readonly DeadLetterCount[] {
    return this.#deadLetters.counts();
  }

  async close(): Promise<void> {
    await this.link.close();
    this.#inHand?.close();
  }

  /** Null for a body that does not parse or has ended two processes; it is counted and logged. */
  #parse<T>(
    stream: string,
    { subject, seq, data }: Pick<StoredMsg, 'subject' | 'seq' | 'data'>,
    at: number,
    parser: Parser<T>,
  ): StoredMessage<T> | null {
    const key = `${stream} read ${seq} ${at}`;
    this.link.topics.received(subject);
    try {
      if (this.#inHand?.delay(key) === 'aside')
        throw new Error('it was in hand, alone, when this process ended for the second time');
      this.#inHand?.begin(key);
      const body = readBody(data, parser);
      this.#inHand?.done(key);
      return { subject, seq, storedAt: at, body };
    } catch (thrown) {
      this.badBody(subject, thrown, { seq });
      return null;
    }
  }

  /** Begins with the size that fitted last, so that a reconnect does not try all sizes again. */
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
}

function setUpFailure(thrown: unknown, trouble: string | null, url: string): string {
  if (trouble !== null) return jetStreamPermissions(trouble);
  return thrown instanceof InfraError ? thrown.message : jetStreamAdvice(thrown, url);
}

const smallMessages = (bytes: number): string =>
  `NATS takes messages of ${bytes} bytes at most: pictures are made smaller to fit, ` +
  'and frames with very many objects do not; set its max_payload to 1MB';

const smallStreams = (mb: number, wantedMb: number): string =>
  `NATS has room for ${mb} MB of streams instead of ${wantedMb}: pictures, results and alerts are kept for a shorter ` +
  `time when there are many; give it more (max_file_store, the account's limits), or set GANTRY_STREAMS_MB=${mb}`;

import { createInbox, type JetStreamManager, type Msg, type Subscription } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { FollowOptions } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import { isStatus, mostBytes } from './consumer.ts';
import { type DeliveryInfo, deliveryInfo, isAckSubject } from './delivery-info.ts';
import { headersOf, statusOf } from './headers.ts';
import { type RawMessage, readerConfig, readSeq } from './read.ts';

const NS_PER_MS = 1_000_000;
const BATCH = 512;
/** A request is open this long; the next one is sent at half of it, so that there always is one. */
const REQUEST_MS = 20_000;
const HEARTBEAT_MS = 1_000;
/** Silent for this long, heartbeats included: the consumer is gone or the server stands still. */
const SILENCE_MS = 3_000;
const AGAIN_MS = 250;
const ANSWER_MS = 2_000;

export interface StreamFollowerOptions extends Omit<FollowOptions<unknown>, 'parser' | 'onMessage'> {
  readonly link: NatsLink;
  readonly log: ActorLog;
  readonly take: (message: RawMessage) => void;
}

/** How one attachment to the stream ended: `gap`, `silent` and `lost` go on at the same place. */
type End = 'aborted' | 'lost' | 'silent' | 'gap';

/**
 * Follows a stream by an ephemeral pull consumer of its own. Whatever ends that consumer (a reconnect, a restart of the
 * server, silence, a message lost on the way) it makes another one that goes on after the last message taken.
 */
export class StreamFollower {
  readonly #options: StreamFollowerOptions;
  /** Null: whatever comes after the first attachment. */
  #next: number | null;
  #last: { readonly seq: number; readonly storedAt: number } | null = null;
  #epoch: string | null = null;

  constructor(options: StreamFollowerOptions) {
    this.#options = options;
    this.#next = options.from === 'new' ? null : options.from.seq;
  }

  /** Resolves at the abort, or when the link is closed. Never rejects. */
  async run(): Promise<void> {
    const { link, log, signal, stream } = this.#options;
    let away = false;
    const over = (): boolean => signal.aborted || link.state === 'closed';
    while (!over()) {
      try {
        const jsm = await link.whileConnected(link.require().jetstreamManager({ checkAPI: false, timeout: ANSWER_MS }));
        const seq = await this.#place(jsm);
        if (away) log.info({ stream, seq }, `the follower of ${stream} goes on at ${seq}`);
        away = false;
        const end = await this.#attach(jsm, seq);
        if (end === 'gap' || end === 'silent')
          log.debug({ stream, end, next: this.#next }, `the follower of ${stream} attaches anew`);
      } catch (thrown) {
        if (!away && !over())
          log.warn(
            { stream, err: asError(thrown).message },
            `the follower of ${stream} waits for NATS: ${asError(thrown).message}`,
          );
        away = true;
        await this.#pause();
      }
    }
  }

  /** The sequence to go on with, after a look at whether this still is the stream that was followed. */
  async #place(jsm: JetStreamManager): Promise<number> {
    const { link, stream, onReset } = this.#options;
    const { created, state } = await link.whileConnected(jsm.streams.info(stream));
    const past = state.last_seq + 1;
    const epoch = epochOf(created);
    const before = this.#epoch;
    this.#epoch = epoch;
    const next = this.#next ?? past;
    if (before !== null && before !== epoch) return this.#reset(state.first_seq, `the stream ${stream} was made anew`);
    if (next > past)
      return this.#reset(
        this.#last === null ? past : state.first_seq,
        `the stream ${stream} ends at ${state.last_seq}, before ${next}`,
      );
    if (this.#last !== null) {
      const same = await readSeq(link, stream, this.#last.seq);
      if (same !== null && same.storedAt !== this.#last.storedAt)
        return this.#reset(
          state.first_seq,
          `message ${this.#last.seq} of the stream ${stream} is another one than before`,
        );
    }
    if (next < state.first_seq && state.first_seq > 1) {
      onReset?.(`messages ${next} to ${state.first_seq - 1} of the stream ${stream} were gone before they were read`);
      this.#next = state.first_seq;
      return state.first_seq;
    }
    this.#next = next;
    return next;
  }

  #reset(next: number, why: string): number {
    this.#options.log.warn({ stream: this.#options.stream, next }, why);
    this.#options.onReset?.(why);
    this.#last = null;
    this.#next = Math.max(1, next);
    return this.#next;
  }

  /** Takes messages until the consumer is of no more use. */
  async #attach(jsm: JetStreamManager, seq: number): Promise<End> {
    const { link, stream, filter, signal } = this.#options;
    const nc = link.require();
    const inbox = createInbox();
    const ended = Promise.withResolvers<End>();
    let heard = performance.now();
    let owed = 0;
    let consumerSeq = 0;
    let name = '';
    const ask = (): void => {
      if (name === '' || link.state !== 'connected') return;
      owed += BATCH;
      const request = {
        batch: BATCH,
        max_bytes: mostBytes(link, BATCH),
        expires: REQUEST_MS * NS_PER_MS,
        idle_heartbeat: HEARTBEAT_MS * NS_PER_MS,
      };
      nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), { reply: inbox });
    };
    const subscription: Subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return;
        heard = performance.now();
        if (isStatus(message)) {
          const verdict = verdictOf(message);
          if (verdict === 'gone') ended.resolve('silent');
          owed -= verdict === 'gone' || verdict === 'heartbeat' ? 0 : verdict.unused;
        } else if (isAckSubject(message.reply ?? '')) {
          const info = deliveryInfo(message.reply ?? '');
          owed -= 1;
          consumerSeq += 1;
          if (info.consumerSeq !== consumerSeq) ended.resolve('gap');
          else this.#take(message, info);
        }
        if (owed < BATCH / 2) ask();
      },
    });
    const watch = setInterval(() => {
      if (performance.now() - heard > SILENCE_MS) ended.resolve('silent');
    }, HEARTBEAT_MS);
    const renew = setInterval(ask, REQUEST_MS / 2);
    const abort = (): void => ended.resolve('aborted');
    signal.addEventListener('abort', abort, { once: true });
    const unlisten = link.onChange(() => ended.resolve('lost'));
    try {
      ({ name } = await link.whileConnected(jsm.consumers.add(stream, readerConfig({ seq }, filter))));
      heard = performance.now();
      ask();
      return await ended.promise;
    } finally {
      unlisten();
      signal.removeEventListener('abort', abort);
      clearInterval(watch);
      clearInterval(renew);
      if (!subscription.isClosed()) subscription.unsubscribe();
      // Left behind, it goes by itself.
      if (name !== '' && link.state === 'connected') jsm.consumers.delete(stream, name).catch(() => undefined);
    }
  }

  #take(message: Msg, { seq, storedAt }: DeliveryInfo): void {
    const { stream, filter, onReset, take } = this.#options;
    const next = this.#next ?? seq;
    if (seq < next) return;
    if (seq > next && filter === undefined)
      onReset?.(`messages ${next} to ${seq - 1} of the stream ${stream} were gone before they were read`);
    this.#next = seq + 1;
    this.#last = { seq, storedAt };
    take({ subject: message.subject, seq, storedAt, data: message.data, headers: () => headersOf(message) });
  }

  /** Until trying again makes sense: a moment, or the reconnect. */
  #pause(): Promise<void> {
    const { link, signal } = this.#options;
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        unlisten();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, AGAIN_MS);
      const unlisten = link.onChange(finish);
      signal.addEventListener('abort', finish, { once: true });
    });
  }
}

/** Tells one life of a stream from another, by when it was made. */
export const epochOf = (created: string): string => {
  const ms = Date.parse(created);
  if (!Number.isFinite(ms))
    throw new InfraError('BUS_REFUSED', `the server says that the stream was made "${created}", which is no time`, {
      created,
    });
  return ms.toString(36);
};

const BYTES_USED = /max ?bytes/iu;

/** 100 is a sign of life; 404 and 408 end a request with what it did not use; anything else ends the consumer. */
function verdictOf(status: Msg): 'heartbeat' | 'gone' | { readonly unused: number } {
  const said = statusOf(status);
  const { code, description } = said;
  if (code === 100) return 'heartbeat';
  // 409: its bytes are used up before its messages, or the consumer is gone.
  if (code !== 404 && code !== 408 && !(code === 409 && BYTES_USED.test(description))) return 'gone';
  return { unused: Number(said.get('Nats-Pending-Messages')) };
}

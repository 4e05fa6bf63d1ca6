import { ConsumerEvents, type ConsumerMessages, type JsMsg } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { FollowOptions } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import { readerConfig, readOne, requestBytes, storedAtOf } from './read.ts';

const EXPIRES_MS = 20_000;
/** After two missed heartbeats the consumer is taken to be gone, or the server to stand still. */
const HEARTBEAT_MS = 1_000;
const AGAIN_MS = 250;

export interface StreamFollowerOptions extends Omit<FollowOptions<unknown>, 'parser' | 'onMessage'> {
  readonly link: NatsLink;
  readonly log: ActorLog;
  readonly onMessage: (message: JsMsg) => void;
}

/**
 * Follows a stream by an ephemeral consumer of the client. Whatever ends that consumer (a reconnect, a restart of the
 * server, silence, a message lost on the way), another one goes on after the last message. The client's ordered
 * consumer would do the same, but would not notice a stream made anew, whose sequences start again.
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
    let waiting = false;
    const over = (): boolean => signal.aborted || link.state === 'closed';
    while (!over()) {
      try {
        const seq = await link.call(`following ${stream}`, () => this.#place());
        if (waiting) log.info({ stream, seq }, `the follower of ${stream} goes on at ${seq}`);
        waiting = false;
        await this.#attach(seq);
        log.debug({ stream, next: this.#next }, `the follower of ${stream} attaches anew`);
      } catch (thrown) {
        const err = asError(thrown).message;
        if (!waiting && !over()) log.warn({ stream, err }, `the follower of ${stream} waits for NATS: ${err}`);
        waiting = true;
        await pause(systemClock, AGAIN_MS, signal);
      }
    }
  }

  /** The sequence to go on with, after a look at whether this still is the stream that was followed. */
  async #place(): Promise<number> {
    const { link, stream, onReset } = this.#options;
    const { created, state } = await link.jsm.streams.info(stream);
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
      const same = await readOne(link, stream, { seq: this.#last.seq });
      // Of one message the two times may differ by a millisecond, see `storedAtOf`.
      if (same !== null && Math.abs(same.time.getTime() - this.#last.storedAt) > 1)
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

  /** Resolves when the consumer is of no more use. */
  async #attach(seq: number): Promise<void> {
    const { link, stream, filter, signal } = this.#options;
    const { name } = await link.call(`following ${stream}`, () =>
      link.jsm.consumers.add(stream, readerConfig({ seq }, filter)),
    );
    let messages: ConsumerMessages | null = null;
    const end = (): void => void messages?.close();
    const unlisten = link.onChange(end);
    signal.addEventListener('abort', end, { once: true });
    let delivered = 0;
    try {
      const consumer = await link.call(`following ${stream}`, () => link.js.consumers.get(stream, name));
      messages = await consumer.consume({
        max_bytes: requestBytes(link),
        expires: EXPIRES_MS,
        idle_heartbeat: HEARTBEAT_MS,
        abort_on_missing_resource: true,
        callback: (message) => {
          delivered += 1;
          if (message.info.deliverySequence === delivered) this.#receive(message);
          else end();
        },
      });
      void endWhenSilent(messages);
      if (signal.aborted || link.state !== 'connected') end();
      await messages.closed();
    } finally {
      unlisten();
      signal.removeEventListener('abort', end);
      // A consumer that is not deleted here expires by itself, once it is inactive.
      if (link.state === 'connected') link.jsm.consumers.delete(stream, name).catch(() => undefined);
    }
  }

  #receive(message: JsMsg): void {
    const { stream, filter, onReset, onMessage } = this.#options;
    const { seq } = message;
    const next = this.#next ?? seq;
    if (seq < next) return;
    if (seq > next && filter === undefined)
      onReset?.(`messages ${next} to ${seq - 1} of the stream ${stream} were gone before they were read`);
    this.#next = seq + 1;
    this.#last = { seq, storedAt: storedAtOf(message) };
    onMessage(message);
  }
}

async function endWhenSilent(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of await messages.status()) {
    if (type === ConsumerEvents.HeartbeatsMissed) void messages.close();
  }
}

/** Identifies one incarnation of a stream by its creation time. Throws `BUS_REFUSED` for a text that is no time. */
export const epochOf = (created: string): string => {
  const ms = Date.parse(created);
  if (!Number.isFinite(ms))
    throw new InfraError('BUS_REFUSED', `the server says that the stream was made "${created}", which is no time`, {
      created,
    });
  return ms.toString(36);
};

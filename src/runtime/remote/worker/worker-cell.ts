import type { ActorDefinition, ActorLog, Detail, StopReason } from '../../actor.ts';
import { BusyTime } from '../../busy-meter.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { RuntimeError, serializeError } from '../../errors.ts';
import type { ExitReason } from '../../exit.ts';
import type { Incarnation } from '../../incarnation.ts';
import { type LocalHost, LocalIncarnation } from '../../local-incarnation.ts';
import { Envelope, type ReplySink } from '../../mailbox.ts';
import type { Message } from '../../message.ts';
import type { ActorRef, Address } from '../../ref.ts';
import { Ring } from '../../ring.ts';
import { MetricBatcher } from '../metric-batch.ts';
import { NativeGuard } from '../native-guard.ts';
import { ASKED_ALL, ASKED_NONE, type FrameToWorker, type ToWorker } from '../to-worker.ts';
import { HostLink } from './host-link.ts';
import type { WorkerOutbox } from './worker-outbox.ts';

const UNLIMITED_MS = 2 ** 31 - 1;

/**
 * Stands in for the cell of a worker's actor: queues delivered messages, runs the incarnation, and passes its events
 * and requests on to the host.
 */
export class WorkerCell implements LocalHost {
  readonly path: string;
  readonly clock: Clock = systemClock;
  readonly log: ActorLog;
  readonly metrics: MetricBatcher;
  readonly #outbox: WorkerOutbox;
  readonly #link: HostLink;
  readonly #guard: NativeGuard;
  readonly #incarnation: LocalIncarnation;
  readonly #queue = new Ring<Envelope>();
  readonly #watching = new Set<string>();
  #native = 0;
  #handling = false;
  #pumping = false;
  #processed = 0;
  readonly #busyTime = new BusyTime();

  constructor(start: Extract<ToWorker, { type: 'start' }>, outbox: WorkerOutbox) {
    this.path = start.path;
    this.#outbox = outbox;
    this.#link = new HostLink(outbox, systemClock, start.credit);
    this.#guard = start.guard === null ? new NativeGuard() : new NativeGuard(start.guard);
    const at = (level: keyof ActorLog) => (fields: object, message: string) =>
      outbox.add({ type: 'log', level, fields: cloneable(fields), message });
    this.log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    this.metrics = new MetricBatcher((batch) => outbox.add({ type: 'metrics', batch }));
    this.#incarnation = new LocalIncarnation(this, start.incarnation);
  }

  async begin(start: Extract<ToWorker, { type: 'start' }>): Promise<void> {
    try {
      const loaded: Record<string, unknown> = await import(start.module.url);
      const definition = loaded[start.module.name];
      if (!isDefinition(definition))
        throw new RuntimeError('BAD_DEFINITION', `${start.module.url} exports no actor named "${start.module.name}"`, {
          module: start.module.url,
        });
      await this.#incarnation.begin(definition, start.init);
      this.#outbox.add({ type: 'started' });
    } catch (thrown) {
      this.#incarnation.close();
      this.#outbox.add({ type: 'start-failed', error: serializeError(thrown) });
    }
  }

  handle(item: Exclude<ToWorker, { type: 'start' }>): void {
    switch (item.type) {
      case 'signal':
        this.#queue.push(new Envelope(null, null, 0, { signal: item.signal }));
        break;
      case 'answer':
        this.#link.settle(item.id, item.reply);
        break;
      case 'credit':
        this.#link.grant(item.count);
        break;
      case 'stop':
        void this.#stop(item.reason);
        break;
    }
  }

  /** Queues the messages of a frame; its items are handled before. */
  receive([, seq, asked, messages]: FrameToWorker): void {
    if (messages === 0) return;
    const list: readonly Message[] = typeof messages === 'string' ? JSON.parse(messages) : messages;
    if (asked === ASKED_NONE || asked === ASKED_ALL) {
      for (let at = 0; at < list.length; at += 1) this.#enqueue(list[at], asked === ASKED_ALL ? seq + at : null);
      return;
    }
    const wanted = new Set(asked);
    for (let at = 0; at < list.length; at += 1) this.#enqueue(list[at], wanted.has(at) ? seq + at : null);
  }

  /** Handles the queue until it is empty or an asynchronous handler holds the mailbox. */
  pump(): void {
    const began = this.#busyTime.begin();
    this.#pumping = true;
    while (!this.#handling && !this.#incarnation.closed) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      // The watch was taken back while its signal was on the way.
      const unwanted =
        next.message === null && next.extra?.signal !== undefined && !this.#watching.delete(next.extra.signal.path);
      this.#handling = true;
      if (unwanted) this.onProcessed();
      else this.#incarnation.deliver(next);
    }
    this.#pumping = false;
    this.#busyTime.end(began);
    this.#count();
  }

  fail(error: Error): void {
    this.#incarnation.fail(error);
  }

  refTo<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.#link.ref(to.path);
  }
  sendToSelf(_from: Incarnation, message: Message, onLeave: (() => void) | null): void {
    this.#link.toSelf(message, onLeave);
  }
  onProcessed(): void {
    const wasHandling = this.#handling;
    this.#handling = false;
    this.#processed += 1;
    // Inside `pump` the loop takes the next message; an asynchronous handler ends outside it.
    if (!wasHandling || this.#pumping) return;
    // The host must count this one before the next begins: if the next ends the worker, the host knows it as the cause.
    this.#count();
    if (this.#queue.size > 0) this.#outbox.flush();
    this.pump();
  }
  onExit(_from: Incarnation, reason: ExitReason): void {
    this.metrics.flush();
    this.#outbox.add({
      type: 'exit',
      reason: reason instanceof Error ? serializeError(reason) : reason,
      begun: this.#handling,
    });
  }
  onReport(_from: Incarnation, detail: Detail): void {
    this.#outbox.add({ type: 'report', detail });
  }
  onLost(messageType: string): void {
    this.#outbox.add({ type: 'lost', messageType });
  }
  watch(_from: Incarnation, path: string): void {
    if (this.#watching.has(path)) return;
    this.#watching.add(path);
    this.#outbox.add({ type: 'watch', path });
  }
  unwatch(_from: Incarnation, path: string): void {
    this.#watching.delete(path);
    this.#outbox.add({ type: 'unwatch', path });
  }
  async runNative<T>(work: () => Promise<T>): Promise<T> {
    this.#native += 1;
    try {
      return await this.#guard.run(work);
    } finally {
      this.#native -= 1;
    }
  }
  nativeInFlight(): number {
    return this.#native;
  }
  ownProcess(pid: number): void {
    this.#outbox.add({ type: 'own', pid });
  }
  disownProcess(pid: number): void {
    this.#outbox.add({ type: 'disown', pid });
  }

  #count(): void {
    if (this.#processed > 0) this.#outbox.processed(this.#processed, this.#busyTime.ms);
    this.#processed = 0;
  }

  #enqueue(message: Message | undefined, seq: number | null): void {
    if (message !== undefined)
      this.#queue.push(new Envelope(message, seq === null ? null : new RemoteReply(this.#outbox, seq), 0, null));
  }

  async #stop(reason: StopReason): Promise<void> {
    // The host keeps the time-out.
    await this.#incarnation.stop(reason, UNLIMITED_MS);
    this.#link.close();
    this.metrics.flush();
    this.#outbox.add({ type: 'stopped' });
  }
}

/** Sends the answer of one message back. */
class RemoteReply implements ReplySink {
  readonly #outbox: WorkerOutbox;
  readonly #seq: number;

  constructor(outbox: WorkerOutbox, seq: number) {
    this.#outbox = outbox;
    this.#seq = seq;
  }

  resolve(value: unknown): void {
    this.#outbox.reply(this.#seq, value);
  }

  reject(error: Error): void {
    this.#outbox.add({ type: 'rejected', seq: this.#seq, error: serializeError(error) });
  }
}

/** Makes log fields survive cloning: errors become plain objects, functions and symbols text. */
function cloneable(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]: [string, unknown]) => {
      if (value instanceof Error) return [key, serializeError(value)];
      if (value !== null && typeof value === 'object') return [key, JSON.parse(JSON.stringify(value))];
      return [key, typeof value === 'function' || typeof value === 'symbol' ? String(value) : value];
    }),
  );
}

function isDefinition(value: unknown): value is ActorDefinition<Message, unknown> {
  return typeof value === 'object' && value !== null && 'start' in value && typeof value.start === 'function';
}

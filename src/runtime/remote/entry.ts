/** Entry point of a worker thread or process that runs one actor. Refuses to be imported anywhere else. */
import { isMainThread, parentPort } from 'node:worker_threads';
import type { ActorDefinition, ActorLog, Detail, StopReason } from '../actor.ts';
import { type Clock, systemClock } from '../clock.ts';
import { asError, RuntimeError, serializeError } from '../errors.ts';
import type { ExitReason } from '../exit.ts';
import { Life, type LifeHost } from '../life.ts';
import { Envelope, type ReplySink } from '../mailbox.ts';
import type { Message } from '../message.ts';
import type { ActorRef, Address } from '../ref.ts';
import { Ring } from '../ring.ts';
import { NativeGuard } from './native-guard.ts';
import { HostLink } from './link.ts';
import { MetricBatcher } from './metric-batch.ts';
import { RemoteOutbox } from './thread-outbox.ts';
import { ASKED_ALL, ASKED_NONE, type FrameFromRemote, type FrameToRemote, type ToRemote } from './thread-protocol.ts';

/** The line to the host: a thread's port, or a process's channel. */
function openLine(): {
  send(frame: FrameFromRemote, transfer: readonly ArrayBuffer[]): void;
  onFrame(listener: (frame: FrameToRemote) => void): void;
} {
  if (!isMainThread && parentPort !== null) {
    const port = parentPort;
    return {
      send: (frame, transfer) => port.postMessage(frame, transfer),
      onFrame: (listener) => void port.on('message', listener),
    };
  }
  if (isMainThread && process.send !== undefined && process.argv[1] === import.meta.filename) {
    // A process whose host is gone has nobody to work for.
    process.once('disconnect', () => process.exit(0));
    return {
      send: (frame) => void process.send?.([...frame]),
      // What our own host sends is a frame.
      onFrame: (listener) => void process.on('message', (frame) => listener(frame as FrameToRemote)),
    };
  }
  throw new RuntimeError(
    'BAD_DEFINITION',
    'runtime/remote/entry.ts runs only as a worker thread or process of the runtime',
  );
}

const line = openLine();

/** One actor away from the main thread. */
class RemoteHost implements LifeHost {
  readonly path: string;
  readonly clock: Clock = systemClock;
  readonly log: ActorLog;
  readonly metrics: MetricBatcher;
  readonly #outbox: RemoteOutbox;
  readonly #link: HostLink;
  readonly #guard: NativeGuard;
  readonly #life: Life;
  readonly #queue = new Ring<Envelope>();
  readonly #watching = new Set<string>();
  #native = 0;
  #handling = false;
  #pumping = false;
  #processed = 0;
  #turns = 0;
  #busyMs = 0;

  constructor(start: Extract<ToRemote, { type: 'start' }>, outbox: RemoteOutbox) {
    this.path = start.path;
    this.#outbox = outbox;
    this.#link = new HostLink(outbox, systemClock, start.credit);
    this.#guard = start.guard === null ? new NativeGuard() : new NativeGuard(start.guard);
    const at = (level: keyof ActorLog) => (fields: object, message: string) =>
      outbox.add({ type: 'log', level, fields: cloneable(fields), message });
    this.log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    this.metrics = new MetricBatcher((batch) => outbox.add({ type: 'metrics', batch }));
    this.#life = new Life(this, start.incarnation);
  }

  async begin(start: Extract<ToRemote, { type: 'start' }>): Promise<void> {
    try {
      const loaded: Record<string, unknown> = await import(start.module.url);
      const definition = loaded[start.module.name];
      if (!isDefinition(definition))
        throw new RuntimeError('BAD_DEFINITION', `${start.module.url} exports no actor named "${start.module.name}"`, {
          module: start.module.url,
        });
      await this.#life.begin(definition, start.init);
      this.#outbox.add({ type: 'started' });
    } catch (thrown) {
      this.#life.close();
      this.#outbox.add({ type: 'start-failed', error: serializeError(thrown) });
    }
  }

  take(item: Exclude<ToRemote, { type: 'start' }>): void {
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

  queue([, seq, asked, messages]: FrameToRemote): void {
    if (messages === 0) return;
    const list: readonly Message[] = typeof messages === 'string' ? JSON.parse(messages) : messages;
    if (asked === ASKED_NONE || asked === ASKED_ALL) {
      for (let at = 0; at < list.length; at += 1) this.#enqueue(list[at], asked === ASKED_ALL ? seq + at : null);
      return;
    }
    const wanted = new Set(asked);
    for (let at = 0; at < list.length; at += 1) this.#enqueue(list[at], wanted.has(at) ? seq + at : null);
  }

  /** Handles what has come, until something asynchronous holds the mailbox. */
  pump(): void {
    // Reading the clock costs more than many a handler: one turn in eight stands for all.
    this.#turns += 1;
    const began = (this.#turns & 7) === 0 ? performance.now() : 0;
    this.#pumping = true;
    while (!this.#handling && !this.#life.over) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      // A watch taken back while the signal was on its way.
      const unwanted =
        next.message === null && next.extra?.signal !== undefined && !this.#watching.delete(next.extra.signal.path);
      this.#handling = true;
      if (unwanted) this.onProcessed();
      else this.#life.deliver(next);
    }
    this.#pumping = false;
    if (began !== 0) this.#busyMs += 8 * (performance.now() - began);
    if (this.#processed === 0) return;
    this.#outbox.processed(this.#processed, this.#busyMs);
    this.#processed = 0;
  }

  fail(error: Error): void {
    this.#life.fail(error);
  }

  refTo<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.#link.ref(to.path);
  }
  sendToSelf(_life: Life, message: Message, onLeave: (() => void) | null): void {
    this.#link.toSelf(message, onLeave);
  }
  onProcessed(): void {
    const held = this.#handling;
    this.#handling = false;
    this.#processed += 1;
    // Inside `pump` the loop goes on by itself; an asynchronous handler ends outside it.
    if (held && !this.#pumping) this.pump();
  }
  onExit(_life: Life, reason: ExitReason): void {
    this.metrics.flush();
    this.#outbox.add({
      type: 'exit',
      reason: reason instanceof Error ? serializeError(reason) : reason,
      begun: this.#handling,
    });
  }
  onReport(_life: Life, detail: Detail): void {
    this.#outbox.add({ type: 'report', detail });
  }
  onLost(messageType: string): void {
    this.#outbox.add({ type: 'lost', messageType });
  }
  watch(_life: Life, path: string): void {
    if (this.#watching.has(path)) return;
    this.#watching.add(path);
    this.#outbox.add({ type: 'watch', path });
  }
  unwatch(_life: Life, path: string): void {
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

  #enqueue(message: Message | undefined, seq: number | null): void {
    if (message !== undefined)
      this.#queue.push(new Envelope(message, seq === null ? null : new RemoteSink(this.#outbox, seq), 0, null));
  }

  async #stop(reason: StopReason): Promise<void> {
    // The host keeps the time; this side has all of it.
    await this.#life.stop(reason, 2 ** 31 - 1);
    this.#link.close();
    this.metrics.flush();
    this.#outbox.add({ type: 'stopped' });
  }
}

/** Sends the answer of one message back. */
class RemoteSink implements ReplySink {
  readonly #outbox: RemoteOutbox;
  readonly #seq: number;

  constructor(outbox: RemoteOutbox, seq: number) {
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

const outbox = new RemoteOutbox((frame, transfer) => line.send(frame, transfer));
let host: RemoteHost | null = null;

// An uncaught error would end the thread at once, and with native code in flight the whole process with it. It is
// reported as a failure instead, and the host then stops this side co-operatively.
process.on('uncaughtException', (error) => host?.fail(asError(error)));
process.on('unhandledRejection', (reason) => host?.fail(asError(reason)));

line.onFrame((frame) => {
  const [items] = frame;
  for (const item of items === 0 ? [] : items) {
    if (item.type !== 'start') host?.take(item);
    else if (host === null) {
      host = new RemoteHost(item, outbox);
      void host.begin(item).then(() => host?.pump());
    }
  }
  host?.queue(frame);
  host?.pump();
  outbox.flush();
});

/** Log fields must survive cloning: errors become plain objects, everything else that will not go becomes text. */
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

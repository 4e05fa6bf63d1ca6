/** Entry point of a worker thread or process that runs one actor. Refuses to be imported anywhere else. */
import { isMainThread, parentPort } from 'node:worker_threads';
import type { ActorDefinition, ActorLog, Detail, StopReason } from '../actor.ts';
import { type Clock, systemClock } from '../clock.ts';
import { asError, RuntimeError, serializeError } from '../errors.ts';
import type { ExitReason } from '../exit.ts';
import { Life, type LifeHost } from '../life.ts';
import { Envelope } from '../mailbox.ts';
import type { Message } from '../message.ts';
import type { ActorRef, Address } from '../ref.ts';
import { Ring } from '../ring.ts';
import { NativeGuard } from './guard.ts';
import { HostLink } from './link.ts';
import { Outbox } from './outbox.ts';
import type { FromRemote, ToRemote } from './protocol.ts';

/** The line to the host: a thread's port, or a process's channel. */
function openLine(): { send(items: readonly FromRemote[], transfer: readonly ArrayBuffer[]): void; onItems(listener: (items: readonly ToRemote[]) => void): void } {
  if (!isMainThread && parentPort !== null) {
    const port = parentPort;
    return { send: (items, transfer) => port.postMessage(items, transfer), onItems: (listener) => void port.on('message', listener) };
  }
  if (isMainThread && process.send !== undefined && process.argv[1] === import.meta.filename) {
    // A process whose host is gone has nobody to work for.
    process.once('disconnect', () => process.exit(0));
    return {
      send: (items) => void process.send?.([...items]),
      onItems: (listener) => void process.on('message', (items) => listener(items as ToRemote[])),
    };
  }
  throw new RuntimeError('BAD_DEFINITION', 'runtime/remote/entry.ts runs only as a worker thread or process of the runtime');
}

const line = openLine();

/** One actor away from the main thread. */
class RemoteHost implements LifeHost {
  readonly path: string;
  readonly clock: Clock = systemClock;
  readonly log: ActorLog;
  readonly #outbox: Outbox<FromRemote>;
  readonly #link: HostLink;
  readonly #guard: NativeGuard;
  readonly #life: Life;
  readonly #queue = new Ring<Envelope>();
  readonly #watching = new Set<string>();
  #native = 0;
  #handling = false;
  #processed = 0;
  #busyMs = 0;

  constructor(start: Extract<ToRemote, { type: 'start' }>, outbox: Outbox<FromRemote>) {
    this.path = start.path;
    this.#outbox = outbox;
    this.#link = new HostLink(outbox, systemClock, start.credit);
    this.#guard = start.guard === null ? new NativeGuard() : new NativeGuard(start.guard);
    const at = (level: keyof ActorLog) => (fields: object, message: string) => outbox.add({ type: 'log', level, fields: cloneable(fields), message });
    this.log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    this.#life = new Life(this, start.incarnation);
  }

  async begin(start: Extract<ToRemote, { type: 'start' }>): Promise<void> {
    try {
      const loaded: Record<string, unknown> = await import(start.module.url);
      const definition = loaded[start.module.name];
      if (!isDefinition(definition)) throw new RuntimeError('BAD_DEFINITION', `${start.module.url} exports no actor named "${start.module.name}"`, { module: start.module.url });
      await this.#life.begin(definition, start.init);
      this.#outbox.add({ type: 'started' });
    } catch (thrown) {
      this.#life.close();
      this.#outbox.add({ type: 'start-failed', error: serializeError(thrown) });
    }
  }

  take(item: Exclude<ToRemote, { type: 'start' }>): void {
    switch (item.type) {
      case 'messages': {
        const asked = item.asked === null ? null : new Set(item.asked);
        for (const [offset, message] of item.messages.entries()) this.#queue.push(new Envelope(message, asked?.has(offset) === true ? this.#sink(item.seq + offset) : null, 0, null));
        break;
      }
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

  /** Handles what has come, until something asynchronous holds the mailbox. */
  pump(): void {
    const began = performance.now();
    while (!this.#handling && !this.#life.over) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      // A watch taken back while the signal was on its way.
      const unwanted = next.message === null && next.extra?.signal !== undefined && !this.#watching.delete(next.extra.signal.path);
      this.#handling = true;
      if (unwanted) this.onProcessed();
      else this.#life.deliver(next);
    }
    this.#busyMs += performance.now() - began;
    if (this.#processed === 0) return;
    this.#outbox.add({ type: 'processed', count: this.#processed, busyMs: this.#busyMs });
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
    if (held && this.#processed === 1) queueMicrotask(() => this.pump());
  }
  onExit(_life: Life, reason: ExitReason): void {
    this.#outbox.add({ type: 'exit', reason: reason instanceof Error ? serializeError(reason) : reason, begun: this.#handling });
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

  #sink(seq: number) {
    return {
      resolve: (value: unknown): void => this.#outbox.add({ type: 'replied', seq, reply: { ok: true, value } }),
      reject: (error: Error): void => this.#outbox.add({ type: 'replied', seq, reply: { ok: false, error: serializeError(error) } }),
    };
  }

  async #stop(reason: StopReason): Promise<void> {
    // The host keeps the time; this side has all of it.
    await this.#life.stop(reason, 2 ** 31 - 1);
    this.#link.close();
    this.#outbox.add({ type: 'stopped' });
  }
}

const outbox = new Outbox<FromRemote>((items, transfer) => line.send(items, transfer));
let host: RemoteHost | null = null;

// An uncaught error would end the thread at once, and with native code in flight the whole process with it. It is
// reported as a failure instead, and the host then stops this side co-operatively.
process.on('uncaughtException', (error) => host?.fail(asError(error)));
process.on('unhandledRejection', (reason) => host?.fail(asError(reason)));

line.onItems((items) => {
  for (const item of items) {
    if (item.type !== 'start') host?.take(item);
    else if (host === null) {
      host = new RemoteHost(item, outbox);
      void host.begin(item).then(() => host?.pump());
    }
  }
  host?.pump();
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

import type { ModuleExport, StopReason } from '../../actor.ts';
import { asError, deserializeError, RuntimeError } from '../../errors.ts';
import type { ExitReason } from '../../exit.ts';
import type { Incarnation } from '../../incarnation.ts';
import type { Envelope, ReplySink } from '../../mailbox.ts';
import type { Message } from '../../message.ts';
import { Ring } from '../../ring.ts';
import { settlesWithin } from '../../time-limit.ts';
import { collectTransfers, hasTransferred } from '../../transfer.ts';
import type { FrameFromWorker, FromWorker } from '../from-worker.ts';
import { ASKED_NONE } from '../to-worker.ts';
import { HostOutbox } from './host-outbox.ts';
import type { Gateway, RemoteOwner } from './remote-owner.ts';
import type { WorkerChannel } from './worker-channel.ts';
import { WorkerRequests } from './worker-requests.ts';

/** Most messages that the worker holds; the others wait in the cell's mailbox, which survives the worker. */
const WINDOW = 1_024;
/** Most tells on their way from the worker to us. */
const CREDIT = 1_024;
const QUARANTINE_POLL_MS = 250;

/** An incarnation that runs in a worker, as the host sees it. */
export class RemoteIncarnation implements Incarnation {
  readonly window: number;
  /** Settles with the actor's start. */
  readonly started: Promise<void>;
  readonly incarnation: number;
  readonly #channel: WorkerChannel;
  readonly #owner: RemoteOwner;
  readonly #gateway: Gateway;
  readonly #outbox: HostOutbox;
  readonly #requests: WorkerRequests;
  readonly #starting = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Delivered and not handled yet, oldest first. */
  readonly #unprocessed = new Ring<Envelope>();
  /** Pending answers by sequence number; some of their messages are handled already. */
  readonly #asked = new Map<number, ReplySink>();
  #seq = 0;
  #busyMs = 0;
  /** `ended`: the actor accepts no more messages. `gone`: its worker has exited. */
  #state: 'active' | 'ended' | 'gone' = 'active';
  #failed = false;
  /** Whether the oldest unprocessed message was being handled when the actor ended. True until it is known. */
  #oldestBegun = true;

  constructor(channel: WorkerChannel, owner: RemoteOwner, incarnation: number, gateway: Gateway) {
    this.#channel = channel;
    this.#owner = owner;
    this.#gateway = gateway;
    this.incarnation = incarnation;
    this.window = Math.min(WINDOW, owner.spec.mailbox.capacity);
    this.started = this.#starting.promise;
    this.started.catch(() => undefined);
    this.#outbox = new HostOutbox(owner.spec.definition.wire === 'json', (frame, transfer) => {
      if (this.#state !== 'gone') channel.send(frame, transfer);
    });
    this.#requests = new WorkerRequests(this, owner, gateway, this.#outbox);
    channel.onFrame((frame) => this.#onFrame(frame));
    channel.onGone(({ text, fields, cause }) => this.#onGone(text, fields, cause));
  }

  /** Has the worker load the actor and start it. Throws when `init` cannot be cloned. */
  begin(module: ModuleExport, init: unknown): void {
    const { path } = this.#owner;
    const guard = this.#channel.guard?.buffer ?? null;
    const start = { type: 'start', module, init, path, incarnation: this.incarnation, guard, credit: CREDIT } as const;
    this.#channel.send([[start], 0, ASKED_NONE, 0], []);
  }

  nativeInFlight(): number {
    return this.#channel.guard?.inFlight() ?? 0;
  }

  busyMs(): number {
    return this.#busyMs;
  }

  deliver(envelope: Envelope): void {
    const { message, reply, extra } = envelope;
    const seq = this.#seq++;
    this.#unprocessed.push(envelope);
    if (message === null) {
      if (extra?.signal !== undefined) this.#outbox.addInOrder({ type: 'signal', signal: extra.signal });
      return;
    }
    if (reply !== null) this.#asked.set(seq, reply);
    collectTransfers(message, this.#outbox.transfer);
    this.#outbox.message(seq, message, reply !== null);
  }

  flush(): void {
    try {
      this.#outbox.flush();
    } catch (thrown) {
      this.#onUncloneable(asError(thrown));
    }
  }

  reclaim(): readonly Envelope[] {
    const unprocessed: Envelope[] = [];
    for (let next = this.#unprocessed.shift(); next !== undefined; next = this.#unprocessed.shift())
      unprocessed.push(next);
    // The oldest one was being handled when the actor ended: it may be the cause, so it is not tried again.
    const neverBegun = unprocessed
      .slice(this.#oldestBegun ? 1 : 0)
      .filter(({ message }) => message !== null && !hasTransferred(message));
    this.#rejectAsked(new Set(neverBegun.map(({ reply }) => reply)));
    return neverBegun;
  }

  async stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }> {
    if (this.#state === 'gone') return { forced: false };
    this.#state = 'ended';
    this.#outbox.add({ type: 'stop', reason });
    this.flush();
    const either = Promise.race([this.#stopped.promise, this.#channel.gone]);
    const { timedOut } = await settlesWithin(this.#gateway.clock, either, timeoutMs);
    if (!this.#isGone()) await this.#kill();
    return { forced: timedOut };
  }

  /** Rejects every pending answer but those of `kept`, whose messages will be delivered again. */
  #rejectAsked(kept: ReadonlySet<ReplySink | null>): void {
    const { path } = this.#owner;
    for (const [seq, sink] of this.#asked) {
      this.#asked.delete(seq);
      if (kept.has(sink)) continue;
      const code = this.#failed ? 'ACTOR_FAILED' : 'ACTOR_DEAD';
      sink.reject(new RuntimeError(code, `${path} ended before it answered`, { path }));
    }
  }

  #isGone(): boolean {
    return this.#state === 'gone';
  }

  async #kill(): Promise<void> {
    if (this.#channel.kill()) {
      await this.#channel.gone;
      return;
    }
    this.#owner.onQuarantined();
    this.#quarantine();
  }

  /** Polls until the thread can be ended: native code has returned, or the thread spins in JavaScript. */
  #quarantine(): void {
    this.#gateway.clock.setTimeout(() => {
      if (this.#isGone() || this.#channel.kill()) return;
      void this.#channel.killIfSpinning().then((ended) => {
        if (!ended) this.#quarantine();
      });
    }, QUARANTINE_POLL_MS);
  }

  #onGone(text: string, fields: Readonly<Record<string, unknown>>, cause: Error | undefined): void {
    const { path } = this.#owner;
    const [code, worker] =
      this.#channel.kind === 'thread'
        ? (['THREAD_EXITED', 'worker thread'] as const)
        : (['PROCESS_EXITED', 'process'] as const);
    this.#end(new RuntimeError(code, `the ${worker} of ${path} ${text}`, { path, ...fields }, cause), 'gone');
  }

  /** The actor ended by itself: tells its cell, once, and not after a stop. */
  #end(reason: ExitReason, state: 'ended' | 'gone' = 'ended'): void {
    if (reason instanceof Error) this.#starting.reject(reason);
    const wasActive = this.#state === 'active';
    if (this.#state !== 'gone') this.#state = state;
    if (!wasActive) return;
    this.#failed = reason instanceof Error;
    this.#owner.onExit(this, reason);
  }

  /** One message that cannot be cloned stops its whole batch. The actor is restarted; only that message is lost. */
  #onUncloneable(error: Error): void {
    const { path } = this.#owner;
    this.#oldestBegun = false;
    const bad = this.#unprocessed.shiftWhere(({ message }) => message !== null && !isCloneable(message));
    if (bad?.message !== null && bad?.message !== undefined) {
      bad.reply?.reject(error);
      this.#gateway.log.error(
        { path, messageType: bad.message.type, err: error },
        `message "${bad.message.type}" to ${path} cannot cross: ${error.message}`,
      );
      this.#owner.onLost(bad.message.type);
    }
    this.#end(new RuntimeError('ACTOR_FAILED', `a message to ${path} cannot cross: ${error.message}`, { path }, error));
  }

  #onFrame([items, processed, busyMs, replies]: FrameFromWorker): void {
    if (replies !== 0) {
      for (let at = 0; at < replies.length; at += 2) {
        const seq = Number(replies[at]);
        this.#asked.get(seq)?.resolve(replies[at + 1]);
        this.#asked.delete(seq);
      }
    }
    if (items !== 0) for (const item of items) this.#onItem(item);
    if (processed === 0) return;
    this.#busyMs = busyMs;
    for (let left = processed; left > 0; left -= 1) this.#unprocessed.shift();
    if (this.#state === 'active') this.#owner.onProcessed(this, processed);
  }

  #onItem(item: FromWorker): void {
    if (item.type === 'started') this.#starting.resolve();
    else if (item.type === 'start-failed') {
      this.#state = 'ended';
      this.#starting.reject(deserializeError(item.error));
    } else if (item.type === 'rejected') {
      this.#asked.get(item.seq)?.reject(deserializeError(item.error));
      this.#asked.delete(item.seq);
    } else if (item.type === 'exit') {
      this.#oldestBegun = item.begun;
      this.#end(typeof item.reason === 'string' ? item.reason : deserializeError(item.reason));
    } else if (item.type === 'stopped') {
      // The message under way is done, and was counted before this.
      this.#oldestBegun = false;
      this.#stopped.resolve();
    } else this.#requests.handle(item);
  }
}

function isCloneable(message: Message): boolean {
  try {
    structuredClone(message);
    return true;
  } catch {
    return false;
  }
}

import type { ActorLog, Detail, StopReason } from '../actor.ts';
import type { Clock } from '../clock.ts';
import { asError, deserializeError, RuntimeError, serializeError } from '../errors.ts';
import type { ExitReason } from '../exit.ts';
import type { Incarnation } from '../incarnation.ts';
import type { Envelope, ReplySink } from '../mailbox.ts';
import type { Message } from '../message.ts';
import type { MetricSink } from '../metric-sink.ts';
import { collectMoved } from '../moved.ts';
import { Ring } from '../ring.ts';
import type { ChildSpec } from '../supervision.ts';
import { settlesWithin } from '../time-limit.ts';
import { type MetricBatch, recordBatch } from './metric-batch.ts';
import { type Channel, openProcess, openThread } from './thread-channel.ts';
import { HostOutbox } from './thread-outbox.ts';
import { ASKED_NONE, type FrameFromRemote, type FromRemote, type ToRemote } from './thread-protocol.ts';

/** The cell whose incarnation runs elsewhere. */
export interface RemoteOwner {
  readonly path: string;
  readonly spec: ChildSpec;
  onProcessed(life: Incarnation, count: number): void;
  onExit(life: Incarnation, reason: ExitReason): void;
  onReport(life: Incarnation, detail: Detail): void;
  onLost(messageType: string): void;
  /** A thread could not be ended because native code runs in it: it is left alone, and ended once it can be. */
  onQuarantined(): void;
  sendToSelf(life: { readonly incarnation: number }, message: Message, onLeave: () => void): void;
  watch(life: Incarnation, path: string): void;
  unwatch(life: Incarnation, path: string): void;
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
}

/** The system as a remote actor may use it. */
export interface Gateway {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: MetricSink;
  tell(path: string, message: Message): void;
  ask(path: string, message: Message, timeoutMs: number): Promise<unknown>;
  offer(path: string, message: Message, timeoutMs: number): Promise<void>;
  refused(path: string, messageType: string): void;
}

/** Most messages the remote side holds; the rest waits in the mailbox here, which survives it. */
const WINDOW = 1_024;
/** Most messages on their way from the remote side to us. */
const CREDIT = 1_024;
const QUARANTINE_POLL_MS = 250;
const STOP_AFTER_FAILED_START_MS = 1_000;

/** Starts an actor in a thread or process of its own. Rejects with what its `start` threw, `START_TIMEOUT`, `THREAD_EXITED` or `PROCESS_EXITED`. */
export async function startRemote(owner: RemoteOwner, incarnation: number, gateway: Gateway): Promise<Incarnation> {
  const { placement, startTimeoutMs, definition, init } = owner.spec;
  if (definition.module === null || placement.kind === 'inline')
    throw new RuntimeError('BAD_DEFINITION', `${owner.path} has no module to load elsewhere`, { path: owner.path });
  const channel =
    placement.kind === 'thread'
      ? openThread(owner.path, placement.maxHeapMb)
      : openProcess(owner.path, placement.maxHeapMb);
  const remote = new RemoteIncarnation(channel, owner, incarnation, gateway);
  try {
    remote.send({
      type: 'start',
      module: definition.module,
      init: init(),
      path: owner.path,
      incarnation,
      guard: channel.guard?.buffer ?? null,
      credit: CREDIT,
    });
  } catch (thrown) {
    await remote.stop('restart', 0);
    throw new RuntimeError(
      'BAD_DEFINITION',
      `the init of ${owner.path} cannot cross to a ${placement.kind}: ${asError(thrown).message}`,
      { path: owner.path },
      thrown,
    );
  }
  const started = await settlesWithin(gateway.clock, remote.started, startTimeoutMs);
  if (!started.timedOut && started.error === null) return remote;
  await remote.stop('restart', STOP_AFTER_FAILED_START_MS);
  throw (
    started.error ??
    new RuntimeError('START_TIMEOUT', `${owner.path} did not start within ${startTimeoutMs} ms`, {
      path: owner.path,
      startTimeoutMs,
    })
  );
}

class RemoteIncarnation implements Incarnation {
  readonly window: number;
  readonly started: Promise<void>;
  readonly incarnation: number;
  readonly #channel: Channel;
  readonly #owner: RemoteOwner;
  readonly #gateway: Gateway;
  readonly #outbox: HostOutbox;
  readonly #starting = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Delivered and not processed, oldest first. */
  readonly #held = new Ring<Envelope>();
  /** Waiting for their answer, by sequence number; some are processed already. */
  readonly #asked = new Map<number, ReplySink>();
  #seq = 0;
  #busyMs = 0;
  #begun = true;
  #over = false;
  #failed = false;
  #gone = false;

  constructor(channel: Channel, owner: RemoteOwner, incarnation: number, gateway: Gateway) {
    this.#channel = channel;
    this.#owner = owner;
    this.#gateway = gateway;
    this.incarnation = incarnation;
    this.window = Math.min(WINDOW, owner.spec.mailbox.capacity);
    this.started = this.#starting.promise;
    this.started.catch(() => undefined);
    this.#outbox = new HostOutbox(owner.spec.definition.wire === 'json', (frame, transfer) => {
      if (!this.#gone) channel.send(frame, transfer);
    });
    channel.onFrame((frame) => this.#onFrame(frame));
    channel.onGone(({ text, fields, cause }) => this.#onGone(text, fields, cause));
  }

  nativeInFlight(): number {
    return this.#channel.guard?.inFlight() ?? 0;
  }

  busyMs(): number {
    return this.#busyMs;
  }

  /** At once and alone. Throws when it cannot be cloned. */
  send(item: ToRemote): void {
    this.#outbox.flush();
    this.#channel.send([[item], 0, ASKED_NONE, 0], []);
  }

  deliver(envelope: Envelope): void {
    const { message, reply, extra } = envelope;
    if (message === null) {
      if (extra?.signal !== undefined) this.#outbox.addInOrder({ type: 'signal', signal: extra.signal });
      this.#held.push(envelope);
      this.#seq += 1;
      return;
    }
    const seq = this.#seq++;
    this.#held.push(envelope);
    if (reply !== null) this.#asked.set(seq, reply);
    collectMoved(message, this.#outbox.transfer);
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
    const held: Envelope[] = [];
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) held.push(next);
    // The oldest one was being handled when it ended: it may be the cause, so it is not tried again.
    const neverBegun = held
      .slice(this.#begun ? 1 : 0)
      .filter(({ message }) => message !== null && !hasDetached(message));
    const sinks = new Set(neverBegun.map(({ reply }) => reply));
    for (const [seq, sink] of this.#asked) {
      this.#asked.delete(seq);
      if (!sinks.has(sink))
        sink.reject(
          new RuntimeError(
            this.#failed ? 'ACTOR_FAILED' : 'ACTOR_DEAD',
            `${this.#owner.path} ended before it answered`,
            { path: this.#owner.path },
          ),
        );
    }
    return neverBegun;
  }

  async stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }> {
    this.#over = true;
    let forced = false;
    if (!this.#gone) {
      this.#outbox.add({ type: 'stop', reason });
      this.flush();
      const ended = await settlesWithin(
        this.#gateway.clock,
        Promise.race([this.#stopped.promise, this.#channel.gone]),
        timeoutMs,
      );
      forced = ended.timedOut;
      if (!this.#gone) await this.#kill();
    }
    return { forced };
  }

  async #kill(): Promise<void> {
    if (this.#channel.kill()) {
      await this.#channel.gone;
      return;
    }
    this.#owner.onQuarantined();
    this.#quarantine();
  }

  /** Ended as soon as native code has returned, or it turns out that it is JavaScript that does not end. */
  #quarantine(): void {
    this.#gateway.clock.setTimeout(() => {
      if (this.#gone || this.#channel.kill()) return;
      void this.#channel.killIfSpinning().then((ended) => {
        if (!ended) this.#quarantine();
      });
    }, QUARANTINE_POLL_MS);
  }

  #onGone(text: string, fields: Readonly<Record<string, unknown>>, cause: Error | undefined): void {
    this.#gone = true;
    const { kind } = this.#channel;
    const { path } = this.#owner;
    const what = kind === 'thread' ? 'worker thread' : 'process';
    this.#exit(
      new RuntimeError(
        kind === 'thread' ? 'THREAD_EXITED' : 'PROCESS_EXITED',
        `the ${what} of ${path} ${text}`,
        { path, ...fields },
        cause,
      ),
    );
  }

  #exit(reason: ExitReason): void {
    if (reason instanceof Error) this.#starting.reject(reason);
    if (this.#over) return;
    this.#over = true;
    this.#failed = reason instanceof Error;
    this.#owner.onExit(this, reason);
  }

  /** A message that cannot be cloned takes its whole batch along; which one it was is not known. The actor is restarted. */
  #onUncloneable(error: Error): void {
    this.#begun = false;
    const bad = this.#held.shiftWhere(({ message }) => message !== null && !isCloneable(message));
    if (bad?.message !== null && bad?.message !== undefined) {
      bad.reply?.reject(error);
      this.#gateway.log.error(
        { path: this.#owner.path, messageType: bad.message.type, err: error },
        `message "${bad.message.type}" to ${this.#owner.path} cannot cross: ${error.message}`,
      );
      this.#owner.onLost(bad.message.type);
    }
    this.#exit(
      new RuntimeError(
        'ACTOR_FAILED',
        `a message to ${this.#owner.path} cannot cross: ${error.message}`,
        { path: this.#owner.path },
        error,
      ),
    );
  }

  #onFrame([items, processed, busyMs, replies]: FrameFromRemote): void {
    if (replies !== 0) {
      for (let at = 0; at < replies.length; at += 2) {
        const seq = Number(replies[at]);
        this.#asked.get(seq)?.resolve(replies[at + 1]);
        this.#asked.delete(seq);
      }
    }
    if (items !== 0) for (const item of items) this.#take(item);
    if (processed === 0) return;
    this.#busyMs = busyMs;
    for (let left = processed; left > 0; left -= 1) this.#held.shift();
    if (!this.#over) this.#owner.onProcessed(this, processed);
  }

  #take(item: FromRemote): void {
    const owner = this.#owner;
    const gateway = this.#gateway;
    switch (item.type) {
      case 'started':
        this.#starting.resolve();
        break;
      case 'start-failed':
        this.#over = true;
        this.#starting.reject(deserializeError(item.error));
        break;
      case 'rejected':
        this.#asked.get(item.seq)?.reject(deserializeError(item.error));
        this.#asked.delete(item.seq);
        break;
      case 'exit':
        this.#begun = item.begun;
        this.#exit(typeof item.reason === 'string' ? item.reason : deserializeError(item.reason));
        break;
      case 'stopped':
        // The message it was at is done, and counted before this.
        this.#begun = false;
        this.#stopped.resolve();
        break;
      case 'tells':
        for (const message of item.messages) gateway.tell(item.path, message);
        this.#grant(item.messages.length);
        break;
      case 'self':
        owner.sendToSelf(this, item.message, () => this.#reply(item.id, Promise.resolve(null)));
        break;
      case 'ask':
        this.#reply(item.id, gateway.ask(item.path, item.message, item.timeoutMs));
        break;
      case 'offer':
        this.#reply(item.id, gateway.offer(item.path, item.message, item.timeoutMs));
        break;
      case 'watch':
        owner.watch(this, item.path);
        break;
      case 'unwatch':
        owner.unwatch(this, item.path);
        break;
      case 'lost':
        owner.onLost(item.messageType);
        break;
      case 'refused':
        for (let left = item.count; left > 0; left -= 1) gateway.refused(item.path, item.messageType);
        break;
      case 'log':
        gateway.log[item.level](item.fields, item.message);
        break;
      case 'metrics':
        this.#record(item.batch);
        break;
      case 'report':
        owner.onReport(this, item.detail);
        break;
      case 'own':
        owner.ownProcess(item.pid);
        break;
      case 'disown':
        owner.disownProcess(item.pid);
        break;
    }
  }

  #record(batch: MetricBatch): void {
    const { log, metrics } = this.#gateway;
    const { path } = this.#owner;
    if (batch.dropped > 0)
      log.warn({ path, dropped: batch.dropped }, `${path} recorded more than a batch holds: ${batch.dropped} are lost`);
    try {
      recordBatch(batch, metrics);
    } catch (thrown) {
      log.error({ path, err: asError(thrown) }, `metrics of ${path} could not be recorded: ${asError(thrown).message}`);
    }
  }

  #grant(count: number): void {
    if (!this.#gone) this.#outbox.add({ type: 'credit', count });
  }

  #reply(id: number, outcome: Promise<unknown>): void {
    outcome.then(
      (value) => this.#outbox.add({ type: 'answer', id, reply: { ok: true, value } }),
      (thrown: unknown) =>
        this.#outbox.add({
          type: 'answer',
          id,
          reply: { ok: false, error: { ...serializeError(thrown), stack: null } },
        }),
    );
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

/** A message whose memory moved away cannot be delivered again. */
const hasDetached = (message: Message): boolean =>
  Object.values(message).some(
    (value) =>
      (value instanceof ArrayBuffer && value.detached) ||
      (ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer && value.buffer.detached),
  );

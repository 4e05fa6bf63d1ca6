import type { ActorContext, ActorDefinition, ActorLog, Behavior, Detail, StopReason } from './actor.ts';
import type { Clock, TimerHandle } from './clock.ts';
import { DeferredReply } from './deferred.ts';
import { asError, RuntimeError } from './errors.ts';
import type { ExitReason, Signal } from './exit.ts';
import type { Incarnation } from './incarnation.ts';
import type { Envelope, ReplySink } from './mailbox.ts';
import type { Handlers, Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';
import { Aside } from './stash.ts';
import { settlesWithin } from './time-limit.ts';

/** The place an incarnation lives in: its cell, or the entry of its thread or process. */
export interface LifeHost {
  readonly path: string;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: MetricSink;
  refTo<T extends Message>(to: Address<T>): ActorRef<T>;
  /** Queues a message of the actor to itself; `onLeave` is called when it is taken up. */
  sendToSelf(life: Life, message: Message, onLeave: (() => void) | null): void;
  /** One message was handled, the next may come. */
  onProcessed(life: Life): void;
  /** It ended by itself and takes nothing more. Called at most once. */
  onExit(life: Life, reason: ExitReason): void;
  onReport(life: Life, detail: Detail): void;
  /** A message put aside will never be handled. */
  onLost(messageType: string): void;
  watch(life: Life, path: string): void;
  unwatch(life: Life, path: string): void;
  runNative<T>(work: () => Promise<T>): Promise<T>;
  nativeInFlight(): number;
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
}

/**
 * One incarnation of an actor where it runs: handlers, timers, stash, answers owed. Also the context its code sees.
 * Everything an idle actor does not use is made on first use, so that many idle ones cost little.
 */
export class Life implements ActorContext<Message>, Incarnation {
  readonly #host: LifeHost;
  readonly incarnation: number;
  #handlers: Handlers<Message> | null = null;
  #behavior: Behavior<Message> | null = null;
  #aside: Aside | null = null;
  #timers: Map<string, TimerHandle> | null = null;
  #owed: Set<DeferredReply<unknown>> | null = null;
  #abort: AbortController | null = null;
  #idle: PromiseWithResolvers<void> | null = null;
  #over = false;
  #closed = false;
  #exit: 'normal' | 'shutdown' | null = null;
  /** A message is being handled. */
  #busy = false;

  constructor(host: LifeHost, incarnation: number) {
    this.#host = host;
    this.incarnation = incarnation;
  }

  get path(): string {
    return this.#host.path;
  }
  get self(): ActorRef<Message> {
    return this.#host.refTo({ path: this.#host.path });
  }
  get clock(): Clock {
    return this.#host.clock;
  }
  get log(): ActorLog {
    return this.#host.log;
  }
  get metrics(): MetricSink {
    return this.#host.metrics;
  }
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#closed) this.#abort.abort(this.#stoppingError());
    }
    return this.#abort.signal;
  }
  /** True once it takes no more messages. */
  get over(): boolean {
    return this.#over;
  }

  /** Runs the actor's `start`: null when it is done at once. Throws or rejects with what it threw; nothing is left then. */
  begin(definition: ActorDefinition<Message, unknown>, init: unknown): Promise<void> | null {
    try {
      const started = definition.start(this, init);
      if (!(started instanceof Promise)) {
        this.#become(started);
        return null;
      }
      return started.then(
        (behavior) => this.#become(behavior),
        (thrown: unknown) => this.#abandon(thrown),
      );
    } catch (thrown) {
      return this.#abandon(thrown);
    }
  }

  #become(behavior: Behavior<Message>): void {
    this.#behavior = behavior;
    // `become` inside `start` wins.
    this.#handlers ??= behavior.handlers;
  }

  #abandon(thrown: unknown): never {
    this.close();
    this.bury();
    throw thrown;
  }

  // As the incarnation of a cell on this thread: one message at a time, nothing is held back.

  get window(): number {
    return 1;
  }
  nativeInFlight(): number {
    return this.#host.nativeInFlight();
  }
  busyMs(): number {
    return 0;
  }
  /** Handles one message or signal, then what was put aside and asked for again. The host is told when the next may come. */
  deliver({ message, reply, extra }: Envelope): void {
    if (message !== null) this.#handle(message, reply);
    else if (extra?.signal !== undefined) this.#tellSignal(extra.signal);
  }
  flush(): void {}
  reclaim(): readonly Envelope[] {
    return NOTHING;
  }

  #tellSignal(signal: Signal): void {
    const { onSignal } = this.#behavior ?? {};
    let result: void | Promise<void>;
    try {
      result = onSignal?.(signal);
    } catch (thrown) {
      this.fail(asError(thrown));
      return;
    }
    if (result instanceof Promise) this.#await(result);
    else this.#done();
  }

  /** First step of a stop: timers are cancelled, what waits on `signal` gives up, no more messages are taken. */
  close(): void {
    this.#over = true;
    this.#closed = true;
    for (const timer of this.#timers?.values() ?? []) this.#host.clock.clearTimeout(timer);
    this.#timers = null;
    this.#abort?.abort(this.#stoppingError());
  }

  /** The whole stop, within `timeoutMs`; `forced` when the actor did not end by itself. Never rejects. */
  async stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }> {
    this.close();
    const stop = this.#behavior?.stop;
    let forced = false;
    if (this.#idle !== null || stop !== undefined) {
      const ending = (async () => {
        await this.#idle?.promise;
        await stop?.(reason);
      })();
      const ended = await settlesWithin(this.clock, ending, timeoutMs);
      forced = ended.timedOut;
      if (ended.error !== null)
        this.log.warn(
          { path: this.path, err: ended.error },
          `${this.path} failed while stopping: ${ended.error.message}`,
        );
    }
    this.bury();
    return { forced };
  }

  /** Last step of a stop: answers that will never come are rejected, what was put aside is lost. */
  bury(): void {
    if (this.#owed !== null || this.#aside !== null) {
      const error = new RuntimeError('ACTOR_DEAD', `${this.path} stopped before it answered`, { path: this.path });
      for (const deferred of this.#owed ?? []) deferred.reject(error);
      for (const { message, reply } of this.#aside?.drain() ?? []) {
        this.#host.onLost(message.type);
        reply?.reject(error);
      }
    }
    this.#owed = null;
    this.#aside = null;
  }

  // What the actor's own code calls.

  ref<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.#host.refTo(to);
  }

  setTimer(name: string, ms: number, message: Message): void {
    this.#setTimer(name, ms, () => {
      this.#timers?.delete(name);
      this.#host.sendToSelf(this, message, null);
    });
  }

  setInterval(name: string, ms: number, message: Message): void {
    let waiting = false;
    const tick = (): void => {
      this.#setTimer(name, ms, tick);
      if (waiting) return;
      waiting = true;
      this.#host.sendToSelf(this, message, () => {
        waiting = false;
      });
    };
    this.#setTimer(name, ms, tick);
  }

  clearTimer(name: string): void {
    const timer = this.#timers?.get(name);
    if (timer === undefined) return;
    this.#host.clock.clearTimeout(timer);
    this.#timers?.delete(name);
  }

  defer<R>(): DeferredReply<R> {
    const deferred = new DeferredReply<R>();
    const open = deferred as unknown as DeferredReply<unknown>;
    this.#owed ??= new Set();
    this.#owed.add(open);
    const forget = (): void => void this.#owed?.delete(open);
    deferred.promise.then(forget, forget);
    return deferred;
  }

  become(handlers: Handlers<Message>): void {
    this.#handlers = handlers;
  }

  stash(): void {
    this.#aside ??= new Aside(this.path);
    this.#aside.stashCurrent();
  }

  unstashAll(): void {
    this.#aside?.replayAll();
  }

  watch(ref: { readonly path: string }): void {
    this.#host.watch(this, ref.path);
  }
  unwatch(ref: { readonly path: string }): void {
    this.#host.unwatch(this, ref.path);
  }
  native<T>(work: () => Promise<T>): Promise<T> {
    return this.#host.runNative(work);
  }
  ownProcess(pid: number): void {
    this.#host.ownProcess(pid);
  }
  disownProcess(pid: number): void {
    this.#host.disownProcess(pid);
  }
  report(detail: Detail): void {
    this.#host.onReport(this, detail);
  }

  exit(reason: 'normal' | 'shutdown' = 'normal'): void {
    this.#exit ??= reason;
    // Outside a handler there is no message to wait for.
    if (!this.#busy) this.#leave(reason);
  }

  fail(error: Error): void {
    this.#leave(error);
  }

  #handle(message: Message, reply: ReplySink | null): void {
    const handlers: Readonly<Record<string, unknown>> | null = this.#handlers;
    const handler = handlers?.[message.type];
    if (typeof handler !== 'function' || handler === Object.prototype[message.type as keyof object]) {
      this.#failed(
        message,
        reply,
        new RuntimeError('BAD_DEFINITION', `no handler for message "${message.type}"`, { messageType: message.type }),
      );
      return;
    }
    this.#busy = true;
    let result: unknown;
    try {
      result = handler(message);
    } catch (thrown) {
      this.#failed(message, reply, asError(thrown));
      return;
    }
    if (this.#aside !== null && this.#aside.settle({ message, reply })) {
      this.#done();
      return;
    }
    if (typeof result !== 'object' || result === null) {
      reply?.resolve(result);
      this.#done();
    } else if (result instanceof Promise) this.#awaitReply(result, message, reply);
    else if (result instanceof DeferredReply) {
      if (reply !== null)
        result.promise.then(
          (value) => reply.resolve(value),
          (thrown) => reply.reject(asError(thrown)),
        );
      this.#done();
    } else {
      reply?.resolve(result);
      this.#done();
    }
  }

  #awaitReply(result: Promise<unknown>, message: Message, reply: ReplySink | null): void {
    this.#idle = Promise.withResolvers();
    result.then(
      (value) => {
        const aside = this.#aside?.settle({ message, reply }) === true;
        if (!aside) reply?.resolve(value);
        this.#release();
        this.#done();
      },
      (thrown: unknown) => {
        this.#release();
        this.#failed(message, reply, asError(thrown));
      },
    );
  }

  #await(result: Promise<void>): void {
    this.#idle = Promise.withResolvers();
    result.then(
      () => {
        this.#release();
        this.#done();
      },
      (thrown: unknown) => {
        this.#release();
        this.fail(asError(thrown));
      },
    );
  }

  #release(): void {
    this.#idle?.resolve();
    this.#idle = null;
  }

  #failed(message: Message, reply: ReplySink | null, error: Error): void {
    reply?.reject(
      new RuntimeError(
        'ACTOR_FAILED',
        `the actor failed while handling "${message.type}": ${error.message}`,
        { path: this.path, messageType: message.type },
        error,
      ),
    );
    this.#busy = false;
    this.#leave(error);
  }

  #done(): void {
    this.#busy = false;
    if (this.#exit !== null) {
      this.#leave(this.#exit);
      return;
    }
    const again = this.#over ? undefined : this.#aside?.next();
    if (again === undefined) this.#host.onProcessed(this);
    else this.#handle(again.message, again.reply);
  }

  #leave(reason: ExitReason): void {
    if (this.#over) return;
    this.close();
    this.#host.onExit(this, reason);
  }

  #setTimer(name: string, ms: number, fire: () => void): void {
    this.clearTimer(name);
    if (this.#over) return;
    this.#timers ??= new Map();
    this.#timers.set(name, this.#host.clock.setTimeout(fire, ms));
  }

  #stoppingError(): RuntimeError {
    return new RuntimeError('STOPPING', `${this.path} is being stopped`, { path: this.path });
  }
}

const NOTHING: readonly Envelope[] = [];

import type { ActorContext, ActorDefinition, ActorLog, Behavior, Detail, StopReason } from './actor.ts';
import { ActorTimers } from './actor-timers.ts';
import type { Clock } from './clock.ts';
import { DeferredReply, PendingReplies } from './deferred.ts';
import { asError, RuntimeError } from './errors.ts';
import type { ExitReason, Signal } from './exit.ts';
import type { Incarnation, IncarnationOwner } from './incarnation.ts';
import type { Envelope, ReplySink } from './mailbox.ts';
import type { Handlers, Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';
import { Stash } from './stash.ts';
import { settlesWithin } from './time-limit.ts';

/** The owner of an incarnation on this thread, with everything its context needs. */
export interface LocalHost extends IncarnationOwner {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: MetricSink;
  refTo<T extends Message>(to: Address<T>): ActorRef<T>;
  runNative<T>(work: () => Promise<T>): Promise<T>;
  nativeInFlight(): number;
}

/**
 * One incarnation of an actor on the thread where it runs: its handlers, timers, stash and pending replies. It is also
 * the context that the actor's code sees. Parts that an idle actor does not use are made on first use, so that a
 * hundred thousand idle ones cost little.
 */
export class LocalIncarnation implements ActorContext<Message>, Incarnation {
  readonly #host: LocalHost;
  readonly incarnation: number;
  #handlers: Handlers<Message> | null = null;
  #behavior: Behavior<Message> | null = null;
  #stash: Stash | null = null;
  #timers: ActorTimers | null = null;
  #pendingReplies: PendingReplies | null = null;
  #abort: AbortController | null = null;
  /** Resolved when the asynchronous handler under way has ended; null while there is none. */
  #idle: PromiseWithResolvers<void> | null = null;
  #closed = false;
  #exitRequested: 'normal' | 'shutdown' | null = null;
  #handling = false;

  constructor(host: LocalHost, incarnation: number) {
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
  /** True once it accepts no more messages. */
  get closed(): boolean {
    return this.#closed;
  }

  // Start and stop.

  /**
   * Runs the actor's `start`; null when it returned without a promise. Throws or rejects with its error, after cleaning
   * up.
   */
  begin(definition: ActorDefinition<Message, unknown>, init: unknown): Promise<void> | null {
    try {
      const started = definition.start(this, init);
      if (!(started instanceof Promise)) {
        this.#adopt(started);
        return null;
      }
      return started.then(
        (behavior) => this.#adopt(behavior),
        (thrown: unknown) => this.#abandon(thrown),
      );
    } catch (thrown) {
      return this.#abandon(thrown);
    }
  }

  /** First step of a stop: cancels timers, aborts `signal`, accepts no more messages. */
  close(): void {
    this.#closed = true;
    this.#timers?.clearAll();
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
    this.#rejectPending();
    return { forced };
  }

  // Called by its cell. One message at a time is delivered, so there is never one to give back.

  get window(): number {
    return 1;
  }
  nativeInFlight(): number {
    return this.#host.nativeInFlight();
  }
  busyMs(): number {
    return 0;
  }
  /** Handles one message or signal, then the unstashed ones. Calls `onProcessed` when the next one may come. */
  deliver({ message, reply, extra }: Envelope): void {
    if (message !== null) this.#handle(message, reply);
    else if (extra?.signal !== undefined) this.#handleSignal(extra.signal);
  }
  flush(): void {}
  reclaim(): readonly Envelope[] {
    return NO_ENVELOPES;
  }

  // Called by the actor's own code.

  ref<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.#host.refTo(to);
  }
  setTimer(name: string, ms: number, message: Message): void {
    this.#openTimers()?.once(name, ms, () => this.#host.sendToSelf(this, message, null));
  }
  setInterval(name: string, ms: number, message: Message): void {
    this.#openTimers()?.every(name, ms, (onHandled) => this.#host.sendToSelf(this, message, onHandled));
  }
  clearTimer(name: string): void {
    this.#timers?.clear(name);
  }
  defer<R>(): DeferredReply<R> {
    this.#pendingReplies ??= new PendingReplies();
    return this.#pendingReplies.open<R>();
  }
  become(handlers: Handlers<Message>): void {
    this.#handlers = handlers;
  }
  stash(): void {
    this.#stash ??= new Stash(this.path);
    this.#stash.stashCurrent();
  }
  unstashAll(): void {
    this.#stash?.unstashAll();
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
    this.#exitRequested ??= reason;
    // Outside a handler there is no message to wait for.
    if (!this.#handling) this.#end(reason);
  }
  fail(error: Error): void {
    this.#end(error);
  }

  #adopt(behavior: Behavior<Message>): void {
    this.#behavior = behavior;
    // `become` inside `start` wins.
    this.#handlers ??= behavior.handlers;
  }

  #abandon(thrown: unknown): never {
    this.close();
    this.#rejectPending();
    throw thrown;
  }

  #handle(message: Message, reply: ReplySink | null): void {
    const handlers: Readonly<Record<string, unknown>> | null = this.#handlers;
    const handler = handlers?.[message.type];
    if (typeof handler !== 'function' || handler === Object.prototype[message.type as keyof object]) {
      const text = `no handler for message "${message.type}"`;
      this.#failed(message, reply, new RuntimeError('BAD_DEFINITION', text, { messageType: message.type }));
      return;
    }
    this.#handling = true;
    let result: unknown;
    try {
      result = handler(message);
    } catch (thrown) {
      this.#failed(message, reply, asError(thrown));
      return;
    }
    if (this.#stash?.settle({ message, reply }) === true) this.#done();
    else if (result instanceof Promise) this.#awaitHandler(result, message, reply);
    else {
      answer(reply, result);
      this.#done();
    }
  }

  #awaitHandler(result: Promise<unknown>, message: Message, reply: ReplySink | null): void {
    this.#holdMailbox(
      result,
      (value) => {
        if (this.#stash?.settle({ message, reply }) !== true) reply?.resolve(value);
        this.#done();
      },
      (error) => this.#failed(message, reply, error),
    );
  }

  #handleSignal(signal: Signal): void {
    let result: void | Promise<void>;
    try {
      result = this.#behavior?.onSignal?.(signal);
    } catch (thrown) {
      this.fail(asError(thrown));
      return;
    }
    if (!(result instanceof Promise)) this.#done();
    else
      this.#holdMailbox(
        result,
        () => this.#done(),
        (error) => this.fail(error),
      );
  }

  /** Until `work` has settled, no message is handled and a stop waits. */
  #holdMailbox<T>(work: Promise<T>, onValue: (value: T) => void, onError: (error: Error) => void): void {
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    const settled = (): void => {
      this.#idle = null;
      idle.resolve();
    };
    work.then(
      (value) => {
        settled();
        onValue(value);
      },
      (thrown: unknown) => {
        settled();
        onError(asError(thrown));
      },
    );
  }

  #failed(message: Message, reply: ReplySink | null, error: Error): void {
    const text = `the actor failed while handling "${message.type}": ${error.message}`;
    reply?.reject(new RuntimeError('ACTOR_FAILED', text, { path: this.path, messageType: message.type }, error));
    this.#handling = false;
    this.#end(error);
  }

  #done(): void {
    this.#handling = false;
    if (this.#exitRequested !== null) {
      this.#end(this.#exitRequested);
      return;
    }
    const unstashed = this.#closed ? undefined : this.#stash?.take();
    if (unstashed === undefined) this.#host.onProcessed(this);
    else this.#handle(unstashed.message, unstashed.reply);
  }

  #end(reason: ExitReason): void {
    if (this.#closed) return;
    this.close();
    this.#host.onExit(this, reason);
  }

  /** Last step of a stop: rejects pending replies and drops the stash. */
  #rejectPending(): void {
    if (this.#pendingReplies !== null || this.#stash !== null) {
      const error = new RuntimeError('ACTOR_DEAD', `${this.path} stopped before it answered`, { path: this.path });
      this.#pendingReplies?.rejectAll(error);
      for (const { message, reply } of this.#stash?.drain() ?? []) {
        this.#host.onLost(message.type);
        reply?.reject(error);
      }
    }
    this.#pendingReplies = null;
    this.#stash = null;
  }

  /** Null once it is closed: a timer set then never fires. */
  #openTimers(): ActorTimers | null {
    if (this.#closed) return null;
    this.#timers ??= new ActorTimers(this.#host.clock);
    return this.#timers;
  }

  #stoppingError(): RuntimeError {
    return new RuntimeError('STOPPING', `${this.path} is being stopped`, { path: this.path });
  }
}

const NO_ENVELOPES: readonly Envelope[] = [];

function answer(reply: ReplySink | null, result: unknown): void {
  if (reply === null) return;
  if (!(result instanceof DeferredReply)) {
    reply.resolve(result);
    return;
  }
  result.promise.then(
    (value) => reply.resolve(value),
    (thrown: unknown) => reply.reject(asError(thrown)),
  );
}

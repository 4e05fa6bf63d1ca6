import type { ActorContext, ActorLog, Detail } from './actor.ts';
import type { Clock, TimerHandle } from './clock.ts';
import { DeferredReply } from './deferred.ts';
import { RuntimeError } from './errors.ts';
import type { Message } from './message.ts';
import type { ActorRef, Address } from './ref.ts';

/** What a context needs from the place it lives in: the actor's own thread or the main one. */
export interface ContextHost {
  readonly path: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly log: ActorLog;
  ref<T extends Message>(to: Address<T>): ActorRef<T>;
  /** Queues a message of the actor to itself; `onLeave` is called when it is taken up. */
  toSelf(message: Message, onLeave: (() => void) | null): void;
  native<T>(work: () => Promise<T>): Promise<T>;
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
  report(detail: Detail): void;
  fail(error: Error): void;
}

/** The {@link ActorContext} of one incarnation, and the means to end it. */
export class IncarnationContext implements ActorContext<Message> {
  readonly #host: ContextHost;
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, TimerHandle>();
  readonly #deferred = new Set<DeferredReply<unknown>>();
  readonly self: ActorRef<Message>;

  constructor(host: ContextHost) {
    this.#host = host;
    this.self = host.ref({ path: host.path });
  }

  get path(): string {
    return this.#host.path;
  }
  get incarnation(): number {
    return this.#host.incarnation;
  }
  get clock(): Clock {
    return this.#host.clock;
  }
  get log(): ActorLog {
    return this.#host.log;
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  ref<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.#host.ref(to);
  }

  setTimer(name: string, ms: number, message: Message): void {
    this.clearTimer(name);
    if (this.#abort.signal.aborted) return;
    const fire = (): void => {
      this.#timers.delete(name);
      this.#host.toSelf(message, null);
    };
    this.#timers.set(name, this.clock.setTimeout(fire, ms));
  }

  setInterval(name: string, ms: number, message: Message): void {
    this.clearTimer(name);
    if (this.#abort.signal.aborted) return;
    let waiting = false;
    const tick = (): void => {
      this.#timers.set(name, this.clock.setTimeout(tick, ms));
      if (waiting) return;
      waiting = true;
      this.#host.toSelf(message, () => {
        waiting = false;
      });
    };
    this.#timers.set(name, this.clock.setTimeout(tick, ms));
  }

  clearTimer(name: string): void {
    const timer = this.#timers.get(name);
    if (timer === undefined) return;
    this.clock.clearTimeout(timer);
    this.#timers.delete(name);
  }

  defer<R>(): DeferredReply<R> {
    const deferred = new DeferredReply<R>();
    const open = deferred as unknown as DeferredReply<unknown>;
    this.#deferred.add(open);
    const forget = (): void => {
      this.#deferred.delete(open);
    };
    deferred.promise.then(forget, forget);
    return deferred;
  }

  native<T>(work: () => Promise<T>): Promise<T> {
    return this.#host.native(work);
  }
  ownProcess(pid: number): void {
    this.#host.ownProcess(pid);
  }
  disownProcess(pid: number): void {
    this.#host.disownProcess(pid);
  }
  report(detail: Detail): void {
    this.#host.report(detail);
  }
  fail(error: Error): void {
    this.#host.fail(error);
  }

  /** Cancels timers and tells what waits on `signal` to give up. First step of a stop. */
  close(): void {
    for (const timer of this.#timers.values()) this.clock.clearTimeout(timer);
    this.#timers.clear();
    this.#abort.abort(new RuntimeError('STOPPING', `${this.path} is being stopped`, { path: this.path }));
  }

  /** Rejects answers that will never come now. Last step of a stop. */
  bury(): void {
    const error = new RuntimeError('ACTOR_DEAD', `${this.path} stopped before it answered`, { path: this.path });
    for (const deferred of this.#deferred) deferred.reject(error);
    this.#deferred.clear();
  }
}

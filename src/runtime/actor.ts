import type { Clock } from './clock.ts';
import { RuntimeError } from './errors.ts';
import type { Signal } from './exit.ts';
import type { Deferred, Handlers, Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';

/** What happens to a message when the mailbox is full. See {@link MailboxOptions}. */
export type OverflowPolicy = 'drop-oldest' | 'refuse' | 'back-pressure';

export interface MailboxOptions {
  /** Most messages that wait, 1 to 1,000,000. */
  readonly capacity: number;
  /**
   * `drop-oldest`: the oldest waiting message becomes a dead letter. `refuse`: the new one does. `back-pressure`: as
   * `refuse` for `tell`; senders use `offer`, which waits for room.
   */
  readonly overflow: OverflowPolicy;
  /**
   * Lanes, 1 to 8, default 1. Messages of a lower lane are handled first and dropped last; each lane keeps its order.
   * `laneOf` gives the lane of a message, 0 to lanes - 1.
   */
  readonly lanes?: number;
  readonly laneOf?: (message: Message) => number;
}

/** Why an actor is asked to stop. */
export type StopReason = 'shutdown' | 'restart' | 'removed';

/** The system's log: fields first, as in pino. */
export interface ActorLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** An actor's own figures in the tree. Survives structured cloning and JSON. */
export type Detail = Readonly<Record<string, string | number | boolean | null>>;

/** The API of the runtime for an actor's code, valid for one incarnation. `M` includes its private messages. */
export interface ActorContext<M extends Message> {
  readonly path: string;
  readonly self: ActorRef<M>;
  /** 1 for the first start, one more after each restart. */
  readonly incarnation: number;
  readonly clock: Clock;
  readonly log: ActorLog;
  /**
   * The system's metric sink. A thread or process sends its recordings to the host in batches, within a second and at a
   * stop; when it crashes, at most that second is lost.
   */
  readonly metrics: MetricSink;
  /** Aborted when the actor is asked to stop. Pass it to waits and polls. */
  readonly signal: AbortSignal;
  /** A ref to another actor; it need not run yet. */
  ref<T extends Message>(to: Address<T>): ActorRef<T>;
  /** Sends `message` to this actor after `ms`. Replaces the timer of the same name; ends with the incarnation. */
  setTimer(name: string, ms: number, message: M): void;
  /** As `setTimer`, every `ms`. A tick is skipped while the one before is not handled yet. */
  setInterval(name: string, ms: number, message: M): void;
  clearTimer(name: string): void;
  /** A reply to be given later, while further messages are handled. Rejected when the incarnation ends first. */
  defer<R>(): Deferred<R>;
  /** Handles everything after this message with other handlers. */
  become(handlers: Handlers<M>): void;
  /** Stashes the message being handled, unanswered. At most 1,000 (`STASH_FULL`); they end with the incarnation. */
  stash(): void;
  /** Handles the stashed messages, in order, before the mailbox. */
  unstashAll(): void;
  /**
   * Asks for one signal, by `onSignal`, when that actor ends for good; at once when it already has. The watch ends with
   * this incarnation.
   */
  watch(ref: { readonly path: string }): void;
  /** Ends a watch: no signal about that actor arrives after this call. */
  unwatch(ref: { readonly path: string }): void;
  /** Ends this incarnation after the message being handled. The supervisor decides by restart type and reason. */
  exit(reason?: 'normal' | 'shutdown'): void;
  /** Runs native code that must not be interrupted: the thread is not terminated meanwhile. */
  native<T>(work: () => Promise<T>): Promise<T>;
  /** Registers a child process. It is killed if it still runs when this incarnation has ended. */
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
  /** Shows `detail` beside this actor in the tree. */
  report(detail: Detail): void;
  /** Fails the incarnation from outside a handler, e.g. on a broken connection. Its supervisor decides. */
  fail(error: Error): void;
}

/** A running incarnation. */
export interface Behavior<M extends Message> {
  readonly handlers: Handlers<M>;
  /** Called with signals of the runtime, in order with the messages. */
  readonly onSignal?: (signal: Signal) => void | Promise<void>;
  /** Ends what `start` began. Awaited within the shutdown time-out. Not called when `start` itself failed. */
  readonly stop?: (reason: StopReason) => void | Promise<void>;
}

/** A kind of actor. Make one with {@link defineActor}. */
export interface ActorDefinition<M extends Message, Init> {
  readonly kind: string;
  readonly mailbox: MailboxOptions;
  readonly module: ModuleExport | null;
  readonly wire: Wire;
  readonly start: (ctx: ActorContext<M>, init: Init) => Behavior<M> | Promise<Behavior<M>>;
}

/**
 * How messages travel to a worker. `clone` (default) accepts everything that structured cloning does. `json` is three
 * times faster, but only for protocols of strings, numbers, booleans, null, lists and objects of these.
 */
export type Wire = 'clone' | 'json';

type IsJson<T> = T extends string | number | boolean | null
  ? true
  : T extends readonly (infer U)[]
    ? IsJson<U>
    : T extends (...args: never[]) => unknown
      ? false
      : T extends object
        ? false extends { [K in keyof T & string]-?: IsJson<T[K]> }[keyof T & string]
          ? false
          : true
        : false;

/** Allows `json` only for protocols that lose nothing by it. */
export type WireOf<M> = [false] extends [IsJson<M>] ? 'clone' : false extends IsJson<M> ? 'clone' : Wire;

/** Where a worker finds the definition: module URL and export name. */
export interface ModuleExport {
  readonly url: string;
  readonly name: string;
}

export interface ActorOptions<All extends Message, Init> {
  /** Name of the kind, as shown in the tree and in metrics. */
  readonly kind: string;
  readonly mailbox: MailboxOptions;
  /**
   * Needed for the placements `thread` and `process`: `{ url: import.meta.url, name: 'exportName' }`. `Init` must then
   * be cloneable.
   */
  readonly module?: ModuleExport;
  /** Default `clone`. */
  readonly wire?: WireOf<All>;
  readonly start: (ctx: ActorContext<All>, init: Init) => Behavior<All> | Promise<Behavior<All>>;
}

/**
 * Defines a kind of actor: `defineActor<Public, Private>()({...})`. `Public` is what others may send; `Private` are
 * the actor's own messages (timers), handled like the others and not part of its public ref.
 */
export function defineActor<Public extends Message, Private extends Message = never>() {
  return <Init>(options: ActorOptions<Public | Private, Init>): ActorDefinition<Public, Init> => {
    const { capacity } = options.mailbox;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1_000_000) {
      throw new RuntimeError(
        'BAD_DEFINITION',
        `actor "${options.kind}": mailbox.capacity must be a whole number from 1 to 1000000, not ${capacity}`,
        {
          kind: options.kind,
          field: 'mailbox.capacity',
        },
      );
    }
    // Private messages only ever enter through ctx.self and timers, so hiding them from the public type is safe.
    const start = options.start as unknown as ActorDefinition<Public, Init>['start'];
    return {
      kind: options.kind,
      mailbox: options.mailbox,
      module: options.module ?? null,
      wire: options.wire ?? 'clone',
      start,
    };
  };
}

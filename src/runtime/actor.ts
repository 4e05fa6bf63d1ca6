import type { Clock } from './clock.ts';
import { RuntimeError } from './errors.ts';
import type { Signal } from './exit.ts';
import type { Deferred, Handlers, Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';

/** What happens to a message that finds the mailbox full. See {@link MailboxOptions}. */
export type OverflowPolicy = 'drop-oldest' | 'refuse' | 'back-pressure';

export interface MailboxOptions {
  /** Messages that may wait, 1 to 1,000,000. */
  readonly capacity: number;
  /**
   * `drop-oldest`: the oldest waiting message becomes a dead letter (newest wins). `refuse`: the new one does.
   * `back-pressure`: as `refuse` for `tell`; senders use `offer`, which waits for room.
   */
  readonly overflow: OverflowPolicy;
  /**
   * Lanes, 1 to 8, default 1. Messages of a lower lane are handled first and are the last to be dropped; order is kept
   * inside a lane. `laneOf` says which lane a message takes, 0 to lanes - 1.
   */
  readonly lanes?: number;
  readonly laneOf?: (message: Message) => number;
}

/** Why an actor is asked to end. */
export type StopReason = 'shutdown' | 'restart' | 'removed';

/** What an actor may write to the system's log: fields first, as pino does. */
export interface ActorLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A value that survives structured cloning and JSON: what an actor shows of itself in the tree. */
export type Detail = Readonly<Record<string, string | number | boolean | null>>;

/** An actor's view of the world, valid for one incarnation. `M` holds its private messages as well. */
export interface ActorContext<M extends Message> {
  readonly path: string;
  readonly self: ActorRef<M>;
  /** 1 for the first start, one more after each restart. */
  readonly incarnation: number;
  readonly clock: Clock;
  readonly log: ActorLog;
  /**
   * Counts and measures for the whole system's sink. From a thread or process recordings go to the host together, within
   * a second, and at a stop; one that dies loses at most that second.
   */
  readonly metrics: MetricSink;
  /** Aborted when the actor is asked to stop: what waits or polls gives up on it. */
  readonly signal: AbortSignal;
  /** A ref to another actor; it need not run yet. */
  ref<T extends Message>(to: Address<T>): ActorRef<T>;
  /** Sends `message` to this actor after `ms`, replacing the timer of the same name. Dies with the incarnation. */
  setTimer(name: string, ms: number, message: M): void;
  /** As `setTimer`, again every `ms`; a tick is skipped while the one before still waits in the mailbox. */
  setInterval(name: string, ms: number, message: M): void;
  clearTimer(name: string): void;
  /** An answer to be given later; the mailbox goes on meanwhile. Rejected when the incarnation ends first. */
  defer<R>(): Deferred<R>;
  /** Handles everything after this message with other handlers: a change of behaviour. */
  become(handlers: Handlers<M>): void;
  /** Puts the message being handled aside, unanswered. At most 1,000 (`STASH_FULL`). They end with the incarnation. */
  stash(): void;
  /** Handles all that was put aside, in order, before anything that waits in the mailbox. */
  unstashAll(): void;
  /** Asks to be told, by `onSignal`, when the actor ends for good; at once when it already has. Ends with the incarnation. */
  watch(ref: { readonly path: string }): void;
  /** Takes it back: no signal about this actor arrives after this call. */
  unwatch(ref: { readonly path: string }): void;
  /** Ends this incarnation after the message being handled; the supervisor decides by restart type and reason. */
  exit(reason?: 'normal' | 'shutdown'): void;
  /** Runs work inside native code that must not be interrupted; the thread is never terminated meanwhile. */
  native<T>(work: () => Promise<T>): Promise<T>;
  /** Names an operating-system process that belongs to this incarnation: it is killed if the incarnation dies without ending it. */
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
  /** Shows `detail` beside this actor in the tree. */
  report(detail: Detail): void;
  /** Fails the incarnation from outside a handler (a broken connection, say): its supervisor decides. */
  fail(error: Error): void;
}

/** A running incarnation. */
export interface Behavior<M extends Message> {
  readonly handlers: Handlers<M>;
  /** Told what the runtime has to say, in order with the messages. */
  readonly onSignal?: (signal: Signal) => void | Promise<void>;
  /** Ends what `start` began. Awaited within the shutdown time-out; not called after a failure inside `start` itself. */
  readonly stop?: (reason: StopReason) => void | Promise<void>;
}

/** A kind of actor. Make one with {@link defineActor}. */
export interface ActorDefinition<M extends Message, Init> {
  readonly kind: string;
  readonly mailbox: MailboxOptions;
  readonly module: ModuleExport | null;
  readonly wire: Wire;
  /** The compiler needs the protocol and the init type here; the runtime calls it with values of these types only. */
  readonly start: (ctx: ActorContext<M>, init: Init) => Behavior<M> | Promise<Behavior<M>>;
}

/**
 * How messages travel to a thread or process: `clone` (default) takes all that can be cloned structurally; `json` is
 * three times faster and only for protocols of plain text, numbers, booleans, null, lists and objects of these.
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

/** `json` is offered only where nothing would be lost. */
export type WireOf<M> = [false] extends [IsJson<M>] ? 'clone' : false extends IsJson<M> ? 'clone' : Wire;

/** Where a thread finds the definition: module URL and export name. */
export interface ModuleExport {
  readonly url: string;
  readonly name: string;
}

export interface ActorOptions<All extends Message, Init> {
  /** Name of the kind, as shown in the tree and in metrics. */
  readonly kind: string;
  readonly mailbox: MailboxOptions;
  /** Needed for placement `thread`: `{ url: import.meta.url, name: 'exportName' }`. `Init` must then be cloneable. */
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

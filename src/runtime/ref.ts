import type { AskType, Message, OfType, ReplyOf, TellType } from './message.ts';

/** The outcome of a tell. `dropped-oldest`: accepted, and the oldest waiting message was dropped for it. */
export type TellOutcome = 'accepted' | 'dropped-oldest' | 'refused' | 'dead';

export interface AskOptions {
  /** Milliseconds until the ask rejects with `ASK_TIMEOUT`. There is no default on purpose. */
  readonly timeoutMs: number;
}

export interface OfferOptions {
  /** Milliseconds to wait for room in the mailbox before the offer rejects with `MAILBOX_FULL`. */
  readonly timeoutMs: number;
}

/**
 * The only way to reach an actor, wherever it runs. A ref stays good over restarts of its actor. Messages from one
 * sender to one receiver keep their order.
 */
export interface ActorRef<M extends Message> {
  readonly path: string;
  /** Fire and forget. Never throws: a message that cannot be queued is a dead letter, and the outcome says so. */
  tell(message: OfType<M, TellType<M>>): TellOutcome;
  /** A tell that waits, within a bound, for room in a full mailbox. Rejects `MAILBOX_FULL`, `ACTOR_DEAD`. */
  offer(message: OfType<M, TellType<M>>, options: OfferOptions): Promise<void>;
  /** Request and reply. Rejects `ASK_TIMEOUT`, `MAILBOX_FULL`, `ACTOR_DEAD`, `ACTOR_FAILED`, or a deferred error. */
  ask<T extends AskType<M>>(
    message: { readonly type: T } & OfType<M, T>,
    options: AskOptions,
  ): Promise<ReplyOf<OfType<M, T>>>;
}

/** The path of an actor with the type of its protocol. The actor need not run. */
export interface Address<M extends Message> {
  readonly path: string;
  /** For the compiler only. */
  readonly protocol?: (message: M) => void;
}

/** The address of an actor by its absolute path, e.g. `address<KeyPoolMessage>('/key-pool')`. */
export const address = <M extends Message>(path: string): Address<M> => ({ path });

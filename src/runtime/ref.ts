import type { AskType, Message, OfType, ReplyOf, TellType } from './message.ts';

/** What became of a tell: `dropped-oldest` was accepted at the price of the oldest waiting message. */
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
  /** Fire and forget. Never throws; what could not be queued is a counted dead letter and is told by the outcome. */
  tell(message: OfType<M, TellType<M>>): TellOutcome;
  /** Tell that waits, within a bound, for room in a full mailbox: back-pressure. Rejects `MAILBOX_FULL`, `ACTOR_DEAD`. */
  offer(message: OfType<M, TellType<M>>, options: OfferOptions): Promise<void>;
  /** Request and reply. Rejects `ASK_TIMEOUT`, `MAILBOX_FULL`, `ACTOR_DEAD`, `ACTOR_FAILED`, or with the handler's error. */
  ask<T extends AskType<M>>(
    message: { readonly type: T } & OfType<M, T>,
    options: AskOptions,
  ): Promise<ReplyOf<OfType<M, T>>>;
}

/** A typed name of an actor: where it will be found, whether or not it runs now. */
export interface Address<M extends Message> {
  readonly path: string;
  /** For the compiler only. */
  readonly protocol?: (message: M) => void;
}

/** Names an actor by its absolute path, e.g. `address<KeyPoolMessage>('/key-pool')`. */
export const address = <M extends Message>(path: string): Address<M> => ({ path });

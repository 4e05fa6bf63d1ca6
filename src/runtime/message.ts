/**
 * A message is a plain object told apart by `type`; an actor's protocol is the union of its messages. A message that
 * wants an answer declares it with {@link Asking}.
 */
export interface Message {
  readonly type: string;
}

declare const REPLY: unique symbol;

/**
 * Declares the answer of a message: `type Lease = { type: 'lease'; priority: number } & Asking<LeaseGrant>`.
 * The property exists for the compiler only.
 */
export interface Asking<R> {
  readonly [REPLY]?: (reply: R) => void;
}

/** The answer declared for message `M`; `never` when it has none. */
export type ReplyOf<M> = typeof REPLY extends keyof M ? (M extends Asking<infer R> ? R : never) : never;

/** The `type`s of `M` that are answered. */
export type AskType<M extends Message> = {
  [T in M['type']]: [ReplyOf<Extract<M, { type: T }>>] extends [never] ? never : T;
}[M['type']];

/** The `type`s of `M` that are not answered. */
export type TellType<M extends Message> = Exclude<M['type'], AskType<M>>;

/** The one message of `M` with this `type`. */
export type OfType<M extends Message, T extends M['type']> = Extract<M, { type: T }>;

/** A reply given later, while further messages are handled. Made by `ctx.defer()`. */
export interface Deferred<R> {
  readonly promise: Promise<R>;
  resolve(reply: R): void;
  reject(error: Error): void;
}

/**
 * The result of a handler of `M`. For an answered message: the reply, a promise of it (the next message waits for it),
 * or a {@link Deferred} (the next message does not). For any other: nothing, or a promise (the next message waits).
 */
export type HandlerResult<M> = [ReplyOf<M>] extends [never]
  ? void | Promise<void>
  : ReplyOf<M> | Promise<ReplyOf<M>> | Deferred<ReplyOf<M>>;

/** One handler for each message of the protocol; a missing one does not compile. */
export type Handlers<M extends Message> = {
  readonly [T in M['type']]: (message: OfType<M, T>) => HandlerResult<OfType<M, T>>;
};

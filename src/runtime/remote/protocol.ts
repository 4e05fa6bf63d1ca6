import type { Detail, ModuleExport, StopReason } from '../actor.ts';
import type { SerializedError } from '../errors.ts';
import type { Signal } from '../exit.ts';
import type { Message } from '../message.ts';

/**
 * What crosses between the main thread and an actor in a thread or process of its own. Both sides gather items and send
 * them as one array at the end of the turn: cloning many small messages at once costs a third of cloning them singly.
 */

export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SerializedError };

/** To the actor. */
export type ToRemote =
  | {
      readonly type: 'start';
      readonly module: ModuleExport;
      readonly init: unknown;
      readonly path: string;
      readonly incarnation: number;
      /** One Int32: native calls in flight, or -1 once the thread is doomed. Null in a process. See `NativeGuard`. */
      readonly guard: SharedArrayBuffer | null;
      /** Messages the actor may send before the host grants more. */
      readonly credit: number;
    }
  /** `seq` is the first one's number; `asked` the offsets of those that want an answer. */
  | { readonly type: 'messages'; readonly seq: number; readonly messages: Message[]; readonly asked: number[] | null }
  | { readonly type: 'signal'; readonly signal: Signal }
  | { readonly type: 'answer'; readonly id: number; readonly reply: Reply }
  | { readonly type: 'credit'; readonly count: number }
  | { readonly type: 'stop'; readonly reason: StopReason };

/** From the actor. */
export type FromRemote =
  | { readonly type: 'started' }
  | { readonly type: 'start-failed'; readonly error: SerializedError }
  /** So many more, oldest first, are handled; `busyMs` is the total so far. */
  | { readonly type: 'processed'; readonly count: number; readonly busyMs: number }
  | { readonly type: 'replied'; readonly seq: number; readonly reply: Reply }
  /** It ended itself. `begun`: the oldest message it holds was being handled. */
  | { readonly type: 'exit'; readonly reason: 'normal' | 'shutdown' | SerializedError; readonly begun: boolean }
  | { readonly type: 'stopped' }
  | { readonly type: 'tells'; readonly path: string; readonly messages: Message[] }
  | { readonly type: 'self'; readonly id: number; readonly message: Message }
  | { readonly type: 'ask' | 'offer'; readonly id: number; readonly path: string; readonly message: Message; readonly timeoutMs: number }
  | { readonly type: 'watch' | 'unwatch'; readonly path: string }
  | { readonly type: 'lost'; readonly messageType: string }
  | { readonly type: 'refused'; readonly path: string; readonly messageType: string; readonly count: number }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: object; readonly message: string }
  | { readonly type: 'report'; readonly detail: Detail }
  | { readonly type: 'own' | 'disown'; readonly pid: number };

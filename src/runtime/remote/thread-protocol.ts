import type { Detail, ModuleExport, StopReason } from '../actor.ts';
import type { SerializedError } from '../errors.ts';
import type { Signal } from '../exit.ts';
import type { Message } from '../message.ts';
import type { MetricBatch } from './metric-batch.ts';

/**
 * What crosses between the main thread and an actor in a thread or process of its own. Both sides gather what there is
 * to say and send it as one frame at the end of the turn. Messages, their answers and the count of those handled make
 * up nearly all of it and travel unwrapped, in arrays: an object around each would double the cost of cloning.
 */

/** No message of the frame wants an answer, or every one does; else the offsets of those that do. */
export const ASKED_NONE = -1;
export const ASKED_ALL = -2;
export type Asked = typeof ASKED_NONE | typeof ASKED_ALL | number[];

/**
 * To the actor: items first, then messages numbered from `seq`. Messages of an actor with `wire: 'json'` are one text:
 * parsing JSON is three times faster than the structured clone.
 */
export type FrameToRemote = readonly [
  items: readonly ToRemote[] | 0,
  seq: number,
  asked: Asked,
  messages: readonly Message[] | string | 0,
];

/**
 * From the actor: answers (`seq, value, seq, value, ...`) first, then items, then how many messages more are handled,
 * oldest first, and the total of milliseconds spent on it.
 */
export type FrameFromRemote = readonly [
  items: readonly FromRemote[] | 0,
  processed: number,
  busyMs: number,
  replies: readonly unknown[] | 0,
];

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SerializedError };

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
  | { readonly type: 'signal'; readonly signal: Signal }
  | { readonly type: 'answer'; readonly id: number; readonly reply: Reply }
  | { readonly type: 'credit'; readonly count: number }
  | { readonly type: 'stop'; readonly reason: StopReason };

/** From the actor. */
export type FromRemote =
  | { readonly type: 'started' }
  | { readonly type: 'start-failed'; readonly error: SerializedError }
  | { readonly type: 'rejected'; readonly seq: number; readonly error: SerializedError }
  /** It ended itself. `begun`: the oldest message it holds was being handled. */
  | { readonly type: 'exit'; readonly reason: 'normal' | 'shutdown' | SerializedError; readonly begun: boolean }
  | { readonly type: 'stopped' }
  | { readonly type: 'tells'; readonly path: string; readonly messages: Message[] }
  | { readonly type: 'self'; readonly id: number; readonly message: Message }
  | {
      readonly type: 'ask' | 'offer';
      readonly id: number;
      readonly path: string;
      readonly message: Message;
      readonly timeoutMs: number;
    }
  | { readonly type: 'watch' | 'unwatch'; readonly path: string }
  | { readonly type: 'lost'; readonly messageType: string }
  | { readonly type: 'refused'; readonly path: string; readonly messageType: string; readonly count: number }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  | { readonly type: 'metrics'; readonly batch: MetricBatch }
  | { readonly type: 'report'; readonly detail: Detail }
  | { readonly type: 'own' | 'disown'; readonly pid: number };

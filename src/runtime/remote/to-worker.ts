import type { ModuleExport, StopReason } from '../actor.ts';
import type { SerializedError } from '../errors.ts';
import type { Signal } from '../exit.ts';
import type { Message } from '../message.ts';

/**
 * From the host to a worker, the thread or process that runs one actor. Each side buffers its items and sends
 * them as one frame at the end of the turn. Messages, their answers and the count of handled ones make up nearly all of
 * the traffic, so they travel unwrapped, in arrays: an object around each would double the cost of cloning.
 */

/** No message of the frame wants an answer, or every one does; else the offsets of those that do. */
export const ASKED_NONE = -1;
export const ASKED_ALL = -2;
export type Asked = typeof ASKED_NONE | typeof ASKED_ALL | number[];

/**
 * Items first, then messages numbered from `seq`. Messages of an actor with `wire: 'json'` are one text: parsing JSON
 * is three times faster than the structured clone.
 */
export type FrameToWorker = readonly [
  items: readonly ToWorker[] | 0,
  seq: number,
  asked: Asked,
  messages: readonly Message[] | string | 0,
];

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SerializedError };

export type ToWorker =
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

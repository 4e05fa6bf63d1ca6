import type { Detail } from '../actor.ts';
import type { SerializedError } from '../errors.ts';
import type { Message } from '../message.ts';
import type { MetricBatch } from './metric-batch.ts';

/**
 * From a worker to the host, to be read in this order: `replies` (`seq, value, seq, value, ...`), `items`, then
 * `processed`: messages handled since the last frame, oldest first. `busyMs`: time spent handling since the start.
 */
export type FrameFromWorker = readonly [
  items: readonly FromWorker[] | 0,
  processed: number,
  busyMs: number,
  replies: readonly unknown[] | 0,
];

export type FromWorker = WorkerEvent | WorkerRequest;

/** Events in the life cycle of the actor and its messages. */
export type WorkerEvent =
  | { readonly type: 'started' }
  | { readonly type: 'start-failed'; readonly error: SerializedError }
  | { readonly type: 'rejected'; readonly seq: number; readonly error: SerializedError }
  /** It ended itself. `begun`: the oldest message it holds was being handled. */
  | { readonly type: 'exit'; readonly reason: 'normal' | 'shutdown' | SerializedError; readonly begun: boolean }
  | { readonly type: 'stopped' };

/** Requests of the actor to the rest of the system. */
export type WorkerRequest =
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

import type { Detail, ModuleExport, StopReason } from '../actor.ts';
import type { SerializedError } from '../errors.ts';
import type { Message } from '../message.ts';

/** What a thread is started with. */
export interface ThreadStart {
  readonly module: ModuleExport;
  readonly init: unknown;
  readonly path: string;
  readonly incarnation: number;
  /** One Int32: native calls in flight, or -1 once the thread is doomed. See `NativeGuard`. */
  readonly guard: SharedArrayBuffer;
}

export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SerializedError };

/** Host to thread. */
export type ToThread =
  | { readonly type: 'deliver'; readonly seq: number; readonly message: Message; readonly asked: boolean }
  | { readonly type: 'stop'; readonly reason: StopReason }
  | { readonly type: 'answer'; readonly id: number; readonly reply: Reply };

/** Thread to host. */
export type FromThread =
  | { readonly type: 'started' }
  | { readonly type: 'start-failed'; readonly error: SerializedError }
  | { readonly type: 'processed'; readonly seq: number }
  | { readonly type: 'replied'; readonly seq: number; readonly reply: Reply }
  | { readonly type: 'failed'; readonly error: SerializedError }
  | { readonly type: 'stopped' }
  | { readonly type: 'tell'; readonly path: string; readonly message: Message }
  | { readonly type: 'self'; readonly id: number; readonly message: Message }
  | { readonly type: 'ask'; readonly id: number; readonly path: string; readonly message: Message; readonly timeoutMs: number }
  | { readonly type: 'offer'; readonly id: number; readonly path: string; readonly message: Message; readonly timeoutMs: number }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: object; readonly message: string }
  | { readonly type: 'report'; readonly detail: Detail }
  | { readonly type: 'own'; readonly pid: number }
  | { readonly type: 'disown'; readonly pid: number };


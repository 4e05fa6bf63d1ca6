import type { Detail, StopReason } from './actor.ts';
import type { ExitReason } from './exit.ts';
import type { Envelope } from './mailbox.ts';
import type { Message } from './message.ts';

/** One incarnation of an actor as its cell sees it, whether it runs on this thread or in a worker. */
export interface Incarnation {
  /** 1 for the first start, one more after each restart. */
  readonly incarnation: number;
  /** Messages it may hold unprocessed. */
  readonly window: number;
  /** Native calls in flight. */
  nativeInFlight(): number;
  /** Milliseconds spent handling so far, where the cell cannot measure that itself. */
  busyMs(): number;
  deliver(envelope: Envelope): void;
  /** Ends a slice of deliveries: sends the messages buffered for a worker. */
  flush(): void;
  /** After the end: gives back the messages it never began. Rejects the pending asks of the others. */
  reclaim(): readonly Envelope[];
  /**
   * Ends it: co-operatively within `timeoutMs`, by force after that where force is safe. Resolves when it has ended;
   * `forced`: it did not end by itself. Never rejects.
   */
  stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }>;
}

/** Receives an incarnation's events and requests: its cell, or in a worker the cell's stand-in. */
export interface IncarnationOwner {
  readonly path: string;
  /** `count` (default 1) messages were handled; as many more may be delivered. */
  onProcessed(from: Incarnation, count?: number): void;
  /** It ended by itself and accepts no more messages. Called at most once. */
  onExit(from: Incarnation, reason: ExitReason): void;
  onReport(from: Incarnation, detail: Detail): void;
  /** A message that it held will never be handled. */
  onLost(messageType: string): void;
  /** Queues a message of the actor to itself; `onLeave` is called when it leaves the mailbox. */
  sendToSelf(from: Incarnation, message: Message, onLeave: (() => void) | null): void;
  watch(from: Incarnation, path: string): void;
  unwatch(from: Incarnation, path: string): void;
  ownProcess(pid: number): void;
  disownProcess(pid: number): void;
}

import type { Detail, OverflowPolicy } from './actor.ts';

/** `starting → running → stopping → stopped`; `backing-off` between a failure and its restart; `failed` when given up. */
export type ActorState = 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped' | 'failed';

export interface Failure {
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly code: string | null;
  readonly message: string;
}

export interface MailboxSnapshot {
  readonly depth: number;
  readonly capacity: number;
  readonly overflow: OverflowPolicy;
  /** Messages lost to the bound since the actor was created. */
  readonly dropped: number;
  readonly refused: number;
  /** Age of the oldest waiting message in ms; null when none waits. */
  readonly oldestMs: number | null;
}

export interface ActorSnapshot {
  readonly type: 'actor';
  readonly path: string;
  readonly kind: string;
  readonly state: ActorState;
  readonly placement: 'inline' | 'thread';
  readonly incarnation: number;
  readonly restarts: number;
  readonly processed: number;
  readonly startedAt: string | null;
  readonly nextRestartAt: string | null;
  readonly lastFailure: Failure | null;
  readonly mailbox: MailboxSnapshot;
  /** Native calls in flight; 0 for inline actors. */
  readonly nativeInFlight: number;
  readonly detail: Detail;
}

export interface SupervisorSnapshot {
  readonly type: 'supervisor';
  readonly path: string;
  readonly strategy: string;
  readonly dynamic: boolean;
  readonly state: ActorState;
  readonly intensity: { readonly maxRestarts: number; readonly withinMs: number; readonly used: number };
  readonly restarts: number;
  readonly lastFailure: Failure | null;
  readonly children: readonly TreeSnapshot[];
}
export type TreeSnapshot = ActorSnapshot | SupervisorSnapshot;

export type DeadLetterReason = 'no-such-actor' | 'mailbox-full' | 'dropped-oldest' | 'stopped' | 'failed';
export interface DeadLetter {
  readonly at: string;
  readonly path: string;
  readonly messageType: string;
  readonly reason: DeadLetterReason;
}

/** Every change an operator wants to see, as it happens. */
export type SystemEvent =
  | { readonly type: 'started'; readonly at: string; readonly path: string; readonly incarnation: number }
  | { readonly type: 'failed'; readonly at: string; readonly path: string; readonly failure: Failure }
  | { readonly type: 'restarting'; readonly at: string; readonly path: string; readonly delayMs: number }
  | { readonly type: 'escalated'; readonly at: string; readonly path: string; readonly failure: Failure }
  | { readonly type: 'stopped'; readonly at: string; readonly path: string; readonly forced: boolean }
  | { readonly type: 'quarantined'; readonly at: string; readonly path: string };

import type { Detail, OverflowPolicy } from './actor.ts';
import type { AutoShutdown, Placement, Restart, Strategy } from './supervision.ts';

/**
 * `starting → running → stopping → stopped`; `backing-off` from a failure or an exit to the restart, `exited` after its
 * own decision to end, `failed` when it was given up.
 */
export type ActorState = 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped' | 'exited' | 'failed';

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

/** What the supervisor would do at the next failure. */
export type Forecast = 'restart' | 'restart-group' | 'escalate' | 'end' | 'end-supervisor';

interface NodeSnapshot {
  readonly path: string;
  readonly state: ActorState;
  readonly restart: Restart;
  readonly significant: boolean;
  readonly restarts: number;
  readonly lastFailure: Failure | null;
  readonly nextRestartAt: string | null;
  /** Longest wait before the restart that a failure now would bring. */
  readonly nextBackoffMs: number;
  /** Null for the root. */
  readonly onNextFailure: Forecast | null;
  /** The newest ten, oldest first. */
  readonly events: readonly SystemEvent[];
}

export interface ActorSnapshot extends NodeSnapshot {
  readonly type: 'actor';
  readonly kind: string;
  readonly placement: Placement['kind'];
  /** 1 for the first start, one more after each restart. */
  readonly incarnation: number;
  readonly processed: number;
  readonly startedAt: string | null;
  readonly mailbox: MailboxSnapshot;
  /** Share of the last seconds spent handling messages, 0 to 1. */
  readonly busyShare: number;
  /** Native calls in flight. */
  readonly nativeInFlight: number;
  readonly detail: Detail;
}

export interface SupervisorSnapshot extends NodeSnapshot {
  readonly type: 'supervisor';
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
  readonly dynamic: boolean;
  /** `left`: restarts that may still happen in this period before the supervisor gives up. */
  readonly intensity: {
    readonly maxRestarts: number;
    readonly withinMs: number;
    readonly used: number;
    readonly left: number;
  };
  readonly children: readonly TreeSnapshot[];
}
export type TreeSnapshot = ActorSnapshot | SupervisorSnapshot;

export type DeadLetterReason = 'no-such-actor' | 'mailbox-full' | 'dropped-oldest' | 'stopped' | 'failed' | 'no-credit';
export interface DeadLetter {
  readonly at: string;
  readonly path: string;
  readonly messageType: string;
  readonly reason: DeadLetterReason;
}

/** A change of the tree, as it happens. */
export type SystemEvent =
  | { readonly type: 'started'; readonly at: string; readonly path: string; readonly incarnation: number }
  | { readonly type: 'failed'; readonly at: string; readonly path: string; readonly failure: Failure }
  | { readonly type: 'exited'; readonly at: string; readonly path: string; readonly reason: 'normal' | 'shutdown' }
  | {
      readonly type: 'restarting';
      readonly at: string;
      readonly path: string;
      readonly delayMs: number;
      readonly because: string;
    }
  | { readonly type: 'escalated'; readonly at: string; readonly path: string; readonly failure: Failure }
  | { readonly type: 'stopped'; readonly at: string; readonly path: string; readonly forced: boolean }
  | { readonly type: 'mailbox-full'; readonly at: string; readonly path: string; readonly capacity: number }
  | { readonly type: 'quarantined'; readonly at: string; readonly path: string };

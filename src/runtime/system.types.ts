import type { ActorLog } from './actor.ts';
import type { Clock } from './clock.ts';
import type { DeadLetter, SystemEvent, TreeSnapshot } from './inspect.ts';
import type { Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';
import type { ChildSpec } from './supervision.ts';

export interface SystemOptions {
  readonly log: ActorLog;
  /** Receives all recordings of `ctx.metrics`, from every thread. Default: they are dropped. */
  readonly metrics?: MetricSink;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Called when the root supervisor gave up or ended; by then all actors are stopped. */
  readonly onEscalation: (error: Error) => void;
  /** Called with every failure of every actor and supervisor, whether or not a restart follows. */
  readonly onFailure?: (path: string, error: Error) => void;
}

/** A running tree of actors. */
export interface ActorSystem {
  /** A ref by address; the actor need not run yet. */
  ref<M extends Message>(to: Address<M>): ActorRef<M>;
  /**
   * Adds a child to a dynamic supervisor and waits until it runs. When its first start fails: with `remove` (default)
   * the call rejects and the child is gone; with `restart` the call resolves and the child is restarted as after any
   * failure. Rejects `DUPLICATE_CHILD`, `NOT_DYNAMIC`.
   */
  startChild(supervisorPath: string, spec: ChildSpec, onFirstFailure?: 'remove' | 'restart'): Promise<void>;
  /** Stops a dynamic child and forgets it. False when there was none. */
  stopChild(path: string): Promise<boolean>;
  /**
   * Stops and starts an actor, or a supervisor with its whole subtree, for an operator. False when there is none.
   * Rejects with the error of a failed start.
   */
  restart(path: string): Promise<boolean>;
  snapshot(): TreeSnapshot;
  /** The newest dead letters (bounded) and how many there were in all. */
  deadLetters(): { readonly total: number; readonly recent: readonly DeadLetter[] };
  subscribe(listener: (event: SystemEvent) => void): () => void;
  /** Stops everything, last started first. */
  stop(): Promise<void>;
}

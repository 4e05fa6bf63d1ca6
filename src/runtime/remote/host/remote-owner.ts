import type { ActorLog } from '../../actor.ts';
import type { Clock } from '../../clock.ts';
import type { IncarnationOwner } from '../../incarnation.ts';
import type { Message } from '../../message.ts';
import type { MetricSink } from '../../metric-sink.ts';
import type { ChildSpec } from '../../supervision.ts';

/** The cell whose incarnation runs in a worker. */
export interface RemoteOwner extends IncarnationOwner {
  readonly spec: ChildSpec;
  /** A thread could not be ended because native code runs in it: it is left alone, and ended once it can be. */
  onQuarantined(): void;
}

/** The system as a worker's actor may use it. */
export interface Gateway {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: MetricSink;
  tell(path: string, message: Message): void;
  ask(path: string, message: Message, timeoutMs: number): Promise<unknown>;
  offer(path: string, message: Message, timeoutMs: number): Promise<void>;
  refused(path: string, messageType: string): void;
}

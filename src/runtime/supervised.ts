import type { ActorLog, StopReason } from './actor.ts';
import type { Clock, TimerHandle } from './clock.ts';
import type { Dispatcher } from './dispatcher.ts';
import { serializeError } from './errors.ts';
import type { ActorState, DeadLetterReason, Failure, SystemEvent, TreeSnapshot } from './inspect.ts';
import type { Message } from './message.ts';
import type { ActorRef, Address } from './ref.ts';
import { nextStreak, restartDelay } from './restart-policy.ts';
import type { Backoff, Restart } from './supervision.ts';
import type { ThreadGateway } from './thread/host.ts';

/** What cells share: the system around them. */
export interface CellServices {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly dispatcher: Dispatcher;
  random(): number;
  ref<M extends Message>(to: Address<M>): ActorRef<M>;
  deadLetter(path: string, messageType: string, reason: DeadLetterReason): void;
  emit(event: SystemEvent): void;
  readonly gateway: Pick<ThreadGateway, 'tell' | 'ask' | 'offer'>;
}

/** The parent as a child sees it: nothing but the place to report a failure to. */
export interface FailureHandler {
  childFailed(child: Supervised, error: Error): void;
}

/** Something a supervisor starts, stops and restarts: an actor, or another supervisor. */
export abstract class Supervised {
  readonly id: string;
  readonly path: string;
  readonly restart: Restart;
  state: ActorState = 'stopped';
  protected readonly services: CellServices;
  protected readonly parent: FailureHandler;
  protected lastFailure: Failure | null = null;
  protected restarts = 0;
  protected startedAt: number | null = null;
  protected nextRestartAt: number | null = null;
  readonly #backoff: Backoff;
  #streak = 0;
  #restartTimer: TimerHandle | null = null;

  protected constructor(id: string, parentPath: string, restart: Restart, backoff: Backoff, services: CellServices, parent: FailureHandler) {
    this.id = id;
    this.path = parentPath === '' ? `/${id}` : `${parentPath}/${id}`;
    this.restart = restart;
    this.#backoff = backoff;
    this.services = services;
    this.parent = parent;
  }

  /** Brings it to `running`; rejects when it does not get there. */
  abstract start(): Promise<void>;
  /** Brings it to `stopped`, from any state. Never rejects. */
  abstract stop(reason: StopReason): Promise<void>;
  abstract snapshot(): TreeSnapshot;

  /** Starts it again after the back-off; a start that fails is one more failure for the supervisor to judge. */
  scheduleRestart(): void {
    const now = this.services.clock.now();
    this.#streak = nextStreak(this.#streak, this.startedAt === null ? 0 : now - this.startedAt, this.#backoff);
    const delayMs = restartDelay(this.#streak, this.#backoff, this.services.random());
    this.#streak += 1;
    this.state = 'backing-off';
    this.nextRestartAt = now + delayMs;
    this.services.emit({ type: 'restarting', at: isoTime(now), path: this.path, delayMs });
    this.#restartTimer = this.services.clock.setTimeout(() => {
      this.#restartTimer = null;
      this.nextRestartAt = null;
      this.restarts += 1;
      this.startedAt = null;
      this.start().catch((thrown: unknown) => this.failed(thrown));
    }, delayMs);
  }

  /** Remembers a failure, tells it to the system, and hands it to the supervisor. */
  failed(thrown: unknown): void {
    if (this.state === 'stopping' || this.state === 'stopped') return;
    const error = this.noteFailure(thrown);
    this.parent.childFailed(this, error);
  }

  protected noteFailure(thrown: unknown): Error {
    const { code, message } = serializeError(thrown);
    const at = isoTime(this.services.clock.now());
    this.lastFailure = { at, code, message };
    this.services.log.error({ path: this.path, code, err: thrown }, `${this.path} failed: ${message}`);
    this.services.emit({ type: 'failed', at, path: this.path, failure: this.lastFailure });
    return thrown instanceof Error ? thrown : new Error(message);
  }

  protected cancelRestart(): void {
    if (this.#restartTimer === null) return;
    this.services.clock.clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
    this.nextRestartAt = null;
  }
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
export const isoTimeOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

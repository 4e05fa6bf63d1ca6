import type { ActorLog, StopReason } from './actor.ts';
import type { AskDeadlines } from './ask-deadlines.ts';
import type { Clock, TimerHandle } from './clock.ts';
import type { Dispatcher } from './dispatcher.ts';
import { asError, RuntimeError, serializeError } from './errors.ts';
import { type ExitReason, isFailure } from './exit.ts';
import type { Incarnation } from './incarnation.ts';
import type { ActorState, DeadLetterReason, Failure, Forecast, SystemEvent, TreeSnapshot } from './inspect.ts';
import type { Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';
import { nextStreak, restartDelay } from './restart-policy.ts';
import type { RemoteOwner } from './remote/host/remote-owner.ts';
import type { Spec } from './supervision.ts';
import type { Watchers } from './watchers.ts';

/** Services that all cells of a system share. */
export interface CellServices {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: MetricSink;
  readonly dispatcher: Dispatcher;
  readonly watchers: Watchers;
  /** Time stamps of messages. */
  readonly stamps: Pick<Clock, 'now'>;
  readonly deadlines: AskDeadlines;
  /** Source of jitter in [0, 1). */
  random(): number;
  ref<M extends Message>(to: Address<M>): ActorRef<M>;
  deadLetter(path: string, messageType: string, reason: DeadLetterReason): void;
  emit(event: SystemEvent): void;
  /** Called with every failure, whether or not a restart follows. */
  failure(path: string, error: Error): void;
  /** The root supervisor ended by itself; all actors are stopped. */
  rootEnded(error: Error): void;
  /** Whether there is an actor at this path that runs or is about to. */
  isAlive(path: string): boolean;
  /** Starts an incarnation in a thread or a process. */
  startRemote(owner: RemoteOwner, incarnation: number): Promise<Incarnation>;
}

/** The parent as a child sees it. */
export interface Parent {
  /** The child ended by itself; the parent decides what follows. */
  childEnded(child: Supervised, reason: ExitReason): void;
  forecast(child: Supervised): Forecast;
}

const EVENTS_KEPT = 10;

/** Something a supervisor starts, stops and restarts: an actor, or another supervisor. */
export abstract class Supervised {
  readonly path: string;
  state: ActorState = 'stopped';
  protected readonly services: CellServices;
  protected readonly parent: Parent | null;
  protected lastFailure: Failure | null = null;
  protected restarts = 0;
  protected startedAt: number | null = null;
  #streak = 0;
  #restartAt: number | null = null;
  #restartTimer: TimerHandle | null = null;
  #events: SystemEvent[] | null = null;

  protected constructor(path: string, services: CellServices, parent: Parent | null) {
    this.path = path;
    this.services = services;
    this.parent = parent;
  }

  abstract readonly spec: Spec;
  /** Brings it to `running`. Rejects with the error that prevented it. */
  abstract start(): Promise<void>;
  /** Brings it to `stopped`, from any state. Never rejects. */
  abstract stop(reason: StopReason): Promise<void>;
  /** Leaves it ended for good: it stays visible and accepts no more messages. */
  abstract retire(how: 'exited' | 'failed'): void;
  abstract snapshot(): TreeSnapshot;

  get id(): string {
    return this.spec.id;
  }

  /** True while it runs or is about to, so that its supervisor has to stop it. */
  get running(): boolean {
    return this.state === 'running' || this.state === 'starting' || this.state === 'backing-off';
  }

  /** Milliseconds to wait before the next restart. Each call counts as one more restart in a row. */
  nextDelay(): number {
    const ran = this.startedAt === null ? 0 : this.services.clock.now() - this.startedAt;
    this.#streak = nextStreak(this.#streak, ran, this.spec.backoff);
    const delay = restartDelay(this.#streak, this.spec.backoff, this.services.random());
    this.#streak += 1;
    return delay;
  }

  /** Announces a restart in `delayMs`. */
  awaitRestart(delayMs: number, because: string): void {
    const now = this.services.clock.now();
    this.state = 'backing-off';
    this.#restartAt = now + delayMs;
    this.emit({ type: 'restarting', at: isoTime(now), path: this.path, delayMs, because });
  }

  /** Starts it again after a wait. A start that fails is one more failure for the supervisor to decide on. */
  restartAfter(delayMs: number, because: string): void {
    this.awaitRestart(delayMs, because);
    this.#restartTimer = this.services.clock.setTimeout(() => {
      this.#restartTimer = null;
      this.startAgain().catch((thrown: unknown) => {
        if (!isSuperseded(thrown)) this.ended(asError(thrown));
      });
    }, delayMs);
  }

  /** A start that counts as a restart. */
  startAgain(): Promise<void> {
    this.#restartAt = null;
    this.restarts += 1;
    this.startedAt = null;
    return this.start();
  }

  /** Records and emits that it ended by itself, and lets the supervisor decide. */
  ended(reason: ExitReason): void {
    if (this.state === 'stopping' || this.state === 'stopped') return;
    if (isFailure(reason)) this.noteFailure(reason);
    else this.emit({ type: 'exited', at: isoTime(this.services.clock.now()), path: this.path, reason });
    this.parent?.childEnded(this, reason);
  }

  protected noteFailure(error: Error): void {
    const { code, message } = serializeError(error);
    const at = isoTime(this.services.clock.now());
    this.lastFailure = { at, code, message };
    this.services.log.error({ path: this.path, code, err: error }, `${this.path} failed: ${message}`);
    this.emit({ type: 'failed', at, path: this.path, failure: this.lastFailure });
    this.services.failure(this.path, error);
  }

  protected emit(event: SystemEvent): void {
    this.#events ??= [];
    this.#events.push(event);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
    this.services.emit(event);
  }

  protected cancelRestart(): void {
    this.#restartAt = null;
    if (this.#restartTimer === null) return;
    this.services.clock.clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
  }

  /** The part of a snapshot that actors and supervisors share. */
  protected common() {
    const { backoff, restart, significant } = this.spec;
    return {
      path: this.path,
      state: this.state,
      restart,
      significant,
      restarts: this.restarts,
      lastFailure: this.lastFailure,
      nextRestartAt: isoTimeOrNull(this.#restartAt),
      nextBackoffMs: restartDelay(
        nextStreak(this.#streak, this.startedAt === null ? 0 : this.services.clock.now() - this.startedAt, backoff),
        backoff,
        0,
      ),
      onNextFailure: this.parent?.forecast(this) ?? null,
      events: [...(this.#events ?? [])],
    };
  }
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();
export const isoTimeOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

/** The error of a start that a stop overtook. The stop decides what follows. */
export const superseded = (path: string): RuntimeError =>
  new RuntimeError('STOPPING', `${path} was stopped while it started`, { path });
export const isSuperseded = (thrown: unknown): boolean => thrown instanceof RuntimeError && thrown.code === 'STOPPING';

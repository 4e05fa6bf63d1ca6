import type { Detail, StopReason } from './actor.ts';
import type { Runnable } from './dispatcher.ts';
import { RuntimeError } from './errors.ts';
import type { Incarnation, IncarnationEvents } from './incarnation.ts';
import { startInline } from './inline.ts';
import type { ActorSnapshot, DeadLetterReason } from './inspect.ts';
import { type Envelope, Mailbox } from './mailbox.ts';
import type { Message } from './message.ts';
import type { Address, TellOutcome } from './ref.ts';
import { type CellServices, type FailureHandler, isoTime, isoTimeOrNull, Supervised } from './supervised.ts';
import type { ChildSpec } from './supervision.ts';
import { startThread } from './thread/host.ts';
import { settlesWithin } from './time-limit.ts';

/**
 * One actor over all its incarnations: the mailbox and the statistics stay, the incarnation changes. Messages wait here,
 * bounded, while the actor restarts; only the one that was being handled when it failed is lost.
 */
export class ActorCell extends Supervised implements Runnable {
  readonly #spec: ChildSpec;
  readonly #mailbox: Mailbox;
  #incarnation: Incarnation | null = null;
  #number = 0;
  /** Changes at every start, failure and stop: events of an earlier life are told by it and ignored. */
  #epoch = 0;
  #inFlight = 0;
  #processed = 0;
  #detail: Detail = {};
  #ending: Promise<unknown> = Promise.resolve();

  constructor(spec: ChildSpec, parentPath: string, services: CellServices, parent: FailureHandler) {
    super(spec.id, parentPath, spec.restart, spec.backoff, services, parent);
    this.#spec = spec;
    this.#mailbox = new Mailbox(spec.mailbox);
  }

  async start(): Promise<void> {
    const number = ++this.#number;
    const epoch = ++this.#epoch;
    this.state = 'starting';
    this.#inFlight = 0;
    const mine = (): boolean => this.#epoch === epoch;
    let early: Error | null = null;
    let live: Incarnation | null = null;
    const events: IncarnationEvents = {
      onProcessed: () => {
        if (!mine()) return;
        this.#inFlight -= 1;
        this.#processed += 1;
        if (this.hasWork()) this.services.dispatcher.schedule(this);
      },
      onFailed: (error) => {
        if (!mine()) return;
        if (live === null) early = error;
        else void this.#bury(live, error);
      },
      onReport: (detail) => {
        if (mine()) this.#detail = detail;
      },
    };
    live = await this.#launch(number, events);
    if (!mine() || this.state !== 'starting') {
      // Stopped while it was starting: the newcomer goes at once.
      await live.stop('removed', this.#spec.shutdownTimeoutMs);
      throw new RuntimeError('STOPPING', `${this.path} was stopped while it started`, { path: this.path });
    }
    if (early !== null) {
      await live.stop('restart', this.#spec.shutdownTimeoutMs);
      throw early;
    }
    this.#incarnation = live;
    this.state = 'running';
    this.startedAt = this.services.clock.now();
    this.services.emit({ type: 'started', at: isoTime(this.startedAt), path: this.path, incarnation: number });
    this.services.dispatcher.schedule(this);
  }

  async stop(reason: StopReason): Promise<void> {
    if (this.state === 'stopped') return;
    this.cancelRestart();
    this.state = 'stopping';
    this.#epoch += 1;
    const incarnation = this.#incarnation;
    this.#incarnation = null;
    let forced = false;
    if (incarnation !== null) ({ forced } = await incarnation.stop(reason, this.#spec.shutdownTimeoutMs));
    await this.#ending;
    this.state = 'stopped';
    this.#discard('stopped');
    this.services.emit({ type: 'stopped', at: isoTime(this.services.clock.now()), path: this.path, forced });
  }

  /** Given up after too many failures: stays visible, takes no messages. */
  retire(): void {
    this.state = 'failed';
    this.#discard('failed');
  }

  push(envelope: Envelope): TellOutcome {
    if (this.state === 'stopped' || this.state === 'failed' || this.state === 'stopping') {
      this.#reject(envelope, 'stopped');
      return 'dead';
    }
    const result = this.#mailbox.push(envelope);
    if (result.outcome === 'refused') {
      this.#reject(envelope, 'mailbox-full');
      return 'refused';
    }
    if (result.outcome === 'dropped-oldest') this.#reject(result.dropped, 'dropped-oldest');
    if (this.hasWork()) this.services.dispatcher.schedule(this);
    return result.outcome;
  }

  get full(): boolean {
    return this.#mailbox.full;
  }

  get alive(): boolean {
    return this.state !== 'stopped' && this.state !== 'failed' && this.state !== 'stopping';
  }

  waitForRoom(wake: () => void): () => void {
    return this.#mailbox.waitForRoom(wake);
  }

  hasWork(): boolean {
    return this.state === 'running' && this.#incarnation !== null && this.#mailbox.size > 0 && this.#inFlight < this.#incarnation.window;
  }

  run(budget: number): number {
    let done = 0;
    while (done < budget && this.hasWork()) {
      const envelope = this.#mailbox.shift();
      if (envelope === undefined) break;
      done += 1;
      if (envelope.incarnation !== null && envelope.incarnation !== this.#number) continue;
      this.#inFlight += 1;
      this.#incarnation?.deliver(envelope);
    }
    return done;
  }

  snapshot(): ActorSnapshot {
    const now = this.services.clock.now();
    return {
      type: 'actor',
      path: this.path,
      kind: this.#spec.actorKind,
      state: this.state,
      placement: this.#spec.placement.kind,
      incarnation: this.#number,
      restarts: this.restarts,
      processed: this.#processed,
      startedAt: isoTimeOrNull(this.startedAt),
      nextRestartAt: isoTimeOrNull(this.nextRestartAt),
      lastFailure: this.lastFailure,
      mailbox: this.#mailbox.snapshot(now),
      nativeInFlight: this.#incarnation?.native() ?? 0,
      detail: this.#detail,
    };
  }

  async #launch(number: number, events: IncarnationEvents): Promise<Incarnation> {
    const { definition, placement, startTimeoutMs } = this.#spec;
    const { clock, log, gateway } = this.services;
    const toSelf = (message: Envelope['message'], onLeave: (() => void) | null): void => {
      this.push({ message, at: clock.now(), reply: null, transfer: [], onLeave, incarnation: number });
    };
    if (placement.kind === 'thread') {
      return startThread(
        definition,
        this.#spec.init(),
        {
          path: this.path,
          incarnation: number,
          clock,
          log,
          startTimeoutMs,
          maxHeapMb: placement.maxHeapMb,
          gateway: {
            ...gateway,
            toSelf,
            quarantined: () => {
              log.error({ path: this.path }, `the thread of ${this.path} is stuck in native code and was left alone; it ends when that code returns`);
              this.services.emit({ type: 'quarantined', at: isoTime(clock.now()), path: this.path });
            },
          },
        },
        events,
      );
    }
    const { services } = this;
    const host = { path: this.path, incarnation: number, clock, log, ref: <T extends Message>(to: Address<T>) => services.ref(to), toSelf };
    const starting = startInline(definition, this.#spec.init(), host, events);
    const started = await settlesWithin(clock, starting, startTimeoutMs);
    if (started.error !== null) throw started.error;
    if (started.timedOut) {
      starting.then((late) => late.stop('removed', this.#spec.shutdownTimeoutMs)).catch((thrown: unknown) => log.debug({ path: this.path, err: thrown }, 'start failed after its time-out'));
      throw new RuntimeError('START_TIMEOUT', `${this.path} did not start within ${startTimeoutMs} ms`, { path: this.path, startTimeoutMs });
    }
    return started.value;
  }

  /** Ends a failed incarnation, keeps what it had not begun, then lets the supervisor decide. */
  async #bury(incarnation: Incarnation, error: Error): Promise<void> {
    this.#incarnation = null;
    this.#epoch += 1;
    this.state = 'backing-off';
    this.#mailbox.unshift(incarnation.reclaim());
    const ending = incarnation.stop('restart', this.#spec.shutdownTimeoutMs);
    this.#ending = ending;
    await ending;
    this.failed(error);
  }

  #discard(reason: DeadLetterReason): void {
    for (const envelope of this.#mailbox.drain()) this.#reject(envelope, reason);
  }

  #reject(envelope: Envelope, reason: DeadLetterReason): void {
    const { type } = envelope.message;
    this.services.deadLetter(this.path, type, reason);
    if (envelope.reply === null) return;
    const full = reason === 'mailbox-full' || reason === 'dropped-oldest';
    const text = full ? `the mailbox of ${this.path} is full (${this.#spec.mailbox.capacity} messages)` : `${this.path} is not running`;
    envelope.reply.reject(new RuntimeError(full ? 'MAILBOX_FULL' : 'ACTOR_DEAD', text, { path: this.path, messageType: type, reason }));
  }
}

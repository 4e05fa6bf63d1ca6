import type { ActorLog, Detail, StopReason } from './actor.ts';
import { BusyMeter } from './busy-meter.ts';
import type { Clock } from './clock.ts';
import type { Runnable } from './dispatcher.ts';
import { RuntimeError } from './errors.ts';
import type { ExitReason, Terminated } from './exit.ts';
import type { Incarnation } from './incarnation.ts';
import type { ActorSnapshot, DeadLetterReason } from './inspect.ts';
import { Life, type LifeHost } from './life.ts';
import { Envelope, Mailbox } from './mailbox.ts';
import type { Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import { OwnedProcesses } from './owned-processes.ts';
import type { ActorRef, Address, TellOutcome } from './ref.ts';
import type { RemoteOwner } from './remote/host.ts';
import { type CellServices, isoTime, isoTimeOrNull, type Parent, superseded, Supervised } from './supervised.ts';
import type { ChildSpec } from './supervision.ts';
import { settled, settlesWithin } from './time-limit.ts';
import type { Watcher } from './watchers.ts';

const NO_DETAIL: Detail = {};

/**
 * One actor over all its incarnations: the mailbox and the statistics stay, the incarnation changes. Messages wait here,
 * bounded, while the actor restarts; only the one that was being handled when it failed is lost. One object for all
 * that, and the rest made on first use: an idle actor must be cheap.
 */
export class ActorCell extends Supervised implements Runnable, LifeHost, RemoteOwner, Watcher {
  readonly spec: ChildSpec;
  scheduled = false;
  readonly #mailbox: Mailbox;
  #incarnation: Incarnation | null = null;
  #number = 0;
  /** Changes at every start, end and stop: what an earlier life still says is told by it and ignored. */
  #epoch = 0;
  #inFlight = 0;
  #processed = 0;
  #native = 0;
  #slices = 0;
  #busyMs = 0;
  #detail: Detail = NO_DETAIL;
  #earlyExit: ExitReason | null = null;
  #ending: Promise<unknown> | null = null;
  #meter: BusyMeter | null = null;
  #owned: OwnedProcesses | null = null;
  /** Actors watched; `queued` once the signal is in the mailbox. */
  #watching: Map<string, 'waiting' | 'queued'> | null = null;
  #toldFull = false;
  /** Inside `run`, which goes on by itself and is scheduled again by the dispatcher. */
  #running = false;

  constructor(spec: ChildSpec, path: string, services: CellServices, parent: Parent) {
    super(path, services, parent);
    this.spec = spec;
    this.#mailbox = new Mailbox(spec.mailbox);
  }

  // Supervision.

  async start(): Promise<void> {
    const number = ++this.#number;
    const epoch = ++this.#epoch;
    this.state = 'starting';
    this.#inFlight = 0;
    this.#earlyExit = null;
    const launched = await settled(this.#launch(number));
    if (this.#epoch !== epoch) {
      // Stopped while it was starting: the newcomer goes at once, and how its start went is nobody's business any more.
      if (launched.value !== null) await launched.value.stop('removed', this.spec.shutdownTimeoutMs);
      throw superseded(this.path);
    }
    if (launched.value === null) throw launched.error;
    const live = launched.value;
    this.#incarnation = live;
    this.state = 'running';
    this.startedAt = this.clock.now();
    this.emit({ type: 'started', at: isoTime(this.startedAt), path: this.path, incarnation: number });
    const early: ExitReason | null = this.#earlyExit;
    if (early !== null) this.#end(early);
    else if (this.hasWork()) this.services.dispatcher.schedule(this);
  }

  async stop(reason: StopReason): Promise<void> {
    if (this.state === 'stopped') return;
    if (this.state === 'stopping' && reason === 'restart') {
      // It is going for good: no restart calls it back.
      await this.#ending;
      return;
    }
    const goes = reason !== 'restart';
    const wasDone = this.state === 'exited' || this.state === 'failed';
    this.cancelRestart();
    // Between the two lives of a restart messages are taken in.
    this.state = goes ? 'stopping' : 'backing-off';
    this.#epoch += 1;
    const incarnation = this.#incarnation;
    this.#incarnation = null;
    let forced = false;
    if (incarnation !== null) {
      const stopping = incarnation.stop(reason, this.spec.shutdownTimeoutMs);
      this.#ending = stopping;
      ({ forced } = await stopping);
      // What it was given and had not begun waits for the next life, or is lost and counted.
      const neverBegun = incarnation.reclaim();
      if (goes) for (const envelope of neverBegun) this.#reject(envelope, 'stopped');
      else this.#mailbox.unshift(neverBegun);
    } else if (this.#ending !== null) await this.#ending;
    this.#clearLife();
    if (goes) {
      this.state = 'stopped';
      this.#discard('stopped');
      if (!wasDone) this.services.watchers.ended(this.path, 'stopped');
    }
    this.emit({ type: 'stopped', at: isoTime(this.clock.now()), path: this.path, forced });
  }

  retire(how: 'exited' | 'failed'): void {
    this.cancelRestart();
    this.state = how;
    this.#discard(how === 'failed' ? 'failed' : 'stopped');
    this.services.watchers.ended(this.path, how);
  }

  snapshot(): ActorSnapshot {
    const now = this.clock.now();
    this.#meter ??= new BusyMeter(now);
    return {
      type: 'actor',
      ...this.common(),
      kind: this.spec.definition.kind,
      placement: this.spec.placement.kind,
      incarnation: this.#number,
      processed: this.#processed,
      startedAt: isoTimeOrNull(this.startedAt),
      mailbox: this.#mailbox.snapshot(now),
      busyShare: this.#meter.read(this.#busyMs + (this.#incarnation?.busyMs() ?? 0), now),
      nativeInFlight: this.#incarnation?.nativeInFlight() ?? 0,
      detail: this.#detail,
    };
  }

  // The mailbox.

  /** False once it ended for good: messages to it are dead letters. */
  get alive(): boolean {
    return this.running;
  }

  get full(): boolean {
    return this.#mailbox.full;
  }

  waitForRoom(wake: () => void): () => void {
    return this.#mailbox.waitForRoom(wake);
  }

  push(envelope: Envelope): TellOutcome {
    if (this.state !== 'running' && !this.running) {
      this.#reject(envelope, 'stopped');
      return 'dead';
    }
    const result = this.#mailbox.push(envelope);
    if (result.outcome !== 'accepted') {
      this.#tellFull();
      if (result.outcome === 'refused') {
        this.#reject(envelope, 'mailbox-full');
        return 'refused';
      }
      this.#reject(result.dropped, 'dropped-oldest');
    }
    if (!this.scheduled && this.hasWork()) this.services.dispatcher.schedule(this);
    return result.outcome;
  }

  hasWork(): boolean {
    return this.#incarnation !== null && this.#mailbox.size > 0 && this.#inFlight < this.#incarnation.window;
  }

  run(budget: number): number {
    const live = this.#incarnation;
    if (live === null) return 0;
    // Reading the clock costs as much as handling a message: one slice in eight stands for all.
    this.#slices += 1;
    const began = (this.#slices & 7) === 0 ? performance.now() : 0;
    let done = 0;
    this.#running = true;
    while (done < budget && this.#inFlight < live.window && this.#incarnation === live) {
      const envelope = this.#mailbox.shift();
      if (envelope === undefined) break;
      done += 1;
      if (envelope.extra !== null && !this.#stillWanted(envelope)) continue;
      this.#inFlight += 1;
      live.deliver(envelope);
    }
    this.#running = false;
    live.flush();
    if (began !== 0) this.#busyMs += 8 * (performance.now() - began);
    if (this.#toldFull && !this.#mailbox.full) this.#toldFull = false;
    return done;
  }

  // What the incarnation says, wherever it runs.

  onProcessed(life: Incarnation, count = 1): void {
    if (life !== this.#incarnation) return;
    this.#inFlight -= count;
    this.#processed += count;
    if (!this.#running && !this.scheduled && this.hasWork()) this.services.dispatcher.schedule(this);
  }

  onExit(life: Incarnation, reason: ExitReason): void {
    if (life === this.#incarnation) this.#end(reason);
    else if (this.state === 'starting' && this.#incarnation === null) this.#earlyExit ??= reason;
  }

  onReport(life: Incarnation, detail: Detail): void {
    if (life === this.#incarnation || this.state === 'starting') this.#detail = detail;
  }

  onQuarantined(): void {
    this.log.error(
      { path: this.path },
      `the thread of ${this.path} is stuck in native code and was left alone; it ends when that code returns`,
    );
    this.emit({ type: 'quarantined', at: isoTime(this.clock.now()), path: this.path });
  }

  onLost(messageType: string): void {
    this.services.deadLetter(this.path, messageType, 'failed');
  }

  // What the incarnation may ask for.

  get clock(): Clock {
    return this.services.clock;
  }
  get log(): ActorLog {
    return this.services.log;
  }
  get metrics(): MetricSink {
    return this.services.metrics;
  }

  refTo<T extends Message>(to: Address<T>): ActorRef<T> {
    return this.services.ref(to);
  }

  sendToSelf(life: Pick<Life, 'incarnation'>, message: Message, onLeave: (() => void) | null): void {
    if (life.incarnation === this.#number)
      this.push(new Envelope(message, null, this.clock.now(), { onLeave, incarnation: life.incarnation }));
  }

  watch(_life: Incarnation, path: string): void {
    this.#watching ??= new Map();
    if (this.#watching.get(path) === 'waiting') return;
    this.#watching.set(path, 'waiting');
    if (this.services.isAlive(path)) this.services.watchers.add(path, this);
    else this.signal({ type: 'terminated', path, how: 'absent' });
  }

  unwatch(_life: Incarnation, path: string): void {
    this.#watching?.delete(path);
    this.services.watchers.remove(path, this);
  }

  signal(signal: Terminated): void {
    if (this.#watching?.get(signal.path) !== 'waiting') return;
    this.#watching.set(signal.path, 'queued');
    this.#mailbox.pushSignal(new Envelope(null, null, this.clock.now(), { signal, incarnation: this.#number }));
    if (!this.scheduled && this.hasWork()) this.services.dispatcher.schedule(this);
  }

  async runNative<T>(work: () => Promise<T>): Promise<T> {
    this.#native += 1;
    try {
      return await work();
    } finally {
      this.#native -= 1;
    }
  }

  nativeInFlight(): number {
    return this.#native;
  }

  ownProcess(pid: number): void {
    this.#owned ??= new OwnedProcesses();
    this.#owned.add(pid);
  }

  disownProcess(pid: number): void {
    this.#owned?.remove(pid);
  }

  async #launch(number: number): Promise<Incarnation> {
    const { definition, placement, startTimeoutMs, shutdownTimeoutMs } = this.spec;
    if (placement.kind !== 'inline') return this.services.startRemote(this, number);
    const life = new Life(this, number);
    const starting = life.begin(definition, this.spec.init());
    if (starting !== null) {
      const started = await settlesWithin(this.clock, starting, startTimeoutMs);
      if (started.error !== null) throw started.error;
      if (started.timedOut) {
        const goOn = (): void => undefined;
        starting.then(() => life.stop('removed', shutdownTimeoutMs)).then(goOn, goOn);
        throw new RuntimeError('START_TIMEOUT', `${this.path} did not start within ${startTimeoutMs} ms`, {
          path: this.path,
          startTimeoutMs,
        });
      }
    }
    return life;
  }

  /** Ends an incarnation that ended itself, keeps what it had not begun, then lets the supervisor decide. */
  #end(reason: ExitReason): void {
    const live = this.#incarnation;
    if (live === null) return;
    this.#incarnation = null;
    this.#epoch += 1;
    this.state = 'backing-off';
    this.#mailbox.unshift(live.reclaim());
    const ending = live.stop('restart', this.spec.shutdownTimeoutMs);
    this.#ending = ending;
    const epoch = this.#epoch;
    void ending.then(() => {
      live.reclaim();
      this.#clearLife();
      if (this.#epoch === epoch) this.ended(reason);
    });
  }

  /** What dies with an incarnation, beside what it ended itself. */
  #clearLife(): void {
    this.#owned?.killAll(this.log);
    this.#owned = null;
    for (const path of this.#watching?.keys() ?? []) this.services.watchers.remove(path, this);
    this.#watching = null;
    this.#native = 0;
  }

  /** Timers and signals of an earlier incarnation, and signals taken back, are not delivered. */
  #stillWanted({ extra }: Envelope): boolean {
    if (extra?.incarnation !== undefined && extra.incarnation !== this.#number) return false;
    if (extra?.signal === undefined) return true;
    if (this.#watching?.get(extra.signal.path) !== 'queued') return false;
    return this.#watching.delete(extra.signal.path);
  }

  #tellFull(): void {
    if (this.#toldFull) return;
    this.#toldFull = true;
    this.emit({
      type: 'mailbox-full',
      at: isoTime(this.clock.now()),
      path: this.path,
      capacity: this.spec.mailbox.capacity,
    });
  }

  #discard(reason: DeadLetterReason): void {
    for (const envelope of this.#mailbox.drain()) this.#reject(envelope, reason);
  }

  #reject({ message, reply }: Envelope, reason: DeadLetterReason): void {
    if (message === null) return;
    this.services.deadLetter(this.path, message.type, reason);
    if (reply === null) return;
    const full = reason === 'mailbox-full' || reason === 'dropped-oldest';
    const text = full
      ? `the mailbox of ${this.path} is full (${this.spec.mailbox.capacity} messages)`
      : `${this.path} is not running`;
    reply.reject(
      new RuntimeError(full ? 'MAILBOX_FULL' : 'ACTOR_DEAD', text, {
        path: this.path,
        messageType: message.type,
        reason,
      }),
    );
  }
}

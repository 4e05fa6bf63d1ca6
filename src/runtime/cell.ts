import type { ActorLog, Detail, StopReason } from './actor.ts';
import { BusyMeter, BusyTime } from './busy-meter.ts';
import type { Clock } from './clock.ts';
import { deadLetterError } from './dead-letters.ts';
import type { Runnable } from './dispatcher.ts';
import type { ExitReason, Terminated } from './exit.ts';
import type { Incarnation } from './incarnation.ts';
import type { ActorSnapshot, DeadLetterReason } from './inspect.ts';
import type { LocalHost } from './local-incarnation.ts';
import { Envelope, Mailbox } from './mailbox.ts';
import type { Message } from './message.ts';
import type { MetricSink } from './metric-sink.ts';
import { OwnedProcesses } from './owned-processes.ts';
import type { ActorRef, Address, TellOutcome } from './ref.ts';
import type { RemoteOwner } from './remote/host/remote-owner.ts';
import { type CellServices, isoTime, isoTimeOrNull, type Parent, superseded, Supervised } from './supervised.ts';
import type { ChildSpec } from './supervision.ts';
import { startLocal } from './start-local.ts';
import { settled } from './time-limit.ts';
import { WatchList } from './watch-list.ts';
import type { Watcher } from './watchers.ts';

const NO_DETAIL: Detail = {};

/**
 * One actor over all its incarnations: the mailbox and the statistics stay, the incarnation changes. Messages wait in
 * the bounded mailbox while the actor restarts; only the one that was being handled when it failed is lost. An idle
 * actor must be cheap, so everything optional is made on first use.
 */
export class ActorCell extends Supervised implements Runnable, LocalHost, RemoteOwner, Watcher {
  readonly spec: ChildSpec;
  scheduled = false;
  readonly #mailbox: Mailbox;
  #incarnation: Incarnation | null = null;
  #number = 0;
  /** Changes at every start, end and stop, so that late events of an earlier incarnation are recognised and ignored. */
  #epoch = 0;
  #inFlight = 0;
  #processed = 0;
  #native = 0;
  #detail: Detail = NO_DETAIL;
  #earlyExit: ExitReason | null = null;
  #ending: Promise<unknown> | null = null;
  #busyTime: BusyTime | null = null;
  #meter: BusyMeter | null = null;
  #owned: OwnedProcesses | null = null;
  #watching: WatchList | null = null;
  /** The event `mailbox-full` was emitted, and the mailbox has been full since. */
  #fullAnnounced = false;
  /** Inside `run`, after which the dispatcher schedules this actor again by itself. */
  #inRun = false;

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
      // Stopped while it was starting: the new incarnation is stopped at once, whether its start succeeded or failed.
      if (launched.value !== null) await launched.value.stop('removed', this.spec.shutdownTimeoutMs);
      throw superseded(this.path);
    }
    if (launched.value === null) throw launched.error;
    this.#incarnation = launched.value;
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
      // It is being stopped for good: a restart changes nothing.
      await this.#ending;
      return;
    }
    const forGood = reason !== 'restart';
    const wasDone = this.state === 'exited' || this.state === 'failed';
    this.cancelRestart();
    // Between the two incarnations of a restart the mailbox accepts messages.
    this.state = forGood ? 'stopping' : 'backing-off';
    this.#epoch += 1;
    const incarnation = this.#incarnation;
    this.#incarnation = null;
    let forced = false;
    if (incarnation !== null) {
      const stopping = incarnation.stop(reason, this.spec.shutdownTimeoutMs);
      this.#ending = stopping;
      ({ forced } = await stopping);
      // Messages that it had not begun wait for the next incarnation, or are dead letters.
      const neverBegun = incarnation.reclaim();
      if (forGood) for (const envelope of neverBegun) this.#reject(envelope, 'stopped');
      else this.#mailbox.unshift(neverBegun);
    } else if (this.#ending !== null) await this.#ending;
    this.#clearIncarnation();
    if (forGood) {
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
      busyShare: this.#meter.read((this.#busyTime?.ms ?? 0) + (this.#incarnation?.busyMs() ?? 0), now),
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
      this.#announceFull();
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
    const current = this.#incarnation;
    if (current === null) return 0;
    this.#busyTime ??= new BusyTime();
    const began = this.#busyTime.begin();
    let done = 0;
    this.#inRun = true;
    while (done < budget && this.#inFlight < current.window && this.#incarnation === current) {
      const envelope = this.#mailbox.shift();
      if (envelope === undefined) break;
      done += 1;
      if (envelope.extra !== null && !this.#stillWanted(envelope)) continue;
      this.#inFlight += 1;
      current.deliver(envelope);
    }
    this.#inRun = false;
    current.flush();
    this.#busyTime.end(began);
    if (this.#fullAnnounced && !this.#mailbox.full) this.#fullAnnounced = false;
    return done;
  }

  // Events of the incarnation, wherever it runs.

  onProcessed(from: Incarnation, count = 1): void {
    if (from !== this.#incarnation) return;
    this.#inFlight -= count;
    this.#processed += count;
    if (!this.#inRun && !this.scheduled && this.hasWork()) this.services.dispatcher.schedule(this);
  }

  onExit(from: Incarnation, reason: ExitReason): void {
    if (from === this.#incarnation) this.#end(reason);
    else if (this.state === 'starting' && this.#incarnation === null) this.#earlyExit ??= reason;
  }

  onReport(from: Incarnation, detail: Detail): void {
    if (from === this.#incarnation || this.state === 'starting') this.#detail = detail;
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

  sendToSelf(from: Incarnation, message: Message, onLeave: (() => void) | null): void {
    if (from.incarnation === this.#number)
      this.push(new Envelope(message, null, this.clock.now(), { onLeave, incarnation: from.incarnation }));
  }

  watch(_from: Incarnation, path: string): void {
    this.#watching ??= new WatchList();
    if (!this.#watching.add(path)) return;
    if (this.services.isAlive(path)) this.services.watchers.add(path, this);
    else this.signal({ type: 'terminated', path, how: 'absent' });
  }

  unwatch(_from: Incarnation, path: string): void {
    this.#watching?.remove(path);
    this.services.watchers.remove(path, this);
  }

  signal(signal: Terminated): void {
    if (this.#watching?.queue(signal.path) !== true) return;
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

  #launch(number: number): Promise<Incarnation> {
    const isLocal = this.spec.placement.kind === 'inline';
    return isLocal ? startLocal(this, this.spec, number) : this.services.startRemote(this, number);
  }

  /** After an incarnation ended by itself: keeps the messages it had not begun, then lets the supervisor decide. */
  #end(reason: ExitReason): void {
    const ended = this.#incarnation;
    if (ended === null) return;
    this.#incarnation = null;
    this.#epoch += 1;
    this.state = 'backing-off';
    this.#mailbox.unshift(ended.reclaim());
    const ending = ended.stop('restart', this.spec.shutdownTimeoutMs);
    this.#ending = ending;
    const epoch = this.#epoch;
    void ending.then(() => {
      ended.reclaim();
      this.#clearIncarnation();
      if (this.#epoch === epoch) this.ended(reason);
    });
  }

  /** Ends whatever the incarnation left behind: child processes and watches. */
  #clearIncarnation(): void {
    this.#owned?.killAll(this.log);
    this.#owned = null;
    for (const path of this.#watching?.paths() ?? []) this.services.watchers.remove(path, this);
    this.#watching = null;
    this.#native = 0;
  }

  /** False for timers and signals of an earlier incarnation, and for signals of a watch that was taken back. */
  #stillWanted({ extra }: Envelope): boolean {
    if (extra?.incarnation !== undefined && extra.incarnation !== this.#number) return false;
    return extra?.signal === undefined || this.#watching?.deliver(extra.signal.path) === true;
  }

  #announceFull(): void {
    if (this.#fullAnnounced) return;
    this.#fullAnnounced = true;
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
    reply?.reject(deadLetterError(this.path, message.type, reason, this.spec.mailbox.capacity));
  }
}

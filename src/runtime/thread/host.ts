import { Worker } from 'node:worker_threads';
import type { ActorDefinition, ActorLog, StopReason } from '../actor.ts';
import type { Clock } from '../clock.ts';
import { asError, deserializeError, RuntimeError } from '../errors.ts';
import type { Incarnation, IncarnationEvents } from '../incarnation.ts';
import { killProcesses } from '../inline.ts';
import type { Envelope } from '../mailbox.ts';
import type { Message } from '../message.ts';
import { settlesWithin } from '../time-limit.ts';
import { NativeGuard } from './guard.ts';
import type { FromThread, Reply, ThreadStart, ToThread } from './protocol.ts';

/** What the thread's actor may do in the system: send, as any actor may. */
export interface ThreadGateway {
  tell(path: string, message: Message): void;
  ask(path: string, message: Message, timeoutMs: number): Promise<unknown>;
  offer(path: string, message: Message, timeoutMs: number): Promise<void>;
  toSelf(message: Message, onLeave: () => void): void;
  /** A thread could not be ended because native code runs in it: it was left alone, and is ended once it can be. */
  quarantined(): void;
}

export interface ThreadOptions {
  readonly path: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly startTimeoutMs: number;
  readonly maxHeapMb: number | undefined;
  readonly gateway: ThreadGateway;
}

/** Messages a thread may hold; the rest waits, bounded, in the mailbox on this side, and survives the thread. */
const WINDOW = 16;
const QUARANTINE_POLL_MS = 100;

/** Starts an actor in its own worker thread. Rejects with what its `start` threw, `START_TIMEOUT` or `THREAD_EXITED`. */
export async function startThread(
  definition: ActorDefinition<Message, unknown>,
  init: unknown,
  options: ThreadOptions,
  events: IncarnationEvents,
): Promise<Incarnation> {
  if (definition.module === null) throw new RuntimeError('BAD_DEFINITION', `actor "${definition.kind}" has no module to load in a thread`);
  const guard = new NativeGuard();
  const start: ThreadStart = { module: definition.module, init, path: options.path, incarnation: options.incarnation, guard: guard.buffer };
  const worker = new Worker(new URL('./entry.ts', import.meta.url), {
    workerData: start,
    name: options.path,
    ...(options.maxHeapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb } }),
  });
  const incarnation = new ThreadIncarnation(worker, guard, options, events);
  const started = await settlesWithin(options.clock, incarnation.started, options.startTimeoutMs);
  if (started.timedOut || started.error !== null) {
    await incarnation.stop('restart', 1_000);
    throw started.error ?? new RuntimeError('START_TIMEOUT', `${options.path} did not start within ${options.startTimeoutMs} ms`, { path: options.path });
  }
  return incarnation;
}

class ThreadIncarnation implements Incarnation {
  readonly window = WINDOW;
  readonly started: Promise<void>;
  readonly #worker: Worker;
  readonly #guard: NativeGuard;
  readonly #options: ThreadOptions;
  readonly #events: IncarnationEvents;
  readonly #exited: Promise<void>;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #starting = Promise.withResolvers<void>();
  readonly #processes = new Set<number>();
  /** Delivered and not yet processed, oldest first. */
  readonly #held = new Map<number, Envelope>();
  /** Processed, the answer comes later. */
  readonly #unanswered = new Map<number, Envelope>();
  #seq = 0;
  #over = false;
  #gone = false;

  constructor(worker: Worker, guard: NativeGuard, options: ThreadOptions, events: IncarnationEvents) {
    this.#worker = worker;
    this.#guard = guard;
    this.#options = options;
    this.#events = events;
    this.started = this.#starting.promise;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromThread) => this.#onMessage(message));
    worker.on('error', (error) => this.#fail(asError(error)));
    worker.on('exit', (code) => this.#onExit(code));
  }

  native(): number {
    return this.#guard.inFlight();
  }

  deliver(envelope: Envelope): void {
    const seq = ++this.#seq;
    this.#held.set(seq, envelope);
    if (envelope.reply !== null) this.#unanswered.set(seq, envelope);
    try {
      this.#post({ type: 'deliver', seq, message: envelope.message, asked: envelope.reply !== null }, envelope.transfer);
    } catch (thrown) {
      // Not cloneable: the sender's fault, not the actor's.
      this.#held.delete(seq);
      this.#unanswered.delete(seq);
      const error = asError(thrown);
      envelope.reply?.reject(error);
      this.#options.log.error({ path: this.#options.path, messageType: envelope.message.type, err: error }, 'message cannot cross to a thread; dropped');
      this.#events.onProcessed();
    }
  }

  reclaim(): readonly Envelope[] {
    // The oldest one was being handled when the thread failed: it may be the cause, so it is not tried again.
    const [, ...neverBegun] = this.#held.entries();
    const reclaimed = neverBegun.filter(([, envelope]) => envelope.transfer.length === 0);
    for (const [seq] of reclaimed) {
      this.#held.delete(seq);
      this.#unanswered.delete(seq);
    }
    this.#rejectAll('ACTOR_FAILED');
    return reclaimed.map(([, envelope]) => envelope);
  }

  async stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }> {
    this.#over = true;
    const { clock } = this.#options;
    let forced = false;
    if (!this.#gone) {
      this.#post({ type: 'stop', reason });
      const ended = await settlesWithin(clock, Promise.race([this.#stopped.promise, this.#exited]), timeoutMs);
      forced = ended.timedOut;
      await this.#end();
    }
    this.#rejectAll('ACTOR_DEAD');
    killProcesses(this.#processes, this.#options.log);
    return { forced };
  }

  /** Terminates the thread if no native code runs in it; else leaves it to {@link #quarantine}. */
  async #end(): Promise<void> {
    if (this.#guard.doom()) {
      await this.#worker.terminate();
      return;
    }
    this.#options.gateway.quarantined();
    this.#quarantine();
  }

  #quarantine(): void {
    this.#options.clock.setTimeout(() => {
      if (this.#gone) return;
      if (this.#guard.doom()) void this.#worker.terminate();
      else this.#quarantine();
    }, QUARANTINE_POLL_MS);
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  #fail(error: Error): void {
    this.#starting.reject(error);
    if (this.#over) return;
    this.#over = true;
    this.#events.onFailed(error);
  }

  #onExit(code: number): void {
    this.#gone = true;
    const { path } = this.#options;
    this.#fail(new RuntimeError('THREAD_EXITED', `the worker thread of ${path} ended by itself with code ${code}`, { path, exitCode: code }));
  }

  #rejectAll(code: 'ACTOR_FAILED' | 'ACTOR_DEAD'): void {
    const { path } = this.#options;
    for (const envelope of this.#unanswered.values()) {
      envelope.reply?.reject(new RuntimeError(code, `${path} ended before it answered "${envelope.message.type}"`, { path, messageType: envelope.message.type }));
    }
    this.#unanswered.clear();
    this.#held.clear();
  }

  #onMessage(message: FromThread): void {
    const { gateway, log } = this.#options;
    switch (message.type) {
      case 'started':
        this.#starting.resolve();
        break;
      case 'start-failed':
        this.#over = true;
        this.#starting.reject(deserializeError(message.error));
        break;
      case 'processed':
        if (this.#held.delete(message.seq) && !this.#over) this.#events.onProcessed();
        break;
      case 'replied':
        this.#onReplied(message.seq, message.reply);
        break;
      case 'failed':
        this.#fail(deserializeError(message.error));
        break;
      case 'stopped':
        this.#stopped.resolve();
        break;
      case 'tell':
        gateway.tell(message.path, message.message);
        break;
      case 'self':
        gateway.toSelf(message.message, () => this.#answer(message.id, Promise.resolve(null)));
        break;
      case 'ask':
        this.#answer(message.id, gateway.ask(message.path, message.message, message.timeoutMs));
        break;
      case 'offer':
        this.#answer(message.id, gateway.offer(message.path, message.message, message.timeoutMs));
        break;
      case 'log':
        log[message.level](message.fields, message.message);
        break;
      case 'report':
        this.#events.onReport(message.detail);
        break;
      case 'own':
        this.#processes.add(message.pid);
        break;
      case 'disown':
        this.#processes.delete(message.pid);
        break;
    }
  }

  #onReplied(seq: number, reply: Reply): void {
    const sink = this.#unanswered.get(seq)?.reply;
    this.#unanswered.delete(seq);
    if (reply.ok) sink?.resolve(reply.value);
    else sink?.reject(deserializeError(reply.error));
  }

  #answer(id: number, outcome: Promise<unknown>): void {
    const post = (reply: Reply): void => {
      if (!this.#gone) this.#post({ type: 'answer', id, reply });
    };
    outcome.then(
      (value) => post({ ok: true, value }),
      (thrown: unknown) => {
        const error = asError(thrown);
        const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
        post({ ok: false, error: { name: error.name, message: error.message, code, stack: null } });
      },
    );
  }
}

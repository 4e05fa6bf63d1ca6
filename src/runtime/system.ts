import type { ActorLog } from './actor.ts';
import type { ActorCell } from './cell.ts';
import { AskDeadlines } from './ask-deadlines.ts';
import { systemClock } from './clock.ts';
import { CoarseClock } from './coarse-clock.ts';
import { DeadLetters } from './dead-letters.ts';
import { type Dispatcher, EventLoopDispatcher } from './dispatcher.ts';
import { asError, RuntimeError } from './errors.ts';
import type { SystemEvent, TreeSnapshot } from './inspect.ts';
import { LocalRef } from './local-ref.ts';
import type { Message } from './message.ts';
import { NO_METRICS } from './metric-sink.ts';
import type { ActorRef, Address } from './ref.ts';
import { startRemote } from './remote/host/start-remote.ts';
import { type CellServices, isoTime } from './supervised.ts';
import type { ChildSpec, SupervisorSpec } from './supervision.ts';
import { SupervisorCell } from './supervisor-cell.ts';
import type { ActorSystem, SystemOptions } from './system.types.ts';
import { Watchers } from './watchers.ts';

export type { ActorSystem, SystemOptions } from './system.types.ts';

export interface SystemInternals {
  /** Decides when actors run; default: microtasks of the event loop. */
  readonly dispatcher?: Dispatcher;
  /** Source of jitter in [0, 1); default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Starts the tree: children in order, each running before the next begins. The root's own name does not appear in
 * paths: a child `key-pool` of the root is `/key-pool`. Rejects with the first start that failed, everything started
 * before it stopped again.
 */
export async function startSystem(
  tree: SupervisorSpec,
  options: SystemOptions & SystemInternals,
): Promise<ActorSystem> {
  const system = new System(tree, options);
  await system.start();
  return system;
}

class System implements ActorSystem {
  readonly #cells = new Map<string, ActorCell>();
  readonly #listeners = new Set<(event: SystemEvent) => void>();
  readonly #deadLetters: DeadLetters;
  readonly #root: SupervisorCell;
  readonly #services: CellServices;
  readonly #log: ActorLog;

  constructor(tree: SupervisorSpec, options: SystemOptions & SystemInternals) {
    const clock = options.clock ?? systemClock;
    const { log, onEscalation, onFailure } = options;
    const metrics = options.metrics ?? NO_METRICS;
    this.#log = log;
    this.#deadLetters = new DeadLetters(clock, log);
    const gateway = {
      clock,
      log,
      metrics,
      tell: (path: string, message: Message): void => void this.#refTo(path).tell(message),
      ask: (path: string, message: Message, timeoutMs: number) => this.#refTo(path).ask(message, { timeoutMs }),
      offer: (path: string, message: Message, timeoutMs: number) => this.#refTo(path).offer(message, { timeoutMs }),
      refused: (path: string, messageType: string) => this.#deadLetters.add(path, messageType, 'no-credit'),
    };
    this.#services = {
      clock,
      log,
      metrics,
      dispatcher: options.dispatcher ?? new EventLoopDispatcher(),
      watchers: new Watchers(),
      // A clock moved by hand is read every time: it may move within a turn.
      stamps: clock === systemClock ? new CoarseClock(clock) : clock,
      deadlines: new AskDeadlines(clock),
      random: options.random ?? Math.random,
      ref: (to) => this.ref(to),
      deadLetter: (path, messageType, reason) => this.#deadLetters.add(path, messageType, reason),
      emit: (event) => this.#emit(event),
      failure: (path, error) => this.#guarded('onFailure', () => onFailure?.(path, error)),
      rootEnded: (error) => onEscalation(error),
      isAlive: (path) => this.#cells.get(path)?.alive === true,
      startRemote: (owner, incarnation) => startRemote(owner, incarnation, gateway),
    };
    this.#root = new SupervisorCell(tree, '/', this.#services, null, {
      added: (cell) => this.#cells.set(cell.path, cell),
      removed: (cell) => this.#cells.delete(cell.path),
    });
  }

  async start(): Promise<void> {
    try {
      await this.#root.start();
    } catch (thrown) {
      await this.#root.stop('shutdown');
      throw thrown;
    }
  }

  ref<M extends Message>(to: Address<M>): ActorRef<M> {
    // The address carries the protocol; inside, every message is just a Message.
    return this.#refTo(to.path) as unknown as ActorRef<M>;
  }

  async startChild(
    supervisorPath: string,
    spec: ChildSpec,
    onFirstFailure: 'remove' | 'restart' = 'remove',
  ): Promise<void> {
    await this.#supervisor(supervisorPath).startChild(spec, onFirstFailure);
  }

  async stopChild(path: string): Promise<boolean> {
    const [parent, id] = splitPath(path);
    return this.#supervisor(parent).stopChild(id);
  }

  async restart(path: string): Promise<boolean> {
    const [parent, id] = splitPath(path);
    return (await this.#root.find(parent)?.restartChild(id)) ?? false;
  }

  snapshot(): TreeSnapshot {
    return this.#root.snapshot();
  }

  deadLetters(): ReturnType<ActorSystem['deadLetters']> {
    return this.#deadLetters.read();
  }

  subscribe(listener: (event: SystemEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    await this.#root.stop('shutdown');
    this.#services.deadlines.clear();
  }

  #refTo(path: string): LocalRef {
    return new LocalRef(path, this.#services, (at) => this.#cells.get(at));
  }

  #supervisor(path: string): SupervisorCell {
    const found = this.#root.find(path);
    if (found === null) throw new RuntimeError('ACTOR_DEAD', `there is no supervisor at ${path}`, { path });
    return found;
  }

  #emit(event: SystemEvent): void {
    for (const listener of this.#listeners)
      this.#guarded(`listener of "${event.type}" at ${isoTime(this.#services.clock.now())}`, () => listener(event));
  }

  /** Runs a caller's hook, which must not break supervision. */
  #guarded(what: string, call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#log.error({ err: asError(thrown), what }, `${what} failed: ${asError(thrown).message}`);
    }
  }
}

function splitPath(path: string): [parent: string, id: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash) || '/', path.slice(slash + 1)];
}

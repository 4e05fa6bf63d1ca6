import type { ActorLog } from './actor.ts';
import type { ActorCell } from './cell.ts';
import { systemClock } from './clock.ts';
import { DeadLetters } from './dead-letters.ts';
import { type Dispatcher, EventLoopDispatcher } from './dispatcher.ts';
import { asError, RuntimeError } from './errors.ts';
import type { SystemEvent, TreeSnapshot } from './inspect.ts';
import { localRef } from './local-ref.ts';
import type { Message } from './message.ts';
import type { ActorRef, Address } from './ref.ts';
import { type CellServices, isoTime } from './supervised.ts';
import type { ChildSpec, SupervisorSpec } from './supervision.ts';
import { SupervisorCell } from './supervisor-cell.ts';
import type { ActorSystem, SystemOptions } from './system.types.ts';

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
export async function startSystem(tree: SupervisorSpec, options: SystemOptions & SystemInternals): Promise<ActorSystem> {
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
    this.#log = options.log;
    this.#deadLetters = new DeadLetters(clock, options.log);
    this.#services = {
      clock,
      log: options.log,
      dispatcher: options.dispatcher ?? new EventLoopDispatcher(),
      random: options.random ?? Math.random,
      ref: (to) => this.ref(to),
      deadLetter: (path, messageType, reason) => this.#deadLetters.add(path, messageType, reason),
      emit: (event) => this.#emit(event),
      gateway: {
        tell: (path, message) => void this.#wire(path).tell(message),
        ask: (path, message, timeoutMs) => this.#wire(path).ask(message, { timeoutMs }),
        offer: (path, message, timeoutMs) => this.#wire(path).offer(message, { timeoutMs }),
      },
    };
    const onEscalation = { childFailed: (_: unknown, error: Error) => options.onEscalation(error) };
    this.#root = new SupervisorCell({ ...tree, id: '' }, null, this.#services, onEscalation, {
      added: (cell) => this.#cells.set(cell.path, cell),
      removed: (cell) => this.#cells.delete(cell.path),
    });
  }

  start(): Promise<void> {
    return this.#root.start();
  }

  ref<M extends Message>(to: Address<M>): ActorRef<M> {
    // The address carries the protocol; inside, every message is just a Message.
    return this.#wire(to.path) as unknown as ActorRef<M>;
  }

  async startChild(supervisorPath: string, spec: ChildSpec, onFirstFailure: 'remove' | 'restart' = 'remove'): Promise<void> {
    await this.#supervisor(supervisorPath).startChild(spec, onFirstFailure);
  }

  async stopChild(path: string): Promise<boolean> {
    const slash = path.lastIndexOf('/');
    return this.#supervisor(path.slice(0, slash) || '/').stopChild(path.slice(slash + 1));
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

  stop(): Promise<void> {
    return this.#root.stop('shutdown');
  }

  #wire(path: string): ReturnType<typeof localRef> {
    return localRef(path, () => this.#cells.get(path), this.#services);
  }

  #supervisor(path: string): SupervisorCell {
    const found = this.#root.find(path);
    if (found === null) throw new RuntimeError('ACTOR_DEAD', `there is no supervisor at ${path}`, { path });
    return found;
  }

  #emit(event: SystemEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (thrown) {
        this.#log.error({ err: asError(thrown), event: event.type, at: isoTime(this.#services.clock.now()) }, 'a listener of system events failed');
      }
    }
  }
}

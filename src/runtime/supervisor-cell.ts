import type { StopReason } from './actor.ts';
import { ActorCell } from './cell.ts';
import { RuntimeError } from './errors.ts';
import type { SupervisorSnapshot } from './inspect.ts';
import { recordRestart } from './restart-policy.ts';
import { type CellServices, type FailureHandler, isoTime, Supervised } from './supervised.ts';
import { type ChildSpec, DEFAULT_BACKOFF, type Spec, type SupervisorSpec } from './supervision.ts';

/** Called as cells come and go, so that the system finds actors by path. */
export interface Registry {
  added(cell: ActorCell): void;
  removed(cell: ActorCell): void;
}

/** Executes one supervisor of the tree: starts in order, stops in reverse, restarts one for one, escalates. */
export class SupervisorCell extends Supervised implements FailureHandler {
  readonly #spec: SupervisorSpec;
  readonly #registry: Registry;
  readonly #children = new Map<string, Supervised>();
  #history: readonly number[] = [];

  constructor(spec: SupervisorSpec, parentPath: string | null, services: CellServices, parent: FailureHandler, registry: Registry) {
    super(spec.id, parentPath ?? '', 'permanent', DEFAULT_BACKOFF, services, parent);
    this.#spec = spec;
    this.#registry = registry;
    for (const child of spec.children) this.#adopt(child);
  }

  async start(): Promise<void> {
    this.state = 'starting';
    this.#history = [];
    const started: Supervised[] = [];
    try {
      for (const child of this.#children.values()) {
        started.push(child);
        await child.start();
      }
    } catch (thrown) {
      for (const child of started.toReversed()) await child.stop('shutdown');
      throw thrown;
    }
    this.state = 'running';
    this.startedAt = this.services.clock.now();
  }

  async stop(reason: StopReason): Promise<void> {
    if (this.state === 'stopped') return;
    this.cancelRestart();
    this.state = 'stopping';
    await this.#stopChildren(reason);
    this.state = 'stopped';
  }

  async startChild(spec: ChildSpec, onFirstFailure: 'remove' | 'restart'): Promise<void> {
    if (!this.#spec.dynamic) throw new RuntimeError('NOT_DYNAMIC', `${this.path} takes no children at run time`, { path: this.path });
    if (this.#children.has(spec.id)) throw new RuntimeError('DUPLICATE_CHILD', `${this.path} has a child "${spec.id}" already`, { path: this.path, child: spec.id });
    const child = this.#adopt(spec);
    try {
      await child.start();
    } catch (thrown) {
      if (onFirstFailure === 'restart') {
        child.failed(thrown);
        return;
      }
      await child.stop('removed');
      this.#forget(child);
      throw thrown;
    }
  }

  async stopChild(id: string): Promise<boolean> {
    const child = this.#children.get(id);
    if (child === undefined) return false;
    await child.stop('removed');
    this.#forget(child);
    return true;
  }

  /** The supervisor at `path` in this subtree, if there is one. */
  find(path: string): SupervisorCell | null {
    if (path === this.path) return this;
    for (const child of this.#children.values()) {
      const found = child instanceof SupervisorCell ? child.find(path) : null;
      if (found !== null) return found;
    }
    return null;
  }

  childFailed(child: Supervised, error: Error): void {
    if (this.state === 'stopping' || this.state === 'stopped') return;
    if (child.restart === 'temporary') {
      if (child instanceof ActorCell) child.retire();
      return;
    }
    const { history, exceeded } = recordRestart(this.#history, this.services.clock.now(), this.#spec.intensity);
    this.#history = history;
    if (exceeded) void this.#escalate(child, error);
    else child.scheduleRestart();
  }

  snapshot(): SupervisorSnapshot {
    const { intensity } = this.#spec;
    const now = this.services.clock.now();
    return {
      type: 'supervisor',
      path: this.path,
      strategy: this.#spec.strategy,
      dynamic: this.#spec.dynamic,
      state: this.state,
      intensity: { ...intensity, used: this.#history.filter((at) => now - at <= intensity.withinMs).length },
      restarts: this.restarts,
      lastFailure: this.lastFailure,
      children: [...this.#children.values()].map((child) => child.snapshot()),
    };
  }

  /** Too many restarts: everything below stops, and the supervisor above decides about this one. */
  async #escalate(child: Supervised, cause: Error): Promise<void> {
    const { maxRestarts, withinMs } = this.#spec.intensity;
    this.state = 'backing-off';
    const error = new RuntimeError(
      'RESTART_INTENSITY',
      `${child.path} failed and ${this.path} has used its ${maxRestarts} restarts in ${withinMs} ms: ${cause.message}`,
      { path: this.path, child: child.path, maxRestarts, withinMs },
      cause,
    );
    await this.#stopChildren('shutdown');
    const failure = { at: isoTime(this.services.clock.now()), code: error.code, message: error.message };
    this.services.emit({ type: 'escalated', at: failure.at, path: this.path, failure });
    this.failed(error);
  }

  async #stopChildren(reason: StopReason): Promise<void> {
    const inOrder = [...this.#children.values()].toReversed();
    // Siblings added at run time do not depend on each other; stopping hundreds one by one would take for ever.
    if (this.#spec.dynamic) await Promise.all(inOrder.map((child) => child.stop(reason)));
    else for (const child of inOrder) await child.stop(reason);
  }

  #adopt(spec: Spec): Supervised {
    const parentPath = this.path === '/' ? '' : this.path;
    const child =
      spec.kind === 'supervisor'
        ? new SupervisorCell(spec, parentPath, this.services, this, this.#registry)
        : new ActorCell(spec, parentPath, this.services, this);
    this.#children.set(child.id, child);
    if (child instanceof ActorCell) this.#registry.added(child);
    return child;
  }

  #forget(child: Supervised): void {
    this.#children.delete(child.id);
    if (child instanceof ActorCell) this.#registry.removed(child);
  }
}

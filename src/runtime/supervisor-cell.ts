import type { StopReason } from './actor.ts';
import { ActorCell } from './cell.ts';
import type { TimerHandle } from './clock.ts';
import { asError, RuntimeError } from './errors.ts';
import { type ExitReason, isFailure } from './exit.ts';
import type { Forecast, SupervisorSnapshot } from './inspect.ts';
import { recordRestart } from './restart-policy.ts';
import { decide, type Decision } from './strategy.ts';
import { type CellServices, isoTime, isSuperseded, type Parent, superseded, Supervised } from './supervised.ts';
import type { ChildSpec, Spec, SupervisorSpec } from './supervision.ts';

interface Group {
  readonly members: readonly Supervised[];
  readonly timer: TimerHandle;
}

/** Keeps the actors of the system by path. */
export interface Registry {
  added(cell: ActorCell): void;
  removed(cell: ActorCell): void;
}

/** Executes one supervisor of the tree: starts in order, stops in reverse, restarts by its strategy, escalates. */
export class SupervisorCell extends Supervised implements Parent {
  readonly spec: SupervisorSpec;
  readonly #registry: Registry;
  readonly #children = new Map<string, Supervised>();
  #history: readonly number[] = [];
  /** The group whose common restart is pending. */
  #group: Group | null = null;
  #busy: Promise<unknown> = Promise.resolve();
  #epoch = 0;
  /** It gave up, or its significant children ended, and it is stopping its children. */
  #ending = false;

  constructor(spec: SupervisorSpec, path: string, services: CellServices, parent: Parent | null, registry: Registry) {
    super(path, services, parent);
    this.spec = spec;
    this.#registry = registry;
    for (const child of spec.children) this.#adopt(child);
  }

  async start(): Promise<void> {
    const epoch = ++this.#epoch;
    this.state = 'starting';
    this.#ending = false;
    this.#history = [];
    const started: Supervised[] = [];
    try {
      for (const child of this.#children.values()) {
        started.push(child);
        await child.start();
        if (this.#epoch !== epoch) throw superseded(this.path);
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
    this.#cancelGroup();
    this.#epoch += 1;
    this.state = 'stopping';
    await this.#stopChildren(reason === 'restart' ? 'shutdown' : reason);
    this.state = 'stopped';
  }

  retire(how: 'exited' | 'failed'): void {
    this.cancelRestart();
    this.state = how;
  }

  async startChild(spec: ChildSpec, onFirstFailure: 'remove' | 'restart'): Promise<void> {
    if (!this.spec.dynamic)
      throw new RuntimeError('NOT_DYNAMIC', `${this.path} takes no children at run time`, { path: this.path });
    if (this.#children.has(spec.id))
      throw new RuntimeError('DUPLICATE_CHILD', `${this.path} has a child "${spec.id}" already`, {
        path: this.path,
        child: spec.id,
      });
    if (spec.significant && this.spec.autoShutdown === 'never')
      throw new RuntimeError(
        'BAD_DEFINITION',
        `child "${spec.id}": significant has no meaning while autoShutdown of ${this.path} is never`,
        { child: spec.id, field: 'significant' },
      );
    const child = this.#adopt(spec);
    try {
      await child.start();
    } catch (thrown) {
      if (isSuperseded(thrown)) throw thrown;
      if (onFirstFailure === 'restart') {
        child.ended(asError(thrown));
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

  /** Stops a child and starts it again for an operator. Not a failure, so the restart intensity ignores it. */
  async restartChild(id: string): Promise<boolean> {
    if (!this.#children.has(id)) return false;
    return this.#exclusively(async () => {
      const child = this.#children.get(id);
      if (child === undefined) return false;
      const epoch = this.#epoch;
      await child.stop('restart');
      // The child or this supervisor may have been stopped or removed meanwhile.
      const wanted = child instanceof ActorCell ? child.state === 'backing-off' : child.state === 'stopped';
      if (this.#epoch !== epoch || this.#children.get(id) !== child || !wanted) throw superseded(child.path);
      await child.startAgain();
      return true;
    });
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

  childEnded(child: Supervised, reason: ExitReason): void {
    if (!this.running || this.#ending) return;
    const members = [...this.#children.values()];
    const decision = this.#decide(child, reason);
    const because = isFailure(reason) ? `${child.path} failed: ${reason.message}` : `${child.path} ended: ${reason}`;
    if (decision.action !== 'restart') {
      child.retire(isFailure(reason) ? 'failed' : 'exited');
      // Children of a static supervisor stay visible; those of a dynamic one would pile up.
      if (this.spec.dynamic) this.#forget(child);
      if (decision.action === 'shutdown') void this.#endWith('shutdown', null);
      return;
    }
    const { history, exceeded } = recordRestart(this.#history, this.services.clock.now(), this.spec.intensity);
    this.#history = history;
    if (exceeded) {
      void this.#giveUp(child, because, isFailure(reason) ? reason : undefined);
      return;
    }
    if (
      decision.start.length === 1 &&
      decision.stop.length === 0 &&
      decision.forget.length === 0 &&
      this.#group === null
    ) {
      child.restartAfter(child.nextDelay(), because);
      return;
    }
    void this.#exclusively(() => this.#restartGroup(child, members, decision, because));
  }

  forecast(child: Supervised): Forecast {
    const decision = this.#decide(child, FORECAST);
    if (decision.action === 'shutdown') return 'end-supervisor';
    if (decision.action === 'leave') return 'end';
    if (recordRestart(this.#history, this.services.clock.now(), this.spec.intensity).exceeded) return 'escalate';
    return decision.start.length > 1 || decision.stop.length > 0 ? 'restart-group' : 'restart';
  }

  snapshot(): SupervisorSnapshot {
    const { intensity, strategy, autoShutdown, dynamic } = this.spec;
    const now = this.services.clock.now();
    const used = this.#history.filter((at) => now - at <= intensity.withinMs).length;
    return {
      type: 'supervisor',
      ...this.common(),
      strategy,
      autoShutdown,
      dynamic,
      intensity: { ...intensity, used, left: Math.max(0, intensity.maxRestarts - used) },
      children: [...this.#children.values()].map((child) => child.snapshot()),
    };
  }

  #decide(child: Supervised, reason: ExitReason): Decision {
    const { strategy, autoShutdown } = this.spec;
    if (strategy === 'one-for-one') return decide(strategy, autoShutdown, this.#significantFirst(child), 0, reason);
    const members = [...this.#children.values()];
    return decide(strategy, autoShutdown, members.map(asMember), members.indexOf(child), reason);
  }

  /** `one-for-one` needs only the child and the significant ones, which matters with a hundred thousand children. */
  #significantFirst(child: Supervised) {
    if (this.spec.autoShutdown === 'never') return [asMember(child)];
    return [asMember(child), ...[...this.#children.values()].filter((each) => each !== child).map(asMember)];
  }

  /** Runs restarts one at a time: two of them at once could start a child twice. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work);
    this.#busy = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** Stops the siblings concerned, waits, and starts the whole group in order. */
  async #restartGroup(
    child: Supervised,
    members: readonly Supervised[],
    decision: Extract<Decision, { action: 'restart' }>,
    because: string,
  ): Promise<void> {
    const epoch = this.#epoch;
    if (!this.running || this.#ending) return;
    const pick = (indices: readonly number[]): Supervised[] => indices.flatMap((index) => members[index] ?? []);
    // A group whose restart was pending restarts together with this one.
    const earlier = this.#cancelGroup();
    const delay = child.nextDelay();
    const starting = new Set([...earlier, ...pick(decision.start)]);
    // An operator may have restarted the child meanwhile; then it is stopped with the others.
    for (const each of [...pick(decision.stop), ...(child.state === 'running' ? [child] : [])]) {
      await each.stop(starting.has(each) ? 'restart' : 'removed');
      if (this.#epoch !== epoch) return;
    }
    for (const each of pick(decision.forget)) await each.stop('removed');
    const inOrder = members.filter((each) => starting.has(each));
    for (const each of inOrder) each.awaitRestart(delay, because);
    const group: Group = {
      members: inOrder,
      timer: this.services.clock.setTimeout(() => void this.#exclusively(() => this.#startGroup(group)), delay),
    };
    this.#group = group;
  }

  async #startGroup(group: Group): Promise<void> {
    if (this.#group !== group) return;
    this.#group = null;
    const epoch = this.#epoch;
    for (const member of group.members) {
      // An operator restarted it meanwhile.
      if (member.state === 'running') continue;
      try {
        await member.startAgain();
      } catch (thrown) {
        // The rest of the group has not started; the decision about this member includes it.
        if (this.#epoch === epoch && !isSuperseded(thrown)) member.ended(asError(thrown));
        return;
      }
      if (this.#epoch !== epoch) return;
    }
  }

  #cancelGroup(): readonly Supervised[] {
    if (this.#group === null) return [];
    const { members, timer } = this.#group;
    this.services.clock.clearTimeout(timer);
    this.#group = null;
    return members;
  }

  /** Too many restarts: everything below stops, and the supervisor above decides about this one. */
  #giveUp(child: Supervised, because: string, cause: Error | undefined): Promise<void> {
    const { maxRestarts, withinMs } = this.spec.intensity;
    const text = `${this.path} has used its ${maxRestarts} restarts in ${withinMs} ms: ${because}`;
    return this.#endWith(
      'shutdown',
      new RuntimeError('RESTART_INTENSITY', text, { path: this.path, child: child.path, maxRestarts, withinMs }, cause),
    );
  }

  /** Ends by itself. As in OTP the reason is `shutdown`, also when it gave up; `error` is for logs and operators. */
  async #endWith(reason: 'shutdown', error: RuntimeError | null): Promise<void> {
    this.#epoch += 1;
    this.#ending = true;
    this.#cancelGroup();
    this.state = 'backing-off';
    await this.#stopChildren('shutdown');
    if (this.state !== 'backing-off') return;
    if (error !== null) {
      const failure = { at: isoTime(this.services.clock.now()), code: error.code, message: error.message };
      this.lastFailure = failure;
      this.services.log.error({ path: this.path, code: error.code, err: error }, error.message);
      this.emit({ type: 'escalated', at: failure.at, path: this.path, failure });
      this.services.failure(this.path, error);
    }
    if (this.parent === null)
      this.services.rootEnded(
        error ??
          new RuntimeError('STOPPING', `${this.path} ended: its significant children are done`, { path: this.path }),
      );
    else this.ended(reason);
  }

  async #stopChildren(reason: StopReason): Promise<void> {
    const inOrder = [...this.#children.values()].toReversed();
    // Dynamic children do not depend on each other, and stopping hundreds one by one would take too long.
    if (this.spec.dynamic) await Promise.all(inOrder.map((child) => child.stop(reason)));
    else for (const child of inOrder) await child.stop(reason);
  }

  #adopt(spec: Spec): Supervised {
    const path = this.path === '/' ? `/${spec.id}` : `${this.path}/${spec.id}`;
    const child =
      spec.kind === 'supervisor'
        ? new SupervisorCell(spec, path, this.services, this, this.#registry)
        : new ActorCell(spec, path, this.services, this);
    this.#children.set(child.id, child);
    if (child instanceof ActorCell) this.#registry.added(child);
    return child;
  }

  #forget(child: Supervised): void {
    this.#children.delete(child.id);
    if (child instanceof ActorCell) this.#registry.removed(child);
  }
}

const FORECAST = new Error('forecast');
const asMember = (child: Supervised) => ({
  restart: child.spec.restart,
  significant: child.spec.significant,
  running: child.running,
});

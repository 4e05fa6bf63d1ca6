import assert from 'node:assert/strict';
import { defineActor, type MailboxOptions, type OverflowPolicy } from '../../src/runtime/actor.ts';
import { sleep } from '../../src/runtime/clock.ts';
import type { SupervisorSnapshot, TreeSnapshot } from '../../src/runtime/inspect.ts';
import type { Asking } from '../../src/runtime/message.ts';
import { type ActorRef, address } from '../../src/runtime/ref.ts';
import {
  type AutoShutdown,
  child,
  type ChildSpec,
  dynamic,
  type Restart,
  type Spec,
  type Strategy,
  supervisor,
} from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { ShufflingDispatcher } from '../../src/runtime/testing/shuffling-dispatcher.ts';
import type { Random } from '../support/random.ts';

type SubjectMessage =
  | { type: 'tell'; n: number }
  | ({ type: 'ask'; n: number } & Asking<number>)
  | { type: 'watch'; path: string }
  | { type: 'unwatch'; path: string };
type SubjectPrivate = { type: 'tick'; incarnation: number };

/** One incarnation as its own code saw it. */
interface Incarnation {
  readonly path: string;
  readonly incarnation: number;
  started: boolean;
  stops: number;
  readonly watching: Map<string, number>;
}

interface Fate {
  /** Chances, 0 to 1. */
  readonly failStart: number;
  readonly failHandler: number;
  readonly failStop: number;
  readonly slowHandler: number;
  readonly slowStop: number;
  readonly slowStart: number;
  readonly exit: number;
  readonly ticks: boolean;
}

/** A system with random supervisors and unruly actors, and a record of its events to check it against. */
export class World {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly incarnations: Incarnation[] = [];
  readonly paths: string[] = [];
  readonly violations: string[] = [];
  readonly pendingAsks = new Set<Promise<unknown>>();
  sent = 0;
  handled = 0;
  readonly #dispatcher: ShufflingDispatcher;
  readonly #fate: Fate;
  readonly #lastSeen = new Map<string, number>();
  readonly #nextNumber = new Map<string, number>();
  #system: ActorSystem | null = null;
  #lost = false;
  #calm = false;
  #dynamicIds = 0;

  constructor(random: Random) {
    this.random = random;
    this.#dispatcher = new ShufflingDispatcher(() => random.next());
    const rare = (): number => (random.chance(0.4) ? random.next() * 0.25 : 0);
    this.#fate = {
      failStart: rare(),
      failHandler: rare(),
      failStop: rare(),
      slowHandler: rare(),
      slowStop: rare(),
      slowStart: rare(),
      exit: rare() / 4,
      ticks: random.chance(0.3),
    };
  }

  get system(): ActorSystem {
    assert.ok(this.#system);
    return this.#system;
  }

  get started(): boolean {
    return this.#system !== null;
  }

  /** False when the root gave up, or did not start at all. */
  get alive(): boolean {
    return this.#system !== null && !this.#lost;
  }

  get keepsAccounts(): boolean {
    return !this.#fate.ticks;
  }

  async start(): Promise<void> {
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const tree = supervisor('root', this.#children(2), { intensity: this.#intensity(), strategy: this.#strategy() });
    const starting = startSystem(tree, {
      log,
      clock: this.clock,
      dispatcher: this.#dispatcher,
      random: () => this.random.next(),
      onEscalation: () => {
        this.#lost = true;
      },
    });
    let outcome: ActorSystem | 'failed' | null = null;
    starting.then(
      (system) => (outcome = system),
      () => (outcome = 'failed'),
    );
    for (let tries = 0; outcome === null && tries < 200; tries += 1) await this.pass(50);
    this.check(outcome !== null, 'the start never settles');
    if (outcome !== null && outcome !== 'failed') this.#system = outcome;
  }

  /** Advances time and runs every actor that has messages. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let steps = 0; steps < 500 && this.#dispatcher.step(); steps += 1) if (this.random.chance(0.3)) await settle();
    await settle();
  }

  /** From now on no actor fails or is slow. */
  calmDown(): void {
    this.#calm = true;
  }

  ref(path: string): ActorRef<SubjectMessage> {
    return this.system.ref(address<SubjectMessage>(path));
  }

  tell(path: string): void {
    this.sent += 1;
    this.ref(path).tell({ type: 'tell', n: this.#number(path) });
  }

  ask(path: string): void {
    this.sent += 1;
    const n = this.#number(path);
    const answer = this.ref(path)
      .ask({ type: 'ask', n }, { timeoutMs: 1 + this.random.below(500) })
      .then(
        (value) => this.check(value === n, `an ask of ${n} was answered ${value}`),
        () => undefined,
      );
    this.pendingAsks.add(answer);
    void answer.then(() => this.pendingAsks.delete(answer));
  }

  watch(watcher: string, path: string, on: boolean): void {
    this.sent += 1;
    this.ref(watcher).tell({ type: on ? 'watch' : 'unwatch', path });
  }

  async addChild(supervisorPath: string): Promise<void> {
    const spec = this.#actor(`x${++this.#dynamicIds}`, false);
    const path = `${supervisorPath}/${spec.id}`;
    this.paths.push(path);
    void this.system
      .startChild(supervisorPath, spec, this.random.chance(0.5) ? 'restart' : 'remove')
      .catch(() => undefined);
    await settle();
  }

  dynamicPaths(): string[] {
    return supervisorsOf(this.system.snapshot()).flatMap((each) =>
      each.dynamic && each.state === 'running' ? [each.path] : [],
    );
  }

  check(holds: boolean, what: string): void {
    if (!holds) this.violations.push(what);
  }

  /** Checks the promises that hold at any moment. */
  checkNow(): void {
    for (const each of supervisorsOf(this.system.snapshot())) {
      if (each.state === 'running')
        this.check(
          each.intensity.used <= each.intensity.maxRestarts,
          `${each.path} runs with ${each.intensity.used} of ${each.intensity.maxRestarts} restarts used`,
        );
    }
  }

  #number(path: string): number {
    const n = (this.#nextNumber.get(path) ?? 0) + 1;
    this.#nextNumber.set(path, n);
    return n;
  }

  #strategy(): Strategy {
    return this.random.pick(['one-for-one', 'one-for-all', 'rest-for-one']);
  }

  #intensity() {
    return { maxRestarts: this.random.below(6), withinMs: 50 + this.random.below(2_000) };
  }

  #children(depth: number, path = ''): Spec[] {
    return Array.from({ length: 1 + this.random.below(3) }, (_, index) => this.#child(`c${index}`, path, depth));
  }

  #child(id: string, parent: string, depth: number): Spec {
    const path = `${parent}/${id}`;
    if (depth === 0 || this.random.chance(0.6)) {
      this.paths.push(path);
      return this.#actor(id, false);
    }
    const restart = this.random.pick<Restart>(['permanent', 'transient', 'temporary']);
    const options = { intensity: this.#intensity(), restart, backoff: this.#backoff() };
    if (this.random.chance(0.4)) return dynamic(id, options);
    const autoShutdown = this.random.pick<AutoShutdown>(['never', 'any-significant', 'all-significant']);
    const children = this.#children(depth - 1, path).map((spec) =>
      spec.kind === 'actor' && autoShutdown !== 'never' && spec.restart !== 'permanent'
        ? { ...spec, significant: this.random.chance(0.5) }
        : spec,
    );
    return supervisor(id, children, { ...options, strategy: this.#strategy(), autoShutdown });
  }

  #backoff() {
    return { minMs: this.random.below(20), maxMs: 20 + this.random.below(200), factor: 2, resetAfterMs: 1_000 };
  }

  #actor(id: string, significant: boolean): ChildSpec {
    const mailbox: MailboxOptions = {
      capacity: 1 + this.random.below(8),
      overflow: this.random.pick<OverflowPolicy>(['drop-oldest', 'refuse', 'back-pressure']),
    };
    const definition = this.#definition(mailbox);
    return child(id, definition, () => null, {
      restart: this.random.pick<Restart>(['permanent', 'transient', 'temporary']),
      significant,
      backoff: this.#backoff(),
      startTimeoutMs: 100,
      shutdownTimeoutMs: this.random.below(100),
    });
  }

  #definition(mailbox: MailboxOptions) {
    const { random, clock } = this;
    const happens = (chance: number): boolean => !this.#calm && random.chance(chance);
    const fate = this.#fate;
    return defineActor<SubjectMessage, SubjectPrivate>()<null>({
      kind: 'subject',
      mailbox,
      start: async (ctx) => {
        const own: Incarnation = {
          path: ctx.path,
          incarnation: ctx.incarnation,
          started: false,
          stops: 0,
          watching: new Map(),
        };
        if (happens(fate.slowStart)) await sleep(clock, random.below(200));
        if (happens(fate.failStart)) throw new Error('start');
        own.started = true;
        this.incarnations.push(own);
        if (fate.ticks) ctx.setInterval('tick', 5 + random.below(50), { type: 'tick', incarnation: ctx.incarnation });

        const handle = async (n: number): Promise<number> => {
          this.handled += 1;
          this.check(own.stops === 0, `${own.path} #${own.incarnation} got a message after its stop`);
          this.check(
            this.incarnations.every(
              (other) => other === own || other.path !== own.path || other.incarnation < own.incarnation,
            ),
            `${own.path} #${own.incarnation} got a message after a newer one had started`,
          );
          if (n > 0) {
            this.check(
              n > (this.#lastSeen.get(own.path) ?? 0),
              `${own.path} got ${n} after ${this.#lastSeen.get(own.path)}`,
            );
            this.#lastSeen.set(own.path, n);
          }
          if (happens(fate.exit)) ctx.exit(random.chance(0.5) ? 'normal' : 'shutdown');
          if (happens(fate.failHandler)) throw new Error('handler');
          if (happens(fate.slowHandler)) await sleep(clock, random.below(300));
          return n;
        };
        return {
          handlers: {
            tell: async ({ n }) => {
              await handle(n);
            },
            ask: ({ n }) => handle(n),
            tick: ({ incarnation }) => {
              this.check(
                incarnation === own.incarnation,
                `${own.path} #${own.incarnation} got a timer of #${incarnation}`,
              );
              this.check(own.stops === 0, `${own.path} #${own.incarnation} got a timer after its stop`);
            },
            watch: ({ path }) => {
              this.handled += 1;
              if (!own.watching.has(path)) own.watching.set(path, 0);
              ctx.watch({ path });
            },
            unwatch: ({ path }) => {
              this.handled += 1;
              own.watching.delete(path);
              ctx.unwatch({ path });
            },
          },
          onSignal: ({ path }) => {
            const told = own.watching.get(path);
            this.check(told !== undefined, `${own.path} was told about ${path}, which it does not watch`);
            this.check(told !== 1, `${own.path} was told twice about ${path}`);
            own.watching.delete(path);
          },
          stop: async () => {
            own.stops += 1;
            if (happens(fate.slowStop)) await sleep(clock, random.below(300));
            if (happens(fate.failStop)) throw new Error('stop');
          },
        };
      },
    });
  }
}

export function supervisorsOf(tree: TreeSnapshot): SupervisorSnapshot[] {
  return tree.type === 'supervisor' ? [tree, ...tree.children.flatMap(supervisorsOf)] : [];
}

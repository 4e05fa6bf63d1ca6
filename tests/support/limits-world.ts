/** Nodes with the real pool and the real gate on a Redis, a network and a clock of the test's own. */
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import { KeyPool } from '../../src/keys/pool.ts';
import { poolSettings, type PoolStep } from '../../src/keys/pool.types.ts';
import type { LimitsRedis } from '../../src/keys/shared/limits-redis.ts';
import { RedisGate } from '../../src/keys/shared/redis-gate.ts';
import { LimitsModel } from './limits-model.ts';
import type { Random } from './random.ts';

const COMMAND_TIMEOUT_MS = 500;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export interface Arrival {
  readonly node: string;
  readonly at: number;
}

export interface WorldOptions {
  readonly qps: number;
  readonly rpm: number;
  readonly guardMs: number;
  /** Longest pause of a node before each call but the first; default none. */
  readonly restMs?: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time goes from event to event; events of one moment happen in the order of their scheduling. */
export class World {
  readonly random: Random;
  readonly options: WorldOptions;
  readonly arrivals: Arrival[] = [];
  /** What happened, for a failure's message. */
  readonly story: string[] = [];
  readonly model = new LimitsModel();
  now = 0;
  /** Redis reads nothing before this. */
  stalledUntil = 0;
  readonly nodes: SimulatedNode[] = [];
  readonly #events: Event[] = [];
  #order = 0;

  constructor(random: Random, options: WorldOptions) {
    this.random = random;
    this.options = options;
  }

  at(at: number, run: () => void): void {
    const event = { at: Math.max(at, this.now), order: this.#order++, run };
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1]?.at ?? 0) > event.at) index--;
    this.#events.splice(index, 0, event);
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  tell(what: string): void {
    this.story.push(`${(this.now / 1_000).toFixed(3)} ${what}`);
  }

  add(name: string): SimulatedNode {
    const node = new SimulatedNode(this, name);
    this.nodes.push(node);
    return node;
  }

  async run(until: number): Promise<void> {
    for (let event = this.#events.shift(); event !== undefined && event.at <= until; event = this.#events.shift()) {
      this.now = event.at;
      event.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export class SimulatedNode {
  readonly name: string;
  readonly gate: RedisGate;
  readonly link: Link;
  readonly #world: World;
  readonly #pool: KeyPool;
  /** Clocks of machines differ by anything. */
  readonly #ahead: number;
  #pausedUntil = 0;
  #wakeAt = Infinity;
  #asked = 0;
  #dead = false;

  constructor(world: World, name: string) {
    const { qps, rpm, guardMs } = world.options;
    this.#world = world;
    this.name = name;
    this.#ahead = world.random.below(1e9);
    this.link = new Link(world, this);
    const config = parseKeyConfig(
      {
        scheduler: { transit_guard_ms: guardMs },
        api_keys: [{ name: 'k', key: 'secret', qps_limit: qps, rpm_limit: rpm }],
      },
      {},
    );
    this.gate = new RedisGate({
      url: '',
      nodeId: name,
      now: () => this.now,
      log: quiet,
      connect: () => this.link,
      every: (ms, work) => this.#every(ms, work),
      after: (ms, work) => this.#after(ms, work),
      soon: (work) => this.#after(0, work),
    });
    this.#pool = new KeyPool(
      config.keys,
      poolSettings(config.strategy, config.scheduler),
      new LimitMemory(),
      name,
      this.gate,
    );
    this.gate.onChange(() => this.#apply(this.#pool.advance(this.now)));
    this.link.open();
  }

  /** Whole ms, as the pool counts. */
  get now(): number {
    return Math.floor(this.#world.now) + this.#ahead;
  }

  /** Runs when the process has its turn; never after its death. */
  turn(at: number, run: () => void): void {
    this.#world.at(at, () => {
      if (this.#dead) return;
      if (this.#world.now < this.#pausedUntil) this.turn(this.#pausedUntil, run);
      else run();
    });
  }

  pause(ms: number): void {
    this.#pausedUntil = this.#world.now + ms;
  }

  get dead(): boolean {
    return this.#dead;
  }

  crash(): void {
    this.#dead = true;
  }

  ask(times: number): void {
    for (let i = 0; i < times; i++)
      this.#apply(
        this.#pool.request(
          { waiterId: `w${this.#asked++}`, priority: 3, exclude: [], deadline: this.now + 1e9 },
          this.now,
        ),
      );
  }

  #every(ms: number, work: () => void): () => void {
    let ended = false;
    const beat = (): void => {
      if (ended) return;
      work();
      this.turn(this.#world.now + ms, beat);
    };
    this.turn(this.#world.now + this.#world.random.below(ms), beat);
    return () => void (ended = true);
  }

  #after(ms: number, work: () => void): void {
    this.turn(this.#world.now + ms, work);
  }

  #apply(step: PoolStep): void {
    const { random, options, arrivals } = this.#world;
    for (const { reply } of step.replies) {
      if (reply.kind !== 'granted') continue;
      const slow = random.chance(0.1) ? random.below(300) : random.below(3);
      this.turn(this.#world.now + slow, () => {
        const at = this.now;
        if (random.chance(0.05))
          this.#apply(this.#pool.settle(reply.leaseId, { kind: 'abandoned', message: 'not made' }, at));
        else {
          arrivals.push({
            node: this.name,
            at: this.#world.now + random.next() * 0.999 + random.next() * options.guardMs,
          });
          // That it left may become known a little later.
          this.turn(this.#world.now + random.below(3), () => {
            this.#apply(this.#pool.sent(reply.leaseId, at, this.now));
            this.#apply(this.#pool.settle(reply.leaseId, { kind: 'ok' }, this.now));
          });
        }
        if (options.restMs === undefined) this.ask(1);
        else this.turn(this.#world.now + random.below(options.restMs), () => this.ask(1));
      });
    }
    this.gate.want(this.#pool.demand(this.now), this.now);
    if (step.wakeAt === null) return;
    const wakeAt = Math.max(step.wakeAt - this.#ahead, Math.floor(this.#world.now) + 1);
    if (wakeAt >= this.#wakeAt && this.#wakeAt > this.#world.now) return;
    this.#wakeAt = wakeAt;
    this.turn(wakeAt, () => {
      if (wakeAt === this.#wakeAt) this.#wakeAt = Infinity;
      this.#apply(this.#pool.advance(this.now));
    });
  }
}

/** A connection: commands arrive in order, are carried out whether or not somebody still waits, and may be held up. */
export class Link implements LimitsRedis {
  status = 'connecting';
  /** Held up on the way to Redis until then. */
  heldUntil = 0;
  readonly #world: World;
  readonly #node: SimulatedNode;
  readonly #listeners = new Map<string, (() => void)[]>();
  #reachedAt = 0;
  #cut = 0;

  constructor(world: World, node: SimulatedNode) {
    this.#world = world;
    this.#node = node;
  }

  on(event: string, listener: () => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  open(): void {
    this.#node.turn(this.#world.now + this.#world.random.below(20), () => {
      this.status = 'ready';
      this.#emit('ready');
    });
  }

  /** The connection ends; what is under way is carried out or lost. */
  cut(ms: number): void {
    this.#cut++;
    this.#node.turn(this.#world.now, () => {
      this.status = 'reconnecting';
      this.#emit('close');
    });
    this.#world.after(ms, () => this.open());
  }

  eval(script: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown> {
    if (this.status !== 'ready') return Promise.reject(new Error('not connected'));
    const { random, model } = this.#world;
    const connection = this.#cut;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const sentAt = this.#world.now;
    const carryOut = (): void => {
      const until = Math.max(this.#world.stalledUntil, this.heldUntil);
      if (until > this.#world.now) return this.#world.at(until, carryOut);
      if (connection !== this.#cut && random.chance(0.5)) return;
      const reply = model.eval(
        this.#world.now + 5e8,
        script,
        rest.slice(0, keyCount).map(String),
        rest.slice(keyCount),
      );
      if (connection === this.#cut) this.#node.turn(this.#world.now + random.below(8), () => resolve(reply));
    };
    this.#reachedAt = Math.max(this.#reachedAt, sentAt + random.below(8));
    this.#world.at(this.#reachedAt, carryOut);
    this.#node.turn(sentAt + COMMAND_TIMEOUT_MS, () => reject(new Error('timed out')));
    return promise;
  }

  zrem(key: string, member: string): Promise<unknown> {
    this.#world.model.remove(key, member);
    return Promise.resolve(1);
  }

  disconnect(): void {
    this.status = 'end';
  }

  #emit(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener();
  }
}

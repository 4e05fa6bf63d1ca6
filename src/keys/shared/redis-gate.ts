import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { acquire, join, move, readAcquired, readSynced, report, sync, type Command } from './commands.ts';
import type { Demand, LimitMode, PermitGate, Ticket } from './gate.ts';
import { openLimits, type LimitsRedis } from './limits-redis.ts';
import { Membership, type MembershipOptions } from './membership.ts';
import { afterMs, everyMs } from './node-timers.ts';
import { PermitIds } from './permit-ids.ts';
import { PermitReports } from './permit-reports.ts';
import { PermitStock, type Budget } from './permit-stock.ts';
import { REDIS_NAMES } from './gate-scripts.ts';

export interface RedisGateOptions extends MembershipOptions {
  readonly url: string;
  /** Unique among the nodes at any one time. */
  readonly nodeId: string;
  readonly log: ActorLog;
  /** The connection; default: one of our own to `url`. */
  readonly connect?: (url: string) => LimitsRedis;
  /** Calls `work` again and again until the returned function is called; default: a timer of Node's. */
  readonly every?: (ms: number, work: () => void) => () => void;
  /** Calls `work` once; default: a timer of Node's. */
  readonly after?: (ms: number, work: () => void) => void;
  /** Calls `work` once, soon; default: at the end of this turn of the event loop. */
  readonly soon?: (work: () => void) => void;
}

const SYNC_MS = 1_000;
/** Entries are copied again for this long: a report may be on its way. */
const OVERLAP_MS = 2_000;
/** A call of another node may leave this much later than its permit was granted. */
const SEND_MS = 1_000;
/** Permits of one budget asked for at once. */
const MOST_AT_ONCE = 50;
/**
 * Permits fetched ahead, so that the groups of a frame need not wait for Redis. Redis grants them out of the first half
 * of each window only, so that no node takes the last ones.
 */
const SPARES = 20;
/** A spare that was not used for so long goes back. */
const SPARE_MS = 2_000;

/**
 * Limits held together with other nodes over Redis: a lease needs a permit that one atomic script granted. While calls
 * are made, a few permits are fetched ahead; they count as calls until they go back. While Redis is down this node goes
 * on alone with its share of each budget (`BudgetLog`), but only once the others must have noticed its absence. When
 * Redis is back, the node tells it of the calls made meanwhile and asks for permits again.
 */
export class RedisGate implements PermitGate {
  readonly #options: RedisGateOptions;
  readonly #redis: LimitsRedis;
  readonly #stock = new PermitStock((budget, id, sentAt) => this.#report(budget, id, sentAt));
  readonly #reports: PermitReports;
  /** A call was made since spares were last fetched. */
  #called = false;
  readonly #endBeat: () => void;
  readonly #ids: PermitIds;
  readonly #membership: Membership;
  #listener: () => void = () => undefined;
  #next: (count: number, now: number) => readonly Demand[] = () => [];
  #mode: Exclude<LimitMode, 'local'> = 'degraded';
  #demand: readonly Demand[] = [];
  #asking = false;
  #askingSoon = false;
  /** Own calls were made while a join was under way: no more until Redis knows of them, too. */
  #settling = false;
  #closed = false;
  #joining = false;
  /** Counts joins and losses: a reply to a question from before one is not valid after it. */
  #joined = 0;

  constructor(options: RedisGateOptions) {
    this.#options = options;
    this.#ids = new PermitIds(options.nodeId);
    this.#membership = new Membership(options);
    this.#reports = new PermitReports(options.after ?? afterMs, () => {
      this.#refill();
      this.#flush();
    });
    this.#redis = openLimits(
      options.url,
      options.connect,
      (error) => this.#lost(error),
      () => this.#join(),
    );
    this.#endBeat = (options.every ?? everyMs)(SYNC_MS, () => this.#beat());
  }

  get mode(): LimitMode {
    return this.#mode;
  }

  get inHand(): number {
    return this.#stock.inHand;
  }

  /** Nodes that share the limits, as last known. Alone, this node keeps to its part of so many. */
  get nodes(): number {
    return this.#membership.nodes;
  }

  /** For a start: waits for Redis, at most `ms`. */
  async ready(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    while (this.#mode !== 'shared' && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.#mode === 'shared';
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  nextAt(name: string, now: number): number | null {
    const budget = this.#stock.budgets.get(name);
    if (budget === undefined) return null;
    if (this.#mode === 'shared')
      return this.#stock.has(name, now) ? now : budget.blockedUntil > now ? budget.blockedUntil : null;
    if (this.#settling) return null;
    const at = this.#shareAt(budget, now);
    return at === Infinity ? null : at;
  }

  take(name: string, now: number): Ticket {
    const budget = this.#stock.budget(name);
    this.#called = true;
    let id = this.#mode === 'shared' ? this.#stock.take(name) : undefined;
    const alone = id === undefined;
    id ??= this.#ids.next();
    const weight = alone ? budget.log.share(budget.limits, this.#membership.nodes) : 1;
    this.#stock.use(name, id, weight, now);
    return { sent: (at) => this.#stock.sent(name, id, at), refund: () => this.#stock.refund(name, id) };
  }

  want(demand: readonly Demand[], now: number): void {
    this.#demand = demand;
    const fresh = demand.some(({ budget }) => !this.#stock.budgets.has(budget));
    this.#stock.limit(demand);
    this.#stock.keep(SPARES, new Set(demand.map((one) => one.budget)));
    // Alone, a budget seen for the first time may have a permit at once: the pool looks again.
    if (this.#mode === 'degraded' && fresh) queueMicrotask(() => this.#listener());
    if (this.#mode === 'shared') this.#askSoon(now);
  }

  foresee(next: (count: number, now: number) => readonly Demand[]): void {
    this.#next = next;
  }

  moved(from: string, to: string): void {
    this.#stock.move(from, to);
    if (this.#mode !== 'shared') return;
    this.#flush();
    this.#tell(move(from, to));
  }

  orphaned(): void {
    this.#stock.orphaned(this.#options.now());
  }

  /** Leaves the members at once, so that nothing is kept for this node. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endBeat();
    this.#stock.giveBack(Infinity);
    this.#flush();
    await this.#redis.zrem(REDIS_NAMES.members, this.#options.nodeId).catch(() => undefined);
    this.#redis.disconnect();
  }

  #shareAt(budget: Budget, now: number): number {
    if (budget.limits.length === 0) return Infinity;
    const { nodes, rank, quietUntil } = this.#membership;
    return Math.max(quietUntil, budget.log.nextAt(budget.limits, budget.guardMs, nodes, rank, now));
  }

  #report(budget: string, id: string, sentAt: number | null): void {
    if (this.#mode === 'shared') this.#reports.add(id, { budget, sentAt });
  }

  /** Fetches permits for the next calls while no request waits. */
  #refill(): void {
    const now = this.#options.now();
    if (!this.#called || this.#asking || this.#stock.inHand >= SPARES || this.#demand.length > 0) return;
    this.#called = false;
    const spares = this.#next(SPARES - this.#stock.inHand, now);
    this.#stock.limit(spares);
    void this.#ask(spares, true);
  }

  #flush(): void {
    const reports = this.#reports.take(this.#options.now());
    if (reports.length > 0) this.#tell(report(reports));
  }

  #tell(command: Command): void {
    this.#redis.eval(...command).catch((error: unknown) => this.#lost(error));
  }

  /** Waiters come together, one for each group of a frame: one question for all of them. */
  #askSoon(now: number): void {
    if (this.#asking || this.#askingSoon || this.#wanted(now).length === 0) return;
    this.#askingSoon = true;
    (this.#options.soon ?? setImmediate)(() => {
      this.#askingSoon = false;
      const at = this.#options.now();
      void this.#ask(this.#wanted(at), false);
    });
  }

  #wanted(now: number): readonly Demand[] {
    return this.#demand.filter(
      ({ budget }) => !this.#stock.has(budget, now) && this.#stock.budget(budget).blockedUntil <= now,
    );
  }

  async #ask(wanted: readonly Demand[], spare: boolean): Promise<void> {
    if (this.#asking || this.#closed || this.#mode !== 'shared' || wanted.length === 0) return;
    this.#asking = true;
    const askedAt = this.#options.now();
    const joined = this.#joined;
    this.#flush();
    const stamp = this.#membership.stamp();
    const asked = wanted.map((one) => {
      const count = Math.min(one.count, MOST_AT_ONCE);
      return { ...one, count, spare, first: this.#ids.reserve(count) };
    });
    try {
      const acquired = readAcquired(
        await this.#redis.eval(...acquire(this.#options.nodeId, stamp, this.#ids.prefix, asked)),
      );
      this.#asking = false;
      if (acquired === null) {
        this.#forgotten();
        return;
      }
      // Lost meanwhile: the granted permits run out by themselves.
      if (this.#joined !== joined) return;
      const at = this.#options.now();
      this.#membership.heard(acquired.redisNow, at);
      for (const [index, { budget: name, first }] of asked.entries()) {
        const budget = this.#stock.budget(name);
        const { granted, waitMs } = acquired.budgets[index] ?? { granted: 0, waitMs: 0 };
        for (let i = 0; i < granted; i++) this.#stock.add(name, this.#ids.at(first + i), askedAt);
        if (!spare) budget.blockedUntil = waitMs > 0 ? Math.ceil(at + waitMs) : 0;
      }
      if (!spare || this.#demand.length > 0) this.#listener();
    } catch (error) {
      this.#asking = false;
      this.#lost(error);
    }
  }

  /** Once a second: shows that this node lives, prolongs its permits, copies the calls of the others. */
  #beat(): void {
    const now = this.#options.now();
    for (const { log } of this.#stock.budgets.values()) log.prune(now);
    this.#stock.giveBack(now - SPARE_MS);
    if (this.#mode === 'degraded') {
      if (this.#redis.status === 'ready') this.#join();
      return;
    }
    const { unsent } = this.#stock;
    if (unsent.length > 0) this.#tell(report(unsent));
    const budgets = [...this.#stock.budgets].map(([name, { seenTo }]) => ({ name, seenTo }));
    this.#redis
      .eval(...sync(this.#options.nodeId, this.#membership.stamp(), budgets))
      .then((reply) => this.#copied(budgets, reply))
      .catch((error: unknown) => this.#lost(error));
  }

  #copied(budgets: readonly { readonly name: string }[], reply: unknown): void {
    const synced = readSynced(reply);
    if (synced === null) {
      this.#forgotten();
      return;
    }
    const now = this.#options.now();
    const { redisNow, present, nodes } = synced;
    this.#membership.heard(redisNow, now);
    this.#membership.saw(present, nodes);
    for (const [index, { name }] of budgets.entries()) {
      const budget = this.#stock.budget(name);
      // Own calls are known better here.
      for (const [id, at] of synced.calls[index] ?? [])
        if (!this.#ids.isOwn(id)) budget.log.put(id, at - redisNow + now, false);
      budget.seenTo = redisNow - OVERLAP_MS;
    }
  }

  /** Redis lost its data: joins again, with all that is known here. */
  #forgotten(): void {
    this.#lost(new Error('Redis does not know this node (its data is gone)'));
    this.#join();
  }

  #join(): void {
    if (this.#joining || this.#closed || this.#mode === 'shared') return;
    this.#joining = true;
    const now = this.#options.now();
    const snapshot = this.#stock.snapshot();
    const { met, born } = this.#membership;
    this.#redis
      .eval(...join(this.#options.nodeId, met, born, snapshot, now))
      .then((reply) => {
        this.#joining = false;
        if (!Array.isArray(reply) || this.#closed) return;
        this.#membership.heard(Number(reply[1]), this.#options.now());
        this.#membership.joined(String(reply[0]));
        // Calls made alone meanwhile are told to Redis before anything is asked of it.
        this.#settling = this.#stock.changedSince(snapshot);
        if (this.#settling) {
          this.#join();
          return;
        }
        this.#mode = 'shared';
        this.#joined++;
        this.#stock.joined(snapshot);
        this.#options.log.info({ node: this.#options.nodeId }, 'API key limits are shared over Redis');
        this.#beat();
        this.#listener();
      })
      .catch((error: unknown) => {
        this.#joining = false;
        this.#settling = false;
        this.#lost(error);
      });
  }

  /** Goes on alone. Permits in hand that were not used are forgotten; in Redis they run out by themselves. */
  #lost(thrown: unknown): void {
    if (this.#closed || this.#mode === 'degraded') return;
    this.#mode = 'degraded';
    this.#joined++;
    const now = this.#options.now();
    const { nodes, contactAt, quietUntil } = this.#membership;
    this.#reports.take(now);
    for (const budget of this.#stock.budgets.values()) {
      this.#stock.drop(budget);
      // Alone, nobody called unseen.
      if (nodes > 1) budget.log.assumeFull(budget.limits, contactAt - SYNC_MS, quietUntil + SEND_MS);
    }
    this.#options.log.warn(
      { err: asError(thrown).message, nodes },
      `Redis is down: this node keeps to its share of the API key limits (1 of ${nodes}) from ` +
        `${new Date(Math.max(now, quietUntil)).toISOString()} on`,
    );
    this.#listener();
  }
}

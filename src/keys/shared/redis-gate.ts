import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { ActorLog } from '../../runtime/actor.ts';
import type { WindowLimit } from '../limits.ts';
import type { Demand, LimitMode, PermitGate, Ticket } from './gate.ts';
import { ABSENT_MS, ACQUIRE, HOLD_MS, JOIN, MOVE, REDIS_NAMES, REPORT, SYNC } from './scripts.ts';
import { BudgetLog } from './share.ts';

export interface RedisGateOptions {
  readonly url: string;
  /** Unique among the nodes at any one time. */
  readonly nodeId: string;
  readonly log: ActorLog;
  /** The pool's clock, see `steadyNow`. */
  readonly now: () => number;
  /** Nodes to assume at least while Redis was never reached. Default: as many as `members`, else 1. */
  readonly nodes?: number;
  /** The nodes as they were last known, in an earlier life perhaps. */
  readonly members?: readonly string[];
  /** Told when the nodes are others than before. */
  readonly onMembers?: (members: readonly string[]) => void;
  /** The connection; default: one of our own to `url`. */
  readonly connect?: (url: string) => LimitsRedis;
  /** Calls `work` again and again until the returned function is called; default: a timer of Node's. */
  readonly every?: (ms: number, work: () => void) => () => void;
}

/** What the gate needs of a connection to Redis; ioredis has it. */
export interface LimitsRedis {
  /** `ready` while commands can be sent. */
  readonly status: string;
  on(event: 'error' | 'close' | 'ready', listener: (error?: unknown) => void): unknown;
  /** Rejects when there is no answer within half a second; the command may be carried out all the same, and later. */
  eval(script: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
  zrem(key: string, member: string): Promise<unknown>;
  disconnect(): void;
}

interface Budget {
  readonly log: BudgetLog;
  /** Ids of permits in hand. */
  readonly stock: string[];
  limits: readonly WindowLimit[];
  guardMs: number;
  /** No permit before this, as Redis said. */
  blockedUntil: number;
  /** Redis's time up to which entries were copied. */
  seenTo: number;
}

const SYNC_MS = 1_000;
/** Entries are copied again for this long: a report may be on its way. */
const OVERLAP_MS = 2_000;
const COMMAND_TIMEOUT_MS = 500;
/** Without a word from Redis for so long (this process stood still) permits in hand are not used: they may run out. */
const STOCK_MS = HOLD_MS - 2_000;
/** A permit may have been granted to another node just before, and its call leave this much later. */
const SEND_MS = 1_000;
/** Permits asked for at once of one budget. */
const MOST_AT_ONCE = 50;

export const connectLimits = (url: string): LimitsRedis =>
  new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 2_000, commandTimeout: COMMAND_TIMEOUT_MS, retryStrategy: (attempt) => Math.min(100 * attempt, 1_000) });

function everyMs(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref();
  return () => clearInterval(timer);
}

/**
 * Limits held together with other nodes over Redis: a lease needs a permit that one atomic script granted. Nothing is
 * fetched ahead. When Redis is away this node goes on alone with its share of each budget ({@link BudgetLog}), after
 * the others must have noticed its absence; when it is back, it brings what was called meanwhile and asks again.
 */
export class RedisGate implements PermitGate {
  readonly #options: RedisGateOptions;
  readonly #redis: LimitsRedis;
  readonly #budgets = new Map<string, Budget>();
  /** Own permits whose call has not left. */
  readonly #held = new Map<string, string>();
  readonly #reports: { readonly budget: string; readonly id: string; readonly what: string }[] = [];
  readonly #endBeat: () => void;
  /** Own ids differ from those of an earlier life under the same node id. */
  readonly #life = randomUUID().slice(0, 8);
  #listener: () => void = () => undefined;
  #mode: Exclude<LimitMode, 'local'> = 'degraded';
  #demand: readonly Demand[] = [];
  #asking = false;
  #born = '';
  #members: readonly string[] = [];
  #nodes: number;
  #contactAt = -Infinity;
  /** When Redis was last asked for something that shows this node as present. */
  #spokeAt = -Infinity;
  /** Redis's clock less ours, at most as much as it is. */
  #offset = 0;
  /** Calls of our own were made while a join was under way: none before they are brought as well. */
  #settling = false;
  #count = 0;
  #closed = false;
  #joining = false;
  /** Counts joins and losses: what was asked before one is not valid after it. */
  #joined = 0;
  #everJoined = false;

  constructor(options: RedisGateOptions) {
    this.#options = options;
    this.#members = (options.members ?? []).toSorted();
    this.#nodes = Math.max(1, options.nodes ?? 1, this.#members.length);
    this.#redis = (options.connect ?? connectLimits)(options.url);
    this.#redis.on('error', (error) => this.#lost(error instanceof Error ? error : new Error(String(error))));
    this.#redis.on('close', () => this.#lost(new Error('the connection ended')));
    this.#redis.on('ready', () => this.#join());
    this.#endBeat = (options.every ?? everyMs)(SYNC_MS, () => this.#beat());
  }

  get mode(): LimitMode {
    return this.#mode;
  }

  /** Nodes that share the limits, as last known; alone, this node keeps to its part of so many. */
  get nodes(): number {
    return this.#nodes;
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
    const budget = this.#budgets.get(name);
    if (budget === undefined) return null;
    if (this.#mode === 'shared') return budget.stock.length > 0 ? (now < this.#contactAt + STOCK_MS ? now : null) : budget.blockedUntil > now ? budget.blockedUntil : null;
    if (this.#settling) return null;
    const at = this.#shareAt(budget, now);
    return at === Infinity ? null : at;
  }

  take(name: string, now: number): Ticket {
    const budget = this.#budget(name);
    let id = this.#mode === 'shared' ? budget.stock.shift() : undefined;
    const alone = id === undefined;
    id ??= this.#newId();
    const weight = alone ? budget.log.share(budget.limits, this.#nodes) : 1;
    budget.log.put(id, now + HOLD_MS, true, weight);
    this.#held.set(id, name);
    return {
      sent: (at) => {
        this.#held.delete(id);
        budget.log.put(id, at, true);
        this.#report(name, id, at);
      },
      refund: () => this.#refund(name, id),
    };
  }

  want(demand: readonly Demand[], now: number): void {
    this.#demand = demand;
    let fresh = false;
    for (const { budget: name, limits, guardMs } of demand) {
      fresh ||= !this.#budgets.has(name);
      Object.assign(this.#budget(name), { limits, guardMs });
    }
    const wanted = new Set(demand.map((one) => one.budget));
    for (const [name, { stock }] of this.#budgets) if (!wanted.has(name)) for (const id of stock.splice(0)) this.#refund(name, id);
    // The pool looks again: alone, a budget seen for the first time may have a permit at once.
    if (this.#mode === 'degraded' && fresh) queueMicrotask(() => this.#listener());
    if (this.#mode === 'shared') void this.#ask(now);
  }

  moved(from: string, to: string): void {
    const left = this.#budgets.get(from);
    // Calls that have not left are reported to the old one; here they run out.
    if (left !== undefined) this.#budget(to).log.inherit(left.log);
    if (this.#mode !== 'shared') return;
    this.#flush();
    this.#redis.eval(MOVE, 2, REDIS_NAMES.budget(from), REDIS_NAMES.budget(to)).catch((error: unknown) => this.#lost(error));
  }

  orphaned(): void {
    const now = this.#options.now();
    for (const [name, { stock }] of this.#budgets) for (const id of stock.splice(0)) this.#refund(name, id);
    for (const [id, name] of this.#held) {
      this.#budget(name).log.put(id, now, true);
      this.#report(name, id, now);
    }
    this.#held.clear();
  }

  /** Leaves the members at once, so that nothing is kept for this node. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endBeat();
    for (const [name, { stock }] of this.#budgets) for (const id of stock.splice(0)) this.#refund(name, id);
    await this.#redis.zrem(REDIS_NAMES.members, this.#options.nodeId).catch(() => undefined);
    this.#redis.disconnect();
  }

  #budget(name: string): Budget {
    const known = this.#budgets.get(name);
    if (known !== undefined) return known;
    const made: Budget = { log: new BudgetLog(), stock: [], limits: [], guardMs: 0, blockedUntil: 0, seenTo: 0 };
    this.#budgets.set(name, made);
    return made;
  }

  #newId(): string {
    return `${this.#options.nodeId}:${this.#life}:${this.#count++}`;
  }

  #shareAt(budget: Budget, now: number): number {
    if (budget.limits.length === 0) return Infinity;
    const rank = Math.max(0, this.#members.indexOf(this.#options.nodeId));
    return Math.max(this.#quietUntil(), budget.log.nextAt(budget.limits, budget.guardMs, this.#nodes, rank, now));
  }

  /** By then the others keep this node's share for it. */
  #quietUntil(): number {
    return this.#everJoined && this.#nodes > 1 ? this.#spokeAt + ABSENT_MS + COMMAND_TIMEOUT_MS : -Infinity;
  }

  #refund(name: string, id: string): void {
    this.#held.delete(id);
    this.#budget(name).log.remove(id);
    this.#report(name, id, null);
  }

  #report(budget: string, id: string, sentAt: number | null): void {
    if (this.#mode !== 'shared') return;
    // Told as an age, so that no clock but Redis's counts; late is safe.
    this.#reports.push({ budget, id, what: sentAt === null ? 'refund' : String(this.#options.now() - sentAt - 1) });
    if (this.#reports.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const reports = this.#reports.splice(0);
    if (reports.length === 0) return;
    this.#redis
      .eval(REPORT, reports.length, ...reports.map(({ budget }) => REDIS_NAMES.budget(budget)), ...reports.flatMap(({ id, what }) => [id, what]))
      .catch((error: unknown) => this.#lost(error));
  }

  async #ask(now: number): Promise<void> {
    if (this.#asking || this.#mode !== 'shared') return;
    const wanted = this.#demand.filter(({ budget }) => this.#budget(budget).stock.length === 0 && this.#budget(budget).blockedUntil <= now);
    if (wanted.length === 0) return;
    this.#asking = true;
    const joined = this.#joined;
    this.#flush();
    const args: (string | number)[] = [this.#options.nodeId, this.#stamp()];
    const first = this.#count;
    for (const { limits, guardMs, count } of wanted) {
      const number = Math.min(count, MOST_AT_ONCE);
      args.push(`${this.#options.nodeId}:${this.#life}:`, this.#count, number, limits.length, ...limits.flatMap(({ limit, spanMs }) => [limit, spanMs + guardMs]));
      this.#count += number;
    }
    try {
      const { members, born, expected } = REDIS_NAMES;
      const reply: unknown = await this.#redis.eval(ACQUIRE, 3 + wanted.length, members, born, expected, ...wanted.map(({ budget }) => REDIS_NAMES.budget(budget)), ...args);
      this.#asking = false;
      if (!Array.isArray(reply) || reply[0] === 'unjoined') {
        this.#lost(new Error('Redis does not know this node (its data is gone)'));
        this.#join();
        return;
      }
      // Given up meanwhile: what was granted runs out by itself.
      if (this.#joined !== joined) return;
      const at = this.#options.now();
      this.#heard(Number(reply[1]), at);
      let next = first;
      for (const [index, { budget: name, count }] of wanted.entries()) {
        const budget = this.#budget(name);
        const granted = Number(reply[4 + 2 * index]);
        const wait = Number(reply[5 + 2 * index]);
        for (let i = 0; i < granted; i++) {
          const id = `${this.#options.nodeId}:${this.#life}:${next + i}`;
          budget.stock.push(id);
          this.#held.set(id, name);
        }
        next += Math.min(count, MOST_AT_ONCE);
        budget.blockedUntil = wait > 0 ? Math.ceil(at + wait) : 0;
      }
      this.#listener();
    } catch (error) {
      this.#asking = false;
      this.#lost(error);
    }
  }

  /** Once a second: shows that this node lives, prolongs what it holds, copies what the others called. */
  #beat(): void {
    const now = this.#options.now();
    for (const { log } of this.#budgets.values()) log.prune(now);
    if (this.#mode === 'degraded') {
      if (this.#redis.status === 'ready') this.#join();
      return;
    }
    const held = [...this.#held];
    if (held.length > 0) {
      this.#redis.eval(REPORT, held.length, ...held.map(([, name]) => REDIS_NAMES.budget(name)), ...held.flatMap(([id]) => [id, 'held'])).catch((error: unknown) => this.#lost(error));
    }
    const names = [...this.#budgets.keys()];
    this.#redis
      .eval(SYNC, 3 + names.length, REDIS_NAMES.members, REDIS_NAMES.born, REDIS_NAMES.expected, ...names.map((name) => REDIS_NAMES.budget(name)), this.#options.nodeId, this.#stamp(), ...names.map((name) => this.#budget(name).seenTo.toFixed(3)))
      .then((reply) => this.#copied(names, reply))
      .catch((error: unknown) => this.#lost(error));
  }

  #copied(names: readonly string[], reply: unknown): void {
    if (!Array.isArray(reply) || reply[0] === 'unjoined') {
      this.#lost(new Error('Redis does not know this node (its data is gone)'));
      this.#join();
      return;
    }
    const now = this.#options.now();
    const redisNow = Number(reply[1]);
    this.#heard(redisNow, now);
    const present = Array.isArray(reply[2]) ? reply[2].map(String) : [];
    this.#nodes = Math.max(1, Number(reply[3]));
    // Not all came back to a Redis that lost its data: who is missing keeps its place.
    const members = [...new Set(present.length < this.#nodes ? [...present, ...this.#members] : present)].toSorted();
    if (members.join() !== this.#members.join()) this.#options.onMembers?.(members);
    this.#members = members;
    for (const [index, name] of names.entries()) {
      const budget = this.#budget(name);
      const flat: unknown = reply[4 + index];
      if (!Array.isArray(flat)) continue;
      for (let i = 0; i + 1 < flat.length; i += 2) {
        const id = String(flat[i]);
        // Own calls are known better here.
        if (!id.startsWith(`${this.#options.nodeId}:${this.#life}:`)) budget.log.put(id, Number(flat[i + 1]) - redisNow + now, false);
      }
      budget.seenTo = redisNow - OVERLAP_MS;
    }
  }

  #join(): void {
    if (this.#joining || this.#closed || this.#mode === 'shared') return;
    this.#joining = true;
    const now = this.#options.now();
    const budgets = [...this.#budgets].map(([name, budget]) => ({ name, budget, entries: budget.log.list() }));
    const args = budgets.flatMap(({ entries }) => [
      entries.length,
      ...entries.flatMap(({ id, at, own }) => [id, now - at, own ? 'own' : id.startsWith('assumed:') ? 'assumed' : 'other']),
    ]);
    const { members, born, expected } = REDIS_NAMES;
    this.#redis
      .eval(JOIN, 3 + budgets.length, members, born, expected, ...budgets.map(({ name }) => REDIS_NAMES.budget(name)), this.#options.nodeId, this.#everJoined ? this.#nodes : 0, randomUUID(), this.#born, ...args)
      .then((reply) => {
        this.#joining = false;
        if (!Array.isArray(reply) || this.#closed) return;
        this.#born = String(reply[0]);
        this.#heard(Number(reply[1]), this.#options.now());
        this.#everJoined = true;
        // Called meanwhile, alone, without Redis knowing: it is told before anything is asked of it.
        const brought = new Map(budgets.flatMap(({ entries }) => entries.map(({ id, at }) => [id, at] as const)));
        this.#settling = [...this.#budgets.values()].some(({ log }) => log.list().some(({ id, at, own }) => own && (this.#held.has(id) ? !brought.has(id) : brought.get(id) !== at)));
        if (this.#settling) {
          this.#join();
          return;
        }
        this.#mode = 'shared';
        this.#joined++;
        for (const { budget, entries } of budgets) {
          budget.log.settleWeights();
          budget.blockedUntil = 0;
          for (const { id } of entries) if (id.startsWith('assumed:')) budget.log.remove(id);
        }
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

  #heard(redisNow: number, now: number): void {
    this.#contactAt = now;
    this.#offset = redisNow - now;
  }

  /** Now by Redis's clock, not later than it is. */
  #stamp(): string {
    this.#spokeAt = this.#options.now();
    return (this.#spokeAt + this.#offset).toFixed(3);
  }

  /** Goes on alone. Permits in hand that were not used are forgotten; in Redis they run out by themselves. */
  #lost(thrown: unknown): void {
    if (this.#closed || this.#mode === 'degraded') return;
    this.#mode = 'degraded';
    this.#joined++;
    const now = this.#options.now();
    this.#reports.length = 0;
    for (const budget of this.#budgets.values()) {
      for (const id of budget.stock.splice(0)) this.#held.delete(id);
      // Alone, nobody called unseen.
      if (this.#nodes > 1) budget.log.assumeFull(budget.limits, this.#contactAt - SYNC_MS, this.#quietUntil() + SEND_MS);
    }
    this.#options.log.warn(
      { err: thrown instanceof Error ? thrown.message : String(thrown), nodes: this.#nodes },
      `Redis is away: this node keeps to its share of the API key limits (1 of ${this.#nodes}) from ${new Date(Math.max(now, this.#quietUntil())).toISOString()} on`,
    );
    this.#listener();
  }
}

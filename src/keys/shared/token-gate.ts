import { randomUUID } from 'node:crypto';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { TOKEN_SPAN_MS, TokenWindow, type TokenHold } from '../tokens.ts';
import type { Demand, LimitMode, PermitGate, Ticket } from './gate.ts';
import { openLimits, type LimitsRedis } from './limits-redis.ts';
import { PermitIds } from './permit-ids.ts';
import { HOLD_MS } from './gate-scripts.ts';
import { REPORT_TOKENS, RESERVE_TOKENS, TOKEN_NAMES } from './token-scripts.ts';

export interface TokenGateOptions {
  readonly url: string;
  readonly nodeId: string;
  readonly log: ActorLog;
  /** The pool's clock, see `steadyNow`. */
  readonly now: () => number;
  /** The connection; default: one of our own to `url`. */
  readonly connect?: (url: string) => LimitsRedis;
}

interface Permit {
  readonly id: string;
  readonly tokens: number;
  readonly since: number;
}

interface Budget {
  /** Permits in hand. */
  readonly stock: Permit[];
  /** What this node itself used, under its share: the limit while it is alone. */
  readonly own: TokenWindow;
  limit: number;
  guardMs: number;
  blockedUntil: number;
  asking: boolean;
}

/** One call of this node. */
interface Call {
  readonly budget: string;
  tokens: number;
  /** When it was over; null while it is not. */
  overAt: number | null;
  /** The same call in budgets that its key came to meanwhile. */
  readonly copies?: (readonly [id: string, call: Call])[];
}

type CallGate = PermitGate & { close(): Promise<void> };

const BEAT_MS = 1_000;
/** Permits run out in Redis after `HOLD_MS`, unless prolonged. */
const STOCK_MS = HOLD_MS - 2_000;
const MOST_AT_ONCE = 10;
const REPORTS_AT_ONCE = 500;
const MOST_DROPPED = 1_000;
/** All that others may have used unseen has left the minute by then: until they count this node as absent, and what they leased then is over. */
const QUIET_MS = TOKEN_SPAN_MS + 45_000;
/** No call takes longer whose lease was forgotten. */
const ORPHAN_MS = 45_000;

/**
 * Limits of tokens held together with other nodes, around a gate that does the same for calls: a lease needs a permit of
 * both. Each is granted by one atomic script on Redis's clock, so each limit holds by itself.
 *
 * Redis lost, a node that was alone goes on under the whole limit. One of several goes on with an equal share, but only after
 * what the others may have used unseen has left the minute: keys without `tpm_limit`, or rules, serve meanwhile. The
 * same when Redis comes back without its data.
 */
export class TokenGate implements PermitGate {
  readonly #inner: CallGate;
  readonly #options: TokenGateOptions;
  readonly #redis: LimitsRedis;
  readonly #budgets = new Map<string, Budget>();
  /** Own calls of the last minute, and those under way. */
  readonly #calls = new Map<string, Call>();
  /** Permits that were in hand, or asked for, when Redis was lost; given back when it is there again. */
  #dropped: (readonly [id: string, call: Call, what: 'refund'])[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #ids: PermitIds;
  #listener: () => void = () => undefined;
  #shared = false;
  #joining = false;
  #joinAt = -Infinity;
  #closed = false;
  /** Counts joins and losses: what was asked before one is not valid after it. */
  #epoch = 0;
  #nodes = 1;
  #quietUntil = -Infinity;
  #born = '';

  constructor(inner: CallGate, options: TokenGateOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#ids = new PermitIds(options.nodeId);
    this.#redis = openLimits(
      options.url,
      options.connect,
      (error) => this.#lost(error),
      () => void this.#join(),
    );
    inner.onChange(() => this.#follow());
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  get mode(): LimitMode {
    return this.#shared ? this.#inner.mode : 'degraded';
  }

  /** Of calls. */
  get inHand(): number {
    return this.#inner.inHand ?? 0;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  nextAt(name: string, now: number, tokens: number): number | null {
    const callAt = this.#inner.nextAt(name, now, tokens);
    const budget = this.#budgets.get(name);
    if (callAt === null || budget === undefined) return callAt;
    const at = this.#tokensAt(budget, now, tokens);
    return at === null ? null : Math.max(callAt, at);
  }

  take(name: string, now: number, tokens: number): Ticket {
    const ticket = this.#inner.take(name, now, tokens);
    const budget = this.#budgets.get(name);
    if (budget === undefined) return ticket;
    const index = this.#shared ? budget.stock.findIndex((permit) => fits(permit, budget, tokens, now)) : -1;
    const [permit] = index < 0 ? [] : budget.stock.splice(index, 1);
    const id = permit?.id ?? this.#ids.next();
    const call: Call = { budget: name, tokens: permit?.tokens ?? tokens, overAt: null, copies: [] };
    this.#calls.set(id, call);
    const hold = budget.own.reserve(call.tokens);
    return {
      sent: (at) => ticket.sent(at),
      refund: () => {
        ticket.refund();
        hold.refund();
        const all = withCopies(id, call);
        for (const [each] of all) this.#calls.delete(each);
        this.#report(all.map(([each, one]) => [each, one, 'refund']));
      },
      over: (used, at) => this.#over(id, call, hold, used, at),
    };
  }

  want(demand: readonly Demand[], now: number): void {
    this.#inner.want(demand, now);
    const wanted = new Map(demand.map((one) => [one.budget, one]));
    for (const { budget: name, tokens, guardMs } of demand) {
      if (tokens === undefined) this.#budgets.delete(name);
      else this.#limit(name, tokens.limit, guardMs);
    }
    for (const [name, budget] of this.#budgets) {
      const { tokens, count = 0 } = wanted.get(name) ?? {};
      this.#giveBack(name, budget, (permit) => tokens === undefined || !fits(permit, budget, tokens.perCall, now));
      if (
        this.#shared &&
        tokens !== undefined &&
        budget.stock.length === 0 &&
        budget.blockedUntil <= now &&
        this.#quietUntil <= now
      )
        void this.#ask(name, budget, Math.min(count, MOST_AT_ONCE), tokens.perCall);
    }
  }

  /** A call of a key with a limit of tokens waits for those in any case. */
  foresee(next: (count: number, now: number) => readonly Demand[]): void {
    this.#inner.foresee?.((count, now) => next(count, now).filter(({ tokens }) => tokens === undefined));
  }

  orphaned(): void {
    this.#inner.orphaned();
    const overAt = this.#options.now() + ORPHAN_MS;
    for (const [name, budget] of this.#budgets) {
      this.#giveBack(name, budget, () => true);
      budget.own.orphaned(overAt);
    }
    for (const call of this.#calls.values()) call.overAt ??= overAt;
    this.#report([...this.#calls].map(([id, call]) => [id, call, 'over']));
  }

  /** What this node used of `from` counts in `to` as well. */
  moved(from: string, to: string): void {
    this.#inner.moved?.(from, to);
    const target = this.#budgets.get(to);
    const source = this.#budgets.get(from);
    if (target !== undefined && source !== undefined) target.own.inherit(source.own);
    for (const call of [...this.#calls.values()].filter((one) => one.budget === from)) {
      const copied: readonly [string, Call] = [
        this.#ids.next(),
        { budget: to, tokens: call.tokens, overAt: call.overAt, copies: [] },
      ];
      if (call.overAt === null) call.copies?.push(copied);
      this.#calls.set(...copied);
      this.#report([[...copied, call.overAt === null ? 'held' : 'over']]);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const [name, budget] of this.#budgets) this.#giveBack(name, budget, () => true);
    this.#closed = true;
    await this.#inner.close();
    this.#redis.disconnect();
  }

  #tokensAt(budget: Budget, now: number, tokens: number): number | null {
    if (now < this.#quietUntil) return this.#quietUntil;
    if (!this.#shared) return budget.own.nextAt(now, tokens);
    if (budget.stock.some((permit) => fits(permit, budget, tokens, now))) return now;
    return budget.blockedUntil > now ? budget.blockedUntil : null;
  }

  #limit(name: string, limit: number, guardMs: number): void {
    const share = Math.max(1, Math.floor(limit / this.#nodes));
    const known = this.#budgets.get(name);
    if (known === undefined)
      this.#budgets.set(name, {
        stock: [],
        own: new TokenWindow(share, guardMs),
        limit,
        guardMs,
        blockedUntil: 0,
        asking: false,
      });
    else {
      known.own.setLimit(share, guardMs);
      Object.assign(known, { limit, guardMs });
    }
  }

  #over(id: string, call: Call, hold: TokenHold, used: number | null, at: number): void {
    if (call.overAt !== null) return;
    hold.end(used, at);
    const all = withCopies(id, call);
    for (const [, one] of all) Object.assign(one, { overAt: at, tokens: used ?? call.tokens });
    this.#report(all.map(([each, one]) => [each, one, 'over']));
  }

  #giveBack(name: string, budget: Budget, which: (permit: Permit) => boolean): void {
    const back = budget.stock.filter(which);
    if (back.length === 0) return;
    budget.stock.splice(0, budget.stock.length, ...budget.stock.filter((permit) => !back.includes(permit)));
    this.#report(back.map(({ id, tokens }) => [id, { budget: name, tokens, overAt: null }, 'refund']));
  }

  /** With a count of 0 only how many nodes there are. */
  async #ask(name: string, budget: Budget, count: number, perCall: number): Promise<void> {
    if (budget.asking) return;
    budget.asking = true;
    const epoch = this.#epoch;
    const first = this.#ids.reserve(count);
    const tokens = Math.min(perCall, budget.limit);
    const { members, expected, born, calls, weights } = TOKEN_NAMES;
    try {
      const reply: unknown = await this.#redis.eval(
        RESERVE_TOKENS,
        5,
        members,
        expected,
        born,
        calls(name),
        weights(name),
        this.#options.nodeId,
        randomUUID(),
        this.#ids.prefix,
        first,
        count,
        budget.limit,
        TOKEN_SPAN_MS + budget.guardMs + 1,
        tokens,
      );
      const now = this.#options.now();
      if (epoch !== this.#epoch || !Array.isArray(reply)) {
        this.#drop(name, first, count, tokens);
        return;
      }
      if (reply[0] === 'unjoined') {
        budget.blockedUntil = now + BEAT_MS;
        return;
      }
      this.#heard(String(reply[1]), Number(reply[2]), now);
      const wait = Number(reply[4]);
      for (let i = 0; i < Number(reply[3]); i++) budget.stock.push({ id: this.#ids.at(first + i), tokens, since: now });
      if (count > 0) budget.blockedUntil = wait > 0 ? Math.ceil(now + wait) : 0;
    } catch (error) {
      this.#drop(name, first, count, tokens);
      if (epoch === this.#epoch) this.#lost(error);
    } finally {
      budget.asking = false;
      this.#listener();
    }
  }

  /** Those that Redis does not learn of run out there by themselves. */
  #drop(budget: string, first: number, count: number, tokens: number): void {
    const ids = Array.from({ length: count }, (_, i) => this.#ids.at(first + i));
    this.#dropped = [
      ...this.#dropped,
      ...ids.map((id) => [id, { budget, tokens, overAt: null }, 'refund'] as const),
    ].slice(-MOST_DROPPED);
  }

  #heard(born: string, nodes: number, now: number): void {
    this.#nodes = Math.max(1, nodes);
    if (this.#born !== '' && this.#born !== born && this.#nodes > 1) this.#quietUntil = now + QUIET_MS;
    this.#born = born;
  }

  #report(entries: readonly (readonly [id: string, call: Call, what: 'over' | 'held' | 'refund'])[]): void {
    if (!this.#shared || entries.length === 0) return;
    this.#send(entries).catch((error: unknown) => this.#lost(error));
  }

  async #send(
    entries: readonly (readonly [id: string, call: Call, what: 'over' | 'held' | 'refund'])[],
  ): Promise<void> {
    const now = this.#options.now();
    for (let from = 0; from < entries.length; from += REPORTS_AT_ONCE) {
      const part = entries.slice(from, from + REPORTS_AT_ONCE);
      // Told as an age, so that no clock but Redis's counts; late is safe.
      const args = part.flatMap(([id, { tokens, overAt }, what]) => [
        id,
        what === 'over' ? String(now - (overAt ?? now) - 1) : what,
        tokens,
      ]);
      await this.#redis.eval(
        REPORT_TOKENS,
        part.length * 2,
        ...part.flatMap(([, { budget }]) => [TOKEN_NAMES.calls(budget), TOKEN_NAMES.weights(budget)]),
        ...args,
      );
    }
  }

  /** Once a second: prolongs what is under way or in hand, forgets what left the minute. */
  #beat(): void {
    const now = this.#options.now();
    for (const [id, { overAt }] of this.#calls) if (overAt !== null && overAt < now - QUIET_MS) this.#calls.delete(id);
    this.#follow();
    const [one] = this.#budgets;
    if (this.#shared && one !== undefined) void this.#ask(...one, 0, 1);
    const stock = [...this.#budgets].flatMap(([budget, { stock: permits }]) =>
      permits.map(({ id, tokens }) => [id, { budget, tokens, overAt: null }, 'held'] as const),
    );
    this.#report([
      ...stock,
      ...[...this.#calls].filter(([, call]) => call.overAt === null).map(([id, call]) => [id, call, 'held'] as const),
    ]);
  }

  #follow(): void {
    if (this.#shared && this.#inner.mode !== 'shared') this.#lost(new Error('limits of calls are not shared'));
    else if (!this.#shared) void this.#join();
    this.#listener();
  }

  /** Brings what this node called on its own. */
  async #join(): Promise<void> {
    if (
      this.#joining ||
      this.#shared ||
      this.#closed ||
      this.#inner.mode !== 'shared' ||
      this.#redis.status !== 'ready' ||
      this.#options.now() < this.#joinAt
    )
      return;
    this.#joining = true;
    try {
      const dropped = this.#dropped;
      await this.#send([
        ...dropped,
        ...[...this.#calls].map(([id, call]) => [id, call, call.overAt === null ? 'held' : 'over'] as const),
      ]);
      this.#dropped = this.#dropped.filter((one) => !dropped.includes(one));
      this.#shared = this.#inner.mode === 'shared';
      this.#epoch++;
      // What ended while the calls were sent.
      this.#report([...this.#calls].map(([id, call]) => [id, call, call.overAt === null ? 'held' : 'over'] as const));
    } catch (error) {
      this.#joinAt = this.#options.now() + BEAT_MS;
      this.#options.log.warn(
        { err: asError(error).message },
        'the limits of tokens cannot be shared yet: Redis refuses or does not answer',
      );
    } finally {
      this.#joining = false;
      this.#listener();
    }
  }

  #lost(thrown: unknown): void {
    if (this.#closed || !this.#shared) return;
    this.#shared = false;
    this.#epoch++;
    for (const [name, budget] of this.#budgets) {
      for (const { id, tokens } of budget.stock.splice(0))
        this.#dropped.push([id, { budget: name, tokens, overAt: null }, 'refund']);
      budget.blockedUntil = 0;
      budget.own.setLimit(Math.max(1, Math.floor(budget.limit / this.#nodes)), budget.guardMs);
    }
    if (this.#nodes > 1) this.#quietUntil = this.#options.now() + QUIET_MS;
    if (this.#budgets.size > 0) {
      const until = new Date(Math.max(this.#options.now(), this.#quietUntil)).toISOString();
      this.#options.log.warn(
        { err: asError(thrown).message, nodes: this.#nodes },
        `Redis is away: API keys with tpm_limit rest until ${until}, then this node keeps to 1 of ${this.#nodes} of their tokens`,
      );
    }
    this.#listener();
  }
}

const withCopies = (id: string, call: Call): readonly (readonly [id: string, call: Call])[] => [
  [id, call],
  ...(call.copies ?? []).flatMap((copy) => withCopies(...copy)),
];

const fits = (permit: Permit, budget: Budget, tokens: number, now: number): boolean =>
  permit.tokens >= Math.min(tokens, budget.limit) && now < permit.since + STOCK_MS;
